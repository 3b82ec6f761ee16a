//! Scenario 21: what the library says that a force close needs of the wallet's coins is what it takes.

use bitcoin::{Amount, FeeRate};
use futures::executor::block_on;
use lightning_arbitrator::Policy;
use testkit::party::{ChannelType, Htlc};

use super::{with_anchors, On};
use crate::support::World;

/// The market, in sat/vB.
const MARKET: u32 = 12;

/// An HTLC that is worth its fee at that market.
const LARGE_SAT: u64 = 60_000;

twins!(with_what_it_says_everything_is_claimed_at_that_market);

with_anchors!(
    a_satoshi_less_in_each_coin_leaves_a_claim_waiting,
    once_it_is_closed_a_channel_needs_nothing_more,
);

impl World {
    /// The coins that the library says are needed at this market.
    fn needed(&mut self) -> Vec<Amount> {
        let feerate = FeeRate::from_sat_per_vb(MARKET.into()).expect("a sane feerate");
        let needed = block_on(self.phone.on().reserve_needed(feerate)).expect("readable");
        assert_eq!(needed.total(), needed.coins.iter().copied().sum());
        needed.coins
    }

    /// The phone has these coins, and has to go to the chain at this market for a payment to us.
    fn goes_to_chain_with(&mut self, coins: &[Amount], received: &Htlc) {
        if !coins.is_empty() {
            self.phone.wallet.pay_in_all(&self.chain, coins);
        }
        self.fees_are(MARKET.into());
        self.wakes_at(received.cltv_expiry - Policy::default().fulfil_margin);
        self.wakes_after(1);
    }
}

fn with_what_it_says_everything_is_claimed_at_that_market(mut world: World) {
    let received = [world.is_paid(LARGE_SAT), world.is_paid(LARGE_SAT)];
    received.iter().for_each(|htlc| world.released(htlc));
    let sent = [world.pays(LARGE_SAT), world.pays(LARGE_SAT)];
    let coins = world.needed();
    let expected = match world.channel.setup().channel_type {
        ChannelType::StaticRemotekey => 0,
        ChannelType::AnchorsZeroFeeHtlc => 5,
    };
    assert_eq!(coins.len(), expected, "{coins:?}");
    world.goes_to_chain_with(&coins, &received[0]);
    for htlc in &received {
        assert!(world.claim_in_mempool(htlc, On::Ours).is_some());
    }
    world.wakes_at(sent[0].cltv_expiry);
    for htlc in &sent {
        assert!(world.claim_in_mempool(htlc, On::Ours).is_some());
    }
    assert!(!world.lacked_coins());
}

fn a_satoshi_less_in_each_coin_leaves_a_claim_waiting(mut world: World) {
    let received = world.is_paid(LARGE_SAT);
    world.released(&received);
    let coins = world.needed();
    let less: Vec<Amount> = coins.iter().map(|coin| *coin - Amount::ONE_SAT).collect();
    world.goes_to_chain_with(&less, &received);
    assert_eq!(world.claim_in_mempool(&received, On::Ours), None);
    assert!(world.lacked_coins());
}

fn once_it_is_closed_a_channel_needs_nothing_more(mut world: World) {
    assert_ne!(world.needed(), []);
    world.closes(On::Theirs);
    assert_eq!(world.needed(), []);
}
