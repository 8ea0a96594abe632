-- Records are JSON; only what they are found by has a column of its own. The application id is "lrdr" in ASCII.
PRAGMA application_id = 1819436146;

CREATE TABLE nodes (
    node_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE channels (
    name TEXT NOT NULL,
    channel TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (name, channel)
) STRICT;

-- `place` is the order of their start: the clock of a server can be set back.
CREATE TABLE rollouts (
    place INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE events (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id > 0),
    document TEXT NOT NULL
) STRICT;

-- `last_event` is the number of the last event that there ever was, so that none is used twice after old events are
-- removed.
CREATE TABLE fleet (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    last_event INTEGER NOT NULL
) STRICT;

INSERT INTO fleet (only_row, last_event) VALUES (1, 0);
