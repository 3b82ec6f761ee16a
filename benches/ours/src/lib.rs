//! The benchmarks of lightning-arbitrator: what its programs share.

pub mod app;
pub mod ldk;
pub mod made;
pub mod reads;
pub mod rebuild;
pub mod store;
pub mod trade;
#[path = "../../../tests/scenarios/support/words.rs"]
#[allow(dead_code)]
pub mod words;

/// A figure from the environment, or its default.
pub fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) => text
            .parse()
            .unwrap_or_else(|error| panic!("{name}={text}: {error}")),
    }
}
