//! Scenario 21 with a wallet of the Bitcoin Dev Kit's that lends its coins.

use std::sync::Arc;

use bitcoin::{Amount, Transaction};
use lightning_arbitrator::Policy;

use super::{with_anchors, On, HTLC_SAT};
use crate::support::{BdkReserve, World};

with_anchors!(
    its_coins_raise_a_force_close_and_claim_its_htlc,
    what_it_holds_for_a_claim_it_does_not_spend_itself,
);

const COIN: Amount = Amount::from_sat(100_000);

/// The phone's wallet is one of BDK's, with so many coins.
fn with_bdk(world: &mut World, coins: usize) -> BdkReserve {
    // Worlds on one chain share no seed.
    let seed = world.phone.wallet.sweep.to_bytes();
    let wallet = BdkReserve::new(&seed, world.chain.clone());
    let set = Arc::new(wallet.clone());
    world.phone.set(|config| config.wallet = set.into());
    let payments = vec![(wallet.address(), COIN); coins];
    world.chain.fund_all(&payments);
    world.mine(5);
    wallet
}

fn coin_of(claim: &Transaction) -> bitcoin::OutPoint {
    claim.input.last().expect("it has inputs").previous_output
}

pub fn its_coins_raise_a_force_close_and_claim_its_htlc(mut world: World) {
    let wallet = with_bdk(&mut world, 2);
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    world.fees_are(10.0);
    world.wakes_at(received.cltv_expiry - Policy::default().fulfil_margin);
    assert_eq!(world.chain.mempool().len(), 2, "a commitment and its child");
    world.wakes_after(1);
    let claim = world.claim_in_mempool(&received, On::Ours);
    assert!(claim.is_some());
    world.mine(1);
    world.fees_are(1.0);
    world.comes_to_an_end();
    let ours = world.channel.balance_msat(testkit::party::Side::Us) / 1_000 + HTLC_SAT;
    let home = wallet.total().to_sat() - 2 * COIN.to_sat();
    assert!(home + 20_000 > ours, "{home} of {ours}");
}

pub fn what_it_holds_for_a_claim_it_does_not_spend_itself(mut world: World) {
    let wallet = with_bdk(&mut world, 2);
    let sent = world.pays(HTLC_SAT);
    world.closes(On::Ours);
    assert_eq!(wallet.spends_itself().len(), 2);
    world.wakes_at(sent.cltv_expiry);
    let claim = world.claim_in_mempool(&sent, On::Ours).expect("made");
    let free = wallet.spends_itself();
    assert!(!free.is_empty() && !free.contains(&coin_of(&claim)));
    world.mine(1);
    world.comes_to_an_end();
}
