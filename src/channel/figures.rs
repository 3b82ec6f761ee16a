//! The figures of a commitment: whether they add up, agree with what was said before, and which HTLC rows they change.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::PublicKey;

use super::commitments::Built;
use super::{
    CommitmentUpdate, Feed, HtlcLife, HtlcOrigin, HtlcRef, HtlcTerms, OnFile, UpdateError,
};
use crate::protocol::{CommitmentNumber, Party};

/// BOLT 2: `cltv_expiry` at or above this is a time, not a height, and must fail the channel.
const CLTV_EXPIRY_LIMIT: u32 = 500_000_000;

/// HTLC ids count from 0 (BOLT 2): no channel lives to see this one, and the store packs none beyond it.
const HTLC_ID_LIMIT: u64 = 1 << 60;

/// The rows of an update's HTLCs, in its order.
pub(super) type Refs = Vec<HtlcRef>;

/// Amounts and HTLCs, against the terms and against what was said of the same HTLCs before.
pub(super) fn check_figures(
    stored: &OnFile<'_>,
    owner: Party,
    update: &CommitmentUpdate,
    point: &PublicKey,
) -> Result<(Built, Refs), UpdateError> {
    let terms = stored.terms;
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
            row_of(htlc, stored).or_else(|field| refuse(field, "differs from what was stored"))?,
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
fn row_of(htlc: &HtlcTerms, stored: &OnFile<'_>) -> Result<HtlcRef, &'static str> {
    let same_key = || {
        stored
            .lives
            .values()
            .filter(|life| life.terms.key == htlc.key)
    };
    if let Some(known) = same_key().find(|life| life.terms == *htlc) {
        return Ok(known.htlc_ref());
    }
    let version = match same_key().next_back() {
        None if stored.ledger.used.holds(htlc.key) => return Err("id"),
        None => 0,
        Some(newest) if is_forgettable(newest, stored.feed) => newest.version.saturating_add(1),
        Some(newest) => return Err(changed_field(&newest.terms, htlc).unwrap_or("id")),
    };
    Ok(HtlcRef {
        key: htlc.key,
        version,
    })
}

/// BOLT 2: on reconnection both sides forget an HTLC that only the newest, unanswered commitment carried. Its id stays
/// free for as long as it is not used: what was settled, by contrast, had been in commitments of both sides.
fn is_forgettable(life: &HtlcLife, feed: &Feed) -> bool {
    let only_newest = |first: Option<u64>, newest: Option<CommitmentNumber>| {
        first.is_none() || first == newest.map(CommitmentNumber::get)
    };
    let was_on_both = life.local.first.is_some() && life.remote.first.is_some();
    if !was_on_both && !life.is_live() {
        return true;
    }
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

/// The rows whose interval moves: HTLCs that entered, and HTLCs that the newest commitment no longer carries.
pub(super) fn changed_htlcs(
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
            forwarded_msat: None,
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
