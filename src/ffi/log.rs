//! The arbitrator's log of a channel, as lines for people. Programs read events and reports.

use crate::court::{
    BroadcastPurpose, FundingState, LogEntry, LogKind, Outcome, Progress, Resolution,
};

/// One line: the tip's height when it happened, and what happened.
pub(super) fn line(entry: &LogEntry) -> String {
    format!("{}: {}", entry.height, what(&entry.kind))
}

fn what(kind: &LogKind) -> String {
    match kind {
        LogKind::State { from, to } => format!("state {from:?} -> {to:?}"),
        LogKind::Funding(FundingState::Pending) => "the funding is not on the chain".into(),
        LogKind::Funding(FundingState::Open(block)) => {
            format!(
                "the funding is in block {} at height {}",
                block.hash, block.height
            )
        }
        LogKind::Funding(FundingState::Mismatch(block)) => format!(
            "block {} at height {} holds the funding, without the output of the terms",
            block.hash, block.height
        ),
        LogKind::CloseSeen { txid, kind } => format!("{txid} is in the mempool: {kind:?}"),
        LogKind::CloseProven { txid, kind, block } => {
            format!(
                "{txid} closed the channel at height {}: {kind:?}",
                block.height
            )
        }
        LogKind::CloseReorged { txid, block } => {
            format!("a reorg took {txid} at height {} away", block.height)
        }
        LogKind::ForceCloseRequested => "a force close was asked for".into(),
        LogKind::ClosingSigned { txid } => format!("the cooperative close {txid} is fully signed"),
        LogKind::FundingCancelled => "the funding was cancelled".into(),
        LogKind::FundingRevived => "the cancelled funding is on the chain after all".into(),
        LogKind::Abandoned => "the channel was given up".into(),
        LogKind::OrphanAbandoned { txid } => format!("{txid} stayed away: our commitment goes out"),
        LogKind::DataLoss { number } => format!("data was lost: the peer is at {number}"),
        LogKind::Restored { backup } => format!("opened from backup {backup}"),
        LogKind::RestoredConfirmed => "the peer confirmed that the backup is the newest".into(),
        LogKind::Signed { purpose, txid } => format!("signed {txid}: {}", self::purpose(purpose)),
        LogKind::BroadcastOutcome { txid, outcome } => {
            format!("broadcast {txid}: {}", self::outcome(outcome))
        }
        LogKind::Contract { outpoint, progress } => {
            format!("output {outpoint}: {}", self::progress(progress))
        }
        LogKind::Resolver { outpoint, role } => format!("output {outpoint}: now {role:?}"),
        LogKind::ContractGone { outpoint } => {
            format!("a reorg took the transaction of output {outpoint} away")
        }
        LogKind::Verdict { htlc, verdict } => format!("HTLC {}: {verdict:?} upstream", htlc.key),
        LogKind::Advice { htlc, advice } => {
            format!("HTLC {}: to be dealt with off-chain: {advice:?}", htlc.key)
        }
        LogKind::GoesToChain(reason) => format!("goes to the chain: {reason:?}"),
    }
}

fn purpose(purpose: &BroadcastPurpose) -> String {
    match purpose {
        BroadcastPurpose::Funding => "the funding".into(),
        BroadcastPurpose::Commitment => "our commitment".into(),
        BroadcastPurpose::Cooperative => "the cooperative close".into(),
        BroadcastPurpose::OrphanedClose => "a close that was confirmed once".into(),
        BroadcastPurpose::Sweep(outpoint) => format!("the sweep of {outpoint}"),
    }
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Accepted => "accepted".into(),
        Outcome::AlreadyKnown => "already known".into(),
        Outcome::Conflict(text) => format!("conflicts with {text}"),
        Outcome::FeeTooLow => "fee too low".into(),
        Outcome::Unreachable => "unreachable".into(),
        Outcome::Other(text) => text.clone(),
    }
}

fn progress(progress: &Progress) -> String {
    match progress {
        Progress::Contested { until } => format!("contested until height {until}"),
        Progress::Uneconomic { reason } => format!("not worth claiming: {reason:?}"),
        Progress::GivenUp { reason } => format!("given up: {reason:?}"),
        Progress::Maturing { claimable_at } => format!("ours from height {claimable_at} on"),
        Progress::Claimable => "ours now".into(),
        Progress::Spent {
            resolution,
            block,
            settled: true,
        } => format!(
            "{} at height {}, settled",
            resolved(resolution),
            block.height
        ),
        Progress::Spent {
            resolution,
            block,
            settled: false,
        } => format!("{} at height {}", resolved(resolution), block.height),
        Progress::Resolved { resolution } => format!("{}, irrevocably", resolved(resolution)),
    }
}

fn resolved(resolution: &Resolution) -> String {
    match resolution {
        Resolution::Claimed { txid } => format!("claimed by {txid}"),
        Resolution::Fulfilled { txid } => format!("taken by the peer with the preimage, {txid}"),
        Resolution::TimedOut { txid } => format!("taken back by the peer, {txid}"),
        Resolution::SweptByAnother { txid } => format!("swept by another, {txid}"),
    }
}
