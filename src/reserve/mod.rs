//! The embedded reserve wallet, for apps that have no on-chain wallet of their own: one descriptor over the seed (BIP 84), whose
//! coins the chain server names and [`chain`](crate::chain) proves. Pure: the questions are asked by a tick, and what must
//! survive it is in the store.
//!
//! `wpkh(m/84'/coin'/0'/0/*)`: one row of scripts for what the user pays in, for sweeps and for change, so that a look at all of
//! them is few requests, and so that any wallet that knows BIP 84 finds the money from the seed alone.

mod book;
mod empty;
mod emptying;
mod keys;
mod wallet;

pub(crate) use book::{respendable, spendable, standing, Standing, Taken};
pub use book::{KnownCoin, ReserveBalance};
pub use empty::EmptyError;
pub(crate) use empty::{empty, replaced_by};
pub use emptying::Emptying;
pub(crate) use emptying::{fate, Fate};
pub use keys::SeedWallet;
pub(crate) use wallet::ReserveWallet;
