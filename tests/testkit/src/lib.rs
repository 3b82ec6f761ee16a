//! The project's independent judge. It knows Bitcoin and Lightning from the specifications and from other people's code, never
//! from `lightning-arbitrator`, which it does not depend on.
//!
//! - [`chain`]: one interface over a real regtest node and an in-memory chain;

pub mod chain;
pub mod gateway;
mod index;
pub mod memory;
mod miner;
pub mod regtest;
