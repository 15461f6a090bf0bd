-- Opening hours that a person has set for a while, by name of the schedule.
CREATE TABLE forced_hours (
    schedule TEXT PRIMARY KEY,
    open     INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    set_by   TEXT NOT NULL
) STRICT, WITHOUT ROWID;
