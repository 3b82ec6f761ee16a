//! What remains of HTLCs once nothing can bring them back: what they came to, and which ids they have used up.

use std::collections::BTreeMap;

use crate::protocol::Party;

use super::{ChannelTerms, CommitmentUpdate, Direction, Feed, HtlcLife, HtlcRef};

/// The running sums of a channel: one small row, rewritten when an HTLC ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    pub totals: Totals,
    pub used: UsedIds,
}

/// What went through a channel, in msat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// What the peer got from us in HTLCs, as of our newest commitment.
    pub sent_msat: u64,
    /// What we got from the peer in HTLCs that are past.
    pub received_msat: u64,
    /// What we kept of HTLCs that came in here and were forwarded.
    pub net_fees_msat: u64,
}

/// HTLC ids below these are used up: BOLT 2 counts them per direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsedIds {
    pub outgoing: u64,
    pub incoming: u64,
}

/// An HTLC that only revoked commitments carry: what is needed to find its outputs on them, and for people to look it
/// up. Settled long ago off-chain, so nobody has to be told of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastHtlc {
    pub terms: super::HtlcTerms,
    pub local: super::Interval,
    pub remote: super::Interval,
    pub released: bool,
}

impl PastHtlc {
    /// The numbers of `owner`'s commitments that carried it.
    pub fn interval(&self, owner: Party) -> super::Interval {
        match owner {
            Party::Local => self.local,
            Party::Remote => self.remote,
        }
    }
}

impl UsedIds {
    /// Whether an HTLC with this key has come and gone.
    pub fn holds(&self, key: super::HtlcKey) -> bool {
        key.id
            < match key.direction {
                Direction::Outgoing => self.outgoing,
                Direction::Incoming => self.incoming,
            }
    }
}

impl HtlcLife {
    /// Whether no commitment that may still be broadcast without being punished carries it: ours before the newest
    /// are revoked by us, those of the peer by the peer.
    pub fn is_past(&self, feed: &Feed) -> bool {
        let local = self.local.first.is_none()
            || matches!((self.local.last, feed.local), (Some(last), Some(newest)) if last < newest.get());
        let remote = self.remote.first.is_none()
            || matches!((self.remote.last, feed.remote_revoked), (Some(last), Some(revoked)) if last <= revoked.get());
        local && remote
    }
}

impl Ledger {
    /// The HTLCs that are past from `feed` on, and the ledger with them counted. `changed` replaces what is stored.
    pub fn after(
        &self,
        feed: &Feed,
        lives: &BTreeMap<HtlcRef, HtlcLife>,
        changed: &[HtlcLife],
    ) -> (Vec<HtlcLife>, Ledger) {
        let mut all = lives.clone();
        all.extend(changed.iter().map(|life| (life.htlc_ref(), *life)));
        let past: Vec<HtlcLife> = all
            .into_values()
            .filter(|life| life.is_past(feed))
            .collect();
        let mut ledger = *self;
        past.iter().for_each(|life| ledger.count(life));
        (past, ledger)
    }

    fn count(&mut self, life: &HtlcLife) {
        let key = life.terms.key;
        let was_on_both = life.local.first.is_some() && life.remote.first.is_some();
        // BOLT 2: the id of an HTLC that never was in commitments of both sides may be free for another one.
        if was_on_both {
            let used = match key.direction {
                Direction::Outgoing => &mut self.used.outgoing,
                Direction::Incoming => &mut self.used.incoming,
            };
            *used = (*used).max(key.id.saturating_add(1));
        }
        let amount = life.terms.amount_msat;
        if key.direction == Direction::Incoming && life.released {
            let totals = &mut self.totals;
            totals.received_msat = totals.received_msat.saturating_add(amount);
            if let Some(forwarded) = life.forwarded_msat {
                let kept = amount.saturating_sub(forwarded);
                totals.net_fees_msat = totals.net_fees_msat.saturating_add(kept);
            }
        }
    }

    /// What the peer has got, by our newest commitment: what we began with and received, less what is still ours or
    /// on its way.
    pub(super) fn sent_msat(
        &self,
        terms: &ChannelTerms,
        newest: &CommitmentUpdate,
        lives: &BTreeMap<HtlcRef, HtlcLife>,
    ) -> u64 {
        let carries = |life: &HtlcLife| newest.htlcs.contains(&life.terms);
        let on_its_way: u64 = newest
            .htlcs
            .iter()
            .filter(|htlc| htlc.key.direction == Direction::Outgoing)
            .map(|htlc| htlc.amount_msat)
            .sum();
        let just_received: u64 = lives
            .values()
            .filter(|life| life.terms.key.direction == Direction::Incoming)
            .filter(|life| life.released && !carries(life))
            .map(|life| life.terms.amount_msat)
            .sum();
        terms
            .local
            .initial_balance_msat
            .saturating_add(self.totals.received_msat)
            .saturating_add(just_received)
            .saturating_sub(newest.local_msat)
            .saturating_sub(on_its_way)
    }
}
