//! An HTLC as the channel engine names it, and its life over the commitments of both sides.

use std::fmt;

use bitcoin::OutPoint;
use serde::{Deserialize, Serialize};

use crate::protocol::{ContractOutput, Htlc, HtlcKind, Party, PaymentHash};

/// Which way an HTLC's money goes, as we see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Direction {
    /// We offered it: the peer gets the money for the preimage.
    Outgoing,
    /// The peer offered it: we get the money for the preimage.
    Incoming,
}

/// The name of an HTLC within its channel. Ids count per direction (BOLT 2: `update_add_htlc.id`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HtlcKey {
    pub direction: Direction,
    pub id: u64,
}

impl fmt::Display for HtlcKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.direction {
            Direction::Outgoing => write!(f, "outgoing {}", self.id),
            Direction::Incoming => write!(f, "incoming {}", self.id),
        }
    }
}

/// One HTLC among those that have had a key. BOLT 2 makes both sides forget, on reconnection, what no commitment that
/// counts carried; the key is then free for another HTLC, while the peer may still hold a commitment with the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HtlcRef {
    pub key: HtlcKey,
    /// Counts the HTLCs that have had this key.
    pub version: u32,
}

/// Where an HTLC came from: what has to be told when it is settled on-chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HtlcOrigin {
    /// Our own payment, or a payment to us.
    Own,
    /// Forwarded for the HTLC `id` that came in on `channel` and expires at height `expiry`.
    Forwarded {
        channel: OutPoint,
        id: u64,
        expiry: u32,
    },
}

/// One HTLC of a commitment, as the channel engine knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HtlcTerms {
    pub key: HtlcKey,
    pub payment_hash: PaymentHash,
    pub amount_msat: u64,
    /// Absolute block height (BOLT 2: `cltv_expiry`).
    pub cltv_expiry: u32,
    pub origin: HtlcOrigin,
}

impl HtlcTerms {
    /// The same HTLC as the owner of a commitment sees it (BOLT 3).
    pub fn on_commitment_of(&self, owner: Party) -> Htlc {
        Htlc {
            kind: match (owner, self.key.direction) {
                (Party::Local, Direction::Outgoing) | (Party::Remote, Direction::Incoming) => {
                    HtlcKind::Offered
                }
                (Party::Local, Direction::Incoming) | (Party::Remote, Direction::Outgoing) => {
                    HtlcKind::Received
                }
            },
            amount_msat: self.amount_msat,
            payment_hash: self.payment_hash,
            cltv_expiry: self.cltv_expiry,
        }
    }

    /// The output it has on a commitment of `owner`, unless it is trimmed.
    pub fn output_on_commitment_of(&self, owner: Party) -> ContractOutput {
        let htlc = self.on_commitment_of(owner);
        ContractOutput::Htlc {
            kind: htlc.kind,
            payment_hash: htlc.payment_hash,
            cltv_expiry: htlc.cltv_expiry,
        }
    }
}

/// The commitment numbers of one side that carried an HTLC in any alternative. Only ever widened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// The first number that carried it; `None` while none has.
    pub first: Option<u64>,
    /// The last number that carried it; `None` while the newest commitment still does.
    pub last: Option<u64>,
}

impl Interval {
    /// Whether commitment `number` may have carried the HTLC.
    pub fn holds(&self, number: u64) -> bool {
        self.first.is_some_and(|first| first <= number)
            && self.last.is_none_or(|last| number <= last)
    }

    /// Widened so that it holds `number`, which the newest commitment of the side now is.
    pub(crate) fn entered(self, number: u64) -> Self {
        Interval {
            first: Some(self.first.map_or(number, |first| first.min(number))),
            last: None,
        }
    }

    /// Closed because the newest commitment `number` does not carry it, while its predecessor did; an earlier
    /// alternative with the same number that did carry it stays covered.
    pub(crate) fn left(self, number: u64, another_alternative_has_it: bool) -> Self {
        if self.first.is_none() || self.last.is_some() {
            return self;
        }
        let last = if another_alternative_has_it {
            number
        } else {
            number.saturating_sub(1)
        };
        Interval {
            first: self.first,
            last: Some(last.max(self.first.unwrap_or(0))),
        }
    }
}

/// One HTLC over its life: its terms, where it stood, and whether we decided to claim it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HtlcLife {
    pub terms: HtlcTerms,
    pub version: u32,
    pub local: Interval,
    pub remote: Interval,
    /// We have decided to claim it. Knowing a preimage is not permission.
    pub released: bool,
    /// For an incoming HTLC that was forwarded: what was sent on for it.
    pub forwarded_msat: Option<u64>,
}

impl HtlcLife {
    pub(crate) fn interval(&self, owner: Party) -> Interval {
        match owner {
            Party::Local => self.local,
            Party::Remote => self.remote,
        }
    }

    pub(crate) fn interval_mut(&mut self, owner: Party) -> &mut Interval {
        match owner {
            Party::Local => &mut self.local,
            Party::Remote => &mut self.remote,
        }
    }

    /// Which of the HTLCs that have had its key it is.
    pub fn htlc_ref(&self) -> HtlcRef {
        HtlcRef {
            key: self.terms.key,
            version: self.version,
        }
    }

    /// Whether the newest commitment of either side carries it.
    pub fn is_live(&self) -> bool {
        let live = |interval: Interval| interval.first.is_some() && interval.last.is_none();
        live(self.local) || live(self.remote)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_holds_every_number_from_first_to_last() {
        let interval = Interval::default().entered(3).left(7, false);
        assert_eq!(
            (0..10).filter(|n| interval.holds(*n)).collect::<Vec<_>>(),
            vec![3, 4, 5, 6]
        );
    }

    #[test]
    fn an_alternative_without_the_htlc_does_not_narrow_the_interval() {
        let interval = Interval::default().entered(3).left(3, true);
        assert!(interval.holds(3));
        assert!(!interval.holds(4));
    }

    #[test]
    fn an_alternative_with_the_htlc_widens_the_interval_again() {
        let interval = Interval::default().entered(3).left(5, false).entered(5);
        assert!(interval.holds(5));
        assert!(interval.holds(6), "the newest commitment carries it");
    }

    #[test]
    fn an_htlc_never_carried_is_held_by_no_number() {
        assert!(!Interval::default().holds(0));
        assert!(!Interval::default().left(4, true).holds(4));
    }
}
