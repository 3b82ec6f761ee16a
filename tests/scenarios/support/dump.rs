//! A database as SQL text, and back: what a fixture of an old schema is kept as.

use std::fmt::Write;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};

/// Everything that the file holds, and the two numbers in its header that say whose it is.
pub fn dump(database: &Path) -> String {
    let db = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the file is there");
    let mut sql = String::new();
    for pragma in ["application_id", "user_version"] {
        let value: i64 = db
            .pragma_query_value(None, pragma, |row| row.get(0))
            .expect("every file has it");
        writeln!(sql, "PRAGMA {pragma} = {value};").expect("memory");
    }
    // Tables before their indexes, and in the order in which they refer to each other.
    for made in texts(
        &db,
        "SELECT sql FROM sqlite_schema WHERE sql NOT NULL AND name NOT LIKE 'sqlite_%'",
    ) {
        writeln!(sql, "{made};").expect("memory");
    }
    for table in texts(&db, "SELECT name FROM sqlite_schema WHERE type = 'table'") {
        for row in rows(&db, &table) {
            writeln!(sql, "INSERT INTO {table} VALUES ({row});").expect("memory");
        }
    }
    sql
}

/// Makes a database of it.
pub fn load(sql: &str, database: &Path) {
    let db = Connection::open(database).expect("the directory is ours");
    db.execute_batch(&format!("BEGIN; {sql} COMMIT;"))
        .expect("good SQL");
}

fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).expect("good SQL");
    let rows = statement.query_map([], |row| row.get(0));
    rows.expect("no parameters")
        .collect::<Result<_, _>>()
        .expect("texts")
}

fn rows(db: &Connection, table: &str) -> Vec<String> {
    let mut statement = db
        .prepare(&format!("SELECT * FROM {table}"))
        .expect("good SQL");
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let values: Result<Vec<String>, _> = (0..columns)
            .map(|column| row.get(column).map(literal))
            .collect();
        values.map(|values| values.join(", "))
    });
    rows.expect("no parameters")
        .collect::<Result<_, _>>()
        .expect("any value is good")
}

fn literal(value: Value) -> String {
    match value {
        Value::Null => "NULL".into(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Blob(bytes) => {
            let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
            format!("x'{}'", digits.collect::<String>())
        }
    }
}
