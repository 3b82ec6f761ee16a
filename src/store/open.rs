//! Opening the file: the lock, the schema, whose database it is, and the key to its secrets.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::Network;
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior,
};

use super::data_key::{put_made, DataKey, KeyWork};
use super::header::{check_start, has_log, not_ours};
use super::lock::FileLock;
use super::pack::At;
use super::vault::Vault;
use super::{CryptoSystem, Store, StoreError};

/// Marks the file as ours (`PRAGMA application_id`): "LArb".
const APPLICATION_ID: i32 = 0x4c41_7262;

/// One step of the schema: SQL, and after it what SQL cannot do.
struct Migration {
    sql: &'static str,
    then: Option<Then>,
}

/// What follows a step's SQL, in its transaction.
type Then = fn(&Transaction<'_>, &DataKey) -> Result<(), StoreError>;

/// The schema, step by step. A step that was released is never changed.
const MIGRATIONS: &[Migration] = &[
    Migration {
        sql: include_str!("migrations/0001_first.sql"),
        then: None,
    },
    Migration {
        sql: include_str!("migrations/0002_hot.sql"),
        then: None,
    },
    Migration {
        sql: include_str!("migrations/0003_sealed.sql"),
        then: Some(put_made),
    },
    Migration {
        sql: include_str!("migrations/0004_life.sql"),
        then: None,
    },
    Migration {
        sql: include_str!("migrations/0005_care.sql"),
        then: None,
    },
    Migration {
        sql: include_str!("migrations/0006_queries.sql"),
        then: None,
    },
    Migration {
        sql: include_str!("migrations/0007_contracts.sql"),
        then: None,
    },
    Migration {
        sql: include_str!("migrations/0008_reserve.sql"),
        then: None,
    },
    Migration {
        sql: include_str!("migrations/0009_opening.sql"),
        then: None,
    },
];

/// Statements that stay prepared: more than there are.
const STATEMENTS: usize = 256;

/// Bytes of a page of a new file. An update touches a few small rows in different places, and SQLite writes whole pages:
/// with the usual 4096 it would write four times as much.
const PAGE_SIZE: u32 = 1_024;

/// After how many pages the log is carried over into the file: 4 MiB, so that rows that change with every update are
/// carried over once in thousands of them.
const CHECKPOINT_PAGES: u32 = 4_096;

/// How long SQLite waits for another connection of the same process.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

impl Store {
    /// Opens or creates the database. Calls the app's code, and waits for it as long as it takes.
    ///
    /// # Errors
    /// [`StoreError`]: in use, another network's, a newer schema, another key's, damaged, read-only. The file is left as it
    /// was.
    pub fn open(
        path: &Path,
        network: Network,
        crypto: Arc<dyn CryptoSystem>,
    ) -> Result<Self, StoreError> {
        let (opening, work) = Opening::begin(path, network, None)?;
        opening.finish(work.run(crypto.as_ref())?)
    }
}

impl Store {
    /// Another connection to the same file that only reads, for a thread of its own; with the key to its secrets.
    ///
    /// # Errors
    /// When the file cannot be opened once more.
    pub(crate) fn reader(&self) -> Result<Self, StoreError> {
        self.sibling(self.vault.borrow().clone())
    }

    /// Another connection to the same file that only reads, for a thread of its own.
    pub(super) fn sibling(&self, vault: Vault) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = connect_with(&self.path, flags, self.vfs.as_deref())?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        Ok(Store {
            connection,
            path: self.path.clone(),
            vfs: self.vfs.clone(),
            vault: RefCell::new(vault),
            lock: self.lock.clone(),
            unreadable_facts: RefCell::default(),
            writes: Cell::new(0),
        })
    }
}

/// A database that is ours and whose secrets are still sealed. Dropped, it leaves the file as it was.
pub struct Opening {
    // Closed before the lock is given up.
    connection: Connection,
    lock: FileLock,
    path: PathBuf,
    vfs: Option<String>,
    network: Network,
}

impl Opening {
    /// Locks and checks the file, and says what the app's [`CryptoSystem`] has to do. Nothing is written.
    ///
    /// `vfs` is another file layer of SQLite's, by its name: the tests' is one that loses power.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn begin(
        path: &Path,
        network: Network,
        vfs: Option<&str>,
    ) -> Result<(Self, KeyWork), StoreError> {
        Self::begin_waiting(path, network, vfs, None)
    }

    /// The same, and waits as long for whoever has the database open. Blocks the thread.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn begin_waiting(
        path: &Path,
        network: Network,
        vfs: Option<&str>,
        patience: Option<Duration>,
    ) -> Result<(Self, KeyWork), StoreError> {
        let lock = FileLock::take(path, patience)?;
        super::wipe::finish(path)?;
        check_start(path, &lock)?;
        let connection = connect(path, network, vfs).map_err(in_opening)?;
        let work = KeyWork::of(&connection).map_err(in_opening)?;
        let opening = Opening {
            connection,
            lock,
            path: path.to_path_buf(),
            vfs: vfs.map(str::to_owned),
            network,
        };
        Ok((opening, work))
    }

    /// Brings the schema up to date, and opens.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn finish(mut self, key: DataKey) -> Result<Store, StoreError> {
        configure(&self.connection)?;
        migrate(&mut self.connection, self.network, &key).map_err(in_opening)?;
        self.lock.mark();
        // From here on the file is in use, and closing it tidies up as SQLite always does.
        self.connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        let store = Store {
            connection: self.connection,
            path: self.path,
            vfs: self.vfs,
            vault: RefCell::new(key.into_vault()),
            lock: Arc::new(self.lock),
            unreadable_facts: RefCell::default(),
            writes: Cell::new(0),
        };
        store.tidy();
        Ok(store)
    }
}

/// SQLite, on a file that is ours and of this network. Only reads.
fn connect(path: &Path, network: Network, vfs: Option<&str>) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect_with(path, flags, vfs)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A file that is refused is left as it was. Closing it would carry into it what a killed process has left in the log.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, has_log(path))?;
    check_ours(&connection, path)?;
    check_network(&connection, network)?;
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(StoreError::ReadOnly {
            reason: format!("no permission to write {}", path.display()),
        });
    }
    Ok(connection)
}

/// Settings of the connection, not of the file, except for WAL, which only a file of ours gets.
fn configure(connection: &Connection) -> Result<(), StoreError> {
    // Has no effect on a file that has pages already.
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", CHECKPOINT_PAGES, |_| Ok(()))?;
    connection
        .pragma_update_and_check(None, "fullfsync", true, |_| Ok(()))
        .optional()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted or replaced is overwritten: purged secrets, and what a former key sealed.
    connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    Ok(())
}

/// A connection, through another file layer than SQLite's own if one is named.
pub(super) fn connect_with(
    path: &Path,
    flags: OpenFlags,
    vfs: Option<&str>,
) -> Result<Connection, StoreError> {
    let connection = match vfs {
        Some(vfs) => Connection::open_with_flags_and_vfs(path, flags, vfs)?,
        None => Connection::open_with_flags(path, flags)?,
    };
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Every statement has one good plan; without this, each new parameter makes SQLite plan it again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

/// The statements of opening are fixed and good: one that fails in general found no schema of ours.
fn in_opening(error: StoreError) -> StoreError {
    match error {
        StoreError::Sqlite(rusqlite::Error::SqlInputError { msg, .. }) => {
            StoreError::Damaged { reason: msg }
        }
        StoreError::Sqlite(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            StoreError::Damaged {
                reason: error.to_string(),
            }
        }
        other => other,
    }
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

/// An empty file becomes ours; any other must say that it is.
fn check_ours(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let tables = count_tables(connection)?;
    if tables > 0 && pragma(connection, "application_id")? != i64::from(APPLICATION_ID) {
        return Err(not_ours(path));
    }
    let found = pragma(connection, "user_version")?;
    let known = MIGRATIONS.len() as i64;
    if found < 0 || (found == 0) != (tables == 0) {
        return Err(StoreError::Damaged {
            reason: format!("{tables} tables under schema {found}"),
        });
    }
    if found > known {
        return Err(StoreError::NewerSchema { found, known });
    }
    Ok(())
}

fn count_tables(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?)
}

/// Brings an older schema up to date, all steps in one transaction.
fn migrate(connection: &mut Connection, network: Network, key: &DataKey) -> Result<(), StoreError> {
    let done = usize::try_from(pragma(connection, "user_version")?).unwrap_or(0);
    if done >= MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for step in MIGRATIONS.iter().skip(done) {
        transaction.execute_batch(step.sql)?;
        if let Some(then) = step.then {
            then(&transaction, key)?;
        }
    }
    if done == 0 {
        transaction.execute(
            "INSERT INTO meta (key, value) VALUES ('network', ?1)",
            [network.to_core_arg()],
        )?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64)?;
    transaction.commit()?;
    Ok(())
}

/// A database belongs to the network it was created for.
fn check_network(connection: &Connection, network: Network) -> Result<(), StoreError> {
    if count_tables(connection)? == 0 {
        return Ok(());
    }
    let asked = network.to_core_arg();
    let found: String = connection
        .query_row("SELECT value FROM meta WHERE key = 'network'", [], |row| {
            row.get(0)
        })
        .optional()?
        .ok_or_else(|| At("meta", "value").corrupt("the network is missing"))?;
    if found == asked {
        Ok(())
    } else {
        Err(StoreError::WrongNetwork {
            found,
            asked: asked.to_string(),
        })
    }
}
