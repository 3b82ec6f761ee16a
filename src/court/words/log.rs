//! The arbitrator's log, one line an entry.

use std::fmt::{Display, Formatter, Result};

use crate::court::{DoubleSpend, LogEntry, LogKind, Void};
use crate::opening::{Flaw, OpeningNote, Said};

/// The tip when it happened, and what happened.
impl Display for LogEntry {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}: {}", self.height, self.kind)
    }
}

impl Display for LogKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            LogKind::State { from, to } => write!(f, "state {from} -> {to}"),
            LogKind::Funding(state) => write!(f, "{state}"),
            LogKind::CloseSeen { txid, kind } => write!(f, "{txid} is in the mempool: {kind}"),
            LogKind::CloseProven { txid, kind, block } => {
                let height = block.height;
                write!(f, "{txid} closed the channel at height {height}: {kind}")
            }
            LogKind::CloseReorged { txid, block } => {
                write!(f, "a reorg took {txid} at height {} away", block.height)
            }
            LogKind::ForceCloseRequested => write!(f, "a force close was asked for"),
            LogKind::ClosingSigned { txid } => {
                write!(f, "the cooperative close {txid} is fully signed")
            }
            LogKind::FundingCancelled => write!(f, "the funding was cancelled"),
            LogKind::FundingVoid(Void::ReplacedBy(by)) => {
                write!(f, "the funding was replaced by {by}")
            }
            LogKind::FundingVoid(Void::TimedOut) => {
                write!(f, "the peer never broadcast the funding")
            }
            LogKind::FundingVoid(Void::DoubleSpent { by }) => {
                write!(
                    f,
                    "the funding can never be: {by} has a coin of it for good"
                )
            }
            LogKind::FundingDoubleSpent(DoubleSpend { coin, by, block }) => {
                let height = block.height;
                write!(f, "{by} at height {height} has coin {coin} of the funding")
            }
            LogKind::DoubleSpendReorged(DoubleSpend { coin, by, block }) => {
                let height = block.height;
                write!(
                    f,
                    "a reorg took {by} at height {height} away: it had coin {coin} of the funding"
                )
            }
            LogKind::FundingRevived => write!(f, "the cancelled funding is on the chain after all"),
            LogKind::Abandoned => write!(f, "the channel was given up"),
            LogKind::OrphanAbandoned { txid } => {
                write!(f, "{txid} stayed away: our commitment goes out")
            }
            LogKind::DataLoss { number } => write!(f, "data was lost: the peer is at {number}"),
            LogKind::Restored { backup } => write!(f, "opened from backup {backup}"),
            LogKind::RestoredConfirmed => {
                write!(f, "the peer confirmed that the backup is the newest")
            }
            LogKind::Signed { purpose, txid } => write!(f, "signed {txid}: {purpose}"),
            LogKind::BroadcastOutcome { txid, outcome } => write!(f, "broadcast {txid}: {outcome}"),
            LogKind::Output(output) => write!(
                f,
                "output {}: {} sat, {}",
                output.outpoint, output.value_sat, output.kind
            ),
            LogKind::Contract { outpoint, progress } => write!(f, "output {outpoint}: {progress}"),
            LogKind::Resolver { outpoint, role } => {
                write!(f, "output {outpoint}: now in the hands of {role}")
            }
            LogKind::Account { outpoint, money } => write!(f, "output {outpoint}: {money}"),
            LogKind::ContractGone { outpoint } => {
                write!(f, "a reorg took the transaction of output {outpoint} away")
            }
            LogKind::Verdict { htlc, verdict } => {
                write!(f, "HTLC {} is {verdict} upstream", htlc.key)
            }
            LogKind::Advice { htlc, advice } => {
                write!(f, "HTLC {}: the engine is advised to {advice}", htlc.key)
            }
            LogKind::Bumped { outpoint, bump } => {
                write!(f, "the claim of {outpoint} is asked {bump}")
            }
            LogKind::GoesToChain(reason) => write!(f, "goes to the chain: {reason}"),
            LogKind::Opening(note) => write!(f, "{note}"),
        }
    }
}

impl Display for OpeningNote {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            OpeningNote::Named(name) => write!(f, "deep enough: the chain calls the channel {name}"),
            OpeningNote::Tell(said) => write!(f, "the app was asked to send {said}"),
            OpeningNote::TellAgain(said) => write!(f, "the app was asked to send {said} again"),
            OpeningNote::Told(said) => write!(f, "the app has sent {said}"),
            OpeningNote::PeerReady { alias: None } => write!(f, "the peer sent channel_ready"),
            OpeningNote::PeerReady { alias: Some(alias) } => {
                write!(f, "the peer sent channel_ready with alias {alias}")
            }
            OpeningNote::PeerHalf(name) => {
                write!(f, "the peer sent announcement_signatures for {name}")
            }
            OpeningNote::PeerHalfKept(name) => write!(
                f,
                "the peer sent announcement_signatures for {name}, kept until the chain calls the channel so"
            ),
            OpeningNote::Dropped(flaw) => {
                write!(f, "dropped the peer's {}: {flaw}", flaw.message_name())
            }
            OpeningNote::Usable => write!(f, "the channel may be used"),
        }
    }
}

impl Display for Said {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let message = self.message_name();
        match self.short_channel_id() {
            None => f.write_str(message),
            Some(name) => write!(f, "{message} for {name}"),
        }
    }
}

impl Display for Flaw {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Flaw::SecondPoint => {
                write!(f, "the second per-commitment point is another one already")
            }
            Flaw::Half(wrong) => write!(f, "{wrong}"),
        }
    }
}
