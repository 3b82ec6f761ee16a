//! The library as apps in Kotlin and Swift see it: plain records and enums, one object, and the traits they implement.
//!
//! Nothing is decided here. What comes in is turned into the types of the floors below, and refused with
//! [`ArbitratorError::InvalidInput`] where it cannot be; what goes out is turned into records. The exported async
//! functions only await the library's thread, so they never block the caller's, need no runtime of the app's, and may
//! be cancelled at any time.
//!
//! Txids and block hashes are hex, as block explorers show them; keys, scripts, secrets, signatures and transactions
//! are bytes; every amount has its unit in its name.

mod arbitrator;
mod bump;
mod care;
mod case_file;
mod chain;
mod channel;
mod close;
mod config;
mod crypto;
mod errors;
mod events;
mod foreign;
mod input;
mod keys;
mod lifecycle;
mod opening;
mod preview;
mod queries;
mod report;
mod reserve;
mod signer;
mod sleep;
mod summary;
mod terms;
#[cfg(test)]
mod tests;
mod tick;
mod updates;

pub use arbitrator::ChainArbitrator;
pub use bump::{Bump, BumpStatus};
pub use care::{IntegrityFinding, IntegrityReport, WipeScope};
pub use case_file::{
    BroadcastFile, CaseFile, Claimant, CloseFile, Means, OutputFile, OutputKind, OutputMoney,
    Waiting, Who,
};
pub use chain::{Block, OutPoint};
pub use channel::{
    ChannelUpdate, CommitmentUpdate, Direction, FundingSignatures, Htlc, HtlcKey, HtlcOrigin,
    LocalUpdate, Position, RemoteUpdate,
};
pub use close::{CloseKind, CloseReason};
pub use config::{default_policy, ArbitratorConfig, Network, Policy};
pub use crypto::{KeyCrypto, Unsealed};
pub use errors::ArbitratorError;
pub use events::{Delivery, Event, EventKind, PeerMessage};
pub use foreign::{
    AnnouncementRequest, Coin, CoinWitness, CryptoError, CryptoSystem, GraphError, GraphView,
    InputToSign, KeyDescriptor, KeyRole, KeyTweak, NodeSigner, OnchainWallet, SignRequest, Signer,
    SignerError, WalletError,
};
pub use lifecycle::{Lifecycle, Refusal};
pub use opening::{
    Announcement, MinimumDepth, OpenedWith, OpeningStage, OpeningStatus, OpeningTerms, PeerReady,
    Received,
};
pub use preview::{
    CloseFees, CloseOutlook, ClosePreview, HtlcStake, PreviewedOutput, PriceLevel, PricedClose,
};
pub use queries::{
    AllTraffic, AmountAtHeight, Balances, BroadcastPurpose, ChannelFilter, ChannelOverview,
    ChannelPage, ChannelSums, ClosedPage, ClosingBalance, HistoryEntry, HistoryKind, HistoryPage,
    HtlcPage, HtlcRecord, HtlcStage, NumberInterval, OpeningNote, PageRequest, PendingHtlcs,
    ShortChannelIds, Standing, Traffic,
};
pub use report::{
    ArbitratorState, ChannelReport, CloseReport, ContractProgress, ContractReason, ContractReport,
    ContractRole, FundingState, Resolution,
};
pub use reserve::{EmptiedReserve, ReserveBalance, ReserveLook, ReserveNeeded, SeedWallet};
pub use signer::{ChannelSecrets, SeedSigner};
pub use sleep::{DeadlineReason, Moment, SleepBudget, WakeUp};
pub use summary::{CloseSummary, Reestablish, SummaryKind};
pub use terms::{ChannelKeys, ChannelTerms, ChannelType, Party, PartyTerms};
pub use tick::{
    BroadcastOutcome, ClosingBroadcast, ForceCloseStatus, Look, ResumeOptions, ResumeReport,
    Trouble,
};

/// The version of the native library.
#[uniffi::export]
pub fn library_version() -> String {
    env!("CARGO_PKG_VERSION").to_string()
}
