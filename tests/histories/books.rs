//! The test's own books: what was agreed in each channel, and what is to become of each payment.

use std::collections::BTreeMap;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{OutPoint, Transaction, Txid};
use lightning_arbitrator::court::{state_number, Verdict};
use testkit::party::{Channel, Direction, HtlcKey, Settlement, Side, Which};

use crate::engine::Dance;
use crate::words::retold;

/// A payment through one channel: an HTLC, from the moment at which a commitment may carry it.
#[derive(Clone, Debug)]
pub struct Payment {
    pub channel: usize,
    pub key: HtlcKey,
    pub amount_msat: u64,
    pub expiry: u32,
    pub preimage: [u8; 32],
    /// Outgoing: the peer can take it. Incoming: we could, as far as the preimage goes.
    pub payee_knows: bool,
    /// The other leg of a forwarded payment.
    pub linked: Option<usize>,
    pub stage: Stage,
    /// Incoming: the tip when we decided to take it.
    pub released_at: Option<u32>,
    /// Outgoing: the preimage has come to where we may have seen it.
    pub revealed: bool,
    /// Outgoing: what the library said upstream.
    pub verdict: Option<Verdict>,
}

impl Payment {
    pub fn hash(&self) -> sha256::Hash {
        sha256::Hash::hash(&self.preimage)
    }

    pub fn is_outgoing(&self) -> bool {
        self.key.direction == Direction::Outgoing
    }
}

/// How far a payment is off-chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Some commitments may carry it, others not yet.
    Adding,
    Live,
    /// Some commitments carry it no longer, others still do.
    Removing(Settlement),
    /// No commitment that counts carries it.
    Settled(Settlement),
}

/// One commitment that was signed.
pub type Signed = (Side, u64);

pub struct Line {
    pub party: Channel,
    /// An exchange that is under way.
    pub dance: Option<Dance>,
    /// The HTLCs of each commitment.
    pub carried: BTreeMap<Signed, Vec<HtlcKey>>,
    /// What was found of transactions, by their txids.
    names: BTreeMap<Txid, Option<Signed>>,
    /// The peer has revoked its commitments below this number.
    pub peer_revoked: u64,
    /// A cooperative close that both sides signed.
    pub cooperative: Option<Transaction>,
}

impl Line {
    pub fn new(party: Channel) -> Self {
        Line {
            party,
            dance: None,
            carried: BTreeMap::new(),
            names: BTreeMap::new(),
            peer_revoked: 0,
            cooperative: None,
        }
    }

    pub fn outpoint(&self) -> OutPoint {
        self.party.funding()
    }

    /// The number of a side's newest commitment.
    pub fn newest(&self, side: Side) -> Option<u64> {
        let signed = self.carried.keys().filter(|(owner, _)| *owner == side);
        signed.map(|(_, number)| *number).max()
    }

    /// Which commitment a transaction is; `None`: none of this channel.
    pub fn named(&mut self, transaction: &Transaction) -> Option<Signed> {
        let txid = transaction.compute_txid();
        if let Some(known) = self.names.get(&txid) {
            return *known;
        }
        // Its number says which two it can be; those are built again.
        let number = state_number(&retold(&self.party), transaction)?.get();
        let is_it = |signed: &&Signed| {
            let made = match signed.0 {
                Side::Us => self.party.our_commitment_tx(Which::Number(number)),
                Side::Peer => self.party.peer_commitment_tx(Which::Number(number)),
            };
            made.is_ok_and(|made| made.compute_txid() == txid)
        };
        let candidates = [(Side::Us, number), (Side::Peer, number)];
        let found = candidates.iter().find(is_it).copied();
        self.names.insert(txid, found);
        found
    }
}
