//! Until when the device may sleep, as an app schedules its next wake-up by it.

use super::{ArbitratorError, ChainArbitrator, HtlcKey, OutPoint};
use crate::{arbitrator, court};

/// Why the device has to be awake.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DeadlineReason {
    /// The chain was never looked at.
    NeverLooked,
    /// The peer could broadcast a revoked commitment unseen.
    Breach,
    /// The funding could confirm unseen, and a revoked commitment after it.
    Funding,
    /// An incoming HTLC that is ours has to be settled.
    IncomingHtlc {
        /// Which.
        htlc: HtlcKey,
    },
    /// An outgoing HTLC expires.
    OutgoingHtlc {
        /// Which.
        htlc: HtlcKey,
    },
    /// An HTLC expires upstream of one that was sent on.
    UpstreamHtlc {
        /// The one that was sent on.
        htlc: HtlcKey,
    },
    /// An output of a close can be taken by the peer.
    Claim {
        /// Its txid.
        txid: String,
        /// Its index.
        vout: u32,
    },
    /// The funding has to confirm, or the fundee forgets the channel.
    Opening,
    /// A close of ours, or a claim that nobody else can make, is under way: it is not forgotten, and nothing is lost.
    Unfinished,
}

impl From<court::DeadlineReason> for DeadlineReason {
    fn from(reason: court::DeadlineReason) -> Self {
        match reason {
            court::DeadlineReason::NeverLooked => DeadlineReason::NeverLooked,
            court::DeadlineReason::Breach => DeadlineReason::Breach,
            court::DeadlineReason::Funding => DeadlineReason::Funding,
            court::DeadlineReason::IncomingHtlc(htlc) => DeadlineReason::IncomingHtlc {
                htlc: htlc.key.into(),
            },
            court::DeadlineReason::OutgoingHtlc(htlc) => DeadlineReason::OutgoingHtlc {
                htlc: htlc.key.into(),
            },
            court::DeadlineReason::UpstreamHtlc(htlc) => DeadlineReason::UpstreamHtlc {
                htlc: htlc.key.into(),
            },
            court::DeadlineReason::Claim(output) => DeadlineReason::Claim {
                txid: output.txid.to_string(),
                vout: output.vout,
            },
            court::DeadlineReason::Opening => DeadlineReason::Opening,
            court::DeadlineReason::Unfinished => DeadlineReason::Unfinished,
        }
    }
}

/// A height, and when it is likely to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Moment {
    /// The height.
    pub height: u32,
    /// In seconds since 1970: the time in the header of the tip, and ten minutes for each block from there. An estimate.
    pub estimated_time: u64,
}

impl From<arbitrator::Moment> for Moment {
    fn from(moment: arbitrator::Moment) -> Self {
        Moment {
            height: moment.height,
            estimated_time: moment.estimated_time,
        }
    }
}

/// When the device has to be awake for a channel.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct WakeUp {
    /// The channel.
    pub channel: OutPoint,
    /// The device should have resumed by then: hours before the deadline, because jobs of a sleeping device run late.
    pub wake_by: Moment,
    /// From then on sleeping costs money.
    pub deadline: Moment,
    /// What it is about.
    pub reason: DeadlineReason,
}

impl From<arbitrator::WakeUp> for WakeUp {
    fn from(wake_up: arbitrator::WakeUp) -> Self {
        WakeUp {
            channel: wake_up.channel.into(),
            wake_by: wake_up.wake_by.into(),
            deadline: wake_up.deadline.into(),
            reason: wake_up.reason.into(),
        }
    }
}

/// Until when the device may sleep.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SleepBudget {
    /// The first wake-up of all; none if no channel costs money, however long the device sleeps.
    pub overall: Option<WakeUp>,
    /// The wake-up of each channel for which there is one, oldest channel first.
    pub channels: Vec<WakeUp>,
}

impl From<arbitrator::SleepBudget> for SleepBudget {
    fn from(budget: arbitrator::SleepBudget) -> Self {
        SleepBudget {
            overall: budget.overall().map(WakeUp::from),
            channels: budget.channels.into_iter().map(WakeUp::from).collect(),
        }
    }
}

#[uniffi::export]
impl ChainArbitrator {
    /// Until when the device may sleep, from what is stored: no network is needed, and a tick that is running is not waited
    /// for. Every `ResumeReport` holds it as well.
    pub async fn sleep_budget(&self) -> Result<SleepBudget, ArbitratorError> {
        Ok(self.core.sleep_budget().await?.into())
    }
}
