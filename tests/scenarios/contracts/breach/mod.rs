//! Scenarios 17 to 19: the peer broadcasts a commitment that it revoked, and everything on it is ours.

mod damage;
mod detection;
pub mod outputs;
pub mod pricing;
pub mod reorgs;
pub mod second_level;
mod upstream;

use std::collections::BTreeSet;

use bitcoin::{Amount, OutPoint, Transaction, Txid};
use lightning_arbitrator::court::{CloseKind, EventKind};
use testkit::party::{Htlc, NewHtlc, Origin, Settlement, Which};

use crate::support::World;

/// The commitment that the peer revokes, and then broadcasts.
pub const REVOKED: Which = Which::Number(1);
/// Its number.
pub const NUMBER: u64 = 1;

/// Blocks until the HTLCs here expire: long after everything else.
const FAR: u32 = 5_000;

/// Fees of the peer's transactions.
pub const FEE: Amount = Amount::from_sat(500);

impl World {
    /// The tip's height.
    pub fn height(&self) -> u32 {
        self.chain.tip().height
    }

    /// A state with an HTLC each way and dust, which the peer then revokes. The HTLCs go on; first the outgoing one, which
    /// was forwarded.
    pub fn revoked_with_htlcs(&mut self) -> [Htlc; 2] {
        let expiry = self.height() + FAR;
        let forwarded = Origin::Forwarded {
            channel: OutPoint::null().to_string(),
            id: 3,
            cltv_expiry: expiry + 100,
        };
        let outgoing = self.add(NewHtlc::outgoing(30_000_000, expiry).from(forwarded));
        let incoming = self.add(NewHtlc::incoming(40_000_000, expiry));
        self.add(NewHtlc::incoming(400_000, expiry));
        self.round();
        self.round();
        [outgoing, incoming]
    }

    /// The same, and all HTLCs are settled off-chain afterwards.
    pub fn revoked_long_ago(&mut self) -> [Htlc; 2] {
        let htlcs = self.revoked_with_htlcs();
        for htlc in self.channel.htlcs().to_vec() {
            let settled = self.channel.settle_htlc(htlc.key, Settlement::Fail);
            settled.expect("it is live");
        }
        for _ in 0..4 {
            self.round();
        }
        htlcs
    }

    /// The revoked commitment confirms, and the phone looks.
    pub fn cheated(&mut self) -> Transaction {
        let breach = self.peer_closes(REVOKED);
        self.phone.resume();
        let channel = self.outpoint();
        let close = self.phone.report(channel).close;
        let kind = CloseKind::Breach { number: NUMBER };
        assert_eq!(close, Some((kind, breach.compute_txid())));
        breach
    }

    /// The cheater's second-level transaction of one HTLC of the revoked commitment.
    pub fn cheaters_second_level(&self, htlc: &Htlc) -> Transaction {
        let second = self.peers_second_level(htlc, REVOKED);
        second.expect("it has an output")
    }

    /// What the mempool holds.
    pub fn waiting(&self) -> Vec<Transaction> {
        let txids = self.chain.mempool();
        let known = txids.into_iter().map(|txid| self.known(txid));
        known.collect()
    }

    /// A transaction of the chain or the mempool.
    pub fn known(&self, txid: Txid) -> Transaction {
        let known = self.chain.transaction(txid).expect("it is known");
        known.transaction
    }

    /// Who spends an output, mempool included.
    pub fn spender(&self, outpoint: OutPoint) -> Option<Transaction> {
        let spend = self.chain.outspend(outpoint)?;
        Some(self.known(spend.txid))
    }

    /// Whether a transaction pays us and nobody else.
    pub fn is_ours(&self, transaction: &Transaction) -> bool {
        let sweep = &self.phone.wallet.sweep;
        let mut outputs = transaction.output.iter();
        outputs.all(|output| output.script_pubkey == *sweep)
    }

    /// Every output of a transaction is claimed by us alone, but for anchors.
    #[track_caller]
    pub fn assert_taken(&self, from: &Transaction) {
        for outpoint in worth_having(from) {
            let spender = self.spender(outpoint).expect("it is spent");
            assert!(self.is_ours(&spender), "{outpoint} went to {spender:?}");
        }
    }

    /// An event is told, and once.
    #[track_caller]
    pub fn assert_told(&mut self, event: &EventKind) {
        let told = self.phone.told();
        let times = told.iter().filter(|it| *it == event).count();
        assert_eq!(times, 1, "{event:?} in {told:#?}");
    }
}

/// What an anchor is worth (BOLT 3).
const ANCHOR: Amount = Amount::from_sat(330);

/// The outputs of a commitment that are not anchors.
pub fn worth_having(commitment: &Transaction) -> Vec<OutPoint> {
    let txid = commitment.compute_txid();
    (0..)
        .zip(&commitment.output)
        .filter(|(_, output)| output.value != ANCHOR)
        .map(|(vout, _)| OutPoint { txid, vout })
        .collect()
}

/// What a transaction spends.
pub fn inputs(transaction: &Transaction) -> BTreeSet<OutPoint> {
    let inputs = transaction.input.iter();
    inputs.map(|input| input.previous_output).collect()
}
