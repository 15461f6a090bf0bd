-- When time alone has something to do in a conversation; at most one for each. Cases that are open already get theirs when the
-- daemon starts, which sets one for each of them.
CREATE TABLE timers (
    conversation TEXT PRIMARY KEY NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    at           INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_at ON timers (at);
