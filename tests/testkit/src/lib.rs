//! The project's independent judge. It knows Bitcoin and Lightning from the specifications and from other people's code, never
//! from `lightning-arbitrator`, which it does not depend on.
//!
//! - [`chain`]: one interface over a real regtest node and an in-memory chain;
//! - [`party`]: the counterparty, honest or cheating, on LDK's commitment code;
//! - [`control`]: both over HTTP, for tests in other languages.

pub mod chain;
pub mod control;
pub mod gateway;
mod index;
pub mod memory;
mod miner;
pub mod party;
pub mod regtest;
