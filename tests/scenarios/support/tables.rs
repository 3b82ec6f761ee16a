//! What every table of a database holds, row by row: to see that nothing has changed.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

#[derive(Clone, PartialEq, Eq)]
pub struct Tables(BTreeMap<String, Vec<String>>);

impl Tables {
    /// Reads them over a connection of its own, which cannot write.
    pub fn of(database: &Path) -> Self {
        let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the file is there");
        let names = texts(&db, "SELECT name FROM sqlite_schema WHERE type = 'table'");
        let rows = |name: &String| texts(&db, &format!("SELECT * FROM \"{name}\""));
        Tables(
            names
                .iter()
                .map(|name| (name.clone(), rows(name)))
                .collect(),
        )
    }

    /// How many rows a table has.
    pub fn rows(&self, table: &str) -> usize {
        self.0.get(table).expect("such a table").len()
    }

    /// They are as before.
    #[track_caller]
    pub fn assert_are(&self, before: &Tables) {
        for (name, rows) in &self.0 {
            assert_eq!(Some(rows), before.0.get(name), "table {name}");
        }
        assert_eq!(self.0.len(), before.0.len(), "tables");
    }
}

/// Each row as one text, sorted.
fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).expect("good SQL");
    let columns = statement.column_count();
    let mut rows: Vec<String> = statement
        .query_map([], |row| {
            let values: Result<Vec<String>, _> =
                (0..columns).map(|at| row.get(at).map(text)).collect();
            values.map(|values| values.join("|"))
        })
        .expect("no parameters")
        .collect::<Result<_, _>>()
        .expect("any value is good");
    rows.sort();
    rows
}

fn text(value: Value) -> String {
    match value {
        Value::Text(text) => text,
        Value::Null | Value::Integer(_) | Value::Real(_) | Value::Blob(_) => format!("{value:?}"),
    }
}
