//! A channel with both its ends: who has what, and which commitments were signed and revoked so far.
//!
//! There is one ledger. Each call to [`Channel::our_commitment`] or [`Channel::their_commitment`] takes it as it stands, so
//! the order of calls decides what each side's commitment holds, as the order of BOLT 2's messages does.

use std::collections::BTreeMap;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{OutPoint, Transaction};
use serde::{Deserialize, Serialize};

use crate::chain::Chain;

use super::build::{figures, funding_script, Built, State};
use super::error::PartyError;
use super::fees::Figures;
use super::hex;
use super::htlc::{Direction, Htlc, HtlcKey, NewHtlc, Settlement};
use super::setup::{ChannelSetup, Side, Terms};
use super::update::{LocalUpdate, RemoteUpdate, Revocation, Round};

/// Both ends of a channel. Holds no chain: its deeds come back as transactions to submit. A clone is a channel that may
/// go on without the library being told.
#[derive(Clone, Serialize, Deserialize)]
pub struct Channel {
    setup: ChannelSetup,
    #[serde(with = "hex::transaction")]
    funding_tx: Transaction,
    to_us_msat: u64,
    to_peer_msat: u64,
    feerate_per_kw: u32,
    live: Vec<Htlc>,
    next_outgoing: u64,
    next_incoming: u64,
    /// Of every HTLC ever added, by its payment hash.
    preimages: BTreeMap<sha256::Hash, Preimage>,
    /// Our commitments: by number, the alternatives signed under it.
    ours: Vec<Vec<State>>,
    /// The peer's commitments, likewise.
    theirs: Vec<Vec<State>>,
    /// The peer has revoked every number below this one.
    peer_revoked: u64,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Preimage(#[serde(with = "hex::bytes32")] [u8; 32]);

/// Which commitment of a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Which {
    /// The newest that its owner holds and that replaced all before it.
    Current,
    /// The peer's next: signed for, its predecessor not yet revoked.
    Pending,
    /// That with this number, as last signed. Revoked, if below the current one.
    Number(u64),
    /// One of several signed under one number.
    Alternative {
        /// The number.
        number: u64,
        /// 0 is the one signed first.
        index: usize,
    },
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
        let to_peer_msat = (setup.capacity.to_sat() * 1000)
            .checked_sub(setup.initial_to_us_msat)
            .ok_or(PartyError::Setup(
                "initial_to_us_msat is above the capacity",
            ))?;
        let funding_tx = chain.fund_unbroadcast(&funding_script(&setup).to_p2wsh(), setup.capacity);
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
            .insert(htlc.payment_hash, Preimage(new.preimage));
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

    /// The peer signs our next commitment. With it, we give up the one before.
    pub fn our_commitment(&mut self) -> LocalUpdate {
        let state = self.state(self.ours.len() as u64);
        let update = self.sign_for_us(&state);
        self.ours.push(vec![state]);
        update
    }

    /// The peer signs our newest commitment again, over the ledger of now: another alternative with the same number.
    ///
    /// # Errors
    /// When we have none yet.
    pub fn our_commitment_again(&mut self) -> Result<LocalUpdate, PartyError> {
        let last = self
            .ours
            .len()
            .checked_sub(1)
            .ok_or_else(|| no_such(Side::Us, Which::Current))?;
        let state = self.state(last as u64);
        let update = self.sign_for_us(&state);
        self.ours[last].push(state);
        Ok(update)
    }

    /// We sign the peer's next commitment.
    ///
    /// # Errors
    /// When the peer has yet to revoke: BOLT 2 allows one pending commitment.
    pub fn their_commitment(&mut self) -> Result<RemoteUpdate, PartyError> {
        let number = self.theirs.len() as u64;
        if number > self.peer_revoked + 1 {
            return Err(PartyError::RevocationOutstanding {
                number: self.peer_revoked,
            });
        }
        let state = self.state(number);
        let update = self.sign_for_peer(&state);
        self.theirs.push(vec![state]);
        Ok(update)
    }

    /// We sign the peer's newest commitment again, over the ledger of now: another alternative with the same number. The
    /// peer may broadcast either.
    ///
    /// # Errors
    /// When it has none yet.
    pub fn their_commitment_again(&mut self) -> Result<RemoteUpdate, PartyError> {
        let last = self
            .theirs
            .len()
            .checked_sub(1)
            .ok_or_else(|| no_such(Side::Peer, Which::Current))?;
        let state = self.state(last as u64);
        let update = self.sign_for_peer(&state);
        self.theirs[last].push(state);
        Ok(update)
    }

    /// The peer revokes its current commitment in favour of the pending one.
    ///
    /// # Errors
    /// When nothing is pending.
    pub fn peer_revokes(&mut self) -> Result<Revocation, PartyError> {
        let number = self.peer_revoked;
        if number + 1 >= self.theirs.len() as u64 {
            return Err(PartyError::NothingToRevoke { number });
        }
        self.peer_revoked += 1;
        Ok(self.revocation(number))
    }

    /// What the peer revealed, or would reveal, for its commitment `number`.
    pub fn revocation(&self, number: u64) -> Revocation {
        Revocation {
            number,
            secret: self.setup.peer.per_commitment_secret(number),
            next_point: self.setup.peer.per_commitment_point(number + 2),
        }
    }

    /// One whole exchange over the ledger of now.
    ///
    /// # Errors
    /// When the peer still owes a revocation.
    pub fn commit_both(&mut self) -> Result<Round, PartyError> {
        let remote = self.their_commitment()?;
        let revocation = match remote.number {
            0 => None,
            _ => Some(self.peer_revokes()?),
        };
        Ok(Round {
            remote,
            revocation,
            local: self.our_commitment(),
        })
    }

    /// What BOLT 3 says a commitment pays.
    ///
    /// # Errors
    /// When that commitment was never signed.
    pub fn figures(&self, owner: Side, which: Which) -> Result<Figures, PartyError> {
        Ok(figures(&self.setup, owner, self.find(owner, which)?))
    }

    pub(super) fn built(&self, owner: Side, which: Which) -> Result<Built, PartyError> {
        Ok(self.build(owner, self.find(owner, which)?))
    }

    fn find(&self, owner: Side, which: Which) -> Result<&State, PartyError> {
        let (all, current) = match owner {
            Side::Us => (&self.ours, (self.ours.len() as u64).saturating_sub(1)),
            Side::Peer => (&self.theirs, self.peer_revoked),
        };
        let (number, index) = match which {
            Which::Current => (current, None),
            Which::Pending => (current + 1, None),
            Which::Number(number) => (number, None),
            Which::Alternative { number, index } => (number, Some(index)),
        };
        let found = usize::try_from(number)
            .ok()
            .and_then(|number| all.get(number))
            .and_then(|alternatives| match index {
                Some(index) => alternatives.get(index),
                None => alternatives.last(),
            });
        found.ok_or_else(|| no_such(owner, which))
    }

    fn state(&self, number: u64) -> State {
        State {
            number,
            feerate_per_kw: self.feerate_per_kw,
            to_us_msat: self.to_us_msat,
            to_peer_msat: self.to_peer_msat,
            htlcs: self.live.clone(),
        }
    }

    fn build(&self, owner: Side, state: &State) -> Built {
        Built::new(&self.setup, self.funding(), owner, state)
    }

    fn sign_for_us(&self, state: &State) -> LocalUpdate {
        let signatures = self.build(Side::Us, state).counter_sign(&self.setup);
        LocalUpdate {
            number: state.number,
            feerate_per_kw: state.feerate_per_kw,
            to_us_msat: state.to_us_msat,
            to_peer_msat: state.to_peer_msat,
            htlcs: state.htlcs.clone(),
            signature: signatures.commitment,
            htlc_signatures: signatures.htlcs,
        }
    }

    fn sign_for_peer(&self, state: &State) -> RemoteUpdate {
        RemoteUpdate {
            number: state.number,
            per_commitment_point: self.setup.peer.per_commitment_point(state.number),
            feerate_per_kw: state.feerate_per_kw,
            to_us_msat: state.to_us_msat,
            to_peer_msat: state.to_peer_msat,
            htlcs: state.htlcs.clone(),
        }
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

fn no_such(owner: Side, which: Which) -> PartyError {
    PartyError::NoSuchCommitment { owner, which }
}
