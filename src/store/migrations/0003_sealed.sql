-- Everything secret is sealed under one random data key, bound to its row (store/vault.rs). The app's CryptoSystem
-- seals that key only. The revocation secrets that it sealed one by one are sealed anew by the step that follows this
-- file (store/data_key.rs).

-- One row.
CREATE TABLE data_key (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    sealed BLOB NOT NULL,               -- by the app's CryptoSystem
    proof  BLOB NOT NULL                -- nothing, sealed under the data key: does the key open the rows?
);

-- Known preimages, whichever HTLCs they claim. 32 bytes, sealed.
CREATE TABLE preimage (
    payment_hash BLOB PRIMARY KEY,
    sealed       BLOB NOT NULL
) WITHOUT ROWID;

-- Channels' base secrets that come from no seed. Sealed. With a rowid: a row is too long for a page of an index.
CREATE TABLE imported_keys (
    keys_id BLOB NOT NULL PRIMARY KEY,
    sealed  BLOB NOT NULL               -- packed (store/imported.rs)
);
