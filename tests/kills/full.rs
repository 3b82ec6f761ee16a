//! A disk that is full, or broken, at every write: a typed error, nothing lost, and later it works.

use testkit::party::ChannelType;

use crate::disk::{Cache, Failure, Lasts, Plan, Strike};
use crate::engine::Threat;
use crate::story::{tell, Close, Plot, Telling};
use crate::wire::{ChannelStanding, Refusal};

/// Two channels, so that one can go on while the other cannot.
fn plot(channel_type: ChannelType) -> Plot {
    Plot {
        channel_type,
        close: Close::Peer,
        channels: 2,
    }
}

/// Tells the story once for each operation at which the disk may begin to fail, in these steps.
fn on_a_bad_disk(plot: Plot, with: Failure, lasts: Lasts, step: usize) -> Vec<Telling> {
    let undisturbed = tell(plot, []).expect("nothing is lost");
    undisturbed.assert_ends_well(plot);
    let typed = match with {
        Failure::Full => Refusal::DiskFull,
        Failure::Broken => Refusal::DiskBroken,
    };
    let operations = undisturbed.record.standing.work.operations;
    let mut tellings = Vec::new();
    for from in (1..operations).step_by(step) {
        let strike = Some(Strike::Fail { from, with, lasts });
        let cache = Cache::Kernel;
        let told = tell(plot, [Threat::Disk(Plan { cache, strike })])
            .unwrap_or_else(|loss| panic!("{plot:?} {strike:?}: {loss}"));
        told.assert_ends_as(&undisturbed, &format!("{plot:?} {strike:?}"));
        assert!(
            told.record.refusals.iter().all(|refusal| *refusal == typed),
            "{strike:?}: {:?}",
            told.record.refusals
        );
        tellings.push(told);
    }
    let noticed =
        |told: &&Telling| !told.record.refusals.is_empty() || !told.record.troubled.is_empty();
    let noticed = tellings.iter().filter(noticed).count();
    eprintln!(
        "{plot:?} {with:?} {lasts:?}: {noticed} of {} failures noticed",
        tellings.len()
    );
    assert!(noticed * 2 > tellings.len());
    tellings
}

#[test]
fn it_is_full_until_space_is_freed() {
    for channel_type in ChannelType::ALL {
        on_a_bad_disk(plot(channel_type), Failure::Full, Lasts::UntilRepaired, 29);
    }
}

#[test]
fn it_is_broken_until_it_is_exchanged() {
    for channel_type in ChannelType::ALL {
        on_a_bad_disk(
            plot(channel_type),
            Failure::Broken,
            Lasts::UntilRepaired,
            31,
        );
    }
}

#[test]
fn one_operation_fails() {
    for channel_type in ChannelType::ALL {
        on_a_bad_disk(plot(channel_type), Failure::Broken, Lasts::Once, 37);
    }
}

#[test]
fn one_channel_cannot_be_stored_and_the_other_goes_on() {
    let plot = plot(ChannelType::StaticRemotekey);
    let tellings = on_a_bad_disk(plot, Failure::Full, Lasts::Once, 13);
    let mut outrun = 0;
    for (tick, standing) in tellings.iter().flat_map(|told| &told.record.troubled) {
        let in_trouble = |at: &&ChannelStanding| {
            let mut troubles = tick.troubles.iter();
            troubles.any(|(channel, _)| *channel == Some(at.channel))
        };
        let (stuck, others): (Vec<_>, Vec<_>) = standing.channels.iter().partition(in_trouble);
        // The same happens to both channels, so whatever one has got to, the other must get to as well.
        for (stuck, other) in stuck
            .iter()
            .flat_map(|it| others.iter().map(move |other| (it, other)))
        {
            let (behind, ahead) = (standing.events_of(stuck), standing.events_of(other));
            assert!(ahead >= behind, "{tick:?}: {standing:?}");
            outrun += usize::from(ahead > behind);
        }
    }
    assert!(outrun > 3, "{outrun}");
}
