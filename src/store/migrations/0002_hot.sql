-- What an update touches becomes smaller, and what is past is kept apart.

-- The script of the funding output, so that watching a channel needs none of its keys. NULL in channels registered
-- before: it is made of the terms then.
ALTER TABLE funding ADD COLUMN script_pubkey BLOB;

-- The ledger: sums over the HTLCs that are past, and the ids that they have used up.
ALTER TABLE feed ADD COLUMN sent_msat INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN received_msat INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN net_fees_msat INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN used_outgoing_ids INTEGER NOT NULL DEFAULT 0;
ALTER TABLE feed ADD COLUMN used_incoming_ids INTEGER NOT NULL DEFAULT 0;

-- Of an incoming HTLC that was forwarded: what was sent on.
ALTER TABLE htlc ADD COLUMN forwarded_msat INTEGER;

-- `htlc` holds what a commitment still carries that may be broadcast without being punished: few rows, no index.
DROP INDEX htlc_live;
ALTER TABLE htlc DROP COLUMN live;

-- The HTLCs that are past, in at most 64 bytes each. `class` is the number of bits of (last - first) of the interval
-- in which the peer's commitments carried it, `first` where that begins: the HTLCs of commitment n are then in one
-- short range of each class (store/past.rs). Class -1: only ours carried it, and `first` is ours.
CREATE TABLE past_htlc (
    channel INTEGER NOT NULL REFERENCES channel (id),
    class   INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    figures BLOB    NOT NULL,        -- hash, amount, expiry, id, direction, intervals, packed (store/past.rs)
    PRIMARY KEY (channel, class, first, figures)
) WITHOUT ROWID;
