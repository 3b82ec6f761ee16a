-- Openings: how far each is, and what a peer said of channels that are not registered yet.

-- `detail` is JSON, and holds `attention` once more: 1 every tick looks at it, 2 only the first after the file was opened,
-- 0 none.
CREATE TABLE opening (
    channel   INTEGER PRIMARY KEY REFERENCES channel (id),
    attention INTEGER NOT NULL,
    detail    TEXT    NOT NULL
);
CREATE INDEX opening_by_attention ON opening (attention) WHERE attention > 0;

-- One message of each type for a channel, the newest: encoded anew, so its size is ours. Oldest rows first.
CREATE TABLE early_message (
    peer       BLOB    NOT NULL,
    channel_id BLOB    NOT NULL,        -- 32 bytes (BOLT 2)
    type       INTEGER NOT NULL,
    message    BLOB    NOT NULL,
    row_check  INTEGER NOT NULL,
    PRIMARY KEY (peer, channel_id, type)
);

-- Over the row, as others have it (store/row_check.rs). NULL in rows of earlier versions.
ALTER TABLE short_channel_id ADD COLUMN row_check INTEGER;
