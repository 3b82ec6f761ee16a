//! What claims cost, and whether they confirm in time: fee regimes × how the phone sleeps × what is claimed, on the in-memory
//! chain with blocks that take no less than the market asks for. Beside it what others would have paid, and the least that
//! anybody could have: the cheapest block before the deadline.
//!
//! `FEE_SEEDS=n` plays each cell so many times, and prints the table of docs/benchmarks.md.

#[path = "../histories/dice.rs"]
#[allow(dead_code)]
mod dice;
#[path = "../histories/directory.rs"]
mod directory;
mod market;
#[path = "../histories/phone.rs"]
#[allow(dead_code)]
mod phone;
mod rivals;
#[path = "../histories/source.rs"]
#[allow(dead_code)]
mod source;
mod stage;
#[path = "../scenarios/support/wallet.rs"]
#[allow(dead_code)]
mod wallet;
#[path = "../scenarios/support/words.rs"]
#[allow(dead_code)]
mod words;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;

use testkit::party::ChannelType;

use market::{Market, Regime};
use rivals::{Rival, Rule};
use stage::{Claimed, Kind, Sleep, Stage};

/// How often each cell is played without optimisation, unless the environment says otherwise.
const SEEDS: u64 = 2;

/// Whose bids are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Ours,
    Rival(Rule),
}

/// One cell of the table.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    played: u32,
    /// Those that could have confirmed within their budget while the phone was awake before a block.
    affordable: u32,
    confirmed: u32,
    /// What the confirmed ones paid, as multiples of the cheapest block.
    paid: f64,
}

type Table = BTreeMap<(Who, Regime, Sleep), Cell>;

impl Cell {
    fn count(&mut self, is_affordable: bool, paid: Option<f64>) {
        self.played += 1;
        self.affordable += u32::from(is_affordable);
        if let Some(paid) = paid {
            self.confirmed += 1;
            self.paid += paid;
        }
    }

    fn add(&mut self, other: &Cell) {
        self.played += other.played;
        self.affordable += other.affordable;
        self.confirmed += other.confirmed;
        self.paid += other.paid;
    }

    /// The share of the affordable ones that confirmed, in percent.
    fn share(&self) -> f64 {
        100.0 * f64::from(self.confirmed) / f64::from(self.affordable.max(1))
    }

    fn times(&self) -> f64 {
        self.paid / f64::from(self.confirmed.max(1))
    }
}

/// What a rival pays for the same claim, awake at the same blocks.
fn rival(rule: Rule, market: &Market, claimed: &Claimed) -> Option<f64> {
    let mut rival = Rival::new(rule);
    let mut bid = 0.0;
    for block in claimed.blocks.clone() {
        // One that has not confirmed is awake when ours would have been: at each block near the end.
        let is_awake = claimed.wakes.contains(&block)
            || claimed
                .wakes
                .last()
                .is_some_and(|last| block > *last && block + 18 >= claimed.blocks.end);
        if is_awake {
            let estimates = market.estimates(block);
            bid = rival.bids(block, claimed.blocks.end, claimed.budget, &estimates);
        }
        if bid >= market.takes(block) as f64 {
            return Some(bid);
        }
    }
    None
}

fn play(regime: Regime, sleep: Sleep, kind: Kind, seed: u64, table: &Mutex<Table>) {
    let market = Market::new(regime, seed);
    let claimed = Stage::new(&market, ChannelType::AnchorsZeroFeeHtlc).play(kind, sleep);
    let cheapest = market.cheapest(claimed.blocks.clone()) as f64;
    let is_affordable = cheapest <= claimed.budget;
    let mut results = vec![(Who::Ours, claimed.paid)];
    for rule in [Rule::Timers, Rule::Fixed] {
        results.push((Who::Rival(rule), rival(rule, &market, &claimed)));
    }
    let mut table = table.lock().expect("nobody panics with it");
    for (who, paid) in results {
        let cell = table.entry((who, regime, sleep)).or_default();
        cell.count(is_affordable, paid.map(|paid| paid / cheapest));
        if paid.is_none() && who == Who::Ours {
            println!("not in time: {regime:?} {sleep:?} {kind:?} seed {seed}, budget {:.0}, cheapest {cheapest:.0}", claimed.budget);
        }
    }
}

fn print(table: &Table) {
    println!("confirmed in time, and what was paid as a multiple of the cheapest block before the deadline");
    for who in [Who::Ours, Who::Rival(Rule::Timers), Who::Rival(Rule::Fixed)] {
        println!("{who:?}");
        for regime in Regime::ALL {
            let cells = Sleep::ALL.map(|sleep| {
                let cell = table
                    .get(&(who, regime, sleep))
                    .copied()
                    .unwrap_or_default();
                format!("{sleep:?}: {:5.1} % {:5.2}", cell.share(), cell.times())
            });
            println!("  {:<9} {}", format!("{regime:?}"), cells.join("   "));
        }
        let all = total(table, who);
        println!(
            "  all: {:.2} % of {}, {:.2} times",
            all.share(),
            all.played,
            all.times()
        );
    }
}

fn total(table: &Table, who: Who) -> Cell {
    let mut all = Cell::default();
    table
        .iter()
        .filter(|((of, ..), _)| *of == who)
        .for_each(|(_, cell)| all.add(cell));
    all
}

#[test]
fn every_claim_confirms_before_its_deadline_for_little_more_than_it_must() {
    let seeds = std::env::var("FEE_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("a number"));
    let mut plays = Vec::new();
    for seed in 0..seeds {
        for regime in Regime::ALL {
            for sleep in Sleep::ALL {
                plays.extend(Kind::ALL.map(|kind| (regime, sleep, kind, seed)));
            }
        }
    }
    let (next, table) = (AtomicUsize::new(0), Mutex::new(Table::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((regime, sleep, kind, seed)) =
                    plays.get(next.fetch_add(1, Ordering::Relaxed)).copied()
                {
                    play(regime, sleep, kind, seed, &table);
                }
            });
        }
    });
    let table = table.into_inner().expect("nobody panics with it");
    print(&table);
    let ours = total(&table, Who::Ours);
    assert_eq!(
        ours.confirmed, ours.affordable,
        "awake in time, and within the budget"
    );
    assert!(ours.times() < 1.3, "{:.2}", ours.times());
    let timers = total(&table, Who::Rival(Rule::Timers));
    assert!(ours.times() < timers.times() && ours.confirmed >= timers.confirmed);
}
