//! The sleep budget: until when the device may sleep, from what is stored alone.
//!
//! The court says which height is a channel's deadline (`court/deadlines.rs`). Here heights become times, for an app that
//! schedules its next wake-up by a clock.

use bitcoin::OutPoint;

use super::glance::Glance;
use super::report::dossier;
use super::ChainArbitrator;
use crate::chain::{ChainStore, ChainView};
use crate::config::Policy;
use crate::court::{ArbitratorState, Deadline, DeadlineReason, FundingState, Outlook};
use crate::error::ArbitratorError;
use crate::store::{ChannelRow, Store};

/// Seconds between two blocks, on average, for as long as the network has its target.
const BLOCK_SECONDS: u64 = 600;

/// A height, and when it is likely to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Moment {
    pub height: u32,
    /// In seconds since 1970: the time in the header of our tip, and ten minutes for each block from there. An estimate: miners
    /// are quicker or slower, and their clocks go wrong by up to two hours.
    pub estimated_time: u64,
}

/// When the device has to be awake for a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WakeUp {
    /// The device should have resumed by then: [`Policy::wake_margin`] blocks before the deadline, and above our tip.
    pub wake_by: Moment,
    /// From then on sleeping costs money. Not above our tip: what was to be done is being done, and is not through yet.
    pub deadline: Moment,
    pub reason: DeadlineReason,
    pub channel: OutPoint,
}

/// Until when the device may sleep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SleepBudget {
    /// The wake-up of each channel for which there is one, oldest channel first.
    pub channels: Vec<WakeUp>,
}

impl SleepBudget {
    /// The first wake-up of all; `None`: no channel costs money, however long the device sleeps.
    pub fn overall(&self) -> Option<WakeUp> {
        self.channels.iter().min().copied()
    }
}

impl ChainArbitrator {
    /// Until when the device may sleep, from what is stored: no network is needed, and a tick that is running is not
    /// waited for. Every [`ResumeReport`](super::ResumeReport) holds it as well.
    ///
    /// # Errors
    /// [`ArbitratorError::Store`]. A channel whose rows cannot be read is left out, and is reported by every tick.
    pub async fn sleep_budget(&self) -> Result<SleepBudget, ArbitratorError> {
        let policy = self.policy.clone();
        self.reader
            .ask(move |queries| {
                let store = queries.store();
                let view = store.load().map_err(crate::chain::ChainError::Store)?;
                let mut budget = SleepBudget::default();
                for (row, channel) in store.channels()?.channels {
                    let glance = Glance::of(store, row).map_err(ArbitratorError::from);
                    let wake_up = glance.and_then(|glance| {
                        channel_wake_up(store, &policy, row, channel, &view, &glance)
                    });
                    match wake_up {
                        Ok(wake_up) => budget.channels.extend(wake_up),
                        Err(error) => log::warn!("channel {channel}: no sleep budget: {error}"),
                    }
                }
                Ok(budget)
            })
            .await
    }
}

/// The wake-up of one channel.
pub(super) fn channel_wake_up(
    store: &Store,
    policy: &Policy,
    row: ChannelRow,
    channel: OutPoint,
    view: &ChainView,
    glance: &Glance,
) -> Result<Option<WakeUp>, ArbitratorError> {
    let case = &glance.case;
    if case.state == ArbitratorState::FullyResolved {
        return Ok(None);
    }
    let Some(tip) = view.tip() else {
        return Ok(Some(at_once(channel)));
    };
    let tip = tip.height.to_u32();
    let facts = view.output(&channel);
    let watched = facts
        .and_then(|facts| facts.unspent_at)
        .map(|block| block.height.to_u32());
    let deadline = if glance.carries_htlcs {
        let (dossier, _) = dossier(store, row)?;
        Outlook::of(case, &dossier, watched, tip, policy).deadline(policy)
    } else {
        Outlook::at_rest(case, glance.peer_delay, watched, tip).deadline(policy)
    };
    let opening = match case.funding {
        FundingState::Pending => store.opening(row)?,
        FundingState::Open(_) | FundingState::Mismatch(_) => None,
    };
    let awaited = opening.and_then(|opening| opening.awaited_until(policy));
    let awaited = awaited.map(|height| Deadline {
        height,
        wake_by: height
            .saturating_sub(policy.wake_margin)
            .max(tip.saturating_add(1)),
        reason: DeadlineReason::Opening,
    });
    let deadline = deadline.into_iter().chain(awaited).min();
    let clock = Clock {
        tip,
        time: view.tip_time().unwrap_or(0).into(),
    };
    Ok(deadline.map(|deadline| clock.wake_up(channel, deadline)))
}

/// Before the first look at the chain nobody can say how late it is.
fn at_once(channel: OutPoint) -> WakeUp {
    let now = Moment {
        height: 0,
        estimated_time: 0,
    };
    WakeUp {
        wake_by: now,
        deadline: now,
        reason: DeadlineReason::NeverLooked,
        channel,
    }
}

/// What turns heights into times.
#[derive(Clone, Copy)]
struct Clock {
    tip: u32,
    /// The tip's, in seconds since 1970.
    time: u64,
}

impl Clock {
    fn moment(self, height: u32) -> Moment {
        let ahead = u64::from(height.saturating_sub(self.tip));
        Moment {
            height,
            estimated_time: self.time.saturating_add(ahead * BLOCK_SECONDS),
        }
    }

    fn wake_up(self, channel: OutPoint, deadline: Deadline) -> WakeUp {
        WakeUp {
            wake_by: self.moment(deadline.wake_by),
            deadline: self.moment(deadline.height),
            reason: deadline.reason,
            channel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ahead_is_ten_minutes_ahead_and_one_behind_is_now() {
        let clock = Clock {
            tip: 800_000,
            time: 1_700_000_000,
        };
        for (height, expected) in [
            (799_000, 1_700_000_000),
            (800_000, 1_700_000_000),
            (800_001, 1_700_000_600),
            (800_144, 1_700_086_400),
            (u32::MAX, 1_700_000_000 + (4_294_967_295 - 800_000) * 600),
        ] {
            assert_eq!(clock.moment(height).estimated_time, expected, "{height}");
        }
    }
}
