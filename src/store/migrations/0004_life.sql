-- The life of a channel: a stage that can be asked for, what is left to purge, and what a peer that comes back is answered.

-- 0 pending, 1 open, 2 closing, 3 closed. Derived from the case, written with it.
ALTER TABLE court_case ADD COLUMN lifecycle INTEGER NOT NULL DEFAULT 0;
-- 1 while an ended channel has working data left.
ALTER TABLE court_case ADD COLUMN to_purge INTEGER NOT NULL DEFAULT 0;

-- A case that cannot be read is troubled whatever its stage: it counts as pending.
UPDATE court_case SET
    to_purge = state = 5,
    lifecycle = CASE
        WHEN state = 5 THEN 3
        WHEN state > 0 OR updates_refused <> 0 THEN 2
        WHEN json_valid(detail) AND json_type(detail, '$.funding.Open') IS NOT NULL THEN 1
        ELSE 0
    END;

CREATE INDEX court_case_by_lifecycle ON court_case (lifecycle, channel);
CREATE INDEX court_case_to_purge ON court_case (channel) WHERE to_purge = 1;

-- The peer's last revealed secret. Sealed.
ALTER TABLE close_summary ADD COLUMN last_secret BLOB;
