//! The same rows without the library: SQLite's own time, every column fetched and none understood.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Params};

/// A database that is only read.
pub struct Reads(Connection);

/// The tables and columns of a channel's terms, by their row.
const TERMS: [&str; 3] = [
    "SELECT peer, channel_type, opener, keys_id FROM channel WHERE id = ?1",
    "SELECT funding_key, revocation_basepoint, payment_basepoint, delayed_payment_basepoint,
        htlc_basepoint, first_per_commitment_point, dust_limit, to_self_delay, reserve,
        shutdown_script, initial_balance_msat FROM party WHERE channel = ?1",
    "SELECT txid, vout, capacity, transaction_bytes FROM funding WHERE channel = ?1",
];

/// What a tick reads of every channel.
const AT_REST: [&str; 5] = [
    "SELECT state, revision, detail FROM court_case WHERE channel = ?1",
    "SELECT detail FROM contract WHERE channel = ?1",
    "SELECT txid, purpose, transaction_bytes, since, outcome FROM broadcast WHERE channel = ?1",
    "SELECT capacity, script_pubkey FROM funding WHERE channel = ?1",
    "SELECT EXISTS (SELECT 1 FROM htlc WHERE channel = ?1)",
];

/// What a tick reads, beyond that and its terms, of a channel that is reported on.
const WHOLE: [&str; 4] = [
    "SELECT local_number, remote_number, remote_revoked, remote_next_point FROM feed
     WHERE channel = ?1",
    "SELECT owner, number, alternative, feerate_per_kw, local_msat, remote_msat, point, txid,
        signature, htlc_signatures, htlcs FROM commitment WHERE channel = ?1",
    "SELECT direction, htlc_id, version, payment_hash, amount_msat, cltv_expiry, origin,
        first_local, last_local, first_remote, last_remote, released FROM htlc WHERE channel = ?1",
    "SELECT transaction_bytes FROM cooperative_close WHERE channel = ?1",
];

/// What a tick reads once.
const ONCE: [&str; 6] = [
    "SELECT key, value FROM meta",
    "SELECT height, hash FROM chain_tip",
    "SELECT height, header FROM chain_header",
    "SELECT txid, vout, facts FROM chain_output",
    "SELECT txid, facts FROM chain_transaction",
    "SELECT id, txid, vout FROM channel LEFT JOIN funding ON funding.channel = id
     ORDER BY id, ordinal",
];

impl Reads {
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        // As the library has it.
        connection.set_prepared_statement_cache_capacity(256);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Reads(connection))
    }

    /// What the scripts of a revoked commitment of channel `row` are made from. Gives the number of rows.
    pub fn revoked(&self, row: i64, number: u64) -> rusqlite::Result<u64> {
        let mut rows = self.each(
            "SELECT slot, secret_index, secret FROM revocation_secret WHERE channel = ?1",
            [row],
        )?;
        for sql in TERMS {
            rows += self.each(sql, [row])?;
        }
        let number = i64::try_from(number).expect("48 bits");
        let mut class: i64 = -2;
        loop {
            let next: Option<i64> = self
                .0
                .prepare_cached(
                    "SELECT min(class) FROM past_htlc WHERE channel = ?1 AND class > ?2",
                )?
                .query_row((row, class), |row| row.get(0))?;
            let Some(next) = next else { return Ok(rows) };
            class = next;
            let longest = if class < 0 { 0 } else { (1_i64 << class) - 1 };
            rows += self.each(
                "SELECT first, figures FROM past_htlc
                 WHERE channel = ?1 AND class = ?2 AND first BETWEEN ?3 AND ?4",
                (row, class, (number - longest).max(0), number),
            )?;
        }
    }

    /// The same upon one moment's state: SQLite locks once.
    pub fn revoked_at_once(&self, row: i64, number: u64) -> rusqlite::Result<u64> {
        let snapshot = self.0.unchecked_transaction()?;
        let rows = self.revoked(row, number)?;
        snapshot.finish()?;
        Ok(rows)
    }

    /// What a tick begins with. Gives the number of rows.
    pub fn once(&self) -> rusqlite::Result<u64> {
        ONCE.iter().map(|sql| self.each(sql, ())).sum()
    }

    /// What a tick reads of a channel at rest. Gives the number of rows.
    pub fn at_rest(&self, row: i64) -> rusqlite::Result<u64> {
        AT_REST.iter().map(|sql| self.each(sql, [row])).sum()
    }

    /// What a tick reads, beyond that, of a channel that is reported on. Gives the number of rows.
    pub fn whole(&self, row: i64) -> rusqlite::Result<u64> {
        let statements = TERMS.iter().chain(&WHOLE);
        statements.map(|sql| self.each(sql, [row])).sum()
    }

    /// The rows of all channels at rest, table by table instead of channel by channel: the cheapest that SQLite can do.
    pub fn scan(&self) -> rusqlite::Result<u64> {
        let of_all = |sql: &str| sql.replace(" WHERE channel = ?1", "");
        AT_REST.iter().map(|sql| self.each(&of_all(sql), ())).sum()
    }

    /// The rows of a table.
    pub fn count(&self, table: &str) -> rusqlite::Result<u64> {
        let sql = format!("SELECT count(*) FROM {table}");
        let rows: i64 = self.0.query_row(&sql, (), |row| row.get(0))?;
        Ok(rows.unsigned_abs())
    }

    /// The bytes of the pages that each table and index takes up, the largest first.
    pub fn pages(&self) -> rusqlite::Result<Vec<(String, u64)>> {
        let mut statement = self
            .0
            .prepare("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY 2 DESC")?;
        let rows = statement.query_map((), |row| {
            Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
        })?;
        rows.collect()
    }

    fn each(&self, sql: &str, params: impl Params) -> rusqlite::Result<u64> {
        let mut statement = self.0.prepare_cached(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query(params)?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                // The bytes are looked at, so that no page of theirs stays unread.
                match row.get_ref(column)? {
                    ValueRef::Blob(bytes) | ValueRef::Text(bytes) => {
                        std::hint::black_box(bytes.to_vec());
                    }
                    ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => {}
                }
            }
            count += 1;
        }
        Ok(count)
    }
}
