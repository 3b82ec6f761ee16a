//! Random histories of two channels: payments, closes of every kind, cheats, reorgs, sleep and death, and at the end a judge
//! who knows the chain and keeps books of its own.
//!
//! Whatever happened: no satoshi above the economic threshold is lost, no HTLC is both failed and paid, what has to be said
//! upstream is said once, and every case ends. `HISTORIES_SEED=n` plays one history again and shows it;
//! `HISTORIES=n` plays so many.

mod books;
mod choices;
mod dice;
mod directory;
mod engine;
mod judge;
mod many;
mod peer;
mod phone;
mod source;
mod story;
// The scenarios do more with it.
#[allow(dead_code)]
#[path = "../scenarios/support/wallet.rs"]
mod wallet;
#[path = "../scenarios/support/words.rs"]
mod words;

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Mutex;

use story::{Story, Tally, Trace};

/// How many of them without optimisation, unless the environment says otherwise. Ten thousand take some minutes:
/// `HISTORIES=10000 cargo test --profile histories --test histories`.
const HISTORIES: u64 = 100;
/// So many failures are enough to see what is wrong.
const ENOUGH: usize = 5;

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

/// Whether these tests are to do what takes an optimised build.
fn is_full_run() -> bool {
    from_environment("HISTORIES").is_some()
}

/// Plays one history. Gives what it saw, or why it failed and what happened before.
fn play(seed: u64) -> Result<Tally, String> {
    let trace = Trace::default();
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut story = Story::begin(seed, trace.clone());
        story.lives();
        story.ends();
        story.judge();
        std::mem::take(&mut story.tally)
    }));
    let lines = trace.lock().expect("nobody panics with it").join("\n");
    match played {
        Ok(tally) => {
            if from_environment("HISTORIES_SEED").is_some() {
                println!("{lines}");
            }
            Ok(tally)
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or(panic.downcast_ref::<&str>().map(ToString::to_string));
            let why = text.unwrap_or_default();
            Err(format!("HISTORIES_SEED={seed}\n{lines}\n{why}\n"))
        }
    }
}

#[test]
fn no_history_loses_a_satoshi_or_pays_what_has_failed() {
    if let Some(seed) = from_environment("HISTORIES_SEED") {
        play(seed).unwrap_or_else(|failed| panic!("{failed}"));
        return;
    }
    let histories = from_environment("HISTORIES").unwrap_or(HISTORIES);
    let next = AtomicU64::new(0);
    let failures = Mutex::new(Vec::new());
    let tally = Mutex::new(Tally::new());
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let is_enough = failures.lock().expect("nobody panics with it").len() >= ENOUGH;
        if seed >= histories || is_enough {
            return;
        }
        match play(seed) {
            Ok(seen) => {
                let mut tally = tally.lock().expect("nobody panics with it");
                for (what, times) in seen {
                    *tally.entry(what).or_insert(0) += times;
                }
            }
            Err(failed) => failures.lock().expect("nobody panics with it").push(failed),
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    for (what, times) in tally.into_inner().expect("nobody panics with it") {
        println!("{times:>8}  {what}");
    }
    let failures = failures.into_inner().expect("nobody panics with it");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
