-- Times are milliseconds since 1970-01-01 UTC; the views at the end print them as UTC text.

CREATE TABLE conversations (
    id         TEXT PRIMARY KEY NOT NULL,
    channel    TEXT NOT NULL,
    thread     TEXT NOT NULL,
    customer   TEXT NOT NULL,
    state      TEXT NOT NULL,
    version    INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    queue      TEXT,
    priority   TEXT NOT NULL,
    language   TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    body       TEXT NOT NULL,
    UNIQUE (channel, thread)
) STRICT;
-- Few conversations are with people at any time, so this index stays small and messages to the bot do not touch it.
CREATE INDEX conversations_with_people ON conversations (state) WHERE state IN ('queued', 'human');

CREATE TABLE events (
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    role         TEXT NOT NULL,
    body         TEXT NOT NULL,
    PRIMARY KEY (conversation, seq)
) STRICT;

CREATE TABLE seen (
    channel      TEXT NOT NULL,
    account      TEXT NOT NULL,
    sender       TEXT NOT NULL,
    id           TEXT NOT NULL,
    conversation TEXT NOT NULL,
    message      TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    response     TEXT,
    PRIMARY KEY (channel, account, sender, id)
) STRICT;

-- `head` marks the oldest pending row of its endpoint and conversation: the only one that may be sent.
-- So the rows that are due are found by one index, however long the lines behind a dead endpoint are.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id   TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    url          TEXT,
    conversation TEXT NOT NULL,
    kind         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    next_try_at  INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    state        TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead', 'dropped')),
    head         INTEGER NOT NULL,
    last_status  INTEGER,
    last_error   TEXT,
    finished_at  INTEGER
) STRICT;
CREATE INDEX outbox_due ON outbox (endpoint, next_try_at) WHERE state = 'pending' AND head = 1;
CREATE INDEX outbox_line ON outbox (endpoint, conversation, id, created_at, state) WHERE state = 'pending';
CREATE INDEX outbox_dead ON outbox (endpoint) WHERE state = 'dead';
CREATE INDEX outbox_done ON outbox (finished_at) WHERE state IN ('delivered', 'dropped');

-- Apart from its row, because a row changes with every attempt and the bytes never do.
CREATE TABLE outbox_bodies (
    id   INTEGER PRIMARY KEY REFERENCES outbox (id) ON DELETE CASCADE,
    body BLOB NOT NULL
) STRICT;

CREATE TABLE endpoints (
    name       TEXT PRIMARY KEY NOT NULL,
    url_hash   TEXT NOT NULL,
    stopped_at INTEGER,
    reason     TEXT NOT NULL
) STRICT;

CREATE TABLE handoffs (
    id           TEXT PRIMARY KEY NOT NULL,
    conversation TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    channel      TEXT NOT NULL,
    queue        TEXT NOT NULL,
    priority     TEXT NOT NULL,
    reason       TEXT NOT NULL,
    state        TEXT NOT NULL,
    message      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    taken_at     INTEGER,
    taken_by     TEXT,
    ended_at     INTEGER,
    deadline     INTEGER
) STRICT;
CREATE INDEX handoffs_by_state ON handoffs (state, queue, created_at);
CREATE INDEX handoffs_by_conversation ON handoffs (conversation);

CREATE TABLE decisions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    channel      TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    reason       TEXT NOT NULL,
    rule         TEXT,
    queue        TEXT,
    score        REAL,
    language     TEXT NOT NULL,
    rule_set     TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_at ON decisions (at);

-- For people with a sqlite3 shell.
CREATE VIEW v_queue AS
SELECT h.id, h.queue, h.priority, h.reason, h.state, h.channel, h.conversation, c.customer,
       datetime(h.created_at / 1000, 'unixepoch') AS created_utc,
       datetime(h.deadline / 1000, 'unixepoch') AS deadline_utc,
       h.taken_by,
       datetime(h.taken_at / 1000, 'unixepoch') AS taken_utc,
       datetime(h.ended_at / 1000, 'unixepoch') AS ended_utc
FROM handoffs h JOIN conversations c ON c.id = h.conversation
ORDER BY h.created_at;

CREATE VIEW v_deliveries AS
SELECT o.id, o.endpoint, o.kind, o.state, o.attempts, o.last_status, o.last_error, o.conversation, o.webhook_id,
       datetime(o.created_at / 1000, 'unixepoch') AS created_utc,
       CASE o.state WHEN 'pending' THEN datetime(o.next_try_at / 1000, 'unixepoch') END AS next_try_utc,
       datetime(o.finished_at / 1000, 'unixepoch') AS finished_utc,
       length(b.body) AS bytes,
       e.stopped_at IS NOT NULL AS endpoint_stopped
FROM outbox o JOIN outbox_bodies b ON b.id = o.id LEFT JOIN endpoints e ON e.name = o.endpoint
ORDER BY o.id;
