//! What every table of a database holds, but for what is drawn at random: to tell before from after.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::Connection;

/// Of these columns only the length is kept: what is sealed twice looks different.
const SEALED: &str = "'secret', 'sealed', 'proof', 'last_secret'";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(BTreeMap<String, Vec<String>>);

impl Rows {
    /// Opens the file as a writer: whoever cannot write cannot roll back what a kill left half done.
    pub fn of(database: &Path) -> Self {
        let db = Connection::open(database).expect("the file is there");
        let names = texts(&db, "SELECT name FROM sqlite_schema WHERE type = 'table'");
        let rows = |name: &String| texts(&db, &select(&db, name));
        Rows(
            names
                .iter()
                .map(|name| (name.clone(), rows(name)))
                .collect(),
        )
    }

    /// How many rows a table has.
    pub fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, Vec::len)
    }

    #[track_caller]
    pub fn assert_are(&self, others: &Rows, how: &str) {
        for (name, rows) in &self.0 {
            assert_eq!(Some(rows), others.0.get(name), "{how}: table {name}");
        }
        assert_eq!(self.0.len(), others.0.len(), "{how}: tables");
    }
}

fn select(db: &Connection, table: &str) -> String {
    let columns = format!(
        "SELECT CASE WHEN name IN ({SEALED}) THEN 'length(' || name || ')' ELSE name END
         FROM pragma_table_info('{table}')"
    );
    let columns = texts(db, &columns).join(", ");
    // What is left to tidy up depends on when it was noticed.
    let which = match table {
        "meta" => "WHERE key <> 'tidying'",
        _ => "",
    };
    format!("SELECT {columns} FROM {table} {which}")
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
