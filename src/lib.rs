//! Keeps the money in Lightning channels safe on-chain, for devices that are mostly asleep.
//!
//! The app's channel engine tells the [`ChainArbitrator`] every commitment. Whenever the device wakes,
//! [`ChainArbitrator::resume`] asks an Esplora server what happened, moves every channel's case forward in durable steps,
//! broadcasts what must be broadcast, and reports what is open.
//!
//! **Facts in, decisions out, one transaction between.** What decides is pure ([`protocol`], [`channel`], [`court`],
//! [`opening`], [`sweep`]); a thin shell fetches ([`chain`]), stores ([`store`]) and drives ([`arbitrator`]).

pub mod arbitrator;
pub mod chain;
pub mod channel;
pub mod config;
pub mod court;
pub mod error;
pub mod ffi;
pub mod graph;
pub mod opening;
pub mod protocol;
pub mod reserve;
pub mod signer;
pub mod store;
pub mod sweep;
pub mod wallet;

/// The README's quick start compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use arbitrator::{ChainArbitrator, Config, ForceCloseStatus, ResumeOptions, ResumeReport};
pub use config::Policy;
pub use error::ArbitratorError;
pub use graph::GraphView;
pub use reserve::SeedWallet;
pub use signer::{NodeSigner, SeedSigner, Signer};
pub use wallet::{OnchainWallet, Wallet};

uniffi::setup_scaffolding!();
