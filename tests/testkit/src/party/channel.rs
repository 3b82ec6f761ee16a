//! A channel with both its ends: what was agreed, and the ledger of who has what.
//!
//! There is one ledger. Each call to [`Channel::our_commitment`] or [`Channel::their_commitment`] takes it as it stands, so
//! the order of calls decides what each side's commitment holds, as the order of BOLT 2's messages does.

use std::collections::BTreeMap;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{Amount, OutPoint, Transaction};
use serde::{Deserialize, Serialize};

use crate::chain::Chain;

use super::build::{funding_script, State};
use super::error::PartyError;
use super::hex::{self, Bytes32};
use super::htlc::{Direction, Htlc, HtlcKey, NewHtlc, Settlement};
use super::setup::{ChannelSetup, Side, Terms};

/// By how much more in fees an attempt at a funding replaces the one before: several times what BIP 125 asks for.
const RAISED_BY: Amount = Amount::from_sat(2_000);

/// Both ends of a channel. Holds no chain: its deeds come back as transactions to submit. A clone is a channel that may
/// go on without the library being told.
#[derive(Clone, Serialize, Deserialize)]
pub struct Channel {
    pub(super) setup: ChannelSetup,
    #[serde(with = "hex::transaction")]
    funding_tx: Transaction,
    pub(super) to_us_msat: u64,
    pub(super) to_peer_msat: u64,
    pub(super) feerate_per_kw: u32,
    pub(super) live: Vec<Htlc>,
    next_outgoing: u64,
    next_incoming: u64,
    /// Of every HTLC ever added, by its payment hash.
    preimages: BTreeMap<sha256::Hash, Bytes32>,
    /// Our commitments: by number, the alternatives signed under it.
    pub(super) ours: Vec<Vec<State>>,
    /// The peer's commitments, likewise.
    pub(super) theirs: Vec<Vec<State>>,
    /// The peer has revoked every number below this one.
    pub(super) peer_revoked: u64,
}

impl Channel {
    /// Opens a channel whose funding transaction is confirmed.
    ///
    /// # Errors
    /// When the setup contradicts itself.
    pub fn open(chain: &dyn Chain, setup: ChannelSetup) -> Result<Self, PartyError> {
        let channel = Channel::prepare(chain, setup)?;
        chain
            .mine_txs(std::slice::from_ref(&channel.funding_tx))
            .expect("the chain signed this payment itself");
        Ok(channel)
    }

    /// Opens a channel whose funding transaction nobody has broadcast yet ([`Channel::funding_tx`]).
    ///
    /// # Errors
    /// When the setup contradicts itself.
    pub fn prepare(chain: &dyn Chain, setup: ChannelSetup) -> Result<Self, PartyError> {
        let funding_tx = chain.fund_unbroadcast(&funding_script(&setup).to_p2wsh(), setup.capacity);
        Self::funded_by(setup, funding_tx)
    }

    /// Opens a channel whose funding is the reward of a block that is mined now: all of it is the capacity, and most of it
    /// ours.
    ///
    /// # Errors
    /// When the setup contradicts itself.
    pub fn mined(chain: &dyn Chain, setup: ChannelSetup) -> Result<Self, PartyError> {
        let funding_tx = chain.mine_to(&funding_script(&setup).to_p2wsh());
        let capacity = funding_tx.output[0].value;
        let setup = ChannelSetup {
            capacity,
            initial_to_us_msat: capacity.to_sat() * 600,
            ..setup
        };
        Self::funded_by(setup, funding_tx)
    }

    fn funded_by(setup: ChannelSetup, funding_tx: Transaction) -> Result<Self, PartyError> {
        let to_peer_msat = (setup.capacity.to_sat() * 1000)
            .checked_sub(setup.initial_to_us_msat)
            .ok_or(PartyError::Setup(
                "initial_to_us_msat is above the capacity",
            ))?;
        Ok(Channel {
            to_us_msat: setup.initial_to_us_msat,
            to_peer_msat,
            feerate_per_kw: setup.feerate_per_kw,
            live: Vec::new(),
            next_outgoing: 0,
            next_incoming: 0,
            preimages: BTreeMap::new(),
            ours: Vec::new(),
            theirs: Vec::new(),
            peer_revoked: 0,
            funding_tx,
            setup,
        })
    }

    /// Another attempt at the funding of this channel, with the same keys and a higher fee (BOLT 2: `tx_init_rbf`): only one
    /// of them can confirm. Nothing is signed of it yet.
    ///
    /// # Errors
    /// When the setup contradicts itself.
    pub fn attempt(&self, chain: &dyn Chain) -> Result<Self, PartyError> {
        let funding_tx = chain.raise_unbroadcast(&self.funding_tx, RAISED_BY);
        Self::funded_by(self.setup.clone(), funding_tx)
    }

    /// What was agreed, secrets included.
    pub fn setup(&self) -> &ChannelSetup {
        &self.setup
    }

    /// What the app registers.
    pub fn terms(&self) -> Terms {
        Terms::of(&self.setup, self.funding())
    }

    /// The funding output.
    pub fn funding(&self) -> OutPoint {
        OutPoint {
            txid: self.funding_tx.compute_txid(),
            vout: 0,
        }
    }

    /// The funding transaction, signed.
    pub fn funding_tx(&self) -> &Transaction {
        &self.funding_tx
    }

    /// What a side has outside HTLCs, in millisatoshi.
    pub fn balance_msat(&self, side: Side) -> u64 {
        match side {
            Side::Us => self.to_us_msat,
            Side::Peer => self.to_peer_msat,
        }
    }

    /// The HTLCs that are live now.
    pub fn htlcs(&self) -> &[Htlc] {
        &self.live
    }

    /// The preimage of an HTLC that was once added.
    pub fn preimage(&self, hash: &sha256::Hash) -> Option<[u8; 32]> {
        self.preimages.get(hash).map(|preimage| preimage.0)
    }

    /// Our secret for a commitment of ours, as the peer gets it when we revoke.
    pub fn our_per_commitment_secret(&self, number: u64) -> [u8; 32] {
        self.setup.ours.per_commitment_secret(number)
    }

    /// Offers an HTLC. It is in every commitment made from now on.
    ///
    /// # Errors
    /// When its payer has less than that outside HTLCs.
    pub fn add_htlc(&mut self, new: NewHtlc) -> Result<Htlc, PartyError> {
        let payer = new.direction.payer();
        let balance = self.balance_mut(payer);
        *balance = balance
            .checked_sub(new.amount_msat)
            .ok_or(PartyError::Unaffordable {
                payer,
                needed_msat: new.amount_msat,
                has_msat: *balance,
            })?;
        let next_id = self.next_id(new.direction);
        let key = HtlcKey {
            direction: new.direction,
            id: *next_id,
        };
        *next_id += 1;
        let htlc = Htlc {
            key,
            amount_msat: new.amount_msat,
            payment_hash: sha256::Hash::hash(&new.preimage),
            cltv_expiry: new.cltv_expiry,
            origin: new.origin,
        };
        self.preimages
            .insert(htlc.payment_hash, Bytes32(new.preimage));
        self.live.push(htlc.clone());
        Ok(htlc)
    }

    /// Ends an HTLC: it is in no commitment made from now on.
    ///
    /// # Errors
    /// When no such HTLC is live.
    pub fn settle_htlc(&mut self, key: HtlcKey, how: Settlement) -> Result<(), PartyError> {
        let at = self
            .live
            .iter()
            .position(|htlc| htlc.key == key)
            .ok_or(PartyError::UnknownHtlc(key))?;
        let htlc = self.live.remove(at);
        let winner = match how {
            Settlement::Fulfil => key.direction.payer().other(),
            Settlement::Fail => key.direction.payer(),
        };
        *self.balance_mut(winner) += htlc.amount_msat;
        Ok(())
    }

    /// Takes an HTLC back as if it had never been offered; its id is free again.
    ///
    /// BOLT 2: after a reconnection both sides forget what no commitment that reached the other side holds.
    ///
    /// # Errors
    /// When it is not the newest of its direction.
    pub fn forget_htlc(&mut self, key: HtlcKey) -> Result<(), PartyError> {
        if *self.next_id(key.direction) != key.id + 1 {
            return Err(PartyError::UnknownHtlc(key));
        }
        self.settle_htlc(key, Settlement::Fail)?;
        *self.next_id(key.direction) = key.id;
        Ok(())
    }

    /// Sets the feerate of every commitment made from now on, in satoshi per 1000 weight units.
    pub fn set_feerate(&mut self, feerate_per_kw: u32) {
        self.feerate_per_kw = feerate_per_kw;
    }

    fn balance_mut(&mut self, side: Side) -> &mut u64 {
        match side {
            Side::Us => &mut self.to_us_msat,
            Side::Peer => &mut self.to_peer_msat,
        }
    }

    fn next_id(&mut self, direction: Direction) -> &mut u64 {
        match direction {
            Direction::Outgoing => &mut self.next_outgoing,
            Direction::Incoming => &mut self.next_incoming,
        }
    }
}
