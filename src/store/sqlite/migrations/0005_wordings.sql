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

-- For people with a sqlite3 shell.
CREATE VIEW v_wordings AS
SELECT agent, wording, sum(sent) AS sent, sum(1 - sent) AS held_back,
       datetime(max(at) / 1000, 'unixepoch') AS last_utc
FROM wordings
GROUP BY agent, wording
ORDER BY agent, count(*) DESC, wording;
