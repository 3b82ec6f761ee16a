//! What is stored of a channel, judged once more: whether all of it can have been accepted at the [`door`](super::door).
//!
//! Pure. A flipped bit that a row still decodes with is found here if anything else depends on it: a commitment is
//! what its txid and the peer's signatures say, a secret what its point says, a balance what the others leave.

use std::collections::BTreeMap;

use super::commitments::Built;
use super::{
    Candidate, ChannelTerms, CommitmentUpdate, Feed, HtlcLife, HtlcRef, Interval, Ledger, PastHtlc,
    UpdateError,
};
use crate::protocol::{CommitmentNumber, Party, RevocationSecrets};

/// Something stored that cannot have been accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What kind of thing it is stored with.
    pub of: &'static str,
    /// Which of its fields is at fault, as far as that can be said.
    pub field: &'static str,
    pub what: String,
}

impl Flaw {
    pub(crate) fn new(of: &'static str, field: &'static str, what: impl ToString) -> Self {
        Flaw {
            of,
            field,
            what: what.to_string(),
        }
    }
}

/// Judges terms that were accepted once.
pub fn audit_terms(terms: &ChannelTerms) -> Option<Flaw> {
    terms.validate().err().map(|error| match error {
        UpdateError::Terms { field, reason, .. } => Flaw::new("terms", field, reason),
        other => Flaw::new("terms", "terms", other),
    })
}

/// Judges where the stream of updates stands, against the commitments and secrets that are held.
pub fn audit_feed(
    terms: &ChannelTerms,
    feed: &Feed,
    candidates: &[Candidate],
    secrets: &RevocationSecrets,
) -> Vec<Flaw> {
    let newest = |owner: Party| {
        let numbers = candidates.iter().filter(|it| it.owner == owner);
        numbers.map(|it| it.number).max()
    };
    let mut flaws = Vec::new();
    let mut expect = |field, holds: bool, what: &str| {
        if !holds {
            flaws.push(Flaw::new("feed", field, what));
        }
    };
    expect(
        "local_number",
        feed.local == newest(Party::Local),
        "not the newest commitment of ours that is held",
    );
    expect(
        "remote_number",
        feed.remote == newest(Party::Remote),
        "not the newest commitment of the peer that is held",
    );
    let next = feed.remote_revoked.map_or(0, |revoked| revoked.get() + 1);
    expect(
        "remote_revoked",
        secrets.next_number().is_none_or(|it| it.get() == next),
        "the secrets that are held end elsewhere",
    );
    let mut unrevoked = candidates.iter().filter(|it| it.owner == Party::Remote);
    expect(
        "remote_revoked",
        unrevoked.all(|it| it.number.get() >= next),
        "a commitment of the peer that is revoked is held",
    );
    // BOLT 3: the secret is what the point was made of.
    let first = secrets.get(CommitmentNumber::ZERO);
    let announced = terms.remote.first_per_commitment_point;
    if first.is_some_and(|secret| secret.point().ok() != Some(announced)) {
        flaws.push(Flaw::new(
            "terms",
            "first_per_commitment_point",
            "the peer's first secret belongs to another point",
        ));
    }
    flaws
}

/// Judges a commitment that may confirm: what both sides signed is what the figures make.
///
/// # Errors
/// The first flaw.
pub fn audit_candidate(
    terms: &ChannelTerms,
    candidate: &Candidate,
    lives: &BTreeMap<HtlcRef, HtlcLife>,
) -> Result<(), Flaw> {
    let flaw = |field, what: &dyn ToString| Flaw::new("commitment", field, what.to_string());
    let mut htlcs = Vec::new();
    for named in &candidate.htlcs {
        let life = lives
            .get(named)
            .filter(|life| life.interval(candidate.owner).holds(candidate.number.get()))
            .ok_or_else(|| flaw("htlcs", &format!("HTLC {} was not on it", named.key)))?;
        htlcs.push(life.terms);
    }
    let in_htlcs = htlcs
        .iter()
        .fold(0u64, |sum, htlc| sum.saturating_add(htlc.amount_msat));
    let claimed = candidate
        .local_msat
        .saturating_add(candidate.remote_msat)
        .saturating_add(in_htlcs);
    if claimed != terms.funding.capacity.to_sat().saturating_mul(1000) {
        return Err(flaw(
            "local_msat",
            &"balances and HTLCs are not the capacity",
        ));
    }
    let update = CommitmentUpdate {
        number: candidate.number,
        feerate_per_kw: candidate.feerate_per_kw,
        local_msat: candidate.local_msat,
        remote_msat: candidate.remote_msat,
        htlcs,
    };
    let built = Built::new(
        terms,
        candidate.owner,
        &update,
        &candidate.per_commitment_point,
    )
    .map_err(|error| flaw("txid", &error))?;
    if built.commitment.tx.compute_txid() != candidate.txid {
        return Err(flaw("txid", &"the figures make another transaction"));
    }
    match (candidate.owner, &candidate.signatures) {
        (Party::Remote, None) => Ok(()),
        (Party::Remote, Some(_)) => Err(flaw("signature", &"none was kept of the peer's own")),
        (Party::Local, None) => Err(flaw("signature", &"missing")),
        (Party::Local, Some((commitment, htlcs))) => {
            Built::spec(terms, Party::Local, &update, &built.keys, &built.htlcs)
                .verify(&built.commitment, commitment, htlcs)
                .map_err(|error| flaw("signature", &error))
        }
    }
}

/// Judges one HTLC's row against the newest commitments.
pub fn audit_life(life: &HtlcLife, feed: &Feed, candidates: &[Candidate]) -> Option<Flaw> {
    for owner in [Party::Local, Party::Remote] {
        let newest = match owner {
            Party::Local => feed.local,
            Party::Remote => feed.remote,
        };
        let field = match owner {
            Party::Local => "last_local",
            Party::Remote => "last_remote",
        };
        if let Some(what) = wrong_interval(life.interval(owner), newest) {
            return Some(Flaw::new("htlc", field, what));
        }
        let is_open = is_open(life.interval(owner));
        let of_newest = candidates
            .iter()
            .filter(|it| it.owner == owner && Some(it.number) == newest)
            .max_by_key(|it| it.alternative);
        let carried = of_newest.is_some_and(|it| it.htlcs.contains(&life.htlc_ref()));
        if is_open != carried {
            let what = "the newest commitment says otherwise";
            return Some(Flaw::new("htlc", field, what));
        }
    }
    None
}

/// Judges an HTLC in the archive: every commitment that carried it is revoked.
pub fn audit_past(past: &PastHtlc, feed: &Feed, ledger: &Ledger) -> Option<Flaw> {
    let flaw = |what| Some(Flaw::new("past_htlc", "figures", what));
    let ends_by = |interval: Interval, end: Option<u64>| {
        interval
            .last
            .is_none_or(|last| end.is_some_and(|end| last <= end))
    };
    let revoked_by_us = feed.local.and_then(|newest| newest.get().checked_sub(1));
    let revoked_by_peer = feed.remote_revoked.map(CommitmentNumber::get);
    if !ends_by(past.local, revoked_by_us) || !ends_by(past.remote, revoked_by_peer) {
        return flaw("a commitment that is not revoked would carry it");
    }
    let was_on_both = past.local.first.is_some() && past.remote.first.is_some();
    if was_on_both && !ledger.used.holds(past.terms.key) {
        return flaw("its id was never used up");
    }
    None
}

fn is_open(interval: Interval) -> bool {
    interval.first.is_some() && interval.last.is_none()
}

fn wrong_interval(interval: Interval, newest: Option<CommitmentNumber>) -> Option<&'static str> {
    let newest = newest.map_or(0, CommitmentNumber::get);
    match (interval.first, interval.last) {
        (None, None) => None,
        (None, Some(_)) => Some("it ends and never began"),
        (Some(first), _) if first > newest => Some("it begins after the newest commitment"),
        (Some(_), Some(last)) if last > newest => Some("it ends after the newest commitment"),
        (Some(first), Some(last)) if last < first => Some("it ends before it begins"),
        (Some(_), Some(_) | None) => None,
    }
}
