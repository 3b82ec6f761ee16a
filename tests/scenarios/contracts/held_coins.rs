//! Scenario 21: the wallet is told which of its coins claims spend, all of them each time, through restarts and reorgs.

use std::sync::Arc;

use bitcoin::{FeeRate, OutPoint, Transaction};
use futures::executor::block_on;
use lightning_arbitrator::court::Bump;
use lightning_arbitrator::{OnchainWallet, Policy};
use testkit::chain::Orphaned;
use testkit::party::Htlc;

use super::{with_anchors, On, HTLC_SAT};
use crate::support::{About, Mood, Moody, World};

with_anchors!(
    a_coin_is_held_before_its_transaction_goes_out,
    a_force_close_holds_the_coin_of_its_child_before_the_network_hears_of_it,
    a_bump_holds_the_coin_of_its_child_before_the_network_hears_of_it,
    every_coin_of_every_claim_is_held_and_no_other,
    a_coin_comes_free_with_the_output_of_its_claim_and_is_held_again_after_a_reorg,
    a_confirmed_claim_that_a_reorg_takes_away_keeps_its_coin,
    a_wallet_that_forgot_is_told_at_the_next_wake,
    a_wallet_that_does_not_take_it_delays_no_claim,
    a_held_coin_that_the_wallet_spends_all_the_same_is_replaced_within_the_tick,
);

/// A payment of ours on our commitment, expired, and its claim in the mempool.
fn claimed(world: &mut World) -> (Htlc, Transaction) {
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    world.wakes_at(sent.cltv_expiry);
    let claim = world.claim_in_mempool(&sent, On::Ours).expect("made");
    (sent, claim)
}

fn coin_of(claim: &Transaction) -> OutPoint {
    claim.input[1].previous_output
}

/// What is held while the server takes nothing is the coin of the child that goes out when it does.
#[track_caller]
fn assert_holds_the_childs_coin(world: &mut World) {
    assert_eq!(world.chain.mempool(), [], "nothing has gone out");
    let held = world.phone.wallet.held();
    world.gateway().behave();
    world.phone.resume();
    let waiting = world.chain.mempool();
    let [_, child] = waiting[..] else {
        panic!("a commitment and its child: {waiting:?}");
    };
    assert_eq!(held, [coin_of(&world.known(child))]);
}

fn a_force_close_holds_the_coin_of_its_child_before_the_network_hears_of_it(mut world: World) {
    world.fees_are(10.0);
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    // A block before the phone would close by itself.
    world.wakes_at(received.cltv_expiry - Policy::default().fulfil_margin - 1);
    world.refuses_broadcasts();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    assert_holds_the_childs_coin(&mut world);
}

fn a_bump_holds_the_coin_of_its_child_before_the_network_hears_of_it(mut world: World) {
    world.with_reserve();
    world.phone.resume();
    world.refuses_broadcasts();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    assert_eq!(world.phone.wallet.held(), [], "it is in no haste");
    let more = Bump::Feerate(FeeRate::from_sat_per_vb(20).expect("a sane feerate"));
    block_on(world.phone.on().bump(channel, channel, more)).expect("it has an anchor");
    assert_holds_the_childs_coin(&mut world);
}

fn a_coin_is_held_before_its_transaction_goes_out(mut world: World) {
    world.with_reserve();
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    assert_eq!(world.phone.wallet.held(), []);
    world.mine(sent.cltv_expiry - world.chain.tip().height);
    world.refuses_broadcasts();
    let report = world.phone.resume_with(Default::default());
    assert!(!report.expect("a tick").complete);
    assert_eq!(world.claim_in_mempool(&sent, On::Ours), None);
    let held = world.phone.wallet.held();
    world.gateway().behave();
    world.phone.resume();
    let claim = world.claim_in_mempool(&sent, On::Ours).expect("made");
    assert_eq!(held, [coin_of(&claim)]);
}

fn every_coin_of_every_claim_is_held_and_no_other(mut world: World) {
    // The commitment's own fee is enough: it takes none.
    world.fees_are(1.0);
    for _ in 0..3 {
        world.with_reserve();
    }
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    let blocks = sent.cltv_expiry - world.chain.tip().height;
    world.chain.mine_empty(blocks);
    world.phone.resume();
    let claims = [&received, &sent].map(|htlc| world.claim_in_mempool(htlc, On::Ours));
    let mut coins = claims.map(|claim| coin_of(&claim.expect("made")));
    coins.sort();
    assert_eq!(world.phone.wallet.held(), coins);
}

fn a_coin_comes_free_with_the_output_of_its_claim_and_is_held_again_after_a_reorg(
    mut world: World,
) {
    world.with_reserve();
    let (sent, claim) = claimed(&mut world);
    let peers = world.peers_claim(&sent, On::Ours);
    world.chain.mine_txs(&[peers]).expect("it has the preimage");
    world.phone.resume();
    assert_eq!(world.phone.wallet.held(), []);
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_eq!(world.phone.wallet.held(), [coin_of(&claim)]);
}

fn a_confirmed_claim_that_a_reorg_takes_away_keeps_its_coin(mut world: World) {
    world.with_reserve();
    let (_, claim) = claimed(&mut world);
    world.wakes_after(1);
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    assert_eq!(world.phone.wallet.held(), [coin_of(&claim)]);
    world.comes_to_an_end();
    assert_eq!(world.phone.wallet.held(), [], "nothing is left to hold");
}

fn a_wallet_that_forgot_is_told_at_the_next_wake(mut world: World) {
    world.with_reserve();
    let (_, claim) = claimed(&mut world);
    world.phone.wallet.forgets_what_it_holds();
    world.phone.resume();
    assert_eq!(world.phone.wallet.held(), [coin_of(&claim)]);
}

fn a_wallet_that_does_not_take_it_delays_no_claim(mut world: World) {
    world.with_reserve();
    let good: Arc<dyn OnchainWallet> = Arc::new(world.phone.wallet.clone());
    let moody = Moody::new(good, About::HeldCoins);
    let set = moody.clone();
    world.phone.set(|config| config.wallet = set.into());
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    moody.becomes(Mood::Fails);
    world.mine(sent.cltv_expiry - world.chain.tip().height);
    let report = world.phone.resume();
    let [trouble] = report.troubles.as_slice() else {
        panic!("one trouble: {report:?}");
    };
    assert!(trouble.what.contains("not in the mood"), "{report:?}");
    let claim = world.claim_in_mempool(&sent, On::Ours).expect("made");
    moody.becomes(Mood::Good);
    let report = world.phone.resume();
    assert_eq!(report.troubles, []);
    assert_eq!(world.phone.wallet.held(), [coin_of(&claim)]);
}

fn a_held_coin_that_the_wallet_spends_all_the_same_is_replaced_within_the_tick(mut world: World) {
    world.with_reserve();
    world.with_reserve();
    let (sent, first) = claimed(&mut world);
    world.phone.wallet.spend(&world.chain, coin_of(&first));
    assert_eq!(world.claim_in_mempool(&sent, On::Ours), None);
    world.phone.resume();
    let second = world.claim_in_mempool(&sent, On::Ours).expect("made anew");
    assert_ne!(coin_of(&second), coin_of(&first));
    assert!(world.phone.wallet.held().contains(&coin_of(&second)));
}
