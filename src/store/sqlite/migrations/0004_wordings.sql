-- Words in agents' messages that must not be said: one row for each, never the message. Kept for reports, also where the
-- conversation is gone.
CREATE TABLE wordings (
    id           INTEGER PRIMARY KEY NOT NULL,
    at           INTEGER NOT NULL,
    agent        TEXT    NOT NULL,
    conversation TEXT    NOT NULL,
    wording      TEXT    NOT NULL,
    sent         INTEGER NOT NULL CHECK (sent IN (0, 1))
) STRICT;
CREATE INDEX wordings_at ON wordings (at);
