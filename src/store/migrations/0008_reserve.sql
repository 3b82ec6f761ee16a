-- The embedded reserve wallet: one row, for the wallet of one seed.
CREATE TABLE reserve (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- The fingerprint of its keys: another seed's wallet is none of this database's.
    name BLOB NOT NULL,
    -- How many of its scripts have been given out.
    revealed INTEGER NOT NULL,
    -- The place of the address that the user was given last, until something is paid to it.
    receive INTEGER,
    -- The tip at the last look at all scripts.
    looked_at INTEGER,
    row_check INTEGER NOT NULL
);

-- The coins that a server named; whether they are there is for the cursor's facts to say.
CREATE TABLE reserve_coin (
    txid BLOB NOT NULL,
    vout INTEGER NOT NULL,
    -- The place of the script that it is paid to.
    script_index INTEGER NOT NULL,
    value INTEGER NOT NULL,
    row_check INTEGER NOT NULL,
    PRIMARY KEY (txid, vout)
) WITHOUT ROWID;

-- Transactions that send its coins away, until they are buried.
CREATE TABLE reserve_emptying (
    txid BLOB PRIMARY KEY NOT NULL,
    transaction_bytes BLOB NOT NULL,
    -- What it pays to its miner.
    fee INTEGER NOT NULL,
    -- What became of its last broadcast, as JSON.
    outcome TEXT,
    row_check INTEGER NOT NULL
) WITHOUT ROWID;
