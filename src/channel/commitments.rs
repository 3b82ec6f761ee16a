//! Judges what the channel engine says of commitments, at the door: order, amounts, signatures, secrets.
//!
//! Pure: what is stored and what is new go in; what has to be stored, or the reason for refusing, comes out.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, Txid};

use super::{ChannelTerms, HtlcLife, HtlcOrigin, HtlcRef, HtlcTerms, UpdateError};
use crate::protocol::{
    Commitment, CommitmentKeys, CommitmentNumber, CommitmentSecret, CommitmentSpec, Htlc, Party,
    ProtocolError, RevocationSecrets, SecretSlot, SignatureOf,
};

/// BOLT 2: `cltv_expiry` at or above this is a time, not a height, and must fail the channel.
const CLTV_EXPIRY_LIMIT: u32 = 500_000_000;

/// HTLC ids count from 0 (BOLT 2): no channel lives to see this one, and none beyond it fits a column of the store.
const HTLC_ID_LIMIT: u64 = i64::MAX as u64;

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
    /// Whether commitments are still taken.
    pub takes_commitments: bool,
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
}

/// An accepted commitment: what is written, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptedCommitment {
    pub candidate: Candidate,
    pub feed: Feed,
    /// The HTLC rows that changed, complete.
    pub changed_htlcs: Vec<HtlcLife>,
}

/// An accepted revocation: what is written, in one transaction.
#[derive(Clone, Debug)]
pub struct AcceptedRevocation {
    pub number: CommitmentNumber,
    pub slot: SecretSlot,
    pub feed: Feed,
}

/// A commitment of one side, in the words of BOLT 3.
struct Built {
    commitment: Commitment,
    htlcs: Vec<Htlc>,
    keys: CommitmentKeys,
}

/// The rows of an update's HTLCs, in its order.
type Refs = Vec<HtlcRef>;

impl Built {
    fn spec<'a>(
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

    fn new(
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

/// Judges a commitment of ours, built on our own `point`.
///
/// `Ok(None)` means: an identical repeat, nothing to store.
///
/// # Errors
/// One case of [`UpdateError`] for each reason to refuse it.
pub fn accept_local(
    terms: &ChannelTerms,
    feed: &Feed,
    lives: &BTreeMap<HtlcRef, HtlcLife>,
    stored: &[Candidate],
    point: &PublicKey,
    update: &LocalUpdate,
) -> Result<Option<AcceptedCommitment>, UpdateError> {
    let signatures = signatures_of(terms, &update.signatures)?;
    let (built, refs) = check_figures(terms, feed, Party::Local, lives, &update.commitment, point)?;
    verify_signatures(terms, &update.commitment, &built, signatures)?;
    let candidate = candidate(
        terms,
        Party::Local,
        &update.commitment,
        point,
        &built,
        &refs,
        Some((signatures.commitment, signatures.htlcs.clone())),
    );
    if is_repeat(stored, &candidate) {
        return Ok(None);
    }
    check_order(
        terms.channel(),
        Party::Local,
        feed.local,
        None,
        update.commitment.number,
    )?;
    let changed_htlcs = changed_htlcs(Party::Local, feed.local, lives, &update.commitment, &refs);
    let feed = Feed {
        local: Some(update.commitment.number),
        ..*feed
    };
    Ok(Some(AcceptedCommitment {
        candidate: numbered(stored, candidate),
        feed,
        changed_htlcs,
    }))
}

/// Judges a commitment of the peer that we are about to sign.
///
/// `Ok(None)` means: an identical repeat, nothing to store.
///
/// # Errors
/// One case of [`UpdateError`] for each reason to refuse it.
pub fn accept_remote(
    terms: &ChannelTerms,
    feed: &Feed,
    lives: &BTreeMap<HtlcRef, HtlcLife>,
    stored: &[Candidate],
    update: &RemoteUpdate,
) -> Result<Option<AcceptedCommitment>, UpdateError> {
    let number = update.commitment.number;
    let (built, refs) = check_figures(
        terms,
        feed,
        Party::Remote,
        lives,
        &update.commitment,
        &update.per_commitment_point,
    )?;
    let candidate = candidate(
        terms,
        Party::Remote,
        &update.commitment,
        &update.per_commitment_point,
        &built,
        &refs,
        None,
    );
    if is_repeat(stored, &candidate) {
        return Ok(None);
    }
    check_order(
        terms.channel(),
        Party::Remote,
        feed.remote,
        feed.remote_revoked,
        number,
    )?;
    let is_next = feed.remote != Some(number);
    let announced = announced_point(terms, feed, stored, number, is_next);
    if announced.is_some_and(|point| point != update.per_commitment_point) {
        return Err(UpdateError::PerCommitmentPoint {
            channel: terms.channel(),
            number: number.get(),
        });
    }
    let changed_htlcs = changed_htlcs(Party::Remote, feed.remote, lives, &update.commitment, &refs);
    let feed = Feed {
        remote: Some(number),
        // The announced point is used up by the number it was announced for.
        remote_next_point: if is_next {
            None
        } else {
            feed.remote_next_point
        },
        ..*feed
    };
    Ok(Some(AcceptedCommitment {
        candidate: numbered(stored, candidate),
        feed,
        changed_htlcs,
    }))
}

/// The point that commitment `number` of the peer must be built on, as far as the peer announced one.
fn announced_point(
    terms: &ChannelTerms,
    feed: &Feed,
    stored: &[Candidate],
    number: CommitmentNumber,
    is_next: bool,
) -> Option<PublicKey> {
    if number.get() == 0 {
        return Some(terms.remote.first_per_commitment_point);
    }
    if is_next {
        return feed.remote_next_point;
    }
    stored
        .iter()
        .find(|other| other.owner == Party::Remote && other.number == number)
        .map(|other| other.per_commitment_point)
}

/// Judges the secret of commitment `number` of the peer (BOLT 2: `revoke_and_ack`).
///
/// `Ok(None)` means: an identical repeat, nothing to store.
///
/// # Errors
/// [`UpdateError::OutOfOrder`], [`UpdateError::WrongSecret`], or [`UpdateError::PerCommitmentPoint`] when a repeat
/// announces another point than the first time.
pub fn accept_revocation(
    terms: &ChannelTerms,
    feed: &Feed,
    stored: &[Candidate],
    secrets: &RevocationSecrets,
    number: CommitmentNumber,
    secret: &CommitmentSecret,
    next_point: &PublicKey,
) -> Result<Option<AcceptedRevocation>, UpdateError> {
    let channel = terms.channel();
    let wrong = || UpdateError::WrongSecret {
        channel,
        number: number.get(),
    };
    if feed.remote_revoked.is_some_and(|revoked| number <= revoked) {
        let held = secrets.get(number).ok_or_else(wrong)?;
        if held.as_bytes() != secret.as_bytes() {
            return Err(wrong());
        }
        // BOLT 2: `revoke_and_ack` of n announces the point of n + 2.
        let announces = number.get().saturating_add(2);
        return match known_point(feed, stored, announces) {
            Some(known) if known != *next_point => Err(UpdateError::PerCommitmentPoint {
                channel,
                number: announces,
            }),
            Some(_) | None => Ok(None),
        };
    }
    let expected = feed.remote_revoked.map_or(0, |revoked| revoked.get() + 1);
    // BOLT 2: a commitment is revoked only after the next one was signed.
    let next_is_signed = feed.remote.is_some_and(|newest| newest > number);
    if number.get() != expected || !next_is_signed {
        return Err(UpdateError::OutOfOrder {
            channel,
            party: Party::Remote,
            number: number.get(),
            expected,
        });
    }
    let point = stored
        .iter()
        .find(|candidate| candidate.owner == Party::Remote && candidate.number == number)
        .map(|candidate| candidate.per_commitment_point)
        .ok_or_else(wrong)?;
    if secret.point().ok() != Some(point) {
        return Err(wrong());
    }
    let slot = secrets
        .clone()
        .insert(number, secret.clone())
        .map_err(|_| wrong())?;
    Ok(Some(AcceptedRevocation {
        number,
        slot,
        feed: Feed {
            remote_revoked: Some(number),
            remote_next_point: Some(*next_point),
            ..*feed
        },
    }))
}

/// The point of commitment `number` of the peer, if it is signed or announced and not revoked.
fn known_point(feed: &Feed, stored: &[Candidate], number: u64) -> Option<PublicKey> {
    let signed = stored
        .iter()
        .find(|candidate| candidate.owner == Party::Remote && candidate.number.get() == number)
        .map(|candidate| candidate.per_commitment_point);
    let is_next = feed.remote.is_some_and(|newest| newest.get() + 1 == number);
    signed.or(feed.remote_next_point.filter(|_| is_next))
}

fn signatures_of<'a>(
    terms: &ChannelTerms,
    signatures: &'a [FundingSignatures],
) -> Result<&'a FundingSignatures, UpdateError> {
    let funding = terms.funding.outpoint;
    let refuse = |funding, reason| UpdateError::FundingSignatures {
        channel: terms.channel(),
        funding,
        reason,
    };
    if let Some(stranger) = signatures.iter().find(|given| given.funding != funding) {
        return Err(refuse(stranger.funding, "no funding of this channel"));
    }
    match signatures {
        [one] => Ok(one),
        [] => Err(refuse(funding, "missing")),
        _ => Err(refuse(funding, "given more than once")),
    }
}

fn check_order(
    channel: OutPoint,
    party: Party,
    newest: Option<CommitmentNumber>,
    revoked: Option<CommitmentNumber>,
    number: CommitmentNumber,
) -> Result<(), UpdateError> {
    if revoked.is_some_and(|revoked| number <= revoked) {
        return Err(UpdateError::AlreadyRevoked {
            channel,
            party,
            number: number.get(),
        });
    }
    let next = newest.map_or(0, |newest| newest.get() + 1);
    // BOLT 2: the next but one is signed only when the peer has revoked: one commitment may be pending.
    let limit = match party {
        Party::Local => u64::MAX,
        Party::Remote => revoked.map_or(1, |revoked| revoked.get() + 2),
    };
    let in_order = number.get() == next || newest == Some(number);
    if in_order && number.get() <= limit {
        Ok(())
    } else {
        Err(UpdateError::OutOfOrder {
            channel,
            party,
            number: number.get(),
            expected: next.min(limit),
        })
    }
}

/// Amounts and HTLCs, against the terms and against what was said of the same HTLCs before.
fn check_figures(
    terms: &ChannelTerms,
    feed: &Feed,
    owner: Party,
    lives: &BTreeMap<HtlcRef, HtlcLife>,
    update: &CommitmentUpdate,
    point: &PublicKey,
) -> Result<(Built, Refs), UpdateError> {
    let channel = terms.channel();
    let capacity = terms.funding.capacity;
    let mut seen = BTreeSet::new();
    let mut refs = Refs::new();
    let mut claimed_msat = update.local_msat.saturating_add(update.remote_msat);
    for htlc in &update.htlcs {
        let refuse = |field, reason| -> Result<HtlcRef, UpdateError> {
            Err(UpdateError::Htlc {
                channel,
                htlc: htlc.key,
                field,
                reason,
            })
        };
        if !seen.insert(htlc.key) {
            refuse("id", "named twice")?;
        }
        if htlc.key.id >= HTLC_ID_LIMIT {
            refuse("id", "no channel counts that far")?;
        }
        if htlc.cltv_expiry >= CLTV_EXPIRY_LIMIT {
            refuse("cltv_expiry", "not a block height")?;
        }
        if htlc.amount_msat == 0 {
            refuse("amount_msat", "zero")?;
        }
        if matches!(htlc.origin, HtlcOrigin::Forwarded { .. })
            && htlc.key.direction == super::Direction::Incoming
        {
            refuse("origin", "an incoming HTLC is not forwarded from anywhere")?;
        }
        refs.push(
            row_of(htlc, feed, lives)
                .or_else(|field| refuse(field, "differs from what was stored"))?,
        );
        claimed_msat = claimed_msat.saturating_add(htlc.amount_msat);
    }
    let capacity_msat = capacity.to_sat().saturating_mul(1000);
    if claimed_msat > capacity_msat {
        return Err(UpdateError::AboveCapacity {
            channel,
            claimed_msat,
            capacity,
        });
    }
    if claimed_msat < capacity_msat {
        return Err(UpdateError::Unbalanced {
            channel,
            claimed_msat,
            capacity,
        });
    }
    Ok((Built::new(terms, owner, update, point)?, refs))
}

/// The row of an HTLC: one that is stored with these very terms, or a new one if the key is free for it. The error is
/// the field that contradicts what is stored.
fn row_of(
    htlc: &HtlcTerms,
    feed: &Feed,
    lives: &BTreeMap<HtlcRef, HtlcLife>,
) -> Result<HtlcRef, &'static str> {
    let same_key = || lives.values().filter(|life| life.terms.key == htlc.key);
    if let Some(known) = same_key().find(|life| life.terms == *htlc) {
        return Ok(known.htlc_ref());
    }
    let version = match same_key().next_back() {
        None => 0,
        Some(newest) if is_forgettable(newest, feed) => newest.version.saturating_add(1),
        Some(newest) => return Err(changed_field(&newest.terms, htlc).unwrap_or("id")),
    };
    Ok(HtlcRef {
        key: htlc.key,
        version,
    })
}

/// BOLT 2: on reconnection both sides forget an HTLC that only the newest, unanswered commitment carried.
fn is_forgettable(life: &HtlcLife, feed: &Feed) -> bool {
    let only_newest = |first: Option<u64>, newest: Option<CommitmentNumber>| {
        first.is_none() || first == newest.map(CommitmentNumber::get)
    };
    let revoked = feed.remote_revoked.map(CommitmentNumber::get);
    only_newest(life.local.first, feed.local)
        && only_newest(life.remote.first, feed.remote)
        && life.remote.first.is_none_or(|first| Some(first) > revoked)
}

fn changed_field(known: &HtlcTerms, given: &HtlcTerms) -> Option<&'static str> {
    let HtlcTerms {
        key: _,
        payment_hash,
        amount_msat,
        cltv_expiry,
        origin,
    } = known;
    if *payment_hash != given.payment_hash {
        Some("payment_hash")
    } else if *amount_msat != given.amount_msat {
        Some("amount_msat")
    } else if *cltv_expiry != given.cltv_expiry {
        Some("cltv_expiry")
    } else if *origin != given.origin {
        Some("origin")
    } else {
        None
    }
}

/// BOLT 2: a commitment that its peer did not sign completely is worth nothing to us.
fn verify_signatures(
    terms: &ChannelTerms,
    update: &CommitmentUpdate,
    built: &Built,
    signatures: &FundingSignatures,
) -> Result<(), UpdateError> {
    let channel = terms.channel();
    Built::spec(terms, Party::Local, update, &built.keys, &built.htlcs)
        .verify(&built.commitment, &signatures.commitment, &signatures.htlcs)
        .map_err(|error| match error {
            ProtocolError::WrongSignature(SignatureOf::Commitment) => {
                UpdateError::CommitmentSignature {
                    channel,
                    number: update.number.get(),
                }
            }
            ProtocolError::WrongSignature(SignatureOf::Htlc(position)) => {
                wrong_htlc_signature(channel, update, built, position)
            }
            ProtocolError::HtlcSignatureCount { expected, got } => {
                UpdateError::HtlcSignatureCount {
                    channel,
                    given: got,
                    expected,
                }
            }
            source => UpdateError::Protocol { channel, source },
        })
}

/// Names the HTLC whose signature is wrong, and which of the signatures that is.
fn wrong_htlc_signature(
    channel: OutPoint,
    update: &CommitmentUpdate,
    built: &Built,
    position: usize,
) -> UpdateError {
    let index = built
        .commitment
        .htlc_outputs()
        .position(|(_, htlc)| htlc == position);
    match (update.htlcs.get(position), index) {
        (Some(htlc), Some(index)) => UpdateError::HtlcSignature {
            channel,
            index,
            htlc: htlc.key,
        },
        (Some(_), None) | (None, _) => UpdateError::CommitmentSignature {
            channel,
            number: update.number.get(),
        },
    }
}

fn candidate(
    terms: &ChannelTerms,
    owner: Party,
    update: &CommitmentUpdate,
    point: &PublicKey,
    built: &Built,
    refs: &[HtlcRef],
    signatures: Option<(Signature, Vec<Signature>)>,
) -> Candidate {
    let mut htlcs = refs.to_vec();
    htlcs.sort_unstable();
    Candidate {
        funding: terms.funding.outpoint,
        owner,
        number: update.number,
        alternative: 0,
        feerate_per_kw: update.feerate_per_kw,
        local_msat: update.local_msat,
        remote_msat: update.remote_msat,
        per_commitment_point: *point,
        txid: built.commitment.tx.compute_txid(),
        signatures,
        htlcs,
    }
}

/// Whether the same transaction with the same HTLCs is stored already. Another valid signature of the same
/// transaction adds nothing: either can be broadcast.
fn is_repeat(stored: &[Candidate], new: &Candidate) -> bool {
    stored.iter().any(|old| {
        (
            old.funding,
            old.owner,
            old.number,
            old.txid,
            old.local_msat,
            old.remote_msat,
        ) == (
            new.funding,
            new.owner,
            new.number,
            new.txid,
            new.local_msat,
            new.remote_msat,
        ) && old.htlcs == new.htlcs
            && old.feerate_per_kw == new.feerate_per_kw
    })
}

fn numbered(stored: &[Candidate], candidate: Candidate) -> Candidate {
    let alternative = stored
        .iter()
        .filter(|other| other.owner == candidate.owner && other.number == candidate.number)
        .map(|other| other.alternative + 1)
        .max()
        .unwrap_or(0);
    Candidate {
        alternative,
        ..candidate
    }
}

/// The rows whose interval moves: HTLCs that entered, and HTLCs that the newest commitment no longer carries.
fn changed_htlcs(
    owner: Party,
    newest: Option<CommitmentNumber>,
    lives: &BTreeMap<HtlcRef, HtlcLife>,
    update: &CommitmentUpdate,
    refs: &[HtlcRef],
) -> Vec<HtlcLife> {
    let number = update.number.get();
    let is_alternative = newest == Some(update.number);
    let entered = update.htlcs.iter().zip(refs).filter_map(|(terms, htlc)| {
        let known = lives.get(htlc).copied();
        let mut life = known.unwrap_or(HtlcLife {
            terms: *terms,
            version: htlc.version,
            local: Default::default(),
            remote: Default::default(),
            released: false,
        });
        let interval = life.interval_mut(owner);
        *interval = interval.entered(number);
        (Some(life) != known).then_some(life)
    });
    let present: BTreeSet<&HtlcRef> = refs.iter().collect();
    let left = lives
        .iter()
        .filter(|(htlc, _)| !present.contains(htlc))
        .filter_map(|(_, known)| {
            let mut life = *known;
            let interval = life.interval_mut(owner);
            *interval = interval.left(number, is_alternative);
            (life != *known).then_some(life)
        });
    entered.chain(left).collect()
}
