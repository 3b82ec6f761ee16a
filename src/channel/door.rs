//! The door: judges what the channel engine says of commitments – order, figures, signatures, secrets.
//!
//! Pure: what is stored and what is new go in; what has to be stored, or the reason for refusing, comes out.

mod revocations;

pub use revocations::accept_revocation;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use super::commitments::Built;
use super::figures::{changed_htlcs, check_figures};
use super::{
    AcceptedCommitment, Candidate, ChannelTerms, CommitmentUpdate, Feed, FundingSignatures,
    HtlcRef, LocalUpdate, OnFile, RemoteUpdate, UpdateError,
};
use crate::protocol::{CommitmentNumber, Party, ProtocolError, SignatureOf};

/// Judges a commitment of ours, built on our own `point`.
///
/// `Ok(None)` means: an identical repeat, nothing to store.
///
/// # Errors
/// One case of [`UpdateError`] for each reason to refuse it.
pub fn accept_local(
    on_file: &OnFile<'_>,
    point: &PublicKey,
    update: &LocalUpdate,
) -> Result<Option<AcceptedCommitment>, UpdateError> {
    let OnFile {
        terms,
        feed,
        ledger,
        lives,
        candidates: stored,
    } = *on_file;
    let signatures = signatures_of(terms, &update.signatures)?;
    let (built, refs) = check_figures(on_file, Party::Local, &update.commitment, point)?;
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
    let sent_msat = ledger.sent_msat(terms, &update.commitment, lives);
    let (past_htlcs, mut ledger) = ledger.after(&feed, lives, &changed_htlcs);
    ledger.totals.sent_msat = sent_msat;
    Ok(Some(AcceptedCommitment {
        candidate: numbered(stored, candidate),
        feed,
        changed_htlcs,
        past_htlcs,
        ledger,
    }))
}

/// Judges a commitment of the peer that we are about to sign.
///
/// `Ok(None)` means: an identical repeat, nothing to store.
///
/// # Errors
/// One case of [`UpdateError`] for each reason to refuse it.
pub fn accept_remote(
    on_file: &OnFile<'_>,
    update: &RemoteUpdate,
) -> Result<Option<AcceptedCommitment>, UpdateError> {
    let OnFile {
        terms,
        feed,
        ledger,
        lives,
        candidates: stored,
    } = *on_file;
    let number = update.commitment.number;
    let (built, refs) = check_figures(
        on_file,
        Party::Remote,
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
    let (past_htlcs, ledger) = ledger.after(&feed, lives, &changed_htlcs);
    Ok(Some(AcceptedCommitment {
        candidate: numbered(stored, candidate),
        feed,
        changed_htlcs,
        past_htlcs,
        ledger,
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
