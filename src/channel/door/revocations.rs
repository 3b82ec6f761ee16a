//! The door, for secrets: judges what the channel engine says the peer revealed.

use bitcoin::secp256k1::PublicKey;

use crate::channel::{AcceptedRevocation, Candidate, Feed, OnFile, UpdateError};
use crate::protocol::{CommitmentNumber, CommitmentSecret, Party, RevocationSecrets};

/// Judges the secret of commitment `number` of the peer (BOLT 2: `revoke_and_ack`).
///
/// `Ok(None)` means: an identical repeat, nothing to store.
///
/// # Errors
/// [`UpdateError::OutOfOrder`], [`UpdateError::WrongSecret`], or [`UpdateError::PerCommitmentPoint`] when a repeat
/// announces another point than the first time.
pub fn accept_revocation(
    on_file: &OnFile<'_>,
    secrets: &RevocationSecrets,
    number: CommitmentNumber,
    secret: &CommitmentSecret,
    next_point: &PublicKey,
) -> Result<Option<AcceptedRevocation>, UpdateError> {
    let OnFile {
        terms,
        feed,
        ledger,
        lives,
        candidates: stored,
    } = *on_file;
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
    let feed = Feed {
        remote_revoked: Some(number),
        remote_next_point: Some(*next_point),
        ..*feed
    };
    let (past_htlcs, ledger) = ledger.after(&feed, lives, &[]);
    Ok(Some(AcceptedRevocation {
        number,
        slot,
        feed,
        past_htlcs,
        ledger,
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
