//! A key-value store over SQLite, laid out as ldk-node lays out its own: two namespaces, a key, a blob.

use std::path::Path;
use std::sync::Mutex;

use lightning::io;
use lightning::util::persist::KVStoreSync;
use measure::batch::{Cost, Meter};
use measure::ldk::{Pages, Removal};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// The same durability as the library's: WAL, every transaction synced.
pub struct SqliteKv {
    inner: Mutex<Inner>,
    removal: Removal,
}

struct Inner {
    connection: Connection,
    /// What may be removed with the next write.
    stale: Vec<[String; 3]>,
    meter: Meter,
}

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS entry (
    primary_namespace   TEXT NOT NULL,
    secondary_namespace TEXT NOT NULL,
    key                 TEXT NOT NULL,
    value               BLOB,
    PRIMARY KEY (primary_namespace, secondary_namespace, key)
)";

const PUT: &str = "INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3, ?4)";
const REMOVE: &str = "DELETE FROM entry
    WHERE primary_namespace = ?1 AND secondary_namespace = ?2 AND key = ?3";

impl SqliteKv {
    pub fn open(path: &Path, removal: Removal, pages: Pages) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        match pages {
            Pages::Default => {}
            Pages::LikeOurs => {
                connection.pragma_update(None, "page_size", 1_024)?;
                let checkpoint = "wal_autocheckpoint";
                connection.pragma_update_and_check(None, checkpoint, 4_096, |_| Ok(()))?;
            }
        }
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.execute(SCHEMA, ())?;
        let inner = Inner {
            connection,
            stale: Vec::new(),
            meter: Meter::default(),
        };
        Ok(SqliteKv {
            inner: Mutex::new(inner),
            removal,
        })
    }

    /// What the writes and removals so far have cost.
    pub fn cost(&self) -> Cost {
        self.with(|inner| inner.meter.0)
    }

    /// Writes copies of a value, numbered, in one transaction.
    pub fn put_copies(&self, value: &[u8], copies: u32) -> rusqlite::Result<()> {
        self.with(|inner| {
            let transaction = inner.connection.transaction()?;
            for copy in 0..copies {
                transaction.prepare_cached(PUT)?.execute((
                    "monitors",
                    "",
                    copy.to_string(),
                    value,
                ))?;
            }
            transaction.commit()
        })
    }

    /// Every value, in the order of their keys.
    pub fn each(&self, mut visit: impl FnMut(&[u8])) -> rusqlite::Result<()> {
        self.with(|inner| {
            let mut statement = inner.connection.prepare(
                "SELECT value FROM entry ORDER BY primary_namespace, secondary_namespace, key",
            )?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                visit(row.get_ref(0)?.as_blob()?);
            }
            Ok(())
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().expect("nobody panics while it is held"))
    }
}

impl Inner {
    fn put(&mut self, place: [&str; 3], value: &[u8]) -> rusqlite::Result<()> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for [primary, secondary, key] in self.stale.drain(..) {
            transaction
                .prepare_cached(REMOVE)?
                .execute((primary, secondary, key))?;
        }
        let [primary, secondary, key] = place;
        transaction
            .prepare_cached(PUT)?
            .execute((primary, secondary, key, value))?;
        transaction.commit()
    }

    fn remove(&self, [primary, secondary, key]: [&str; 3]) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(REMOVE)?
            .execute((primary, secondary, key))?;
        Ok(())
    }
}

fn told(error: rusqlite::Error) -> io::Error {
    io::Error::new(io::ErrorKind::Other, error.to_string())
}

impl KVStoreSync for SqliteKv {
    fn read(&self, primary: &str, secondary: &str, key: &str) -> Result<Vec<u8>, io::Error> {
        let found = self.with(|inner| {
            inner
                .connection
                .prepare_cached(
                    "SELECT value FROM entry
                     WHERE primary_namespace = ?1 AND secondary_namespace = ?2 AND key = ?3",
                )?
                .query_row((primary, secondary, key), |row| row.get(0))
                .optional()
        });
        found
            .map_err(told)?
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such key"))
    }

    fn write(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        value: Vec<u8>,
    ) -> Result<(), io::Error> {
        self.with(|inner| {
            let mut meter = inner.meter;
            let written = meter.run(|| inner.put([primary, secondary, key], &value));
            inner.meter = meter;
            written.map_err(told)
        })
    }

    fn remove(
        &self,
        primary: &str,
        secondary: &str,
        key: &str,
        lazy: bool,
    ) -> Result<(), io::Error> {
        self.with(|inner| {
            if lazy && self.removal == Removal::WithNextWrite {
                let place = [primary, secondary, key].map(str::to_owned);
                inner.stale.push(place);
                return Ok(());
            }
            let mut meter = inner.meter;
            let removed = meter.run(|| inner.remove([primary, secondary, key]));
            inner.meter = meter;
            removed.map_err(told)
        })
    }

    fn list(&self, primary: &str, secondary: &str) -> Result<Vec<String>, io::Error> {
        self.with(|inner| {
            let mut statement = inner.connection.prepare_cached(
                "SELECT key FROM entry WHERE primary_namespace = ?1 AND secondary_namespace = ?2",
            )?;
            let keys = statement.query_map((primary, secondary), |row| row.get(0))?;
            keys.collect::<rusqlite::Result<_>>()
        })
        .map_err(told)
    }
}
