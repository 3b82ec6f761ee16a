//! Bits that flip where SQLite cannot see it: an error, a finding of the integrity check, or nothing that anybody is
//! told otherwise. Never a panic, and never another answer about money that nobody notices.

use std::collections::BTreeSet;
use std::fs;

use futures::executor::block_on;
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config};
use rusqlite::types::Value;
use rusqlite::Connection;
use testkit::party::ChannelType;

use super::bytes;
use super::standing::said;
use super::story::story;
use crate::contracts::{embedded::COIN, emptying::empties};
use crate::support::{Nap, World};

/// Bits tried on each page: bytes spread over it, so that header, cell pointers and cells are met.
const BITS_PER_PAGE: usize = 8;

/// What became of a file with a flipped bit.
#[derive(Debug)]
enum Noticed {
    /// It does not open, or answers with errors.
    Refused,
    /// The integrity check finds it.
    Found,
    /// It says the same as before.
    Same,
    /// It says something else, and nobody notices.
    Silent(String),
}

fn look(config: &Config, intact: &str) -> Noticed {
    let opened = match block_on(ChainArbitrator::open(config.clone())) {
        Ok(opened) => opened,
        Err(ArbitratorError::Store(_)) => return Noticed::Refused,
        Err(other) => panic!("not about the store: {other}"),
    };
    match said(&opened) {
        Err(_) => Noticed::Refused,
        Ok(said) if without_heights(&said) == without_heights(intact) => Noticed::Same,
        Ok(said) => match block_on(opened.integrity_check()) {
            Ok(report) if report.findings.is_empty() => Noticed::Silent(said),
            Ok(_) | Err(_) => Noticed::Found,
        },
    }
}

/// The same, and of each log only how many lines it has: at which heights they stand is let pass, see below.
fn without_heights(said: &str) -> String {
    let lines = said.lines().map(|line| match line.strip_prefix("  log ") {
        Some(heights) => format!("  log of {}", heights.split(',').count()),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_flipped_bit_on_any_page_is_noticed_or_changes_nothing() {
    let world = story();
    let config = &world.phone.config;
    let file = bytes(&config.database).expect("the phone has a database");
    let intact = {
        let opened = block_on(ChainArbitrator::open(config.clone())).expect("intact");
        said(&opened).expect("readable")
    };
    let page = usize::from(u16::from_be_bytes([file[16], file[17]]));
    let mut seen = [0; 3];
    for start in (0..file.len()).step_by(page) {
        for nth in 0..BITS_PER_PAGE {
            // Another place on each page.
            let byte = start + (nth * page / BITS_PER_PAGE + start / page * 37) % page;
            let mut flipped = file.clone();
            flipped[byte] ^= 1 << ((nth + start / page) % 8);
            fs::write(&config.database, &flipped).expect("writable");
            match look(config, &intact) {
                Noticed::Refused => seen[0] += 1,
                Noticed::Found => seen[1] += 1,
                Noticed::Same => seen[2] += 1,
                Noticed::Silent(said) => panic!("byte {byte}: {}", difference(&intact, &said)),
            }
        }
    }
    println!(
        "{} refused, {} found, {} without effect",
        seen[0], seen[1], seen[2]
    );
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

/// The first line that differs.
fn difference(before: &str, now: &str) -> String {
    let lines = before.lines().zip(now.lines());
    let differing = lines.into_iter().find(|(before, now)| before != now);
    format!("{differing:?}")
}

/// Columns in which a flipped bit is not found, and why that costs nobody money.
fn is_let_pass(table: &str, column: &str) -> bool {
    matches!(
        (table, column),
        // The order and the heights of lines for people.
        ("arbitrator_log", "channel" | "height" | "ordinal")
            // Which of our transactions goes out first.
            | ("broadcast", "ordinal")
            // Nothing asks for the output any more; the one that it was is looked up again.
            | ("chain_output", "txid" | "vout")
            // How a list of closed channels is sorted; the summary itself is checked.
            | ("close_summary", "is_final" | "listed_at" | "peer")
            // Counts the alternatives of one number.
            | ("commitment", "alternative")
            // The only row there can be.
            | ("reserve", "id")
            // A step that was computed from another revision is refused, and computed again.
            | ("court_case", "revision")
            // The next opening is refused: the key does not fit.
            | ("data_key", "proof" | "sealed")
            // A funding with a wrong witness is refused by every node, and the app has the right one.
            | ("funding", "transaction_bytes")
            // Whether the end of a case waits for the app: no money hangs on it.
            | ("subscriber", "synchronous")
    )
}

/// A value with a bit flipped, that is still one of the same kind; several, each at another place.
fn flipped(value: &Value) -> Vec<Value> {
    match value {
        Value::Null | Value::Real(_) => Vec::new(),
        Value::Integer(number) => [0, 3].map(|bit| Value::Integer(number ^ 1 << bit)).into(),
        Value::Blob(bytes) => spread(bytes.len())
            .map(|at| {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << (at % 8);
                Value::Blob(bytes)
            })
            .collect(),
        // In a figure or a hash, so that it is read as another one.
        Value::Text(text) => {
            let digits: Vec<usize> = text
                .bytes()
                .enumerate()
                .filter(|(_, byte)| byte.is_ascii_digit())
                .map(|(at, _)| at)
                .collect();
            spread(digits.len())
                .map(|nth| {
                    let mut bytes = text.clone().into_bytes();
                    bytes[digits[nth]] ^= 1;
                    Value::Text(String::from_utf8(bytes).expect("digits"))
                })
                .collect()
        }
    }
}

/// Up to four places in so many.
fn spread(length: usize) -> impl Iterator<Item = usize> {
    let places: BTreeSet<usize> = (0..4).map(|nth| nth * length / 4 + length / 8).collect();
    places.into_iter().filter(move |at| *at < length)
}

#[test]
fn a_flipped_bit_in_any_column_is_found_but_in_those_named() {
    assert_noticed(unnoticed_columns(&mut story(), |_| true));
}

#[test]
fn a_flipped_bit_in_any_column_of_the_embedded_wallet_is_found() {
    let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
    world.with_seed_wallet();
    // One that is spent, one that is not, and an address that waits for a payment.
    world.pays_in(COIN, 6);
    world.balance_now();
    empties(&mut world, 2);
    world.pays_in(COIN, 1);
    world.balance_now();
    world.address();
    let is_of_wallet = |table: &str| table.starts_with("reserve");
    let db = Connection::open(&world.phone.config.database).expect("a second connection");
    let of_wallet = places(&db).into_iter().filter(|it| is_of_wallet(&it.table));
    for place in of_wallet {
        assert!(
            !place.rows(&db).is_empty(),
            "{}.{}",
            place.table,
            place.column
        );
    }
    drop(db);
    assert_noticed(unnoticed_columns(&mut world, is_of_wallet));
}

#[track_caller]
fn assert_noticed(unnoticed: BTreeSet<(String, String)>) {
    let expected: BTreeSet<&(String, String)> = unnoticed
        .iter()
        .filter(|(table, column)| !is_let_pass(table, column))
        .collect();
    assert!(expected.is_empty(), "{expected:#?}");
}

/// The columns of these tables in which some flipped bit is not found.
fn unnoticed_columns(
    world: &mut World,
    is_meant: impl Fn(&str) -> bool,
) -> BTreeSet<(String, String)> {
    let database = world.phone.config.database.clone();
    let on = world.phone.shared();
    let db = Connection::open(&database).expect("a second connection");
    db.pragma_update(None, "foreign_keys", false).expect("off");
    let mut unnoticed = BTreeSet::new();
    let meant = |place: &Place| is_meant(&place.table);
    for place in places(&db).into_iter().filter(meant) {
        for (keys, value) in place.rows(&db) {
            for other in flipped(&value) {
                if !place.write(&db, &keys, &value, &other) {
                    continue;
                }
                let report = block_on(on.integrity_check()).expect("readable");
                if report.findings.is_empty() {
                    unnoticed.insert((place.table.clone(), place.column.clone()));
                }
                assert!(place.write(&db, &keys, &other, &value));
            }
        }
    }
    unnoticed
}

/// A table, one of its columns, and those that name a row beside it.
struct Place {
    table: String,
    column: String,
    keys: Vec<String>,
}

fn places(db: &Connection) -> Vec<Place> {
    let tables = texts(
        db,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    );
    let mut places = Vec::new();
    for table in tables {
        let info = |which: &str| {
            let sql = format!("SELECT name FROM pragma_table_info('{table}') WHERE {which}");
            texts(db, &sql)
        };
        for column in info("1") {
            let keys = info(&format!("pk > 0 AND name <> '{column}'"));
            let table = table.clone();
            places.push(Place {
                table,
                column,
                keys,
            });
        }
    }
    places
}

fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).expect("good SQL");
    let rows = statement.query_map([], |row| row.get(0));
    rows.expect("no parameters")
        .collect::<Result<_, _>>()
        .expect("texts")
}

impl Place {
    /// The first row, one in the middle, and the last: the values of their keys, and of the column.
    fn rows(&self, db: &Connection) -> Vec<(Vec<Value>, Value)> {
        let Place {
            table,
            column,
            keys,
        } = self;
        let count = format!("SELECT count(*) FROM {table} WHERE {column} NOT NULL");
        let count: u32 = db
            .query_row(&count, [], |row| row.get(0))
            .expect("a number");
        let offsets: BTreeSet<u32> = [0, count / 2, count.saturating_sub(1)].into();
        let named = [keys.as_slice(), std::slice::from_ref(column)].concat();
        let sql = format!(
            "SELECT {} FROM {table} WHERE {column} NOT NULL LIMIT 1 OFFSET ?1",
            named.join(", ")
        );
        let row_at = |offset: u32| {
            db.query_row(&sql, [offset], |row| {
                let found: Result<Vec<Value>, _> = (0..keys.len()).map(|at| row.get(at)).collect();
                Ok((found?, row.get(keys.len())?))
            })
        };
        offsets
            .into_iter()
            .filter(|offset| *offset < count)
            .map(|offset| row_at(offset).expect("it is there"))
            .collect()
    }

    /// Writes another value; `false` where another row has that key.
    fn write(&self, db: &Connection, keys: &[Value], from: &Value, to: &Value) -> bool {
        let mut sql = format!(
            "UPDATE OR IGNORE {} SET {} = ?1 WHERE {} IS ?2",
            self.table, self.column, self.column
        );
        for (nth, key) in self.keys.iter().enumerate() {
            sql += &format!(" AND {key} IS ?{}", nth + 3);
        }
        let values = [to, from].into_iter().chain(keys);
        let written = db.execute(&sql, rusqlite::params_from_iter(values));
        written.expect("good SQL") > 0
    }
}
