//! SIGKILL: at every write boundary, after every few writes, and at random moments.

use std::io::Write;

use testkit::gateway::Moment;
use testkit::party::ChannelType::{AnchorsZeroFeeHtlc, StaticRemotekey};

use crate::dice::Dice;
use crate::disk::{Cache, Plan, Strike};
use crate::engine::Threat;
use crate::story::{tell, Close, OpenedBy, Plot, Telling};

fn killed(strike: Strike) -> Threat {
    Threat::Disk(Plan {
        cache: Cache::Kernel,
        strike: Some(strike),
    })
}

/// Nothing but death has befallen this phone, and it made no difference.
fn assert_told_as(told: &Telling, undisturbed: &Telling, how: &str) {
    told.assert_ends_as(undisturbed, how);
    assert!(told.record.refusals.is_empty(), "{how}: {told:?}");
    assert!(told.record.troubled.is_empty(), "{how}: {told:?}");
}

/// Kills the phone after its first sync, in another telling after its second, and so on, until it outlives the story.
fn at_every_write_boundary(plot: Plot) {
    let undisturbed = tell(plot, []).expect("nothing is lost");
    undisturbed.assert_ends_well(plot);
    let mut kills = 0;
    for nth in 1.. {
        let told = tell(plot, [killed(Strike::HaltAfterSync(nth))]).expect("nothing is lost");
        assert_told_as(
            &told,
            &undisturbed,
            &format!("{plot:?}, killed after sync {nth}"),
        );
        match told.record.kills {
            0 => break,
            more => kills += more,
        }
    }
    eprintln!("{plot:?}: killed at each of {kills} write boundaries");
    // How many there are is the same whenever nobody disturbs, but for answers that came in another order.
    assert!(kills as u64 >= undisturbed.record.standing.work.syncs - 5);
}

#[test]
fn at_every_write_boundary_while_the_peer_closes_static_remotekey() {
    at_every_write_boundary(Plot::one(StaticRemotekey, Close::Peer));
}

#[test]
fn at_every_write_boundary_while_the_peer_closes_anchors() {
    at_every_write_boundary(Plot::one(AnchorsZeroFeeHtlc, Close::Peer));
}

#[test]
fn at_every_write_boundary_while_an_htlc_times_out() {
    at_every_write_boundary(Plot::one(AnchorsZeroFeeHtlc, Close::PeerWithPayment));
}

#[test]
fn at_every_write_boundary_while_a_breach_is_punished() {
    at_every_write_boundary(Plot::one(StaticRemotekey, Close::Revoked));
}

#[test]
fn at_every_write_boundary_while_a_public_channel_is_opened_and_announced() {
    let plot = Plot {
        opened_by: OpenedBy::Library,
        ..Plot::one(AnchorsZeroFeeHtlc, Close::Peer)
    };
    let told = tell(plot, []).expect("nothing is lost");
    let mut lines = told.outcome.channels.iter().flat_map(|it| &it.opening);
    assert!(
        lines.any(|line| line.contains("has sent channel_announcement")),
        "{told:#?}"
    );
    at_every_write_boundary(plot);
}

/// The other closes, with several deaths in one telling: each life lasts so many syncs, but the first, which is shorter
/// in each telling. Together they meet every boundary.
#[test]
fn at_every_write_boundary_while_we_or_both_close() {
    const LIFE: u64 = 9;
    let closes = [Close::Ours, Close::Cooperative];
    for plot in Plot::ALL.iter().filter(|plot| closes.contains(&plot.close)) {
        let undisturbed = tell(*plot, []).expect("nothing is lost");
        undisturbed.assert_ends_well(*plot);
        let mut kills = 0;
        for first in 1..=LIFE {
            let lives = std::iter::once(first).chain(std::iter::repeat(LIFE));
            let threats = lives.map(|nth| killed(Strike::HaltAfterSync(nth)));
            let told = tell(*plot, threats).expect("nothing is lost");
            let how = format!("{plot:?}, killed after sync {first} and every {LIFE} syncs");
            assert_told_as(&told, &undisturbed, &how);
            kills += told.record.kills;
        }
        eprintln!("{plot:?}: killed {kills} times");
        assert!(kills as u64 >= undisturbed.record.standing.work.syncs - 5);
    }
}

/// A phone that never lives long still gets there. It must live long enough to make its file, and later for one
/// transaction: two syncs, since the first transaction in a new write-ahead log syncs the log's header as well. After a
/// change of key it must live for a third one: two carry the log into the file, before it can be cut off.
#[test]
fn again_and_again_after_every_third_sync() {
    for plot in Plot::ALL {
        let undisturbed = tell(plot, []).expect("nothing is lost");
        let first = std::iter::once(killed(Strike::HaltAfterSync(10)));
        let later = std::iter::repeat_with(|| killed(Strike::HaltAfterSync(3)));
        let told = tell(plot, first.chain(later)).expect("nothing is lost");
        assert_told_as(
            &told,
            &undisturbed,
            &format!("{plot:?}, killed again and again"),
        );
        assert!(told.record.kills > 12, "{told:?}");
    }
}

/// How many times the random test kills.
const RANDOM_KILLS: usize = 200;

/// A phone that is killed before any operation of its disk, or while a request waits for its answer, or as an answer is
/// on its way; often several times in one telling.
#[test]
fn at_random_moments_200_times() {
    let seed = crate::dice::seed();
    // Not by a macro, whose output the harness would keep to itself.
    writeln!(std::io::stderr(), "KILLS_SEED={seed}").expect("somebody listens");
    let mut dice = Dice::new(seed);
    let undisturbed = Plot::ALL.map(|plot| tell(plot, []).expect("nothing is lost"));
    let mut kills = 0;
    while kills < RANDOM_KILLS {
        let index = dice.below(Plot::ALL.len());
        let plot = Plot::ALL[index];
        let mut moments = Vec::new();
        let threats = std::iter::repeat_with(|| {
            let threat = moment(&mut dice);
            moments.push(threat);
            threat
        });
        let told = tell(plot, threats.take(RANDOM_KILLS - kills)).expect("nothing is lost");
        let how = format!("KILLS_SEED={seed} {plot:?}, {moments:?}");
        assert_told_as(&told, &undisturbed[index], &how);
        kills += told.record.kills;
    }
    assert_eq!(kills, RANDOM_KILLS);
}

/// Most are well within the story, which makes some five hundred disk operations and fifty requests.
fn moment(dice: &mut Dice) -> Threat {
    match dice.below(3) {
        0 => killed(Strike::HaltBefore(1 + dice.below(300) as u64)),
        1 => Threat::Gateway(Moment::Arrived(1 + dice.below(30))),
        _ => Threat::Gateway(Moment::Answered(1 + dice.below(30))),
    }
}
