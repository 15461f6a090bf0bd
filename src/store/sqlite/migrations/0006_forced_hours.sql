-- Opening hours that people have set for a while. What has passed is kept as long as a target may reach back to it.
CREATE TABLE forced_hours (
    schedule TEXT NOT NULL,
    open     INTEGER NOT NULL,
    since    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    set_by   TEXT NOT NULL,
    PRIMARY KEY (schedule, since)
) STRICT, WITHOUT ROWID;
