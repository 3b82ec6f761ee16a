-- What queries for people need: an order to walk by, and an index to find by.

-- Closed channels, newest first: by the height of the close, or by the tip at which the app ended the channel.
ALTER TABLE close_summary ADD COLUMN listed_at INTEGER NOT NULL DEFAULT 0;
UPDATE close_summary SET listed_at = coalesce(json_extract(detail, '$.close_height'), 0)
    WHERE json_valid(detail);
CREATE INDEX close_summary_as_listed ON close_summary (listed_at, txid, vout);

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
