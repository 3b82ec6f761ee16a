-- Checks of rows in which a flipped bit would show nowhere else (store/row_check.rs). NULL in rows of earlier versions.
ALTER TABLE channel ADD COLUMN terms_check INTEGER;
ALTER TABLE feed ADD COLUMN row_check INTEGER;
ALTER TABLE htlc ADD COLUMN row_check INTEGER;
ALTER TABLE broadcast ADD COLUMN row_check INTEGER;

-- The sum over the channel's rows in past_htlc.
ALTER TABLE feed ADD COLUMN past_check INTEGER NOT NULL DEFAULT 0;
