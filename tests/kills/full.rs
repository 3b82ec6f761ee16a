//! A disk that is full, or broken, at every write: a typed error, nothing lost, and later it works.

use testkit::party::ChannelType::{self, AnchorsZeroFeeHtlc, StaticRemotekey};

use crate::disk::{Cache, Failure, Lasts, Plan, Strike};
use crate::engine::{Record, Threat};
use crate::story::{tell, Close, Plot};
use crate::wire::{ChannelStanding, Refusal};

/// Operations from one failure to the next: more than the largest transaction takes, which makes the tables, since it
/// could never be written otherwise. A prime, so that the failures of one telling meet operations of every kind.
const PERIOD: u64 = 127;

/// Tells the story of two channels on disks whose failures begin at these operations of a period; together they meet
/// each of them if the step is one.
fn on_a_bad_disk(
    channel_type: ChannelType,
    with: Failure,
    lasts: Lasts,
    step: usize,
) -> Vec<Record> {
    let plot = Plot {
        channels: 2,
        ..Plot::one(channel_type, Close::Peer)
    };
    let undisturbed = tell(plot, []).expect("nothing is lost");
    undisturbed.assert_ends_well(plot);
    let mut records = Vec::new();
    for first in (1..=PERIOD).step_by(step) {
        let strike = Strike::Fail {
            first,
            period: PERIOD,
            with,
            lasts,
        };
        let disk = Plan {
            cache: Cache::Kernel,
            strike: Some(strike),
        };
        let told = tell(plot, [Threat::Disk(disk)])
            .unwrap_or_else(|loss| panic!("{plot:?} {strike:?}: {loss}"));
        told.assert_ends_as(&undisturbed, &format!("{plot:?} {strike:?}"));
        assert_typed(&told.record, with);
        records.push(told.record);
    }
    records
}

/// The failures were noticed, most of them as errors; those in a tick that other channels went on with are its report's.
fn assert_typed(record: &Record, with: Failure) {
    let typed = match with {
        Failure::Full => Refusal::DiskFull,
        Failure::Broken => Refusal::DiskBroken,
    };
    assert!(record.refusals.len() > 2, "{record:?}");
    assert!(record.refusals.iter().all(|it| *it == typed), "{record:?}");
}

/// A frame of the log is two writes, its header and its page: every second operation meets every frame.
#[test]
fn it_is_full_until_space_is_freed() {
    on_a_bad_disk(StaticRemotekey, Failure::Full, Lasts::UntilRepaired, 2);
}

#[test]
fn with_anchors_it_is_broken_until_it_is_exchanged() {
    on_a_bad_disk(AnchorsZeroFeeHtlc, Failure::Broken, Lasts::UntilRepaired, 7);
}

#[test]
fn with_anchors_single_operations_fail() {
    on_a_bad_disk(AnchorsZeroFeeHtlc, Failure::Broken, Lasts::Once, 7);
}

#[test]
fn one_channel_cannot_be_stored_and_the_other_goes_on() {
    let records = on_a_bad_disk(StaticRemotekey, Failure::Full, Lasts::Once, 7);
    let mut outrun = 0;
    for (tick, standing) in records.iter().flat_map(|record| &record.troubled) {
        let in_trouble = |at: &&ChannelStanding| {
            let mut troubles = tick.troubles.iter();
            troubles.any(|(channel, _)| *channel == Some(at.channel))
        };
        let (stuck, others): (Vec<_>, Vec<_>) = standing.channels.iter().partition(in_trouble);
        // The same happens to both channels, so whatever one has got to, the other must get to as well.
        for stuck in stuck {
            for other in &others {
                let (behind, ahead) = (standing.events_of(stuck), standing.events_of(other));
                assert!(ahead >= behind, "{tick:?}: {standing:?}");
                outrun += usize::from(ahead > behind);
            }
        }
    }
    assert!(outrun > 2, "{outrun}");
}
