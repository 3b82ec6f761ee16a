//! Scenarios 5 and 21: an unconfirmed commitment, ours or the peer's, is raised by a child that spends our anchor on it.

pub mod again;
pub mod packages;
pub mod raising;
pub mod reserve;
pub mod which;

use bitcoin::{Amount, OutPoint, Transaction};
use lightning_arbitrator::court::{ArbitratorState, BroadcastPurpose, Outcome};
use lightning_arbitrator::Policy;
use testkit::party::{Htlc, Which};

use super::HTLC_SAT;
use crate::support::World;

/// What the market asks for, in sat per 1,000 weight units: 10 sat/vB.
const MARKET: u64 = 2_500;

/// What an anchor holds (BOLT 3).
const ANCHOR: Amount = Amount::from_sat(330);

/// A commitment that waits, and the child that pays for it.
struct Family {
    commitment: Transaction,
    child: Transaction,
}

impl World {
    /// A payment to us that is ours to claim, of this many sat, and a wallet with a coin.
    fn is_owed(&mut self, sat: u64) -> Htlc {
        self.with_reserve();
        let received = self.is_paid(sat);
        self.released(&received);
        received
    }

    /// The phone wakes where its commitment has to go out, for this payment to be claimed in time.
    fn wakes_in_time_for(&mut self, received: &Htlc) {
        let margin = Policy::default().fulfil_margin;
        self.wakes_at(received.cltv_expiry - margin);
        let report = self.phone.report(self.outpoint());
        assert_eq!(report.state, ArbitratorState::CommitmentBroadcasted);
    }

    /// The peer's commitment waits in the mempool, and the phone sees it.
    fn peer_broadcasts(&mut self) -> Transaction {
        let close = self.channel.peer_commitment_tx(Which::Current);
        let close = close.expect("signed");
        self.submit(&close);
        self.phone.resume();
        close
    }

    /// What waits: a commitment with one child, and nothing else.
    #[track_caller]
    fn family(&self) -> Family {
        let waiting = self.chain.mempool();
        let [commitment, child] = waiting[..] else {
            panic!("a commitment and its child, not {waiting:?}");
        };
        let family = Family {
            commitment: self.known(commitment),
            child: self.known(child),
        };
        assert_eq!(family.commitment.input[0].previous_output, self.outpoint());
        assert_eq!(family.child.input[0].previous_output.txid, commitment);
        let anchor = family.child.input[0].previous_output.vout as usize;
        assert_eq!(family.commitment.output[anchor].value, ANCHOR);
        assert!(self.is_ours(&family.child), "what is left is the wallet's");
        family
    }

    /// What waits is the commitment alone.
    #[track_caller]
    fn assert_alone(&self) {
        let waiting = self.chain.mempool();
        let spends = |txid: &bitcoin::Txid| self.known(*txid).input[0].previous_output;
        let spent: Vec<OutPoint> = waiting.iter().map(spends).collect();
        assert_eq!(spent, [self.outpoint()]);
    }

    /// The feerate that the two reach together, in sat per 1,000 weight units.
    fn feerate_of(&self, family: &Family) -> u64 {
        let both = [&family.commitment, &family.child];
        let fees: u64 = both.iter().map(|it| self.paid_by(it)).sum();
        let weight: u64 = both.iter().map(|it| it.weight().to_wu()).sum();
        fees * 1_000 / weight
    }

    /// The two pay this market's price and the margin above it, to the weight of a few signatures and the climb of a few
    /// blocks: two in a hundred.
    #[track_caller]
    fn assert_market(&self, family: &Family, market: u64) {
        let bid = market + market * u64::from(Policy::default().bid_margin_percent) / 100;
        let feerate = self.feerate_of(family);
        let most = bid + bid / 50;
        assert!((bid..=most).contains(&feerate), "{feerate} for {bid}");
    }

    /// What the server last said of our commitment, and of the newest child.
    fn said(&mut self) -> (Option<Outcome>, Option<Outcome>) {
        let channel = self.outpoint();
        let file = futures::executor::block_on(self.phone.on().case_file(channel));
        let broadcasts = file.expect("readable").broadcasts;
        let newest = |is_meant: fn(&BroadcastPurpose) -> bool| {
            let mut all = broadcasts.iter().rev();
            all.find(|it| is_meant(&it.purpose))?.outcome.clone()
        };
        (
            newest(|it| matches!(it, BroadcastPurpose::Commitment)),
            newest(|it| matches!(it, BroadcastPurpose::Cpfp(_))),
        )
    }
}
