//! Commitments, as the channel engine tells them and as they are kept: candidates, each of which may confirm.

use std::collections::BTreeMap;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Txid};

use super::{ChannelTerms, HtlcLife, HtlcRef, HtlcTerms, Ledger, Refusal, UpdateError};
use crate::protocol::{
    Commitment, CommitmentKeys, CommitmentNumber, CommitmentSpec, Htlc, Party, SecretSlot,
};

/// What both sides' updates have in common: one commitment transaction, as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentUpdate {
    pub number: CommitmentNumber,
    /// sat per 1000 weight units (BOLT 2: `feerate_per_kw`).
    pub feerate_per_kw: u32,
    /// Our balance before fee and anchors, in msat.
    pub local_msat: u64,
    /// The peer's balance before fee and anchors, in msat.
    pub remote_msat: u64,
    /// All HTLCs of the commitment, dust included. The library finds the difference itself.
    pub htlcs: Vec<HtlcTerms>,
}

/// The peer's signatures of one commitment number over one funding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FundingSignatures {
    pub funding: OutPoint,
    pub commitment: Signature,
    /// In the order of the commitment's outputs (BOLT 2: `htlc_signature`).
    pub htlcs: Vec<Signature>,
}

/// A commitment of ours that the peer signed (BOLT 2: a `commitment_signed` we received).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalUpdate {
    pub commitment: CommitmentUpdate,
    pub signatures: Vec<FundingSignatures>,
}

/// A commitment of the peer that we are about to sign. Given **before** our signature leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteUpdate {
    pub commitment: CommitmentUpdate,
    pub per_commitment_point: PublicKey,
}

/// Where the store stands in a channel's stream of updates: one small row, rewritten by each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// The newest commitment of ours.
    pub local: Option<CommitmentNumber>,
    /// The newest commitment of the peer.
    pub remote: Option<CommitmentNumber>,
    /// The newest commitment that the peer revoked.
    pub remote_revoked: Option<CommitmentNumber>,
    /// The point of the peer's commitment after the newest, once the peer has announced it.
    pub remote_next_point: Option<PublicKey>,
}

/// The answer to "where does the store stand?", for an engine that was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub feed: Feed,
    /// Why commitments are not taken any more; `None` while they are.
    pub refusal: Option<Refusal>,
}

impl Position {
    /// Whether commitments are still taken.
    pub fn takes_commitments(&self) -> bool {
        self.refusal.is_none()
    }
}

/// One commitment transaction that may confirm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub funding: OutPoint,
    pub owner: Party,
    pub number: CommitmentNumber,
    /// Counts the different transactions signed with one number.
    pub alternative: u32,
    pub feerate_per_kw: u32,
    pub local_msat: u64,
    pub remote_msat: u64,
    pub per_commitment_point: PublicKey,
    pub txid: Txid,
    /// The peer's signatures: on commitments of ours only.
    pub signatures: Option<(Signature, Vec<Signature>)>,
    pub htlcs: Vec<HtlcRef>,
}

impl Candidate {
    /// The transaction and what each of its outputs is.
    ///
    /// # Errors
    /// When an HTLC it names is not among `lives`, or the figures do not make a transaction.
    pub fn build(
        &self,
        terms: &ChannelTerms,
        lives: &BTreeMap<HtlcRef, HtlcLife>,
    ) -> Result<Commitment, UpdateError> {
        let named = |htlc: &HtlcRef| {
            lives
                .get(htlc)
                .map(|life| life.terms)
                .ok_or(UpdateError::UnknownHtlc {
                    channel: terms.channel(),
                    htlc: htlc.key,
                })
        };
        let update = CommitmentUpdate {
            number: self.number,
            feerate_per_kw: self.feerate_per_kw,
            local_msat: self.local_msat,
            remote_msat: self.remote_msat,
            htlcs: self.htlcs.iter().map(named).collect::<Result<_, _>>()?,
        };
        Built::new(terms, self.owner, &update, &self.per_commitment_point)
            .map(|built| built.commitment)
    }

    /// Whether an HTLC that it carries has no output on it.
    pub fn trims(&self, terms: &ChannelTerms, life: &HtlcLife) -> bool {
        let htlc = life.terms.on_commitment_of(self.owner);
        let dust_limit = terms.party(self.owner).dust_limit;
        let format = terms.channel_type.format();
        format.is_trimmed(&htlc, self.feerate_per_kw, dust_limit)
    }
}

/// What is stored of a channel, for an update to be judged by.
#[derive(Clone, Copy, Debug)]
pub struct OnFile<'a> {
    pub terms: &'a ChannelTerms,
    pub feed: &'a Feed,
    pub ledger: &'a Ledger,
    /// The HTLCs that are not past.
    pub lives: &'a BTreeMap<HtlcRef, HtlcLife>,
    pub candidates: &'a [Candidate],
}

/// An accepted commitment: what is written, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedCommitment {
    pub candidate: Candidate,
    pub feed: Feed,
    /// The HTLC rows that changed, complete.
    pub changed_htlcs: Vec<HtlcLife>,
    /// The HTLCs that are past from now on, complete.
    pub past_htlcs: Vec<HtlcLife>,
    pub ledger: Ledger,
}

/// An accepted revocation: what is written, in one transaction.
#[derive(Clone, Debug)]
pub struct AcceptedRevocation {
    pub number: CommitmentNumber,
    pub slot: SecretSlot,
    pub feed: Feed,
    /// The HTLCs that are past from now on, complete.
    pub past_htlcs: Vec<HtlcLife>,
    pub ledger: Ledger,
}

/// A commitment of one side, in the words of BOLT 3.
pub(super) struct Built {
    pub(super) commitment: Commitment,
    pub(super) htlcs: Vec<Htlc>,
    pub(super) keys: CommitmentKeys,
}

impl Built {
    pub(super) fn spec<'a>(
        terms: &ChannelTerms,
        owner: Party,
        update: &CommitmentUpdate,
        keys: &'a CommitmentKeys,
        htlcs: &'a [Htlc],
    ) -> CommitmentSpec<'a> {
        let (to_owner_msat, to_counterparty_msat) = match owner {
            Party::Local => (update.local_msat, update.remote_msat),
            Party::Remote => (update.remote_msat, update.local_msat),
        };
        CommitmentSpec {
            funding: terms.funding.outpoint,
            capacity: terms.funding.capacity,
            channel_type: terms.channel_type,
            keys,
            obscuring: terms.obscuring_factor(),
            number: update.number,
            opener: terms.opener_for(owner),
            dust_limit: terms.party(owner).dust_limit,
            to_self_delay: terms.party(owner).to_self_delay,
            feerate_per_kw: update.feerate_per_kw,
            to_owner_msat,
            to_counterparty_msat,
            htlcs,
        }
    }

    pub(super) fn new(
        terms: &ChannelTerms,
        owner: Party,
        update: &CommitmentUpdate,
        point: &PublicKey,
    ) -> Result<Self, UpdateError> {
        let wrap = UpdateError::protocol(terms.channel());
        let keys = terms.commitment_keys(owner, point).map_err(&wrap)?;
        let htlcs: Vec<Htlc> = update
            .htlcs
            .iter()
            .map(|htlc| htlc.on_commitment_of(owner))
            .collect();
        let commitment = Self::spec(terms, owner, update, &keys, &htlcs)
            .build()
            .map_err(&wrap)?;
        Ok(Built {
            commitment,
            htlcs,
            keys,
        })
    }
}
