//! A thousand channels with ten thousand revoked states each: opening, and everything that a tick reads without asking
//! anybody, beside SQLite's own time for the same rows, and beside LDK's reading of as many monitors.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use benches::app::config;
use benches::ldk::{self, Choice, Ldk};
use benches::made::{crypto, Made};
use benches::reads::Reads;
use benches::setting;
use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, CompactTarget, Network, OutPoint, TxMerkleNode};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::ResumeOptions;
use lightning_arbitrator::chain::{
    BlockHeight, BlockRef, ChainChange, ChainStore, Depth, OutputCheck, OutputFacts, Row,
    TxPosition,
};
use lightning_arbitrator::court::{Block, Case, FundingState, Step};
use lightning_arbitrator::store::{Store, StoreError};
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, SeedSigner};
use measure::batch::median;
use measure::process::Memory;
use measure::table::{bytes, micros};
use measure::wire::{self, Line};
use measure::{process, Goal, Scratch, Table};

/// Every so many channels one carries HTLCs.
const CARRYING: u64 = 10;

/// The HTLCs of each of those.
const LIVE: usize = 3;

/// As many channels at rest are read whole in a tick (`arbitrator/tick.rs`).
const READ_AT_REST: u64 = 32;

/// The headers that a cursor holds.
const HEADERS: u32 = 144;

/// How often a new process opens the file.
const TIMES: usize = 7;

/// Revoked states of an LDK monitor here: with ten thousand its test nodes take too long to make one.
const LDK_STATES: u64 = 500;

/// What a new process is told to do.
#[derive(serde::Serialize, serde::Deserialize)]
enum Asked {
    Open(PathBuf),
    Read(PathBuf),
    Scan(PathBuf),
}

/// What it took.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
struct Took {
    open: Duration,
    rest: Duration,
    /// Growth of the most memory ever resident, in bytes.
    memory: u64,
    /// Rows read, where that is known.
    rows: u64,
}

impl Took {
    fn micros(&self) -> f64 {
        (self.open + self.rest).as_secs_f64() * 1e6
    }
}

fn main() {
    if wire::is_child() {
        let took = match wire::orders().next().expect("an order") {
            Asked::Open(database) => open(&database).expect("a good file"),
            Asked::Read(database) => read(&database, read_channels).expect("a good file"),
            Asked::Scan(database) => read(&database, Reads::scan).expect("a good file"),
        };
        return wire::answer(&took);
    }
    let channels = setting("BENCH_CHANNELS", 1_000);
    let states = setting("BENCH_CHANNEL_STATES", 10_000);
    let scratch = Scratch::new("bench-open");
    println!("## Opening {channels} channels of {states} revoked states each\n");
    println!("{}; {}.", process::machine(), scratch.file_system());
    let database = scratch.file("channels");
    write(&database, channels, states).expect("a good disk");
    let mut turns = Vec::new();
    for _ in 0..TIMES {
        let ours: Took = Line::to_itself().ask(&Asked::Open(database.clone()));
        let bare: Took = Line::to_itself().ask(&Asked::Read(database.clone()));
        turns.push((ours, bare));
    }
    let scan: Took = Line::to_itself().ask(&Asked::Scan(database.clone()));
    print_ours(&turns, &scan, &database);
    print_ldk(&scratch, channels, states);
}

/// Writes the channels through the store, as they are when each has been found open on the chain.
fn write(database: &Path, channels: u64, states: u64) -> Result<(), StoreError> {
    let prepare = Scratch::to_prepare("bench-open");
    let file = prepare.file("channels");
    let store = Store::open(&file, Network::Regtest, crypto())?;
    let headers = headers();
    let tip = block(&headers, HEADERS - 1);
    let position = TxPosition {
        block: block(&headers, 1),
        index: 1,
        proven_depth: Depth::new(1),
    };
    let mut change = ChainChange {
        tip: Some(tip),
        headers: (0..HEADERS)
            .map(BlockHeight::new)
            .zip(headers.iter().map(|header| Row::Put(*header)))
            .collect(),
        ..ChainChange::default()
    };
    for index in 0..channels {
        let mut made = Made::numbered(index);
        let row = store.register(&made.terms, &[])?;
        made.put_past(&store, row, states, states * 3 / 10)?;
        let live = if index % CARRYING == 0 { LIVE } else { 0 };
        for newest in made.live(states - 1, live) {
            store.put_commitment(row, &newest)?;
        }
        let channel = made.terms.channel();
        put_open(&store, row, channel, position.block)?;
        let facts = OutputFacts {
            output: OutputCheck::AsExpected,
            confirmed: Some(position),
            spend: None,
            unspent_at: Some(tip),
            unspent_said: None,
        };
        change.outputs.insert(channel, Row::Put(facts));
    }
    store.apply(&change).expect("a good disk");
    drop(store);
    std::fs::copy(&file, database).expect("room on the disk");
    Ok(())
}

/// The case of a channel whose funding was proven.
fn put_open(
    store: &Store,
    row: lightning_arbitrator::store::ChannelRow,
    channel: OutPoint,
    block: BlockRef,
) -> Result<(), StoreError> {
    let before = store.case(row)?;
    let open = FundingState::Open(Block {
        height: block.height.to_u32(),
        hash: block.hash,
    });
    let case = Case {
        revision: before.revision + 1,
        funding: open,
        ..before.clone()
    };
    let step = Step {
        case,
        ..Step::default()
    };
    store.put_step(row, channel, &before, &step)
}

fn headers() -> Vec<Header> {
    let mut previous = BlockHash::all_zeros();
    (0..HEADERS)
        .map(|height| {
            let header = Header {
                version: Version::TWO,
                prev_blockhash: previous,
                merkle_root: TxMerkleNode::all_zeros(),
                time: 1_700_000_000 + 600 * height,
                bits: CompactTarget::from_consensus(0x207f_ffff),
                nonce: 0,
            };
            previous = header.block_hash();
            header
        })
        .collect()
}

fn block(headers: &[Header], height: u32) -> BlockRef {
    BlockRef {
        height: BlockHeight::new(height),
        hash: headers[height as usize].block_hash(),
    }
}

/// Opens the arbitrator and lets it tick without a single question to the server.
fn open(database: &Path) -> Result<Took, ArbitratorError> {
    let signer = SeedSigner::new(&[1; 32]).expect("32 bytes");
    let config = config(database, signer);
    let before = Memory::now().resident;
    let start = Instant::now();
    let arbitrator = block_on(ChainArbitrator::open(config))?;
    let open = start.elapsed();
    let start = Instant::now();
    let report = block_on(arbitrator.resume(ResumeOptions {
        max_requests: Some(0),
        ..ResumeOptions::default()
    }))?;
    let rest = start.elapsed();
    assert_eq!(report.requests, 0);
    assert!(report.troubles.is_empty(), "{:?}", report.troubles);
    assert!(report.changed.is_empty(), "every channel is at rest");
    Ok(Took {
        open,
        rest,
        memory: Memory::now().peak - before,
        rows: 0,
    })
}

/// The same rows, each once: first those that a tick reads once, then those of the channels.
fn read(
    database: &Path,
    channels: impl FnOnce(&Reads) -> rusqlite::Result<u64>,
) -> rusqlite::Result<Took> {
    let before = Memory::now().resident;
    let start = Instant::now();
    let reads = Reads::open(database)?;
    let once = reads.once()?;
    let open = start.elapsed();
    let start = Instant::now();
    let rows = once + channels(&reads)?;
    Ok(Took {
        open,
        rest: start.elapsed(),
        memory: Memory::now().peak - before,
        rows,
    })
}

/// Channel by channel, as a tick does it.
fn read_channels(reads: &Reads) -> rusqlite::Result<u64> {
    let mut rows = 0;
    for channel in 0..reads.count("channel")? {
        let row = i64::try_from(channel + 1).expect("a thousand");
        rows += reads.at_rest(row)?;
        if channel % CARRYING == 0 || channel < READ_AT_REST {
            rows += reads.whole(row)?;
        }
    }
    Ok(rows)
}

fn print_ours(turns: &[(Took, Took)], scan: &Took, database: &Path) {
    let middle = |figure: &dyn Fn(&(Took, Took)) -> f64| median(turns.iter().map(figure).collect());
    let file = std::fs::metadata(database).expect("written above").len();
    println!("\nThe file: {}.", bytes(file as f64));
    let rows = turns.first().map_or(0, |(_, bare)| bare.rows);
    let table = Table::new(
        "Opening and the first tick, without any request",
        ["", "time", "÷ bare reads", "memory, at its most"],
    );
    let bare = middle(&|(_, bare)| bare.micros());
    let name = format!("bare SQLite reads of the same {rows} rows");
    let memory = middle(&|(_, bare)| bare.memory as f64);
    table.row([&name, &micros(bare), &"", &bytes(memory)]);
    let name = format!("for information: {} of them, table by table", scan.rows);
    let memory = bytes(scan.memory as f64);
    table.row([&name, &micros(scan.micros()), &"", &memory]);
    let part = |figure: &dyn Fn(&Took) -> Duration| {
        micros(middle(&|(ours, _)| figure(ours).as_secs_f64() * 1e6))
    };
    table.row([
        &"ours: `ChainArbitrator::open`",
        &part(&|it| it.open),
        &"",
        &"",
    ]);
    table.row([&"ours: the tick", &part(&|it| it.rest), &"", &""]);
    let ratio = Goal {
        figure: middle(&|(ours, bare)| ours.micros() / bare.micros()),
        at_most: 3.0,
    };
    let memory = Goal {
        figure: middle(&|(ours, _)| ours.memory as f64 / 1024.0 / 1024.0),
        at_most: 20.0,
    };
    let whole = micros(middle(&|(ours, _)| ours.micros()));
    table.row([&"ours", &whole, &ratio, &format!("MiB: {memory}")]);
}

fn print_ldk(scratch: &Scratch, channels: u64, states: u64) {
    let copies = u32::try_from(channels).expect("a thousand");
    let mut nodes = Ldk::begin(scratch.file("ldk-channel"), Choice::USUAL);
    // Two rounds, and so two revoked states of each side, to a payment.
    nodes.pay(LDK_STATES / 2);
    let monitors = scratch.file("ldk-monitors");
    let length = nodes.copy(monitors.clone(), copies);
    drop(nodes);
    let opened = ldk::open(monitors);
    assert_eq!(opened.monitors, channels);
    let title = format!("LDK: {channels} monitors read from SQLite and deserialised");
    let table = Table::new(
        &title,
        ["revoked states each", "bytes each", "time", "memory"],
    );
    let time = opened.time.as_secs_f64() * 1e6;
    table.row([
        &LDK_STATES,
        &bytes(length as f64),
        &micros(time),
        &bytes(opened.memory as f64),
    ]);
    let scale = states as f64 / LDK_STATES as f64;
    table.row([
        &format!("{states}, scaled by {scale}"),
        &bytes(length as f64 * scale),
        &micros(time * scale),
        &bytes(opened.memory as f64 * scale),
    ]);
}
