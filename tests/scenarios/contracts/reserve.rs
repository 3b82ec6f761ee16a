//! Scenario 21, for HTLCs: with anchors the second level of our commitment pays its fee with coins of the wallet's.

use bitcoin::Transaction;
use lightning_arbitrator::court::EventKind;
use lightning_arbitrator::OnchainWallet;
use std::sync::Arc;
use testkit::party::Htlc;

use super::{with_anchors, On, HTLC_SAT};
use crate::support::{About, Mood, Moody, World};

with_anchors!(
    without_coins_it_is_said_once_and_made_when_they_come,
    a_wallet_that_says_nothing_of_its_coins_delays_no_other_claim,
    a_claim_that_stays_unconfirmed_is_raised_with_the_coin_it_has,
    two_claims_never_take_one_coin,
    a_coin_that_is_gone_is_replaced_by_another,
);

/// A payment of ours on our commitment, expired.
fn expired(world: &mut World) -> Htlc {
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    world.mine(sent.cltv_expiry - world.chain.tip().height);
    sent
}

fn without_coins_it_is_said_once_and_made_when_they_come(mut world: World) {
    let sent = expired(&mut world);
    let report = world.phone.resume();
    let [trouble] = report.troubles.as_slice() else {
        panic!("one trouble: {report:?}");
    };
    assert!(trouble.what.contains("no coin"), "{report:?}");
    let is_said = |kind: &&EventKind| matches!(kind, EventKind::ReserveNeeded { .. });
    assert_eq!(world.phone.told().iter().filter(is_said).count(), 1);
    // Everything else goes on: our balance is swept after its delay.
    world.wakes_after(144);
    world.mine(1);
    assert!(world.brought() > 0);
    assert_eq!(world.claim_in_mempool(&sent, On::Ours), None);
    world.with_reserve();
    world.phone.resume();
    assert!(world.claim_in_mempool(&sent, On::Ours).is_some());
    assert_eq!(world.phone.told().iter().filter(is_said).count(), 1);
    world.comes_to(HTLC_SAT);
}

fn a_wallet_that_says_nothing_of_its_coins_delays_no_other_claim(mut world: World) {
    world.with_reserve();
    let good: Arc<dyn OnchainWallet> = Arc::new(world.phone.wallet.clone());
    let moody = Moody::new(good, About::Coins);
    let set = moody.clone();
    world.phone.set(|config| config.wallet = set.into());
    let received = world.is_paid(HTLC_SAT);
    world.closes(On::Ours);
    world.mine(144);
    world.released(&received);
    // The HTLC's output comes before that of our balance.
    moody.becomes(Mood::Fails);
    let report = world.phone.resume_with(Default::default());
    let report = report.expect("a bad callback is no error of the tick");
    assert!(!report.complete, "{report:?}");
    assert_eq!(world.chain.mempool().len(), 1, "the sweep of our balance");
    moody.becomes(Mood::Good);
    world.phone.resume();
    assert!(world.claim_in_mempool(&received, On::Ours).is_some());
}

fn a_claim_that_stays_unconfirmed_is_raised_with_the_coin_it_has(mut world: World) {
    world.with_reserve();
    let sent = expired(&mut world);
    world.phone.resume();
    let first = world.claim_in_mempool(&sent, On::Ours).expect("made");
    world.chain.mine_empty(1);
    world.phone.resume();
    let same = world.claim_in_mempool(&sent, On::Ours);
    assert_eq!(same, Some(first.clone()), "the market is as it was");
    world.fees_are(12.0);
    world.phone.resume();
    let second = world.claim_in_mempool(&sent, On::Ours).expect("raised");
    assert_ne!(first.compute_txid(), second.compute_txid());
    assert!(world.paid_by(&second) > world.paid_by(&first));
    let coin = |claim: &Transaction| claim.input[1].previous_output;
    assert_eq!(coin(&first), coin(&second));
    world.fees_are(1.0);
    world.comes_to(HTLC_SAT);
}

fn two_claims_never_take_one_coin(mut world: World) {
    // One raises the commitment.
    world.with_reserve();
    world.with_reserve();
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    assert!(world.claim_in_mempool(&received, On::Ours).is_some());
    world
        .chain
        .mine_empty(sent.cltv_expiry - world.chain.tip().height);
    world.phone.resume();
    assert!(world.claim_in_mempool(&received, On::Ours).is_some());
    assert_eq!(world.claim_in_mempool(&sent, On::Ours), None);
    world.with_reserve();
    world.phone.resume();
    assert!(world.claim_in_mempool(&received, On::Ours).is_some());
    assert!(world.claim_in_mempool(&sent, On::Ours).is_some());
    // When it can be taken back, the first one has bid all that it may: half of its value.
    world.comes_to(HTLC_SAT + HTLC_SAT / 2);
}

fn a_coin_that_is_gone_is_replaced_by_another(mut world: World) {
    world.with_reserve();
    let sent = expired(&mut world);
    world.phone.resume();
    let first = world.claim_in_mempool(&sent, On::Ours).expect("made");
    let coin = first.input[1].previous_output;
    // The wallet's owner has spent it otherwise, in a block.
    world.phone.wallet.spend(&world.chain, coin);
    world.phone.resume();
    assert_eq!(world.claim_in_mempool(&sent, On::Ours), None);
    world.with_reserve();
    world.phone.resume();
    let second = world.claim_in_mempool(&sent, On::Ours).expect("made anew");
    assert_ne!(second.input[1].previous_output, coin);
    world.comes_to_an_end();
}
