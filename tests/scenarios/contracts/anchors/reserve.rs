//! Who pays for a child: the wallet's coins, as far as there are any.

use std::sync::Arc;

use bitcoin::Amount;
use lightning_arbitrator::court::EventKind;
use lightning_arbitrator::{OnchainWallet, Policy};

use super::{HTLC_SAT, MARKET};
use crate::contracts::with_anchors;
use crate::support::{About, Mood, Moody, World};

with_anchors!(
    without_coins_the_commitment_goes_alone_and_it_is_said_once,
    coins_that_arrive_later_pay_for_the_child,
    several_small_coins_pay_together,
    a_coin_that_is_gone_is_replaced_by_another,
    a_wallet_that_fails_delays_the_child_and_not_the_commitment,
);

/// The phone wakes in time for a payment to us, with these coins in its wallet.
fn with_coins(world: &mut World, coins: &[u64]) {
    world.fees_are(10.0);
    let coins: Vec<Amount> = coins.iter().copied().map(Amount::from_sat).collect();
    if !coins.is_empty() {
        world.phone.wallet.pay_in_all(&world.chain, &coins);
    }
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    world.wakes_in_time_for(&received);
}

fn times_said(world: &mut World) -> usize {
    let is_said = |kind: &&EventKind| matches!(kind, EventKind::ReserveNeeded { .. });
    world.phone.told().iter().filter(is_said).count()
}

pub fn without_coins_the_commitment_goes_alone_and_it_is_said_once(mut world: World) {
    with_coins(&mut world, &[]);
    world.assert_alone();
    assert_eq!(times_said(&mut world), 1);
    world.chain.mine_empty(1);
    let report = world.phone.resume();
    let [trouble] = report.troubles.as_slice() else {
        panic!("one trouble: {report:?}");
    };
    assert!(trouble.what.contains("no coin"), "{report:?}");
    assert_eq!(times_said(&mut world), 1);
    world.assert_alone();
}

pub fn coins_that_arrive_later_pay_for_the_child(mut world: World) {
    with_coins(&mut world, &[]);
    world.assert_alone();
    world.with_reserve();
    let report = world.phone.resume();
    assert!(report.troubles.is_empty(), "{report:?}");
    world.assert_market(&world.family(), MARKET);
    assert_eq!(times_said(&mut world), 1);
    world.with_reserve();
    world.mine(1);
    world.comes_to_an_end();
}

fn several_small_coins_pay_together(mut world: World) {
    with_coins(&mut world, &[3_000, 3_000, 2_500]);
    let family = world.family();
    world.assert_market(&family, MARKET);
    assert!(family.child.input.len() > 2, "{:?}", family.child);
}

fn a_coin_that_is_gone_is_replaced_by_another(mut world: World) {
    with_coins(&mut world, &[100_000]);
    let first = world.family();
    let coin = first.child.input[1].previous_output;
    // The wallet's owner has spent it otherwise, in a block.
    world.phone.wallet.spend(&world.chain, coin);
    world.phone.resume();
    world.assert_alone();
    world.with_reserve();
    world.phone.resume();
    world.phone.resume();
    let second = world.family();
    assert_eq!(first.commitment, second.commitment);
    assert_ne!(second.child.input[1].previous_output, coin);
}

fn a_wallet_that_fails_delays_the_child_and_not_the_commitment(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    let good: Arc<dyn OnchainWallet> = Arc::new(world.phone.wallet.clone());
    let moody = Moody::new(good, About::Coins);
    let set = moody.clone();
    world.phone.set(|config| config.wallet = set.into());
    moody.becomes(Mood::Fails);
    let margin = Policy::default().fulfil_margin;
    world.mine(received.cltv_expiry - margin - world.chain.tip().height);
    let report = world.phone.resume_with(Default::default());
    let report = report.expect("a bad callback is no error of the tick");
    assert!(!report.complete, "{report:?}");
    world.assert_alone();
    // Where the commitment's own fee is enough, the wallet is not asked.
    world.fees_are(1.0);
    world.phone.resume();
    world.fees_are(10.0);
    moody.becomes(Mood::Good);
    world.phone.resume();
    world.assert_market(&world.family(), MARKET);
}
