//! Markdown tables, and goals that are met or missed.

use std::fmt::Display;

/// A table that is printed row by row.
pub struct Table {
    columns: usize,
}

impl Table {
    pub fn new<const N: usize>(title: &str, columns: [&str; N]) -> Self {
        println!("\n### {title}\n");
        println!("| {} |", columns.join(" | "));
        println!("|{}", "---|".repeat(N));
        Table { columns: N }
    }

    pub fn row<const N: usize>(&self, cells: [&dyn Display; N]) {
        assert_eq!(N, self.columns, "a row has as many cells as its table");
        let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
        println!("| {} |", cells.join(" | "));
    }
}

/// A figure that has to stay at or below a bound.
pub struct Goal {
    pub figure: f64,
    pub at_most: f64,
}

impl Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Goal { figure, at_most } = self;
        let verdict = if figure <= at_most { "met" } else { "MISSED" };
        write!(f, "{figure:.2} (goal ≤ {at_most}: {verdict})")
    }
}

/// Bytes, readable.
pub fn bytes(count: f64) -> String {
    if count >= 10.0 * 1024.0 * 1024.0 {
        format!("{:.1} MiB", count / 1024.0 / 1024.0)
    } else if count >= 10.0 * 1024.0 {
        format!("{:.1} KiB", count / 1024.0)
    } else {
        format!("{count:.0} B")
    }
}

/// Microseconds, readable.
pub fn micros(micros: f64) -> String {
    if micros >= 1e6 {
        format!("{:.2} s", micros / 1e6)
    } else if micros >= 1e4 {
        format!("{:.1} ms", micros / 1e3)
    } else {
        format!("{micros:.0} µs")
    }
}
