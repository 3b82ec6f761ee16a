//! What an app says when it resumes or force-closes, and what it is told.

use std::time::Duration;

use super::input::{self, Invalid};
use super::report::{ArbitratorState, ChannelReport};
use super::{Block, OutPoint, ReserveLook, SleepBudget};
use crate::{arbitrator, chain, court};

/// Where a tick looks for spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Look {
    /// Only at what blocks can have changed: one request when nothing did.
    Tip,
    /// At the mempool as well: every output is asked about.
    Mempool,
}

impl From<Look> for chain::Look {
    fn from(look: Look) -> Self {
        match look {
            Look::Tip => chain::Look::Tip,
            Look::Mempool => chain::Look::Mempool,
        }
    }
}

/// The limits of one tick, and where it looks.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ResumeOptions {
    /// Where it looks for spends.
    pub look: Look,
    /// The tick ends at the next durable point after this many milliseconds; unlimited unless given.
    #[uniffi(default = None)]
    pub max_duration_ms: Option<u64>,
    /// The tick ends before it would make one more exchange with the server, retries included; unlimited unless given.
    #[uniffi(default = None)]
    pub max_requests: Option<u32>,
    /// Node ids of peers whose channels were reestablished since the last tick: what they did not settle then, they will
    /// not. For HTLCs only; `channel_reestablish` itself goes to `peer_message`.
    #[uniffi(default = [])]
    pub reconnected_peers: Vec<Vec<u8>>,
    /// Node ids of peers that were tried and could not be reached: what has to be settled before the next wake goes to the
    /// chain.
    #[uniffi(default = [])]
    pub unreachable_peers: Vec<Vec<u8>>,
    /// When the coins of the embedded wallet are asked for; when a claim needs one, unless given.
    #[uniffi(default = None)]
    pub reserve: Option<ReserveLook>,
}

impl ResumeOptions {
    pub(super) fn to_core(&self) -> Result<arbitrator::ResumeOptions, Invalid> {
        let peers = |field, peers: &[Vec<u8>]| {
            peers
                .iter()
                .map(|peer| input::public_key(field, peer))
                .collect::<Result<_, _>>()
        };
        Ok(arbitrator::ResumeOptions {
            max_duration: self.max_duration_ms.map(Duration::from_millis),
            max_requests: self.max_requests,
            look: self.look.into(),
            reserve: self.reserve.map(Into::into).unwrap_or_default(),
            reconnected_peers: peers("reconnected_peers", &self.reconnected_peers)?,
            unreachable_peers: peers("unreachable_peers", &self.unreachable_peers)?,
        })
    }
}

/// Something that went wrong and is tried again on the next tick; everything else went on.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Trouble {
    /// The channel it concerns, if it concerns one.
    pub channel: Option<OutPoint>,
    /// What went wrong, for people.
    pub what: String,
}

impl From<arbitrator::Trouble> for Trouble {
    fn from(trouble: arbitrator::Trouble) -> Self {
        Trouble {
            channel: trouble.channel.map(OutPoint::from),
            what: trouble.what,
        }
    }
}

/// What a tick came to.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ResumeReport {
    /// The best block known before the tick.
    pub tip_before: Option<Block>,
    /// The best block known after it.
    pub tip: Option<Block>,
    /// Exchanges with the server, retries included.
    pub requests: u32,
    /// Everything that was due is done. If not, the next tick goes on where this one stopped.
    pub complete: bool,
    /// Why the tick ended early, if it did, for people.
    pub stopped: Option<String>,
    /// The server's chain has less work than the one known: nothing was learnt from it.
    pub server_behind: bool,
    /// Channels whose case moved.
    pub changed: Vec<OutPoint>,
    /// Channels that are more than simply open.
    pub open: Vec<ChannelReport>,
    /// The next height at which something is to be done, if nothing else happens.
    pub next_height: Option<u32>,
    /// Until when the device may sleep now.
    pub sleep: SleepBudget,
    /// What went wrong and is tried again.
    pub troubles: Vec<Trouble>,
}

impl From<arbitrator::ResumeReport> for ResumeReport {
    fn from(report: arbitrator::ResumeReport) -> Self {
        ResumeReport {
            tip_before: report.tip_before.map(Block::from),
            tip: report.tip.map(Block::from),
            requests: report.requests,
            complete: report.complete,
            stopped: report.stopped,
            server_behind: report.server_behind,
            changed: report.changed.into_iter().map(OutPoint::from).collect(),
            open: report.open.into_iter().map(ChannelReport::from).collect(),
            next_height: report.next_height,
            sleep: report.sleep.into(),
            troubles: report.troubles.into_iter().map(Trouble::from).collect(),
        }
    }
}

/// What the server said of a transaction that was offered to it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum BroadcastOutcome {
    /// Taken into the mempool.
    Accepted,
    /// Already in the mempool or in a block.
    AlreadyKnown,
    /// Another transaction spends one of its inputs.
    Conflict {
        /// What the server said.
        text: String,
    },
    /// It pays less than the mempool demands.
    FeeTooLow,
    /// No answer was had; it may or may not have been taken.
    Unreachable,
    /// Refused for another reason.
    Other {
        /// What the server said.
        text: String,
    },
}

impl From<court::Outcome> for BroadcastOutcome {
    fn from(outcome: court::Outcome) -> Self {
        match outcome {
            court::Outcome::Accepted => BroadcastOutcome::Accepted,
            court::Outcome::AlreadyKnown => BroadcastOutcome::AlreadyKnown,
            court::Outcome::Conflict(text) => BroadcastOutcome::Conflict { text },
            court::Outcome::FeeTooLow => BroadcastOutcome::FeeTooLow,
            court::Outcome::Unreachable => BroadcastOutcome::Unreachable,
            court::Outcome::Other(text) => BroadcastOutcome::Other { text },
        }
    }
}

/// A transaction of ours that closes a channel.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ClosingBroadcast {
    /// Its txid.
    pub txid: String,
    /// What became of its last broadcast; nothing if there was none yet.
    pub outcome: Option<BroadcastOutcome>,
}

/// The answer to a wish to close.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ForceCloseStatus {
    /// Where the channel's case stands.
    pub state: ArbitratorState,
    /// Our transactions that close the channel.
    pub broadcasts: Vec<ClosingBroadcast>,
    /// Why the broadcast could not be attempted now; it is attempted on every tick.
    pub delayed: Option<String>,
}

impl From<arbitrator::ForceCloseStatus> for ForceCloseStatus {
    fn from(status: arbitrator::ForceCloseStatus) -> Self {
        let broadcasts = status.broadcasts.into_iter();
        ForceCloseStatus {
            state: status.state.into(),
            broadcasts: broadcasts
                .map(|(txid, outcome)| ClosingBroadcast {
                    txid: txid.to_string(),
                    outcome: outcome.map(BroadcastOutcome::from),
                })
                .collect(),
            delayed: status.delayed,
        }
    }
}
