//! A case in a person's words, and as a record.

use bitcoin::{OutPoint, Txid};

use super::{
    lifecycle, refusal, ArbitratorState, Case, CloseKind, FundingState, OutputKind, Progress,
};
use crate::channel::{Lifecycle, Refusal};

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
                what: OutputKind::from(contract).to_string(),
                status: contract.progress.to_string(),
                progress: contract.progress,
            })
            .collect(),
        next_height,
    }
}
