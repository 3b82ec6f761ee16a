-- The first layout. Columns stand together by how often they change: what is agreed at opening is written once;
-- an update touches small rows only; an HTLC is one row for its life; a revoked state costs nothing by itself.
-- Txids and hashes are 32 bytes in consensus order, keys 33 bytes, amounts satoshi unless named _msat.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- Terms: written once, at registration.
CREATE TABLE channel (
    id           INTEGER PRIMARY KEY,
    peer         BLOB    NOT NULL,
    channel_type INTEGER NOT NULL,
    opener       INTEGER NOT NULL,   -- 0 we, 1 the peer
    keys_id      BLOB    NOT NULL
);
CREATE INDEX channel_by_peer ON channel (peer);

CREATE TABLE party (
    channel                    INTEGER NOT NULL REFERENCES channel (id),
    party                      INTEGER NOT NULL,   -- 0 we, 1 the peer
    funding_key                BLOB    NOT NULL,
    revocation_basepoint       BLOB    NOT NULL,
    payment_basepoint          BLOB    NOT NULL,
    delayed_payment_basepoint  BLOB    NOT NULL,
    htlc_basepoint             BLOB    NOT NULL,
    dust_limit                 INTEGER NOT NULL,
    to_self_delay              INTEGER NOT NULL,
    reserve                    INTEGER NOT NULL,
    shutdown_script            BLOB,
    initial_balance_msat       INTEGER NOT NULL,
    first_per_commitment_point BLOB    NOT NULL,
    PRIMARY KEY (channel, party)
) WITHOUT ROWID;

-- A channel has several fundings while a splice or a funding RBF is pending.
CREATE TABLE funding (
    channel     INTEGER NOT NULL REFERENCES channel (id),
    ordinal     INTEGER NOT NULL,
    txid        BLOB    NOT NULL,
    vout        INTEGER NOT NULL,
    capacity    INTEGER NOT NULL,
    transaction_bytes BLOB,          -- ours, to be broadcast again
    PRIMARY KEY (channel, ordinal)
) WITHOUT ROWID;
CREATE UNIQUE INDEX funding_by_outpoint ON funding (txid, vout);

-- Where the stream of updates stands: one small row that every update rewrites.
CREATE TABLE feed (
    channel           INTEGER PRIMARY KEY REFERENCES channel (id),
    local_number      INTEGER,
    remote_number     INTEGER,
    remote_revoked    INTEGER,
    remote_next_point BLOB
);

-- The commitments that may confirm: ours that is newest, the peer's that are not revoked.
CREATE TABLE commitment (
    channel         INTEGER NOT NULL REFERENCES channel (id),
    funding         INTEGER NOT NULL,   -- funding.ordinal
    owner           INTEGER NOT NULL,   -- 0 we, 1 the peer
    number          INTEGER NOT NULL,
    alternative     INTEGER NOT NULL,
    feerate_per_kw  INTEGER NOT NULL,
    local_msat      INTEGER NOT NULL,
    remote_msat     INTEGER NOT NULL,
    point           BLOB    NOT NULL,
    txid            BLOB    NOT NULL,
    signature       BLOB,               -- the peer's, 64 bytes; on ours only
    htlc_signatures BLOB,               -- 64 bytes each, in output order
    htlcs           BLOB    NOT NULL,   -- which HTLCs it carries, packed (store/pack.rs)
    PRIMARY KEY (channel, funding, owner, number, alternative)
) WITHOUT ROWID;

-- One row for an HTLC's life. The last numbers are NULL while the newest commitment of that side carries it.
CREATE TABLE htlc (
    channel      INTEGER NOT NULL REFERENCES channel (id),
    direction    INTEGER NOT NULL,      -- 0 outgoing, 1 incoming
    htlc_id      INTEGER NOT NULL,
    version      INTEGER NOT NULL,      -- > 0 where BOLT 2 freed the id for another HTLC
    payment_hash BLOB    NOT NULL,
    amount_msat  INTEGER NOT NULL,
    cltv_expiry  INTEGER NOT NULL,
    origin       BLOB,                  -- NULL own; else upstream txid, vout, id, expiry, packed
    first_local  INTEGER,
    last_local   INTEGER,
    first_remote INTEGER,
    last_remote  INTEGER,
    released     INTEGER NOT NULL DEFAULT 0,
    live         INTEGER NOT NULL,      -- 1 while the newest commitment of either side carries it
    PRIMARY KEY (channel, direction, htlc_id, version)
) WITHOUT ROWID;
CREATE INDEX htlc_live ON htlc (channel) WHERE live = 1;

-- The peer's revealed secrets, in the 49 slots of BOLT 3. Sealed.
CREATE TABLE revocation_secret (
    channel      INTEGER NOT NULL REFERENCES channel (id),
    slot         INTEGER NOT NULL,
    secret_index INTEGER NOT NULL,
    secret       BLOB    NOT NULL,
    PRIMARY KEY (channel, slot)
) WITHOUT ROWID;

CREATE TABLE cooperative_close (
    channel           INTEGER NOT NULL REFERENCES channel (id),
    txid              BLOB    NOT NULL,
    transaction_bytes BLOB    NOT NULL,
    PRIMARY KEY (channel, txid)
) WITHOUT ROWID;

-- The case: the state machine of the channel arbitrator. `detail` is JSON and holds what an open channel lacks.
CREATE TABLE court_case (
    channel         INTEGER PRIMARY KEY REFERENCES channel (id),
    state           INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    updates_refused INTEGER NOT NULL,
    detail          TEXT    NOT NULL
);
-- Open channels are many and have nothing to do; this finds the others.
CREATE INDEX court_case_busy ON court_case (channel) WHERE state > 0;

CREATE TABLE contract (
    channel INTEGER NOT NULL REFERENCES channel (id),
    txid    BLOB    NOT NULL,
    vout    INTEGER NOT NULL,
    detail  TEXT    NOT NULL,           -- JSON
    PRIMARY KEY (channel, txid, vout)
) WITHOUT ROWID;

CREATE TABLE broadcast (
    channel           INTEGER NOT NULL REFERENCES channel (id),
    ordinal           INTEGER NOT NULL,
    txid              BLOB    NOT NULL,
    purpose           TEXT    NOT NULL, -- JSON
    transaction_bytes BLOB    NOT NULL,
    since             INTEGER NOT NULL,
    outcome           TEXT,             -- JSON
    PRIMARY KEY (channel, ordinal)
) WITHOUT ROWID;

CREATE TABLE arbitrator_log (
    channel INTEGER NOT NULL REFERENCES channel (id),
    ordinal INTEGER NOT NULL,
    height  INTEGER NOT NULL,
    entry   TEXT    NOT NULL,           -- JSON
    PRIMARY KEY (channel, ordinal)
) WITHOUT ROWID;

CREATE TABLE sweep_script (
    channel INTEGER PRIMARY KEY REFERENCES channel (id),
    script  BLOB NOT NULL
);

CREATE TABLE close_summary (
    txid     BLOB    NOT NULL,          -- the funding outpoint
    vout     INTEGER NOT NULL,
    peer     BLOB    NOT NULL,
    is_final INTEGER NOT NULL,
    detail   TEXT    NOT NULL,          -- JSON
    PRIMARY KEY (txid, vout)
) WITHOUT ROWID;
CREATE INDEX close_summary_by_peer ON close_summary (peer);

-- The outbox: events in the order in which they were stored, and who acknowledged which.
CREATE TABLE event (
    ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
    id      TEXT NOT NULL UNIQUE,
    body    TEXT NOT NULL               -- JSON
);
CREATE TABLE subscriber (
    name TEXT PRIMARY KEY
) WITHOUT ROWID;
CREATE TABLE unacknowledged (
    subscriber TEXT    NOT NULL REFERENCES subscriber (name),
    event      INTEGER NOT NULL REFERENCES event (ordinal),
    PRIMARY KEY (subscriber, event)
) WITHOUT ROWID;

-- The chain cursor.
CREATE TABLE chain_tip (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    height INTEGER NOT NULL,
    hash   BLOB    NOT NULL
);
CREATE TABLE chain_header (
    height INTEGER PRIMARY KEY,
    header BLOB NOT NULL
);
CREATE TABLE chain_output (
    txid  BLOB    NOT NULL,
    vout  INTEGER NOT NULL,
    facts TEXT    NOT NULL,             -- JSON
    PRIMARY KEY (txid, vout)
) WITHOUT ROWID;
CREATE TABLE chain_transaction (
    txid  BLOB PRIMARY KEY,
    facts TEXT NOT NULL                 -- JSON
) WITHOUT ROWID;
