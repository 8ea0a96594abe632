-- Records are JSON; only what they are found by has a column of its own. They are text: jsonb would change them. The
-- names are those of larder, because others may have tables in the same database.
CREATE TABLE larder_nodes (
    node_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
);

CREATE TABLE larder_channels (
    name TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (name, channel)
);

-- `place` is the order of their start: the clock of a server can be set back.
CREATE TABLE larder_rollouts (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    document TEXT NOT NULL
);

CREATE TABLE larder_events (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id > 0),
    document TEXT NOT NULL
);

-- `last_event` is the number of the last event that there ever was, so that none is used twice after old events are
-- removed. `opened` counts the servers that have used the database, and `commits` their transactions: a server that has
-- lost its connection learns from them whether the database still is as it left it.
CREATE TABLE larder_fleet (
    only_row BIGINT NOT NULL PRIMARY KEY CHECK (only_row = 1),
    last_event BIGINT NOT NULL,
    opened BIGINT NOT NULL,
    commits BIGINT NOT NULL
);

INSERT INTO larder_fleet (only_row, last_event, opened, commits) VALUES (1, 0, 0, 0);
