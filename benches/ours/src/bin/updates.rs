//! The update cycle: what a payment costs until everything about it is on disk, ours beside LDK's.
//!
//! A payment is one HTLC, added and fulfilled: two rounds of local commitment, remote commitment and revocation. Both
//! sides take turns in the same minute, batch by batch, so that a disk that is busy with something else is so for both.

use benches::app::App;
use benches::ldk::{Ldk, PENDING_UPDATES};
use benches::setting;
use benches::store::{Bare, Parts};
use measure::batch::median;
use measure::ldk::Removal;
use measure::table::{bytes, micros};
use measure::{process, Batch, Goal, Scratch, Table};

/// How often the sides take turns.
const BATCHES: usize = 9;

/// Both sides at one point of their lives.
struct Point {
    name: String,
    ours: Batch,
    ldk: Batch,
    /// The middle one of the batches.
    ours_micros: f64,
    ldk_micros: f64,
    /// The middle one of the batches' quotients.
    time_ratio: f64,
}

impl Point {
    /// Batches by turns.
    fn measure(name: impl Into<String>, app: &mut App, ldk: &mut Ldk, payments: u64) -> Self {
        let mut batches = Vec::new();
        for _ in 0..BATCHES {
            batches.push((app.pay(payments), ldk.pay(payments)));
        }
        let (mut ours, mut theirs) = (Batch::default(), Batch::default());
        for (our, their) in &batches {
            ours += *our;
            theirs += *their;
        }
        let middle = |figure: fn(&(Batch, Batch)) -> f64| {
            median(batches.iter().map(figure).collect())
        };
        Point {
            name: name.into(),
            ours,
            ldk: theirs,
            ours_micros: middle(|(ours, _)| ours.micros()),
            ldk_micros: middle(|(_, ldk)| ldk.micros()),
            time_ratio: middle(|(ours, ldk)| ours.micros() / ldk.micros()),
        }
    }

    fn byte_ratio(&self) -> f64 {
        self.ours.written() / self.ldk.written()
    }
}

fn main() {
    let scratch = Scratch::new("bench-updates");
    println!("## Update cycle\n");
    println!(
        "{}; {}; both sides: SQLite, WAL, `synchronous=FULL`, one process each.",
        process::machine(),
        scratch.file_system()
    );
    let history = setting("BENCH_PAYMENTS", 10_000);
    let points = compare(&scratch, history);
    print_bytes(&points);
    print_times(&points);
    print_growth(&points, history);
    print_parts(&scratch);
    print_sensitivity(&scratch);
}

fn compare(scratch: &Scratch, history: u64) -> Vec<Point> {
    let mut points = Vec::new();
    let mut app = App::new(&scratch.file("ours-long"));
    let mut ldk = Ldk::usual(scratch, "ldk-long");
    points.push(Point::measure("0 pending, new channel", &mut app, &mut ldk, 100));
    let made = BATCHES as u64 * 100;
    app.pay(history.saturating_sub(made));
    ldk.pay(history.saturating_sub(made));
    let name = format!("0 pending, after {} payments", history.max(made));
    points.push(Point::measure(name, &mut app, &mut ldk, 100));
    drop((app, ldk));

    let mut app = App::new(&scratch.file("ours-pending"));
    let mut ldk = Ldk::usual(scratch, "ldk-pending");
    let mut pending = 0;
    // LDK's test nodes are slow with many HTLCs. 20 payments make the 100 updates between two whole monitors.
    for (want, payments) in [(10, 100), (100, 20)] {
        app.hold(want - pending);
        ldk.hold(want - pending);
        pending = want;
        let name = format!("{want} pending");
        points.push(Point::measure(name, &mut app, &mut ldk, payments));
    }
    points
}

fn print_bytes(points: &[Point]) {
    let table = Table::new(
        "Bytes per payment",
        [
            "",
            "ours, written",
            "LDK, written",
            "ratio",
            "ours, to the disk",
            "LDK, to the disk",
        ],
    );
    for point in points {
        let ratio = Goal {
            figure: point.byte_ratio(),
            at_most: 0.5,
        };
        table.row([
            &point.name,
            &bytes(point.ours.written()),
            &bytes(point.ldk.written()),
            &ratio,
            &bytes(point.ours.to_disk()),
            &bytes(point.ldk.to_disk()),
        ]);
    }
}

fn print_times(points: &[Point]) {
    let table = Table::new(
        "Time per payment (ours: the whole call, signatures verified; LDK: inside its persister only)",
        [
            "",
            "ours",
            "LDK",
            "ratio",
            "calls, ours",
            "synced writes, LDK",
        ],
    );
    for point in points {
        let is_bare = point.name.starts_with("0 pending");
        let ratio = if is_bare {
            let goal = Goal {
                figure: point.time_ratio,
                at_most: 1.0,
            };
            goal.to_string()
        } else {
            format!("{:.2}", point.time_ratio)
        };
        table.row([
            &point.name,
            &micros(point.ours_micros),
            &micros(point.ldk_micros),
            &ratio,
            &format!("{:.1}", point.ours.calls()),
            &format!("{:.1}", point.ldk.calls()),
        ]);
    }
}

fn print_growth(points: &[Point], history: u64) {
    let [new, old, ..] = points else { return };
    let title = format!("Growth with history: after {history} payments, divided by new");
    let table = Table::new(&title, ["", "bytes", "time"]);
    // Where a batch meets the checkpoints of the log differs by a few percent.
    let bytes = Goal {
        figure: old.ours.written() / new.ours.written(),
        at_most: 1.1,
    };
    let time = format!("{:.2}", old.ours_micros / new.ours_micros);
    table.row([&"ours", &bytes, &time]);
    let bytes = format!("{:.2}", old.ldk.written() / new.ldk.written());
    let time = format!("{:.2}", old.ldk_micros / new.ldk_micros);
    table.row([&"LDK", &bytes, &time]);
}

/// The same payments over the store alone.
fn print_parts(scratch: &Scratch) {
    let table = Table::new(
        "Where our time goes, per payment",
        ["", "reading", "judging", "writing", "synced writes"],
    );
    let mut bare = Bare::new(&scratch.file("ours-parts"));
    let mut pending = 0;
    for (want, payments) in [(0, 400), (10, 400), (100, 100)] {
        bare.hold(want - pending);
        pending = want;
        let Parts {
            reading,
            judging,
            writing,
        } = bare.pay(payments);
        let part = |meter: measure::Meter| Batch {
            payments,
            cost: meter.0,
        };
        table.row([
            &format!("{want} pending"),
            &micros(part(reading).micros()),
            &micros(part(judging).micros()),
            &micros(part(writing).micros()),
            &format!("{:.1}", part(writing).calls()),
        ]);
    }
}

/// LDK's figures as they depend on what its user chooses.
fn print_sensitivity(scratch: &Scratch) {
    let table = Table::new(
        "LDK's choices, 0 pending, new channel",
        [
            "stale updates are removed",
            "`maximum_pending_updates`",
            "written",
            "time",
            "synced writes",
        ],
    );
    let choices = [
        (Removal::AtOnce, PENDING_UPDATES),
        (Removal::WithNextWrite, PENDING_UPDATES),
        (Removal::WithNextWrite, 10),
        (Removal::WithNextWrite, 1000),
    ];
    for (number, (removal, pending_updates)) in choices.into_iter().enumerate() {
        let database = scratch.file(&format!("ldk-choice-{number}"));
        let mut ldk = Ldk::begin(database, removal, pending_updates);
        let batch = ldk.pay(600);
        let removed = match removal {
            Removal::AtOnce => "one by one, at once (as ldk-node does)",
            Removal::WithNextWrite => "together, with the next write",
        };
        table.row([
            &removed,
            &pending_updates,
            &bytes(batch.written()),
            &micros(batch.micros()),
            &format!("{:.1}", batch.calls()),
        ]);
    }
}
