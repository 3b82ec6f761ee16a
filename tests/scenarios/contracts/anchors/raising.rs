//! When a commitment is raised, and to what.

use bitcoin::OutPoint;
use lightning_arbitrator::Policy;
use testkit::chain::Orphaned;
use testkit::party::{NewHtlc, Origin};

use super::{HTLC_SAT, MARKET};
use crate::contracts::{with_anchors, On, EXPIRY};
use crate::support::World;

with_anchors!(
    ours_is_raised_when_an_htlc_is_about_to_expire,
    theirs_is_raised,
    ours_is_raised_for_a_payment_that_was_sent_on,
    one_whose_own_fee_is_enough_has_no_child,
    one_without_htlcs_waits,
    a_child_is_raised_with_the_market,
    a_child_climbs_when_the_market_does_not_tell,
    at_the_same_tip_a_child_stays,
    a_child_never_costs_more_than_its_share_of_what_is_at_stake,
    a_reorg_that_takes_the_commitment_away_gives_the_child_back,
    after_a_proof_of_data_loss_nothing_is_raised,
);

pub fn ours_is_raised_when_an_htlc_is_about_to_expire(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let family = world.family();
    world.assert_market(&family, MARKET);
    // The HTLC's own claim needs a coin as well.
    world.with_reserve();
    world.wakes_after(1);
    assert!(world.claim_in_mempool(&received, On::Ours).is_some());
    world.comes_to_an_end();
}

pub fn theirs_is_raised(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    let close = world.peer_broadcasts();
    let family = world.family();
    assert_eq!(family.commitment, close);
    world.assert_market(&family, MARKET);
    world.wakes_after(1);
    assert!(world.claim_in_mempool(&received, On::Theirs).is_some());
    world.comes_to_an_end();
}

fn ours_is_raised_for_a_payment_that_was_sent_on(mut world: World) {
    world.fees_are(10.0);
    world.with_reserve();
    let expiry = world.chain.tip().height + EXPIRY;
    let upstream = Origin::Forwarded {
        channel: OutPoint::null().to_string(),
        id: 7,
        cltv_expiry: expiry + 40,
    };
    world.offers(NewHtlc::outgoing(HTLC_SAT * 1_000, expiry).from(upstream));
    // The peer did not give it back.
    world.wakes_at(expiry + Policy::default().expiry_grace);
    world.assert_market(&world.family(), MARKET);
}

fn one_whose_own_fee_is_enough_has_no_child(mut world: World) {
    world.fees_are(1.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    world.assert_alone();
}

fn one_without_htlcs_waits(mut world: World) {
    world.fees_are(50.0);
    world.with_reserve();
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    for _ in 0..3 {
        world.chain.mine_empty(1);
        world.phone.resume();
        world.assert_alone();
    }
}

pub fn a_child_is_raised_with_the_market(mut world: World) {
    world.fees_are(5.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let before = world.family();
    world.fees_are(10.0);
    world.chain.mine_empty(1);
    world.phone.resume();
    let after = world.family();
    world.assert_market(&after, MARKET);
    // The commitment stays, and the coin is the same.
    assert_eq!(before.commitment, after.commitment);
    let coin = |child: &bitcoin::Transaction| child.input[1].previous_output;
    assert_eq!(coin(&before.child), coin(&after.child));
    world.mine(1);
    world.comes_to_an_end();
}

fn a_child_climbs_when_the_market_does_not_tell(mut world: World) {
    world.fees_are(5.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let mut paid = world.paid_by(&world.family().child);
    let first = paid;
    // Half of the blocks that are left are the commitment's.
    let deadline = Policy::default().fulfil_margin / 2;
    for _ in 0..deadline {
        world.chain.mine_empty(1);
        world.phone.resume();
        let now = world.paid_by(&world.family().child);
        assert!(now >= paid, "{now} after {paid}");
        paid = now;
    }
    assert!(paid > 2 * first, "{paid} after {first}");
    let budget = HTLC_SAT * u64::from(Policy::default().budget_percent) / 100;
    assert!(
        paid <= budget && paid + paid / 4 > budget,
        "{paid} of {budget}"
    );
}

fn at_the_same_tip_a_child_stays(mut world: World) {
    world.fees_are(5.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let before = world.chain.mempool();
    world.fees_are(10.0);
    for _ in 0..4 {
        world.phone.resume();
    }
    assert_eq!(world.chain.mempool(), before);
}

fn a_child_never_costs_more_than_its_share_of_what_is_at_stake(mut world: World) {
    world.fees_are(500.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let budget = HTLC_SAT * u64::from(Policy::default().budget_percent) / 100;
    assert_eq!(world.paid_by(&world.family().child), budget);
}

pub fn a_reorg_that_takes_the_commitment_away_gives_the_child_back(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let before = world.family();
    world.mine(1);
    world.phone.resume();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    let after = world.family();
    assert_eq!(before.commitment, after.commitment);
    world.assert_market(&after, MARKET);
}

fn after_a_proof_of_data_loss_nothing_is_raised(mut world: World) {
    world.fees_are(5.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let before = world.family();
    let loss = world.channel.clone().data_loss(1).expect("a later state");
    world.phone.hears_of_loss(&loss);
    world.fees_are(10.0);
    world.chain.mine_empty(1);
    world.phone.resume();
    assert_eq!(world.family().child, before.child);
    world.chain.evict(before.commitment.compute_txid());
    world.phone.resume();
    assert!(world.chain.mempool().is_empty());
}
