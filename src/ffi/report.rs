//! How a channel stands.

use super::{Block, CloseKind, Lifecycle, OutPoint, Refusal};
use crate::court::{self, report, resolver};

/// Where a channel's case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ArbitratorState {
    /// Nothing is to be done on the chain.
    Default,
    /// We decided to close; our commitment waits for its signature.
    BroadcastCommit,
    /// Our commitment is signed, and broadcast on every tick until a close is proven.
    CommitmentBroadcasted,
    /// A close is proven.
    ContractClosed,
    /// The outputs of the close are being resolved.
    WaitingFullResolution,
    /// Every output is irrevocably resolved.
    FullyResolved,
}

impl From<court::ArbitratorState> for ArbitratorState {
    fn from(state: court::ArbitratorState) -> Self {
        match state {
            court::ArbitratorState::Default => ArbitratorState::Default,
            court::ArbitratorState::BroadcastCommit => ArbitratorState::BroadcastCommit,
            court::ArbitratorState::CommitmentBroadcasted => ArbitratorState::CommitmentBroadcasted,
            court::ArbitratorState::ContractClosed => ArbitratorState::ContractClosed,
            court::ArbitratorState::WaitingFullResolution => ArbitratorState::WaitingFullResolution,
            court::ArbitratorState::FullyResolved => ArbitratorState::FullyResolved,
        }
    }
}

/// Whether the channel's money is on the chain at all.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum FundingState {
    /// The funding transaction is not proven to be on the chain.
    Pending,
    /// It is.
    Open {
        /// In this block.
        block: Block,
    },
    /// It is on the chain, without the output that the terms name.
    Mismatch {
        /// In this block.
        block: Block,
    },
}

impl From<court::FundingState> for FundingState {
    fn from(state: court::FundingState) -> Self {
        match state {
            court::FundingState::Pending => FundingState::Pending,
            court::FundingState::Open(block) => FundingState::Open {
                block: block.into(),
            },
            court::FundingState::Mismatch(block) => FundingState::Mismatch {
                block: block.into(),
            },
        }
    }
}

/// Who has an output of a close in the end.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Resolution {
    /// We do.
    Claimed {
        /// Our transaction.
        txid: String,
    },
    /// The peer does, and gave the preimage for it.
    Fulfilled {
        /// The peer's transaction.
        txid: String,
    },
    /// The peer took back what it had offered.
    TimedOut {
        /// The peer's transaction.
        txid: String,
    },
    /// Somebody else does.
    SweptByAnother {
        /// The other's transaction.
        txid: String,
    },
}

impl From<resolver::Resolution> for Resolution {
    fn from(resolution: resolver::Resolution) -> Self {
        match resolution {
            resolver::Resolution::Claimed { txid } => Resolution::Claimed {
                txid: txid.to_string(),
            },
            resolver::Resolution::Fulfilled { txid } => Resolution::Fulfilled {
                txid: txid.to_string(),
            },
            resolver::Resolution::TimedOut { txid } => Resolution::TimedOut {
                txid: txid.to_string(),
            },
            resolver::Resolution::SweptByAnother { txid } => Resolution::SweptByAnother {
                txid: txid.to_string(),
            },
        }
    }
}

/// Which resolver is responsible for an output of a close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ContractRole {
    /// Our balance, or what a second-level transaction of ours left of an HTLC.
    CommitSweep,
    /// An HTLC we offered, before its expiry: the peer may come with the preimage.
    OutgoingContest,
    /// An HTLC we offered, after its expiry: we take it back.
    OutgoingTimeout,
    /// An HTLC the peer offered that we may not claim, or not yet.
    IncomingContest,
    /// An HTLC the peer offered that we claim with its preimage.
    IncomingSuccess,
    /// Our anchor.
    Anchor,
    /// An output of a revoked commitment that is ours as a penalty.
    Breach,
}

impl From<court::ContractRole> for ContractRole {
    fn from(role: court::ContractRole) -> Self {
        match role {
            court::ContractRole::CommitSweep => ContractRole::CommitSweep,
            court::ContractRole::OutgoingContest => ContractRole::OutgoingContest,
            court::ContractRole::OutgoingTimeout => ContractRole::OutgoingTimeout,
            court::ContractRole::IncomingContest => ContractRole::IncomingContest,
            court::ContractRole::IncomingSuccess => ContractRole::IncomingSuccess,
            court::ContractRole::Anchor => ContractRole::Anchor,
            court::ContractRole::Breach => ContractRole::Breach,
        }
    }
}

/// Why an output is left where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ContractReason {
    /// Claiming it costs more than the policy's share of its value.
    FeeAboveValue {
        /// What it would cost.
        fee_sat: u64,
    },
    /// Its claim needs a coin of the wallet's for the fee, and there is none.
    ReserveNeeded {
        /// What is needed.
        fee_sat: u64,
    },
    /// An anchor has done its duty once a commitment confirmed; alone it is worth less than its fee.
    AnchorAlone,
    /// It stands on a commitment of ours that we do not hold, and needs the peer's signature.
    NoPeerSignature,
    /// An incoming HTLC that was never ours to claim, and that the peer has not taken back.
    NotOurs,
}

impl From<court::Reason> for ContractReason {
    fn from(reason: court::Reason) -> Self {
        match reason {
            court::Reason::FeeAboveValue { fee_sat } => ContractReason::FeeAboveValue { fee_sat },
            court::Reason::ReserveNeeded { fee_sat } => ContractReason::ReserveNeeded { fee_sat },
            court::Reason::AnchorAlone => ContractReason::AnchorAlone,
            court::Reason::NoPeerSignature => ContractReason::NoPeerSignature,
            court::Reason::NotOurs => ContractReason::NotOurs,
        }
    }
}

/// How far the resolution of one output of a close has come.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ContractProgress {
    /// Whose it is, is not decided.
    Contested {
        /// The height at which it is, if nobody decides it earlier.
        until: u32,
    },
    /// Ours once the tip has reached a height.
    Maturing {
        /// That height.
        claimable_at: u32,
    },
    /// Ours now; the claim is being made, or is not confirmed.
    Claimable,
    /// Ours, and not worth claiming for now.
    Uneconomic {
        /// Why.
        reason: ContractReason,
    },
    /// It would be ours, and there are no means to claim it.
    GivenUp {
        /// Why.
        reason: ContractReason,
    },
    /// Spent in a proven block.
    Spent {
        /// By whom.
        resolution: Resolution,
        /// In which block.
        block: Block,
        /// Deep enough to be reported.
        settled: bool,
    },
    /// Spent, irrevocably.
    Resolved {
        /// By whom.
        resolution: Resolution,
    },
}

impl From<resolver::Progress> for ContractProgress {
    fn from(progress: resolver::Progress) -> Self {
        match progress {
            resolver::Progress::Contested { until } => ContractProgress::Contested { until },
            resolver::Progress::Uneconomic { reason } => ContractProgress::Uneconomic {
                reason: reason.into(),
            },
            resolver::Progress::GivenUp { reason } => ContractProgress::GivenUp {
                reason: reason.into(),
            },
            resolver::Progress::Maturing { claimable_at } => {
                ContractProgress::Maturing { claimable_at }
            }
            resolver::Progress::Claimable => ContractProgress::Claimable,
            resolver::Progress::Spent {
                resolution,
                block,
                settled,
            } => ContractProgress::Spent {
                resolution: resolution.into(),
                block: block.into(),
                settled,
            },
            resolver::Progress::Resolved { resolution } => ContractProgress::Resolved {
                resolution: resolution.into(),
            },
        }
    }
}

/// One output of a close that is ours to resolve.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ContractReport {
    /// The output.
    pub outpoint: OutPoint,
    /// Its value.
    pub value_sat: u64,
    /// What it is, for people.
    pub what: String,
    /// How far it is, for people.
    pub status: String,
    /// How far it is.
    pub progress: ContractProgress,
}

impl From<report::ContractReport> for ContractReport {
    fn from(contract: report::ContractReport) -> Self {
        ContractReport {
            outpoint: contract.outpoint.into(),
            value_sat: contract.value_sat,
            what: contract.what,
            status: contract.status,
            progress: contract.progress.into(),
        }
    }
}

/// A proven close.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CloseReport {
    /// Who closed, and how.
    pub kind: CloseKind,
    /// The closing transaction.
    pub txid: String,
}

/// How one channel stands.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ChannelReport {
    /// The channel.
    pub channel: OutPoint,
    /// The stage of its life.
    pub lifecycle: Lifecycle,
    /// Where its case stands.
    pub state: ArbitratorState,
    /// Whether its money is on the chain.
    pub funding: FundingState,
    /// Its close, once proven.
    pub close: Option<CloseReport>,
    /// We lost data: nothing of ours is broadcast any more.
    pub data_loss: bool,
    /// The channel was opened from a backup: nothing of ours is broadcast until the peer's `channel_reestablish`
    /// confirms it.
    pub restored: bool,
    /// Why it takes no more commitments, once it takes none.
    pub refusal: Option<Refusal>,
    /// The outputs of the close that are ours to resolve.
    pub contracts: Vec<ContractReport>,
    /// The next height at which something is to be done, if nothing else happens.
    pub next_height: Option<u32>,
}

impl From<report::ChannelReport> for ChannelReport {
    fn from(report: report::ChannelReport) -> Self {
        let contracts = report.contracts.into_iter();
        ChannelReport {
            channel: report.channel.into(),
            lifecycle: report.lifecycle.into(),
            state: report.state.into(),
            funding: report.funding.into(),
            close: report.close.map(|(kind, txid)| CloseReport {
                kind: kind.into(),
                txid: txid.to_string(),
            }),
            data_loss: report.data_loss,
            restored: report.restored,
            refusal: report.refusal.map(Refusal::from),
            contracts: contracts.map(ContractReport::from).collect(),
            next_height: report.next_height,
        }
    }
}
