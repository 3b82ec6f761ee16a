//! The archive of HTLCs that only revoked commitments carry.
//!
//! A channel has hundreds of thousands of them in its life, and they are wanted again in one case only: the peer
//! broadcasts a revoked commitment n, and the scripts of its HTLC outputs have to be made again. So a row is as small
//! as can be, costs no memory, and is found without reading the others: the intervals [first, last] of the peer's
//! commitment numbers are sorted into classes by the bits of last - first. In class k that is less than 2^k, so those
//! that hold n begin in (n - 2^k, n]: one range of the primary key. And as it is at least 2^(k-1), about every other
//! row read there is wanted.

use rusqlite::Transaction;

use super::error::{StoreError, Unreadable};
use super::pack::{push_varint, signed, take_varint, At};
use super::row_check::of_past;
use super::{ChannelRow, Store};
use crate::channel::{Direction, HtlcKey, HtlcLife, HtlcOrigin, HtlcTerms, Interval, PastHtlc};
use crate::protocol::{Party, PaymentHash};

/// The class of those that no commitment of the peer carried; `first` counts our commitments then.
const ONLY_OURS: i64 = -1;

/// Below every class.
pub(super) const NO_CLASS: i64 = ONLY_OURS - 1;

const FIGURES: At = At("past_htlc", "figures");

impl Store {
    /// The past HTLCs that commitment `number` of `owner` may have carried. Rows that cannot be decoded are put aside:
    /// one of them never stops the punishment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn past_htlcs_at(
        &self,
        row: ChannelRow,
        owner: Party,
        number: u64,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<PastHtlc>, StoreError> {
        let mut found = Vec::new();
        let mut class = NO_CLASS;
        let mut statement = self.connection.prepare_cached(
            "SELECT first, figures FROM past_htlc
             WHERE channel = ?1 AND class = ?2 AND first BETWEEN ?3 AND ?4",
        )?;
        while let Some(next) = self.next_class(row, class)? {
            class = next;
            let (from, to) = match owner {
                Party::Remote => (signed(number).saturating_sub(longest(class)), number),
                // Our own old commitments are never wanted in a hurry: the archive is not sorted by their numbers.
                Party::Local => (0, u64::MAX),
            };
            let mut rows = statement.query((row.0, class, from, signed(to)))?;
            while let Some(row) = rows.next()? {
                let first: i64 = row.get(0)?;
                let figures: Vec<u8> = row.get(1)?;
                let past = unreadable.sift(unpack(class, first, &figures));
                found.extend(past.filter(|past| past.interval(owner).holds(number)));
            }
        }
        Ok(found)
    }

    /// Hands out the whole archive of a channel, one by one, and why a row cannot be read. Gives the check of all of it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn for_each_past_htlc(
        &self,
        row: ChannelRow,
        mut take: impl FnMut(Result<PastHtlc, StoreError>),
    ) -> Result<i64, StoreError> {
        let mut check = 0i64;
        let mut statement = self
            .connection
            .prepare_cached("SELECT class, first, figures FROM past_htlc WHERE channel = ?1")?;
        let mut rows = statement.query([row.0])?;
        while let Some(row) = rows.next()? {
            let class: i64 = row.get(0)?;
            let figures: Vec<u8> = row.get(2)?;
            let first: i64 = row.get(1)?;
            check = check.wrapping_add(of_past(class, first, &figures));
            let past = unpack(class, first, &figures);
            take(past.and_then(|past| {
                if class_of(past.remote) == class {
                    Ok(past)
                } else {
                    Err(At("past_htlc", "class").corrupt("not the class of its length"))
                }
            }));
        }
        Ok(check)
    }

    /// The next class above `class` in which the channel has rows.
    pub(super) fn next_class(
        &self,
        row: ChannelRow,
        class: i64,
    ) -> Result<Option<i64>, StoreError> {
        let next = self
            .connection
            .prepare_cached("SELECT min(class) FROM past_htlc WHERE channel = ?1 AND class > ?2")?
            .query_row((row.0, class), |row| row.get(0))?;
        Ok(next)
    }
}

/// Moves HTLCs from the rows that updates touch to the archive. Gives what that adds to the archive's check.
pub(super) fn bury(
    db: &Transaction<'_>,
    row: ChannelRow,
    past: &[HtlcLife],
) -> Result<i64, StoreError> {
    let mut check = 0i64;
    for life in past {
        super::htlcs::delete_htlc(db, row, life.htlc_ref())?;
        let (class, first, figures) = pack(life);
        let added = db
            .prepare_cached(
                "INSERT OR IGNORE INTO past_htlc (channel, class, first, figures)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((row.0, class, first, &figures))?;
        if added > 0 {
            check = check.wrapping_add(of_past(class, first, &figures));
        }
    }
    Ok(check)
}

/// The greatest last - first of a class.
fn longest(class: i64) -> i64 {
    match u32::try_from(class) {
        Ok(bits @ 0..63) => (1 << bits) - 1,
        Ok(_) => i64::MAX,
        Err(_) => 0,
    }
}

/// The class of an HTLC that the peer's commitments of these numbers carried.
fn class_of(remote: Interval) -> i64 {
    span(remote).map_or(ONLY_OURS, |(_, more)| {
        i64::from(u64::BITS - more.leading_zeros())
    })
}

/// First number, and how many more.
fn span(interval: Interval) -> Option<(u64, u64)> {
    let first = interval.first?;
    let last = interval.last.unwrap_or(first);
    Some((first, last.saturating_sub(first)))
}

fn interval((first, more): (u64, u64)) -> Option<Interval> {
    Some(Interval {
        first: Some(first),
        last: Some(first.checked_add(more)?),
    })
}

/// Class, first number, and the rest. The other side's interval is near to this one, so the differences are stored.
fn pack(life: &HtlcLife) -> (i64, i64, Vec<u8>) {
    let terms = &life.terms;
    let mut bytes = terms.payment_hash.0.to_vec();
    let incoming = u64::from(terms.key.direction == Direction::Incoming);
    push_varint(
        &mut bytes,
        terms.key.id << 2 | incoming << 1 | u64::from(life.released),
    );
    push_varint(&mut bytes, terms.amount_msat);
    push_varint(&mut bytes, terms.cltv_expiry.into());
    let (class, (first, more)) = match (span(life.remote), span(life.local)) {
        (Some(theirs), ours) => {
            push_varint(&mut bytes, theirs.1);
            if let Some(ours) = ours {
                let differences = [zigzag(ours.0, theirs.0), zigzag(ours.1, theirs.1)];
                push_pair(&mut bytes, differences);
            }
            (class_of(life.remote), theirs)
        }
        (None, ours) => {
            let ours = ours.unwrap_or_default();
            push_varint(&mut bytes, ours.1);
            (ONLY_OURS, ours)
        }
    };
    debug_assert!(class == ONLY_OURS || more <= longest(class).unsigned_abs());
    (class, signed(first), bytes)
}

pub(super) fn unpack(class: i64, first: i64, figures: &[u8]) -> Result<PastHtlc, StoreError> {
    let first = At("past_htlc", "first").unsigned(first)?;
    unpack_figures(class, first, figures)
        .ok_or_else(|| FIGURES.corrupt("no HTLC of its class is packed like this"))
}

fn unpack_figures(class: i64, first: u64, figures: &[u8]) -> Option<PastHtlc> {
    let (hash, mut rest) = figures.split_first_chunk::<32>()?;
    let key = take_varint(&mut rest)?;
    let amount_msat = take_varint(&mut rest)?;
    let cltv_expiry = u32::try_from(take_varint(&mut rest)?).ok()?;
    let keyed = (first, take_varint(&mut rest)?);
    let (local, remote) = if class == ONLY_OURS {
        (interval(keyed)?, Interval::default())
    } else if rest.is_empty() {
        (Interval::default(), interval(keyed)?)
    } else {
        let [first, more] = take_pair(&mut rest)?;
        let first = unzigzag(first, keyed.0)?;
        let more = unzigzag(more, keyed.1)?;
        (interval((first, more))?, interval(keyed)?)
    };
    rest.is_empty().then_some(PastHtlc {
        terms: HtlcTerms {
            key: HtlcKey {
                direction: match key >> 1 & 1 {
                    0 => Direction::Outgoing,
                    _ => Direction::Incoming,
                },
                id: key >> 2,
            },
            payment_hash: PaymentHash(*hash),
            amount_msat,
            cltv_expiry,
            // Where it was forwarded from is not kept: it was settled there, too.
            origin: HtlcOrigin::Own,
        },
        local,
        remote,
        released: key & 1 != 0,
    })
}

/// The bits of a byte that each of two small numbers has. All of them set: the rest of it follows.
const PAIR: [u32; 2] = [3, 4];

/// Two numbers that are small nearly always, in one byte then.
fn push_pair(bytes: &mut Vec<u8>, [a, b]: [u64; 2]) {
    let [most_a, most_b] = PAIR.map(|bits| (1 << bits) - 1);
    let (low, high) = (a.min(most_a), b.min(most_b));
    push_varint(bytes, low | high << PAIR[0]);
    if low == most_a {
        push_varint(bytes, a - low);
    }
    if high == most_b {
        push_varint(bytes, b - high);
    }
}

fn take_pair(bytes: &mut &[u8]) -> Option<[u64; 2]> {
    let [most_a, most_b] = PAIR.map(|bits| (1 << bits) - 1);
    let both = take_varint(bytes)?;
    let mut part = |small: u64, most: u64| {
        if small < most {
            Some(small)
        } else {
            take_varint(bytes)?.checked_add(small)
        }
    };
    let a = part(both & most_a, most_a)?;
    let b = part(both >> PAIR[0], most_b)?;
    Some([a, b])
}

/// A difference as a small unsigned number, whatever its sign. Both numbers are below 2^62: BOLT 3 has 48 bits.
fn zigzag(value: u64, base: u64) -> u64 {
    if value >= base {
        (value - base) << 1
    } else {
        (base - value) << 1 | 1
    }
}

fn unzigzag(packed: u64, base: u64) -> Option<u64> {
    match packed & 1 {
        0 => base.checked_add(packed >> 1),
        _ => base.checked_sub(packed >> 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NUMBERS: std::ops::Range<u64> = 0..1 << 48;

    fn intervals() -> impl Strategy<Value = Interval> {
        prop_oneof![
            1 => Just(Interval::default()),
            4 => (NUMBERS, prop_oneof![0..5u64, NUMBERS]).prop_map(|span| interval(span).expect("small")),
        ]
    }

    proptest! {
        #[test]
        fn what_is_buried_comes_back(
            hash in any::<[u8; 32]>(), id in 0..1u64 << 60, incoming in any::<bool>(), released in any::<bool>(),
            amount_msat in any::<u64>(), cltv_expiry in any::<u32>(), local in intervals(), remote in intervals(),
        ) {
            prop_assume!(local.first.is_some() || remote.first.is_some());
            let direction = if incoming { Direction::Incoming } else { Direction::Outgoing };
            let terms = HtlcTerms {
                key: HtlcKey { direction, id }, payment_hash: PaymentHash(hash), amount_msat, cltv_expiry, origin: HtlcOrigin::Own,
            };
            let life = HtlcLife { terms, version: 0, local, remote, released, forwarded_msat: None };
            let (class, first, figures) = pack(&life);
            prop_assert_eq!(unpack(class, first, &figures).expect("packed just now"), PastHtlc { terms, local, remote, released });
        }

        #[test]
        fn a_class_holds_every_number_that_its_range_is_read_for(interval in (NUMBERS, NUMBERS), at in 0..1u64 << 48) {
            let (first, more) = interval;
            let number = first + at % (more + 1);
            let class = i64::from(u64::BITS - more.leading_zeros());
            prop_assert!(signed(number).saturating_sub(longest(class)) <= signed(first) && first <= number);
        }

        #[test]
        fn damaged_figures_are_refused_or_read_but_never_panic(
            class in -2..70i64, first in any::<i64>(), figures in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = unpack(class, first, &figures);
        }
    }
}
