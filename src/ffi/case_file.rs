//! The case file of a channel: its outputs, its claims, its history; as records, and as text.

mod output;

pub use output::{Claimant, Means, OutputKind, OutputMoney, Waiting, Who};

use super::arbitrator::channel;
use super::{
    ArbitratorError, ArbitratorState, Block, BroadcastOutcome, BroadcastPurpose, ChainArbitrator,
    CloseKind, ClosingBalance, ContractProgress, ContractRole, FundingState, HistoryEntry,
    Lifecycle, OutPoint,
};
use crate::court::case_file;

/// A signed transaction of ours.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BroadcastFile {
    /// Its txid.
    pub txid: String,
    /// What it is for.
    pub purpose: BroadcastPurpose,
    /// What it pays; nothing for a funding.
    pub fee_sat: Option<u64>,
    /// The same by its weight, in sat per 1000 weight units.
    pub feerate_per_kw: Option<u64>,
    /// The tip when it was signed.
    pub since: u32,
    /// What became of its last broadcast; nothing before the first one.
    pub outcome: Option<BroadcastOutcome>,
}

impl From<case_file::BroadcastFile> for BroadcastFile {
    fn from(held: case_file::BroadcastFile) -> Self {
        BroadcastFile {
            txid: held.txid.to_string(),
            purpose: held.purpose.into(),
            fee_sat: held.fee.map(bitcoin::Amount::to_sat),
            feerate_per_kw: held.feerate.map(bitcoin::FeeRate::to_sat_per_kwu),
            since: held.since,
            outcome: held.outcome.map(BroadcastOutcome::from),
        }
    }
}

/// The close that is on the chain.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CloseFile {
    /// Who closed, and how.
    pub kind: CloseKind,
    /// The closing transaction.
    pub txid: String,
    /// Its block.
    pub block: Block,
    /// Deep enough for what cannot be undone.
    pub settled: bool,
}

impl From<case_file::CloseFile> for CloseFile {
    fn from(close: case_file::CloseFile) -> Self {
        CloseFile {
            kind: close.kind.into(),
            txid: close.txid.to_string(),
            block: close.block.into(),
            settled: close.settled,
        }
    }
}

/// One output of a close, with all that is known and awaited of it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OutputFile {
    /// The output.
    pub outpoint: OutPoint,
    /// Its value.
    pub value_sat: u64,
    /// What it is.
    pub kind: OutputKind,
    /// Which resolver is responsible; nothing where it is not ours to resolve.
    pub role: Option<ContractRole>,
    /// How far it is; nothing where it is not ours to resolve.
    pub progress: Option<ContractProgress>,
    /// Who could spend it, and from when on, the first one first; empty once it is spent.
    pub claimants: Vec<Claimant>,
    /// What is being waited for.
    pub waiting: Waiting,
    /// The next height at which something happens to it, if nothing else does.
    pub next_height: Option<u32>,
    /// What it comes to for us.
    pub money: OutputMoney,
    /// The newest claim of ours.
    pub claim: Option<BroadcastFile>,
    /// All of this in one line, for people.
    pub line: String,
}

impl From<case_file::OutputFile> for OutputFile {
    fn from(output: case_file::OutputFile) -> Self {
        OutputFile {
            line: output.to_string(),
            outpoint: output.outpoint.into(),
            value_sat: output.value.to_sat(),
            kind: output.kind.into(),
            role: output.role.map(ContractRole::from),
            progress: output.progress.map(ContractProgress::from),
            claimants: output.claimants.into_iter().map(Claimant::from).collect(),
            waiting: output.waiting.into(),
            next_height: output.next_height,
            money: output.money.into(),
            claim: output.claim.map(BroadcastFile::from),
        }
    }
}

/// Everything that is known of a channel's case.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct CaseFile {
    /// The channel.
    pub channel: OutPoint,
    /// The tip that "now" means.
    pub tip: u32,
    /// The stage of its life.
    pub lifecycle: Lifecycle,
    /// Where its case stands.
    pub state: ArbitratorState,
    /// Whether its money is on the chain.
    pub funding: FundingState,
    /// Its close, once proven.
    pub close: Option<CloseFile>,
    /// Every output of the close, ours or not, then those that second-level transactions left.
    pub outputs: Vec<OutputFile>,
    /// Transactions of ours that are no claims: the funding, our commitment, a cooperative close.
    pub broadcasts: Vec<BroadcastFile>,
    /// Where the money is; zero while no close is proven.
    pub balance: ClosingBalance,
    /// The next height at which something is to be done, if nothing else happens.
    pub next_height: Option<u32>,
    /// The whole history, oldest first.
    pub timeline: Vec<HistoryEntry>,
    /// All of this for people: a line an output, a line an event.
    pub text: String,
}

impl From<case_file::CaseFile> for CaseFile {
    fn from(file: case_file::CaseFile) -> Self {
        let timeline = file.timeline.iter();
        CaseFile {
            text: file.to_string(),
            timeline: timeline
                .map(|entry| HistoryEntry::of(file.channel, entry.clone()))
                .collect(),
            channel: file.channel.into(),
            tip: file.tip,
            lifecycle: file.lifecycle.into(),
            state: file.state.into(),
            funding: file.funding.into(),
            close: file.close.map(CloseFile::from),
            outputs: file.outputs.into_iter().map(OutputFile::from).collect(),
            broadcasts: file
                .broadcasts
                .into_iter()
                .map(BroadcastFile::from)
                .collect(),
            balance: file.balance.into(),
            next_height: file.next_height,
        }
    }
}

/// Waits for no tick and no write.
#[uniffi::export]
impl ChainArbitrator {
    /// Everything that is known of a channel's case: every output of its close, what claims it and what is awaited, where the
    /// money is, and the whole history. Also of a case that has ended.
    pub async fn case_file(&self, channel: OutPoint) -> Result<CaseFile, ArbitratorError> {
        let channel = self::channel(&channel)?;
        Ok(self.core.case_file(channel).await?.into())
    }
}
