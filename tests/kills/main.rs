//! The library under violence. A phone in a child process is killed at every write and at random moments, loses power at
//! every write, finds its disk full or broken at every write; and each time the story ends as if nothing had happened.
//!
//! The judge is [`story::Outcome`]: balances, states, resolutions, close summaries and the ids of all events. Beside it the
//! [`engine`] asks after every step whether all that was ever acknowledged is still there.
#![cfg(unix)]

mod bases;
mod deeds;
mod dice;
mod disk;
mod engine;
mod full;
mod line;
#[path = "../scenarios/support/our_node.rs"]
mod our_node;
mod phone;
mod power;
mod rows;
mod sigkill;
mod story;
mod thousand;
mod wire;
#[path = "../scenarios/support/words.rs"]
mod words;
