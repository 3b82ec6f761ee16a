//! The HTLCs of a channel, live ones and past ones.

use futures::executor::block_on;
use lightning_arbitrator::channel::HtlcKey;
use lightning_arbitrator::store::queries::{HtlcRecord, HtlcStage};
use testkit::party::{Htlc, NewHtlc, Settlement};

use super::walk;
use crate::support::{htlc_key, retold, World};

twins!(
    live_htlcs_come_before_past_ones_and_newer_before_older,
    an_htlc_that_settles_during_a_walk_is_not_missed,
);

fn htlcs(world: &mut World, limit: u32, mut meanwhile: impl FnMut(&mut World)) -> Vec<HtlcRecord> {
    let channel = world.outpoint();
    walk(limit, |page| {
        let page = block_on(world.phone.on().htlc_history(channel, page)).expect("readable");
        meanwhile(world);
        page
    })
}

/// An HTLC that comes, and stays for `rounds` rounds.
fn stays(world: &mut World, amount_msat: u64, rounds: usize) -> Htlc {
    let expiry = world.chain.tip().height + 500;
    let htlc = world.add(NewHtlc::outgoing(amount_msat, expiry));
    (0..rounds).for_each(|_| drop(world.round()));
    htlc
}

fn fail(world: &mut World, htlc: &Htlc) {
    let failed = world.channel.settle_htlc(htlc.key, Settlement::Fail);
    failed.expect("it is there");
}

fn keys(htlcs: &[HtlcRecord], stage: HtlcStage) -> Vec<HtlcKey> {
    let of_stage = htlcs.iter().filter(|htlc| htlc.stage == stage);
    of_stage.map(|htlc| htlc.key).collect()
}

fn live_htlcs_come_before_past_ones_and_newer_before_older(mut world: World) {
    // Lives of different lengths are archived in different classes.
    let past = [1, 4, 1, 9, 2].map(|rounds| {
        let htlc = stays(&mut world, 20_000_000 + rounds as u64, rounds);
        fail(&mut world, &htlc);
        world.round();
        htlc
    });
    let live = [1, 2].map(|rounds| stays(&mut world, 30_000_000, rounds));
    let newest_first = |htlcs: &[Htlc]| -> Vec<HtlcKey> {
        htlcs.iter().rev().map(|htlc| htlc_key(htlc.key)).collect()
    };
    for limit in [1, 3, 100] {
        let met = htlcs(&mut world, limit, |_| {});
        assert_eq!(keys(&met, HtlcStage::Live), newest_first(&live));
        assert_eq!(keys(&met, HtlcStage::Past), newest_first(&past));
        assert!(met.is_sorted_by_key(|htlc| htlc.stage == HtlcStage::Past));
        let newest = retold(&live[1]);
        assert_eq!(
            (met[0].payment_hash, met[0].amount_msat, met[0].origin),
            (newest.payment_hash, newest.amount_msat, Some(newest.origin))
        );
        let oldest = met.last().expect("seven");
        assert_eq!(
            (oldest.remote.first, oldest.remote.last),
            (Some(1), Some(1))
        );
    }
}

fn an_htlc_that_settles_during_a_walk_is_not_missed(mut world: World) {
    let all = [20_000_000, 21_000_000, 22_000_000].map(|amount| stays(&mut world, amount, 1));
    let mut still_live = all.to_vec();
    let met = htlcs(&mut world, 1, |world| {
        if !still_live.is_empty() {
            fail(world, &still_live.remove(0));
            world.round();
        }
    });
    for htlc in &all {
        let key = htlc_key(htlc.key);
        assert!(met.iter().any(|it| it.key == key), "{key} of {met:?}");
    }
}
