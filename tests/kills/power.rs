//! Power loss: whatever was not synced is gone, or half of it is.

use testkit::party::ChannelType::StaticRemotekey;

use crate::disk::{Cache, Plan, Strike};
use crate::engine::{Loss, Threat};
use crate::story::{tell, Close, Plot};

fn cut(cache: Cache, strike: Strike) -> Threat {
    Threat::Disk(Plan {
        cache,
        strike: Some(strike),
    })
}

/// Tells the story with each of these threats to the phone's lives; it must end as without them.
fn without_power(plot: Plot, tellings: impl Iterator<Item = Vec<Threat>>) {
    let undisturbed = tell(plot, []).expect("nothing is lost");
    undisturbed.assert_ends_well(plot);
    let mut cuts = 0;
    for threats in tellings {
        let how = format!("{plot:?} {threats:?}");
        let told = tell(plot, threats).unwrap_or_else(|loss| panic!("{how}: {loss}"));
        told.assert_ends_as(&undisturbed, &how);
        if told.record.kills == 0 {
            break;
        }
        cuts += told.record.kills;
    }
    eprintln!("{plot:?}: the power was cut {cuts} times");
    assert!(cuts > 20, "{plot:?}: {cuts}");
}

/// In a telling each.
#[test]
fn at_every_sync() {
    let points = (1..).map(|nth| vec![cut(Cache::Lost, Strike::HaltAfterSync(nth))]);
    without_power(Plot::one(StaticRemotekey, Close::Peer), points);
}

/// Operations that a life lasts: enough to make the tables, which is one transaction.
const LIFE: u64 = 127;

/// Lives that last so long; the first one is shorter, so that the cuts fall elsewhere in each telling.
fn lives(cache: impl Fn(u64) -> Cache, step: usize) -> impl Iterator<Item = Vec<Threat>> {
    let lives = move |first: u64| {
        let later = (0..20).map(|_| LIFE);
        let lengths = std::iter::once(first).chain(later);
        lengths
            .map(|nth| cut(cache(first), Strike::HaltBefore(nth)))
            .collect()
    };
    (1..=LIFE).step_by(step).map(lives)
}

#[test]
fn between_writes() {
    for plot in Plot::ALL {
        without_power(plot, lives(|_| Cache::Lost, 17));
    }
}

#[test]
fn between_writes_of_which_some_sectors_were_written() {
    for plot in Plot::ALL {
        without_power(plot, lives(|seed| Cache::Torn { seed }, 19));
    }
}

/// The tests' own test: on a disk that says that it synced and has not, what was acknowledged is lost, and noticed.
#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    let plot = Plot::one(StaticRemotekey, Close::Peer);
    for nth in [10, 20, 30, 40] {
        let told = tell(plot, [cut(Cache::Lying, Strike::HaltAfterSync(nth))]);
        assert!(matches!(told, Err(Loss(_))), "{told:?}");
    }
}
