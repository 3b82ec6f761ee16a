-- What queries for people need: an order to walk by, and an index to find by.

-- The channels in one state of life, oldest first.
CREATE INDEX court_case_by_lifecycle ON court_case (lifecycle, channel);

-- Closed channels, newest first. The height moves only when a reorg moves the close.
ALTER TABLE close_summary ADD COLUMN close_height INTEGER NOT NULL DEFAULT 0;
UPDATE close_summary SET close_height = coalesce(json_extract(detail, '$.close_height'), 0)
    WHERE json_valid(detail);
CREATE INDEX close_summary_by_height ON close_summary (close_height, txid, vout);

-- The log of all channels in one order: `ordinal` counts over all of them now. What is there already is told by height;
-- where a reorg made a channel's heights go back, its own order goes before.
CREATE TABLE log_of_all (
    ordinal INTEGER PRIMARY KEY,
    channel INTEGER NOT NULL REFERENCES channel (id),
    height  INTEGER NOT NULL,
    entry   TEXT    NOT NULL           -- JSON
);
INSERT INTO log_of_all (channel, height, entry)
    SELECT channel, height, entry FROM arbitrator_log
    ORDER BY max(height) OVER (PARTITION BY channel ORDER BY ordinal), channel, ordinal;
DROP TABLE arbitrator_log;
ALTER TABLE log_of_all RENAME TO arbitrator_log;
CREATE INDEX arbitrator_log_by_channel ON arbitrator_log (channel, ordinal);

-- Short channel ids and aliases (BOLT 7, BOLT 2). Each names one channel. The id is the number of 64 bits that stands
-- in messages, as SQLite's signed integer.
CREATE TABLE short_channel_id (
    id       INTEGER PRIMARY KEY,
    channel  INTEGER NOT NULL REFERENCES channel (id),
    is_alias INTEGER NOT NULL
);
CREATE INDEX short_channel_id_by_channel ON short_channel_id (channel);
