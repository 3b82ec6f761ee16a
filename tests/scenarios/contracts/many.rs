//! Scenario 13: 483 HTLCs in each direction on one commitment, whoever closes, and as a breach; several with one hash and amount.

use std::collections::BTreeMap;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{Amount, Transaction};
use futures::executor::block_on;
use lightning_arbitrator::court::{ArbitratorState, Progress};
use lightning_arbitrator::protocol::Preimage;
use lightning_arbitrator::Policy;
use testkit::party::{Channel, ChannelSetup, Direction, Htlc, NewHtlc, Origin, Side, Which};

use crate::support::{htlc_key, World};

/// BOLT 2: `max_accepted_htlcs` may not be above this.
const MOST: u64 = 483;
/// They all expire within a few blocks.
const EXPIRY: u32 = 300;
/// So many looks are more than enough.
const LONGEST: u32 = 50;
/// Coins that pay for second-level transactions.
const COINS: usize = 20;

/// A channel whose commitments carry as many HTLCs as there can be, beside the world's own.
struct Crowd {
    world: World,
    channel: Channel,
    htlcs: Vec<Htlc>,
}

impl Crowd {
    fn gather(mut world: World) -> Self {
        let kind = world.channel.setup().channel_type;
        let coins = [Amount::from_sat(500_000); COINS];
        world.phone.wallet.pay_in_all(&world.chain, &coins);
        let setup = ChannelSetup {
            capacity: Amount::from_sat(40_000_000),
            initial_to_us_msat: 20_000_000_000,
            ..ChannelSetup::numbered(kind, 500)
        };
        let mut channel = Channel::prepare(world.chain.as_ref(), setup).expect("a good setup");
        world.phone.know(&channel);
        world.phone.register(&channel);
        let round = channel.commit_both().expect("nothing is outstanding");
        world.phone.told_round(channel.funding(), &round);
        world.submit(channel.funding_tx());
        world.mine(1);
        let mut crowd = Crowd {
            world,
            channel,
            htlcs: Vec::new(),
        };
        for direction in [Direction::Outgoing, Direction::Incoming] {
            for number in 0..MOST {
                crowd.add(direction, number);
            }
        }
        crowd.round();
        crowd
    }

    fn add(&mut self, direction: Direction, number: u64) {
        // Every tenth has the hash and the amount of the one before.
        let distinct = number - u64::from(number % 10 == 9);
        let name = format!("{direction:?} {distinct}");
        let added = self.channel.add_htlc(NewHtlc {
            direction,
            amount_msat: 10_000_000 + 1_000 * distinct,
            preimage: sha256::Hash::hash(name.as_bytes()).to_byte_array(),
            cltv_expiry: EXPIRY + (distinct % 4) as u32,
            origin: Origin::Own,
        });
        self.htlcs.push(added.expect("affordable"));
    }

    fn peer_closes(&mut self, which: Which) {
        let close = self.channel.peer_commitment_tx(which).expect("signed");
        self.world.submit(&close);
        self.world.mine(1);
    }

    fn round(&mut self) {
        let round = self.channel.commit_both().expect("nothing is outstanding");
        self.world.phone.told_round(self.channel.funding(), &round);
    }
}

impl Crowd {
    /// We know every preimage, and decided to take what is for us.
    fn release(&mut self) {
        let funding = self.channel.funding();
        let on = self.world.phone.on();
        for htlc in &self.htlcs {
            let preimage = self.channel.preimage(&htlc.payment_hash).expect("added");
            if htlc.key.direction == Direction::Incoming {
                block_on(on.learn_preimage(Preimage::new(preimage))).expect("it is kept");
                block_on(on.release(funding, htlc_key(htlc.key))).expect("it is live");
            }
        }
    }

    /// Blocks pass until nothing is left to do.
    fn resolve(&mut self) {
        let is_open = |progress: &Progress| match progress {
            Progress::Contested { .. } | Progress::Maturing { .. } | Progress::Claimable => true,
            Progress::Uneconomic { .. }
            | Progress::GivenUp { .. }
            | Progress::Spent { .. }
            | Progress::Resolved { .. } => false,
        };
        for _ in 0..LONGEST {
            let report = self.world.phone.resume();
            assert!(report.troubles.is_empty(), "{:?}", report.troubles);
            let report = self.world.phone.report(self.channel.funding());
            if !report.contracts.iter().any(|it| is_open(&it.progress)) {
                return;
            }
            let tip = self.world.chain.tip().height;
            self.world
                .mine(report.next_height.map_or(1, |next| next - tip));
        }
        panic!("it does not end");
    }

    /// All of it is ours, but for fees: what went out came back, what came in was taken.
    fn assert_all_is_ours(&mut self, all_sat: u64) {
        self.world.mine(100);
        self.world.phone.resume();
        let report = self.world.phone.report(self.channel.funding());
        assert_eq!(report.state, ArbitratorState::FullyResolved);
        let claims = self.claims();
        let most = Policy::default().max_claim_inputs;
        for claim in &claims {
            assert!(claim.input.len() <= most + 1, "a coin pays the fee at most");
            assert!(claim.weight().to_wu() <= 400_000);
        }
        let paid: u64 = self.world.balance(&self.world.phone.wallet.sweep);
        assert!(paid > all_sat - all_sat / 20, "{paid} of {all_sat}");
        println!("{} claims, {paid} of {all_sat} sat", claims.len());
    }

    /// Our confirmed transactions that pay to our wallet.
    fn claims(&self) -> Vec<Transaction> {
        let script = sha256::Hash::hash(self.world.phone.wallet.sweep.as_bytes());
        let paid = self.world.chain.outputs_paying(script).into_iter();
        let claims: BTreeMap<_, _> = paid
            .filter_map(|outpoint| self.world.chain.transaction(outpoint.txid))
            .map(|known| (known.transaction.compute_txid(), known.transaction))
            .collect();
        claims.into_values().collect()
    }

    /// What stands in HTLCs of one direction, and our balance.
    fn held_sat(&self) -> (u64, u64) {
        let of = |direction| {
            let htlcs = self.htlcs.iter();
            let amounts = htlcs.filter(|it| it.key.direction == direction);
            amounts.map(|it| it.amount_msat / 1_000).sum::<u64>()
        };
        let balance = self.channel.balance_msat(Side::Us) / 1_000;
        (of(Direction::Outgoing) + of(Direction::Incoming), balance)
    }
}

pub fn on_our_commitment_every_one_is_claimed(world: World) {
    let mut crowd = Crowd::gather(world);
    crowd.release();
    let funding = crowd.channel.funding();
    crowd
        .world
        .phone
        .force_close(funding)
        .expect("a commitment");
    crowd.world.mine(1);
    crowd.resolve();
    let (htlcs, balance) = crowd.held_sat();
    crowd.assert_all_is_ours(htlcs + balance);
}

pub fn on_the_peers_commitment_every_one_is_claimed(world: World) {
    let mut crowd = Crowd::gather(world);
    crowd.release();
    crowd.peer_closes(Which::Current);
    crowd.resolve();
    let (htlcs, balance) = crowd.held_sat();
    crowd.assert_all_is_ours(htlcs + balance);
}

pub fn on_a_revoked_commitment_every_one_is_taken(world: World) {
    let mut crowd = Crowd::gather(world);
    crowd.round();
    crowd.peer_closes(Which::Number(1));
    crowd.resolve();
    let capacity = crowd.channel.setup().capacity.to_sat();
    crowd.assert_all_is_ours(capacity);
}

twins!(
    on_our_commitment_every_one_is_claimed,
    on_the_peers_commitment_every_one_is_claimed,
    on_a_revoked_commitment_every_one_is_taken,
);
