//! Power loss: whatever was not synced is gone, or half of it is.

use testkit::party::ChannelType::{AnchorsZeroFeeHtlc, StaticRemotekey};

use crate::disk::{Cache, Plan, Strike};
use crate::engine::{Loss, Threat};
use crate::story::{tell, Close, Plot};

fn cut(cache: Cache, strike: Strike) -> Threat {
    Threat::Disk(Plan {
        cache,
        strike: Some(strike),
    })
}

/// Cuts the power at each of these points, in a telling each, until one lies beyond the story's end.
fn without_power(plot: Plot, points: impl Iterator<Item = Threat>) {
    let undisturbed = tell(plot, []).expect("nothing is lost");
    undisturbed.assert_ends_well(plot);
    let mut cuts = 0;
    for point in points {
        let told = tell(plot, [point]).unwrap_or_else(|loss| panic!("{plot:?} {point:?}: {loss}"));
        told.assert_ends_as(&undisturbed, &format!("{plot:?} {point:?}"));
        if told.record.kills == 0 {
            break;
        }
        cuts += 1;
    }
    eprintln!("{plot:?}: the power was cut {cuts} times");
    assert!(cuts > 20);
}

#[test]
fn at_every_sync_static_remotekey() {
    let plot = Plot::one(StaticRemotekey, Close::Peer);
    let points = (1..).map(|nth| cut(Cache::Lost, Strike::HaltAfterSync(nth)));
    without_power(plot, points);
}

#[test]
fn at_every_sync_anchors() {
    let plot = Plot::one(AnchorsZeroFeeHtlc, Close::Ours);
    let points = (1..).map(|nth| cut(Cache::Lost, Strike::HaltAfterSync(nth)));
    without_power(plot, points);
}

/// A step between operations that meets every kind of them: no period of the log's writes divides it.
const STEP: usize = 11;

#[test]
fn between_writes() {
    for plot in Plot::ALL {
        let points = (1..).step_by(STEP);
        without_power(
            plot,
            points.map(|nth| cut(Cache::Lost, Strike::HaltBefore(nth))),
        );
    }
}

#[test]
fn between_writes_of_which_some_sectors_were_written() {
    for plot in Plot::ALL {
        let points = (7..).step_by(STEP);
        without_power(
            plot,
            points.map(|nth| cut(Cache::Torn { seed: nth }, Strike::HaltBefore(nth))),
        );
    }
}

/// The tests' own test: on a disk that says that it synced and has not, what was acknowledged is lost, and noticed.
#[test]
fn a_disk_that_lies_about_syncs_is_found_out() {
    let plot = Plot::one(StaticRemotekey, Close::Peer);
    for nth in [10, 20, 40] {
        let told = tell(plot, [cut(Cache::Lying, Strike::HaltAfterSync(nth))]);
        assert!(matches!(told, Err(Loss(_))), "{told:?}");
    }
}
