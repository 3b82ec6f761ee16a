//! A case in a person's words, and as a record.

use bitcoin::{OutPoint, Txid};

use super::resolver::{Contract, ContractRole, Progress, Reason, Resolution};
use super::{lifecycle, refusal, ArbitratorState, Case, CloseKind, FundingState};
use crate::channel::{Lifecycle, Refusal};
use crate::protocol::{ContractOutput, HtlcKind};

/// One output of a close, as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractReport {
    pub outpoint: OutPoint,
    pub value_sat: u64,
    /// What the output is.
    pub what: String,
    /// How far it is.
    pub status: String,
    pub progress: Progress,
}

/// One channel, as it is reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelReport {
    pub channel: OutPoint,
    /// The stage of its life.
    pub lifecycle: Lifecycle,
    pub state: ArbitratorState,
    pub funding: FundingState,
    pub close: Option<(CloseKind, Txid)>,
    pub data_loss: bool,
    /// Opened from a backup and not confirmed: nothing of ours is broadcast.
    pub restored: bool,
    /// Why it takes no more commitments.
    pub refusal: Option<Refusal>,
    pub contracts: Vec<ContractReport>,
    /// The next height at which something is to be done, if nothing else happens.
    pub next_height: Option<u32>,
}

/// The report of a case.
pub fn report(channel: OutPoint, case: &Case, next_height: Option<u32>) -> ChannelReport {
    ChannelReport {
        channel,
        lifecycle: lifecycle(case),
        state: case.state,
        funding: case.funding,
        close: case.close.as_ref().map(|close| (close.kind, close.txid)),
        data_loss: case.latches.data_loss.is_some(),
        restored: case.latches.restored,
        refusal: refusal(case),
        contracts: case
            .contracts
            .iter()
            .map(|contract| ContractReport {
                outpoint: contract.outpoint,
                value_sat: contract.value_sat,
                what: describe(contract),
                status: status(&contract.progress),
                progress: contract.progress,
            })
            .collect(),
        next_height,
    }
}

/// What a contract is, in words.
pub fn describe(contract: &Contract) -> String {
    let output = match contract.output {
        ContractOutput::ToLocal => "to_local".to_string(),
        ContractOutput::ToRemote => "to_remote".to_string(),
        ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor => "anchor".to_string(),
        ContractOutput::SecondLevel => "second-level output".to_string(),
        ContractOutput::Htlc {
            kind, cltv_expiry, ..
        } => {
            let kind = match kind {
                HtlcKind::Offered => "offered",
                HtlcKind::Received => "received",
            };
            match contract.htlc {
                Some(key) => format!("HTLC {key} ({kind} by the owner, expiry {cltv_expiry})"),
                None => format!("HTLC ({kind} by the owner, expiry {cltv_expiry})"),
            }
        }
    };
    match contract.role {
        ContractRole::Breach => format!("{output} of a revoked commitment"),
        ContractRole::CommitSweep
        | ContractRole::OutgoingContest
        | ContractRole::OutgoingTimeout
        | ContractRole::IncomingContest
        | ContractRole::IncomingSuccess
        | ContractRole::Anchor => output,
    }
}

fn status(progress: &Progress) -> String {
    match progress {
        Progress::Contested { until } => {
            format!("contested, decided at height {until} at the latest")
        }
        Progress::Uneconomic { reason } => format!("left for now: {}", because(reason)),
        Progress::GivenUp { reason } => format!("given up: {}", because(reason)),
        Progress::Maturing { claimable_at } => format!("ours from height {claimable_at} on"),
        Progress::Claimable => "ours, the sweep is not confirmed yet".to_string(),
        Progress::Spent {
            resolution,
            block,
            settled,
        } => {
            let depth = if *settled {
                "settled"
            } else {
                "not settled yet"
            };
            format!(
                "{} at height {}, {depth}",
                outcome(resolution),
                block.height
            )
        }
        Progress::Resolved { resolution } => format!("{}, irrevocably", outcome(resolution)),
    }
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::FeeAboveValue { fee_sat } => format!("the claim would cost {fee_sat} sat"),
        Reason::ReserveNeeded { fee_sat } => {
            format!("it needs a coin of the wallet's for a fee of {fee_sat} sat")
        }
        Reason::AnchorAlone => "an anchor alone is worth less than its fee".to_string(),
        Reason::NoPeerSignature => "the peer's signature for it is not held".to_string(),
        Reason::NotOurs => "it was never ours, and the peer leaves it".to_string(),
    }
}

fn outcome(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Claimed { txid } => format!("claimed by {txid}"),
        Resolution::Fulfilled { txid } => format!("taken by the peer with the preimage, {txid}"),
        Resolution::TimedOut { txid } => format!("taken back by the peer, {txid}"),
        Resolution::SweptByAnother { txid } => format!("swept by another, {txid}"),
    }
}
