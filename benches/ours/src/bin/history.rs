//! A channel with a million revoked states and 300,000 HTLCs over its life: the file, the memory, and the time in which
//! the scripts of any of those states are made again.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use benches::made::{crypto, Made};
use benches::reads::Reads;
use benches::rebuild::Revoked;
use benches::setting;
use bitcoin::Network;
use lightning_arbitrator::store::{Store, StoreError};
use measure::batch::median;
use measure::process::Memory;
use measure::table::{bytes, micros};
use measure::wire::{self, Line};
use measure::{process, Dice, Goal, Scratch, Table};

/// How many numbers are looked up.
const LOOKUPS: u64 = 1_000;

/// How often, by turns with the bare reads.
const PASSES: usize = 7;

/// What LDK keeps in memory for a revoked state, and for an HTLC in it (measured by its serialised monitors).
const LDK_STATE: u64 = 40;
const LDK_HTLC: u64 = 51;

/// A channel, as a new process has to know it.
type Asked = (PathBuf, u64);

/// What a new process found.
#[derive(serde::Serialize, serde::Deserialize)]
struct Found {
    /// Growth of resident memory, in bytes.
    after_open: u64,
    after_lookups: u64,
    lookups: Vec<Pass>,
    scripts: u64,
    rows: u64,
}

/// One pass over all numbers.
#[derive(serde::Serialize, serde::Deserialize)]
struct Pass {
    reading: Duration,
    scripts: Duration,
    bare: Duration,
    bare_at_once: Duration,
}

fn main() {
    if wire::is_child() {
        let (database, states) = wire::orders::<Asked>().next().expect("a channel");
        return wire::answer(&look(&database, states).expect("a good file"));
    }
    let states = setting("BENCH_STATES", 1_000_000);
    let htlcs = setting("BENCH_HTLCS", states * 3 / 10);
    let scratch = Scratch::new("bench-history");
    println!("## History of one channel: {states} revoked states, {htlcs} HTLCs\n");
    println!("{}; {}.", process::machine(), scratch.file_system());
    let database = scratch.file("channel");
    let carried = write(&database, states, htlcs);
    print_size(&database, states, htlcs, carried);
    let found: Found = Line::to_itself().ask(&(database, states));
    print_memory(&found, states, carried);
    print_lookups(&found);
}

/// Writes the channel's life through the store, every revocation in a transaction of its own. Gives the sum over all
/// states of the HTLCs in them.
fn write(database: &Path, states: u64, htlcs: u64) -> u64 {
    let prepare = Scratch::to_prepare("bench-history");
    let file = prepare.file("channel");
    let mut made = Made::numbered(0);
    let mut past = made.past_htlcs(states, htlcs);
    let carried = past.values().flatten().map(|life| {
        let Some((first, last)) = life.remote.first.zip(life.remote.last) else {
            return 0;
        };
        last - first + 1
    });
    let carried = carried.sum();
    let start = Instant::now();
    let written = (|| -> Result<(), StoreError> {
        let store = Store::open(&file, Network::Regtest, crypto())?;
        let row = store.register(&made.terms, &[])?;
        for revoked in 0..states {
            let ended = past.remove(&revoked).unwrap_or_default();
            store.put_revocation(row, &made.revocation(revoked, ended))?;
        }
        for newest in made.live(states - 1, 3) {
            store.put_commitment(row, &newest)?;
        }
        Ok(())
    })();
    written.expect("a good disk");
    println!(
        "\nWritten by {states} revocations, each a transaction, in {} ({}).",
        micros(start.elapsed().as_secs_f64() * 1e6),
        prepare.file_system()
    );
    std::fs::copy(&file, database).expect("room on the disk");
    carried
}

fn print_size(database: &Path, states: u64, htlcs: u64, carried: u64) {
    let file = std::fs::metadata(database).expect("written above").len();
    let reads = Reads::open(database).expect("a good file");
    let pages = reads.pages().expect("dbstat is compiled in");
    let buried = reads.count("past_htlc").expect("the archive");
    let slots = reads.count("revocation_secret").expect("the secrets");
    let of = |name: &str| {
        let found = pages.iter().find(|(table, _)| table == name);
        found.map_or(0, |(_, bytes)| *bytes)
    };
    assert_eq!(buried, htlcs, "every HTLC is in the archive");
    let archive = of("past_htlc");
    let rest = file - archive;
    let table = Table::new("On disk", ["", "bytes", ""]);
    table.row([&"the file", &bytes(file as f64), &""]);
    let per_htlc = Goal {
        figure: archive as f64 / htlcs as f64,
        at_most: 64.0,
    };
    let per_htlc = format!("per HTLC, pages and all: {per_htlc}");
    table.row([&"the archive of HTLCs", &bytes(archive as f64), &per_htlc]);
    let per_state = format!("per revoked state: {:.3} B", rest as f64 / states as f64);
    let secrets = bytes(of("revocation_secret") as f64);
    table.row([&format!("of it {slots} secrets"), &secrets, &""]);
    table.row([
        &"everything else, indexes included",
        &bytes(rest as f64),
        &per_state,
    ]);
    println!(
        "\nHTLCs in all states together: {carried}; a state has {:.1} in the middle of its life.",
        carried as f64 / states as f64
    );
}

/// Opens the channel and makes the scripts of revoked states, in a process that has done nothing else.
fn look(database: &Path, states: u64) -> Result<Found, StoreError> {
    let before = Memory::now().resident;
    let grown = || Memory::now().resident.saturating_sub(before);
    let store = Store::open(database, Network::Regtest, crypto())?;
    let (row, _) = *store.channels()?.channels.first().expect("one channel");
    let after_open = grown();
    let mut dice = Dice::new(1);
    let numbers: Vec<u64> = (0..LOOKUPS).map(|_| dice.below(states)).collect();
    let mut scripts = 0;
    for at in &numbers {
        scripts += Revoked::read(&store, row, *at)?.scripts().len() as u64;
    }
    let after_lookups = grown();
    let bare = Reads::open(database).expect("it is open already");
    let mut rows = 0;
    let mut lookups = Vec::new();
    for _ in 0..PASSES {
        let mut pass = Pass {
            reading: Duration::ZERO,
            scripts: Duration::ZERO,
            bare: Duration::ZERO,
            bare_at_once: Duration::ZERO,
        };
        for at in &numbers {
            let start = Instant::now();
            let revoked = Revoked::read(&store, row, *at)?;
            pass.reading += start.elapsed();
            let start = Instant::now();
            std::hint::black_box(revoked.scripts());
            pass.scripts += start.elapsed();
        }
        rows = 0;
        let start = Instant::now();
        for at in &numbers {
            rows += bare.revoked(1, *at).expect("a good file");
        }
        pass.bare = start.elapsed();
        let start = Instant::now();
        for at in &numbers {
            bare.revoked_at_once(1, *at).expect("a good file");
        }
        pass.bare_at_once = start.elapsed();
        lookups.push(pass);
    }
    Ok(Found {
        after_open,
        after_lookups,
        lookups,
        scripts,
        rows,
    })
}

fn print_memory(found: &Found, states: u64, carried: u64) {
    let table = Table::new("Memory", ["", "bytes"]);
    table.row([&"after opening", &bytes(found.after_open as f64)]);
    let name = format!("after the scripts of {LOOKUPS} revoked states");
    table.row([&name, &bytes(found.after_lookups as f64)]);
    let ldk = states * LDK_STATE + carried * LDK_HTLC;
    let name = format!("LDK: {LDK_STATE} B per state and {LDK_HTLC} B per HTLC in it, computed");
    table.row([&name, &bytes(ldk as f64)]);
}

fn print_lookups(found: &Found) {
    let middle = |figure: fn(&Pass) -> Duration| {
        let passes = found.lookups.iter();
        median(passes.map(|pass| figure(pass).as_secs_f64()).collect()) * 1e6 / LOOKUPS as f64
    };
    let (reading, scripts) = (middle(|it| it.reading), middle(|it| it.scripts));
    let bare = middle(|it| it.bare);
    let title = format!(
        "The scripts of an arbitrary revoked state ({:.1} scripts, {:.1} rows)",
        found.scripts as f64 / LOOKUPS as f64,
        found.rows as f64 / LOOKUPS as f64
    );
    let table = Table::new(&title, ["", "time", "÷ bare reads"]);
    let ratio = |time: f64| format!("{:.2}", time / bare);
    let name = "bare SQLite reads of the same rows, each by itself";
    table.row([&name, &micros(bare), &""]);
    let at_once = middle(|it| it.bare_at_once);
    let name = "for information: in one transaction, as the store reads them";
    table.row([&name, &micros(at_once), &ratio(at_once)]);
    table.row([
        &"reading through the store",
        &micros(reading),
        &ratio(reading),
    ]);
    table.row([&"keys and scripts", &micros(scripts), &ratio(scripts)]);
    let whole = Goal {
        figure: (reading + scripts) / bare,
        at_most: 3.0,
    };
    table.row([&"whole", &micros(reading + scripts), &whole]);
}
