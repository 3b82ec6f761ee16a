//! Scenario 13: 483 HTLCs in each direction on one commitment, several of them with one hash and amount; whoever closes, and as
//! a breach. Everything is ours in the end, in transactions that any node relays.

use std::collections::BTreeMap;
use std::sync::Arc;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{Amount, Transaction};
use lightning_arbitrator::arbitrator::ResumeOptions;
use lightning_arbitrator::court::{ArbitratorState, Progress};
use lightning_arbitrator::Policy;
use testkit::chain::Chain;
use testkit::memory::MemoryChain;
use testkit::party::{
    Channel, ChannelSetup, ChannelType, Direction, Htlc, NewHtlc, Origin, Side, Which,
};

use crate::is_full_run;
use crate::phone::{Nap, Phone};
use crate::words::htlc_key;

/// BOLT 2: `max_accepted_htlcs` may not be above this.
const MOST: u64 = 483;
/// Without optimisation.
const SOME: u64 = 24;
/// They all expire within a few blocks.
const EXPIRY: u32 = 300;
/// So many looks are more than enough.
const LONGEST: u32 = 50;
/// What a hundred HTLCs cost at ten sat/vB, in coins of the wallet's.
const SOME_COINS: usize = 3;
/// What bitcoind relays at most, in weight units.
const STANDARD_WEIGHT: u64 = 400_000;

/// A channel whose commitments carry as many HTLCs as there can be.
struct Crowd {
    chain: Arc<dyn Chain>,
    phone: Phone,
    channel: Channel,
    htlcs: Vec<Htlc>,
}

impl Crowd {
    fn gather(kind: ChannelType, nap: Nap) -> Self {
        let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
        let mut phone = Phone::new(chain.clone(), nap);
        let setup = ChannelSetup {
            capacity: Amount::from_sat(40_000_000),
            initial_to_us_msat: 20_000_000_000,
            ..ChannelSetup::numbered(kind, 0)
        };
        let channel = Channel::prepare(chain.as_ref(), setup).expect("a good setup");
        phone.register(&channel);
        let mut crowd = Crowd {
            chain,
            phone,
            channel,
            htlcs: Vec::new(),
        };
        crowd.round();
        crowd.confirms(crowd.channel.funding_tx().clone());
        let most = if is_full_run() { MOST } else { SOME };
        for direction in [Direction::Outgoing, Direction::Incoming] {
            for number in 0..most {
                crowd.add(direction, number);
            }
        }
        crowd.round();
        crowd
    }

    fn add(&mut self, direction: Direction, number: u64) {
        // Every tenth has the hash, the amount and the expiry of the one before.
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

    fn round(&mut self) {
        let round = self.channel.commit_both().expect("nothing is outstanding");
        let funding = self.channel.funding();
        self.phone.remote(funding, &round.remote);
        if let Some(revocation) = &round.revocation {
            self.phone.revocation(funding, revocation);
        }
        self.phone.local(funding, &round.local);
    }

    fn confirms(&self, transaction: Transaction) {
        self.chain.submit(&transaction).expect("it is valid");
        self.chain.mine(1);
    }

    fn peer_closes(&mut self, which: Which) {
        self.confirms(self.channel.peer_commitment_tx(which).expect("signed"));
    }

    /// We know every preimage of what is for us, and decided to take it.
    fn release(&mut self) {
        let funding = self.channel.funding();
        for htlc in self.htlcs.clone() {
            if htlc.key.direction == Direction::Incoming {
                let preimage = self.channel.preimage(&htlc.payment_hash).expect("added");
                self.phone.learn(preimage);
                let released = self.phone.release(funding, htlc_key(htlc.key));
                released.expect("it is live");
            }
        }
    }

    /// Blocks pass until nothing is left to do.
    fn resolve(&mut self) {
        for _ in 0..LONGEST {
            let report = self.phone.resume(ResumeOptions::default());
            assert!(report.troubles.is_empty(), "{:?}", report.troubles);
            let report = self.phone.report(self.channel.funding());
            if !report.contracts.iter().any(|it| is_open(&it.progress)) {
                return;
            }
            let tip = self.chain.tip().height;
            let blocks = report.next_height.map_or(1, |next| next - tip);
            self.chain.mine(blocks);
        }
        panic!("it does not end");
    }

    /// All of this is ours but for fees, and the case ends.
    fn assert_all_is_ours(&mut self, all_sat: u64) {
        self.chain.mine(Policy::default().final_depth);
        self.phone.resume(ResumeOptions::default());
        let report = self.phone.report(self.channel.funding());
        assert_eq!(report.state, ArbitratorState::FullyResolved);
        let most = Policy::default().max_claim_inputs;
        let claims = self.claims();
        for claim in claims.values() {
            let coins = claim.input.len().saturating_sub(most);
            assert!(coins <= SOME_COINS, "a few coins pay the fee at most");
            assert!(claim.weight().to_wu() <= STANDARD_WEIGHT);
        }
        let wallet = &self.phone.wallet;
        let received = self.chain.received(&wallet.sweep).to_sat();
        let brought = received - wallet.paid_out().to_sat();
        println!("{} claims brought {brought} of {all_sat}", claims.len());
        // Without estimates ten sat/vB: for the child of a commitment of 42,000 vB, and for each HTLC.
        assert!(
            brought < all_sat && brought > all_sat - all_sat / 15,
            "{brought} of {all_sat}"
        );
    }

    /// Our confirmed transactions that pay to our wallet.
    fn claims(&self) -> BTreeMap<bitcoin::Txid, Transaction> {
        let script = sha256::Hash::hash(self.phone.wallet.sweep.as_bytes());
        let paid = self.chain.outputs_paying(script).into_iter();
        paid.filter_map(|outpoint| self.chain.transaction(outpoint.txid))
            .map(|known| (known.transaction.compute_txid(), known.transaction))
            .collect()
    }

    /// What stands in HTLCs and in our balance, in sat.
    fn ours(&self) -> u64 {
        let htlcs: u64 = self.htlcs.iter().map(|it| it.amount_msat / 1_000).sum();
        htlcs + self.channel.balance_msat(Side::Us) / 1_000
    }
}

fn is_open(progress: &Progress) -> bool {
    match progress {
        Progress::Contested { .. } | Progress::Maturing { .. } | Progress::Claimable => true,
        Progress::Uneconomic { .. }
        | Progress::GivenUp { .. }
        | Progress::Spent { .. }
        | Progress::Resolved { .. } => false,
    }
}

fn on_our_commitment_every_one_is_claimed(kind: ChannelType, nap: Nap) {
    let mut crowd = Crowd::gather(kind, nap);
    crowd.release();
    crowd.phone.resume(ResumeOptions::default());
    crowd.phone.force_close(crowd.channel.funding());
    crowd.chain.mine(1);
    crowd.resolve();
    crowd.assert_all_is_ours(crowd.ours());
}

fn on_the_peers_commitment_every_one_is_claimed(kind: ChannelType, nap: Nap) {
    let mut crowd = Crowd::gather(kind, nap);
    crowd.release();
    crowd.peer_closes(Which::Current);
    crowd.resolve();
    crowd.assert_all_is_ours(crowd.ours());
}

fn on_a_revoked_commitment_every_one_is_taken(kind: ChannelType, nap: Nap) {
    let mut crowd = Crowd::gather(kind, nap);
    crowd.round();
    crowd.peer_closes(Which::Number(1));
    crowd.resolve();
    crowd.assert_all_is_ours(crowd.channel.setup().capacity.to_sat());
}

/// Both channel types, each once straight through and once restarted before every step.
macro_rules! twins {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::phone::Nap;
            use testkit::party::ChannelType;

            #[test]
            fn static_remotekey() {
                super::$name(ChannelType::StaticRemotekey, Nap::Never);
            }

            #[test]
            fn static_remotekey_restarted() {
                super::$name(ChannelType::StaticRemotekey, Nap::BeforeEveryStep);
            }

            #[test]
            fn anchors() {
                super::$name(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
            }

            #[test]
            fn anchors_restarted() {
                super::$name(ChannelType::AnchorsZeroFeeHtlc, Nap::BeforeEveryStep);
            }
        }
    )*};
}

twins!(
    on_our_commitment_every_one_is_claimed,
    on_the_peers_commitment_every_one_is_claimed,
    on_a_revoked_commitment_every_one_is_taken,
);
