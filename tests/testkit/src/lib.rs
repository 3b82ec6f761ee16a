//! The project's independent judge. It knows Bitcoin and Lightning from the specifications and from other people's code, never
//! from `lightning-arbitrator`, which it does not depend on.
//!
//! - [`chain`]: one interface over a real regtest node ([`regtest`]) and an in-memory chain ([`memory`]);
//! - [`gateway`]: an Esplora server over either, with faults to order; [`esplora`] takes a real server where there is one;
//! - [`party`]: the counterparty, honest or cheating, on LDK's commitment code;
//! - [`control`]: all of it over HTTP, for tests in other languages (`testkit-server`).

pub mod chain;
pub mod control;
pub mod esplora;
pub mod gateway;
mod index;
pub mod memory;
mod miner;
pub mod party;
pub mod regtest;
