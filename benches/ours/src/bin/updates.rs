//! The update cycle: what a payment costs until everything about it is on disk, ours beside LDK's.
//!
//! A payment is one HTLC, added and fulfilled: two rounds of local commitment, remote commitment and revocation. What BOLT 2
//! lets an engine store together is told together (trade.rs); LDK's updates are as LDK makes them. The sides take turns, batch by batch, so that a disk that is busy with something else is so for all of them.

use benches::app::App;
use benches::ldk::{Choice, Ldk};
use benches::setting;
use benches::store::{Bare, Parts};
use measure::batch::{median, Cost};
use measure::ldk::{Pages, Removal};
use measure::table::{bytes, micros};
use measure::{process, Batch, Goal, Scratch, Table};

/// How often the sides take turns.
const BATCHES: usize = 9;

/// The sides, each with a channel of its own.
struct Sides {
    app: App,
    bare: Bare,
    ldk: Ldk,
}

impl Sides {
    fn new(scratch: &Scratch, name: &str) -> Self {
        let file = |side| scratch.file(&format!("{name}-{side}"));
        Sides {
            app: App::new(&file("app")),
            bare: Bare::new(&file("store")),
            ldk: Ldk::begin(file("ldk"), Choice::USUAL),
        }
    }

    fn hold(&mut self, count: u64) {
        self.app.hold(count);
        self.bare.hold(count);
        self.ldk.hold(count);
    }

    fn pay(&mut self, count: u64) -> Turn {
        Turn {
            payments: count,
            app: self.app.pay(count),
            parts: self.bare.pay(count),
            ldk: self.ldk.pay(count),
        }
    }
}

/// What each side did in its turn.
struct Turn {
    payments: u64,
    app: Batch,
    parts: Parts,
    ldk: Batch,
}

impl Turn {
    fn part(&self, cost: Cost) -> f64 {
        Batch {
            payments: self.payments,
            cost,
        }
        .micros()
    }
}

/// The sides at one point of their lives.
struct Point {
    name: String,
    turns: Vec<Turn>,
}

impl Point {
    fn measure(name: impl Into<String>, sides: &mut Sides, payments: u64) -> Self {
        let name = name.into();
        eprintln!("measuring: {name}");
        Point {
            name,
            turns: (0..BATCHES).map(|_| sides.pay(payments)).collect(),
        }
    }

    fn app(&self) -> Batch {
        sum(self.turns.iter().map(|turn| turn.app))
    }

    fn ldk(&self) -> Batch {
        sum(self.turns.iter().map(|turn| turn.ldk))
    }

    /// The middle one of the turns.
    fn middle(&self, figure: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns.iter().map(figure).collect())
    }
}

fn sum(batches: impl Iterator<Item = Batch>) -> Batch {
    batches.fold(Batch::default(), |mut sum, batch| {
        sum += batch;
        sum
    })
}

fn main() {
    let scratch = Scratch::new("bench-updates");
    println!("## Update cycle\n");
    println!(
        "{}; {}; all sides: SQLite, WAL, `synchronous=FULL`.",
        process::machine(),
        scratch.file_system()
    );
    let history = setting("BENCH_PAYMENTS", 10_000);
    let points = compare(&scratch, history);
    print_bytes(&points);
    print_times(&points);
    print_parts(&points);
    print_growth(&points, history);
    print_choices(&scratch);
}

fn compare(scratch: &Scratch, history: u64) -> Vec<Point> {
    let mut points = Vec::new();
    let mut sides = Sides::new(scratch, "long");
    points.push(Point::measure("0 pending, new channel", &mut sides, 100));
    let made = BATCHES as u64 * 100;
    if history > made {
        eprintln!("making {history} payments: LDK's test nodes take minutes");
        sides.pay(history - made);
    }
    let name = format!("0 pending, after {} payments", history.max(made));
    points.push(Point::measure(name, &mut sides, 100));

    let mut sides = Sides::new(scratch, "pending");
    sides.hold(10);
    points.push(Point::measure("10 pending", &mut sides, 100));
    sides.hold(90);
    // LDK's test nodes are slow with so many. 20 payments make the 100 updates between two whole monitors.
    points.push(Point::measure("100 pending", &mut sides, 20));
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
        let (app, ldk) = (point.app(), point.ldk());
        let ratio = Goal {
            figure: app.written() / ldk.written(),
            at_most: 0.5,
        };
        table.row([
            &point.name,
            &bytes(app.written()),
            &bytes(ldk.written()),
            &ratio,
            &bytes(app.to_disk()),
            &bytes(ldk.to_disk()),
        ]);
    }
}

fn print_times(points: &[Point]) {
    let table = Table::new(
        "Time per payment (LDK: inside its persister only, which verifies nothing; ratios turn by turn, the middle one)",
        [
            "",
            "ours, whole calls",
            "ours, storing",
            "LDK, persisting",
            "whole calls ÷ LDK",
            "storing ÷ LDK",
        ],
    );
    for point in points {
        let storing = point.middle(|turn| turn.part(turn.parts.storing()) / turn.ldk.micros());
        let storing = if point.name.starts_with("0 pending") {
            let at_most = 1.0;
            let figure = storing;
            Goal { figure, at_most }.to_string()
        } else {
            format!("{storing:.2}")
        };
        let whole = point.middle(|turn| turn.app.micros() / turn.ldk.micros());
        table.row([
            &point.name,
            &micros(point.middle(|turn| turn.app.micros())),
            &micros(point.middle(|turn| turn.part(turn.parts.storing()))),
            &micros(point.middle(|turn| turn.ldk.micros())),
            &format!("{whole:.2}"),
            &storing,
        ]);
    }
}

fn print_parts(points: &[Point]) {
    let table = Table::new(
        "Where our time goes, per payment",
        [
            "",
            "reading",
            "judging",
            "writing",
            "synced writes, ours",
            "synced writes, LDK",
        ],
    );
    for point in points {
        let writes = |turn: &Turn| turn.parts.syncs as f64 / turn.payments as f64;
        table.row([
            &point.name,
            &micros(point.middle(|turn| turn.part(turn.parts.reading.0))),
            &micros(point.middle(|turn| turn.part(turn.parts.judging.0))),
            &micros(point.middle(|turn| turn.part(turn.parts.writing.0))),
            &format!("{:.1}", point.middle(writes)),
            &format!("{:.1}", point.ldk().calls()),
        ]);
    }
}

fn print_growth(points: &[Point], history: u64) {
    let [new, old, ..] = points else { return };
    let title = format!("Growth with history: after {history} payments, divided by new");
    let table = Table::new(&title, ["", "bytes", "time"]);
    // How many checkpoints of the log fall into the turns differs.
    let at_most = 1.1;
    let figure = old.app().written() / new.app().written();
    let ratio =
        |figure: fn(&Turn) -> f64| format!("{:.2}", old.middle(figure) / new.middle(figure));
    let time = ratio(|turn| turn.app.micros());
    table.row([&"ours", &Goal { figure, at_most }, &time]);
    let bytes = format!("{:.2}", old.ldk().written() / new.ldk().written());
    let time = ratio(|turn| turn.ldk.micros());
    table.row([&"LDK", &bytes, &time]);
}

/// LDK's figures as they depend on what its user chooses.
fn print_choices(scratch: &Scratch) {
    let table = Table::new(
        "LDK's choices, 0 pending, new channel",
        ["", "written", "time", "synced writes"],
    );
    let usual = Choice::USUAL;
    let choices = [
        (
            "as above: stale updates removed with the next write, \
             `maximum_pending_updates` 100, SQLite's usual pages",
            usual,
        ),
        (
            "stale updates removed one by one, at once, as ldk-node does",
            Choice {
                removal: Removal::AtOnce,
                ..usual
            },
        ),
        (
            "`maximum_pending_updates` 10",
            Choice {
                pending_updates: 10,
                ..usual
            },
        ),
        (
            "`maximum_pending_updates` 1000",
            Choice {
                pending_updates: 1000,
                ..usual
            },
        ),
        (
            "pages and checkpoints like ours",
            Choice {
                pages: Pages::LikeOurs,
                ..usual
            },
        ),
    ];
    for (number, (name, choice)) in choices.into_iter().enumerate() {
        let database = scratch.file(&format!("choice-{number}"));
        let batch = Ldk::begin(database, choice).pay(600);
        table.row([
            &name,
            &bytes(batch.written()),
            &micros(batch.micros()),
            &format!("{:.1}", batch.calls()),
        ]);
    }
}
