-- What a channel must remember between starts: how far it has read at its platform, what the platform gave it for later.
CREATE TABLE marks (
    channel TEXT NOT NULL,
    name    TEXT NOT NULL,
    value   TEXT NOT NULL,
    until   INTEGER,
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX marks_until ON marks (until) WHERE until IS NOT NULL;
