//! The case file of a channel: every output of its close with what is known and awaited of it, and the whole history.
//!
//! Nothing of it is stored for itself. It is read off the case, the terms and the log; the log outlives the working data,
//! so that the file of a case that has ended still says what became of every output.

mod claim;
mod outputs;
mod recorded;
#[cfg(test)]
mod tests;
mod text;

pub use claim::BroadcastFile;
pub use outputs::OutputFile;

use bitcoin::{OutPoint, Txid};

use super::{
    lifecycle, next_height, ArbitratorState, Block, BroadcastPurpose, Case, CloseKind,
    ClosingBalance, Dossier, FundingState, LogEntry,
};
use crate::channel::Lifecycle;
use crate::config::Policy;

/// The close that is on the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFile {
    pub kind: CloseKind,
    pub txid: Txid,
    pub block: Block,
    /// Deep enough for what cannot be undone.
    pub settled: bool,
}

/// Everything that is known of a case. Its `Display` is the same for people: a line an output, a line an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseFile {
    pub channel: OutPoint,
    /// The tip that "now" means.
    pub tip: u32,
    pub lifecycle: Lifecycle,
    pub state: ArbitratorState,
    pub funding: FundingState,
    pub close: Option<CloseFile>,
    /// Every output of the close, ours or not, then those that second-level transactions left.
    pub outputs: Vec<OutputFile>,
    /// Transactions of ours that are no claims: the funding, our commitment, a child that pays for one, a cooperative close.
    pub broadcasts: Vec<BroadcastFile>,
    /// Where the money is; zero while no close is proven.
    pub balance: ClosingBalance,
    /// The next height at which something is to be done, if nothing else happens.
    pub next_height: Option<u32>,
    /// The arbitrator's log, oldest first.
    pub timeline: Vec<LogEntry>,
}

impl CaseFile {
    /// The file of a case, with its log, at this tip.
    pub fn of(
        case: &Case,
        dossier: &Dossier,
        log: Vec<LogEntry>,
        tip: u32,
        policy: &Policy,
    ) -> Self {
        let broadcasts = case.broadcasts.iter();
        CaseFile {
            channel: dossier.channel(),
            tip,
            lifecycle: lifecycle(case),
            state: case.state,
            funding: case.funding,
            close: case.close.as_ref().map(|close| CloseFile {
                kind: close.kind,
                txid: close.txid,
                block: close.block,
                settled: close.settled,
            }),
            outputs: outputs::outputs(case, dossier, &log, tip, policy),
            broadcasts: broadcasts
                .filter(|held| match held.purpose {
                    BroadcastPurpose::Funding
                    | BroadcastPurpose::Commitment
                    | BroadcastPurpose::Cooperative
                    | BroadcastPurpose::OrphanedClose
                    | BroadcastPurpose::PeerCommitment
                    | BroadcastPurpose::Cpfp(_) => true,
                    BroadcastPurpose::Sweep(_) => false,
                })
                .map(|held| BroadcastFile::of(held, case, dossier))
                .collect(),
            balance: balance(case, dossier, &log),
            next_height: next_height(case, dossier, tip, policy),
            timeline: log,
        }
    }
}

fn balance(case: &Case, dossier: &Dossier, log: &[LogEntry]) -> ClosingBalance {
    let capacity = dossier.terms.funding.capacity;
    match &case.close {
        // Nothing of a case that has ended is purged before its books are closed.
        Some(close) if case.state == ArbitratorState::FullyResolved => {
            ClosingBalance::past(close, capacity, &recorded::past_money(log))
        }
        Some(_) | None => ClosingBalance::of(case, capacity),
    }
}
