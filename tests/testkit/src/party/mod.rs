//! The counterparty, honest or cheating: both ends of a channel, played on LDK's public `chan_utils`.
//!
//! [`Channel`] keeps the ledger and gives what an app would feed to its library ([`LocalUpdate`], [`RemoteUpdate`],
//! [`Revocation`]); what the peer does on chain comes as signed transactions for [`crate::chain::Chain::submit`]. LDK builds
//! every commitment; [`fees`] says from BOLT 3 what it must pay, and a difference stops the test. Everything follows from
//! the seeds in [`ChannelSetup`]: the same story gives the same bytes.

mod build;
mod channel;
mod cheats;
mod claims;
mod closing;
mod commitments;
mod deeds;
mod error;
pub mod fees;
pub mod hex;
mod htlc;
mod htlc_claims;
mod opening;
mod secrets;
mod setup;
#[cfg(test)]
mod tests;
mod update;

pub use channel::Channel;
pub use closing::{Closing, ClosingOutputs, CooperativeClose};
pub use commitments::Which;
pub use error::PartyError;
pub use htlc::{Direction, Htlc, HtlcKey, NewHtlc, Origin, Settlement};
pub use opening::{Opened, ReadyRead, Stands};
pub use secrets::{PublicKeys, Secrets};
pub use setup::{ChannelSetup, ChannelType, Side, Terms};
pub use update::{DataLoss, LocalUpdate, RemoteUpdate, Revocation, Round};
