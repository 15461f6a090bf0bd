-- What customers answered about the cases that people closed: one row for each case that was asked about, answered or not.
CREATE TABLE surveys (
    handoff      TEXT PRIMARY KEY NOT NULL,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    channel      TEXT NOT NULL,
    queue        TEXT NOT NULL,
    agent        TEXT,
    asked_at     INTEGER NOT NULL,
    score        INTEGER CHECK (score BETWEEN 1 AND 5),
    answered_at  INTEGER,
    text         TEXT
) STRICT;
CREATE INDEX surveys_asked ON surveys (asked_at);
CREATE INDEX surveys_by_conversation ON surveys (conversation);

-- For people with a sqlite3 shell.
CREATE VIEW v_surveys AS
SELECT s.handoff, s.queue, s.agent, s.score, s.text, s.channel, s.conversation,
       datetime(s.asked_at / 1000, 'unixepoch') AS asked_utc,
       datetime(s.answered_at / 1000, 'unixepoch') AS answered_utc
FROM surveys s
ORDER BY s.asked_at;
