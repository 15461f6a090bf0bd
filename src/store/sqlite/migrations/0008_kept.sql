-- Small things that outlive a restart and belong to no transcript: what a carrier answered, whose conversation is whose on a help desk.
CREATE TABLE kept (
    place TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    until INTEGER,
    PRIMARY KEY (place, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_until ON kept (until) WHERE until IS NOT NULL;
