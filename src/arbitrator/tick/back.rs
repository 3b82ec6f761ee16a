//! The look back at the end of a tick: what is open, and until when the device may sleep.

use std::ops::Range;

use bitcoin::OutPoint;

use super::super::sleep::channel_wake_up;
use super::Tick;
use crate::chain::ChainView;
use crate::channel::Lifecycle;
use crate::court::report::ChannelReport;
use crate::error::ArbitratorError;
use crate::store::ChannelRow;

/// How many channels at rest are read whole in one tick: ten milliseconds' worth.
const READ_AT_REST: usize = 32;

impl Tick<'_> {
    /// Reports on every channel that is not at rest, and on some of those that are.
    pub(super) fn look_back(&mut self, view: &ChainView) -> Result<(), ArbitratorError> {
        let core = self.core;
        let tip = view.tip();
        let docket = core.store.channels()?;
        for reason in docket.unreadable {
            self.tell_trouble(None, reason.to_string());
        }
        let height = tip.map_or(0, |tip| tip.height.to_u32());
        let at_rest = at_rest_to_read(docket.channels.len(), height);
        for (index, (row, channel)) in docket.channels.into_iter().enumerate() {
            self.tell_wake_up(row, channel, view);
            if !at_rest.contains(&index) && self.is_at_rest(row) {
                continue;
            }
            match core.channel_report(row, channel) {
                Ok((report, unreadable)) => {
                    for reason in unreadable.reasons() {
                        self.tell_trouble(Some(channel), reason.to_string());
                    }
                    if is_remarkable(&report) {
                        self.report.open.push(report);
                    }
                }
                Err(error) => self.trouble(channel, error),
            }
        }
        Ok(())
    }

    /// Until when the device may sleep as far as one channel is concerned. One that cannot be read is reported as such.
    fn tell_wake_up(&mut self, row: ChannelRow, channel: OutPoint, view: &ChainView) {
        let (store, policy) = (&self.core.store, &self.core.policy);
        if let Ok(glance) = self.glances.at(store, row) {
            match channel_wake_up(store, policy, row, channel, view, &glance) {
                Ok(wake_up) => self.report.sleep.channels.extend(wake_up),
                Err(error) => self.trouble(channel, error),
            }
        }
    }

    /// Whether nothing is to be said of a channel. One that cannot be read is not at rest.
    fn is_at_rest(&self, row: ChannelRow) -> bool {
        let glance = self.glances.at(&self.core.store, row);
        glance.is_ok_and(|glance| glance.is_at_rest())
    }
}

/// Which of the channels at rest are read whole in a tick, so that damage to a channel is told before it matters: all of
/// a phone's few, and of a node's many a part that moves on with every block.
fn at_rest_to_read(channels: usize, height: u32) -> Range<usize> {
    let parts = channels.div_ceil(READ_AT_REST).max(1);
    let part = usize::try_from(height).unwrap_or(0) % parts;
    part * READ_AT_REST..(part + 1) * READ_AT_REST
}

/// Whether a report says more than that a channel is open.
fn is_remarkable(report: &ChannelReport) -> bool {
    match report.lifecycle {
        Lifecycle::Pending | Lifecycle::Closing => true,
        Lifecycle::Open => report.restored,
        Lifecycle::Closed => false,
    }
}
