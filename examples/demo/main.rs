//! The main job, told on the terminal: a phone sleeps through a force close, is killed in the middle of waking up, wakes
//! again, and gets its money back.
//!
//! The world (chain, Esplora server, counterparty) lives in this process; each time the phone is on, it is a process of its
//! own, so that it can really be killed. `cargo run --example demo`, or `make demo`.

mod phone;
#[path = "../../tests/scenarios/support/words.rs"]
mod words;
mod world;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        None => world::run(),
        Some("phone") => phone::run(&arguments[1..]),
        Some(other) => panic!("the demo takes no arguments, and not {other:?}"),
    }
}
