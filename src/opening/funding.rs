//! Where the funding stands: how deep it is, what the chain calls it, and whether it is still waited for.

use bitcoin::OutPoint;
use serde::{Deserialize, Serialize};

use super::{Dossier, Input, MinimumDepth, Opening, OpeningNote, Step, Want};
use crate::channel::ChannelTerms;
use crate::config::Policy;
use crate::court::Block;
use crate::protocol::{Party, ShortChannelId};

/// Where the funding transaction stands on the best chain, proven, with the output that the terms name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    pub block: Block,
    /// Its position in the block.
    pub position: u32,
    /// Blocks that bury it, its own included. Counted up to [`Policy::final_depth`] only.
    pub depth: u32,
}

impl Place {
    /// What the chain calls an output there.
    pub fn short_channel_id(&self, channel: OutPoint) -> Option<ShortChannelId> {
        let output = u16::try_from(channel.vout).ok()?;
        // BOLT 7: block, position, output. None of a real block is too great for it.
        ShortChannelId::new(self.block.height, self.position, output).ok()
    }
}

/// Which commitments are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Commitments {
    /// Not our first one: the funding may not be broadcast yet.
    None,
    /// The first of each side at most.
    First,
    /// One above the first, of either side: both sides have `channel_ready`.
    Further,
}

/// What a tick saw that concerns an opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The tip's height.
    pub tip: u32,
    pub place: Option<Place>,
    /// How deep a proven spend of the funding output is; 0: there is none.
    pub spent_depth: u32,
    pub commitments: Commitments,
    /// Whether the channel's end has begun.
    pub closing: bool,
    /// Whether it has ended.
    pub ended: bool,
}

pub(super) fn observe(step: &mut Step, dossier: &Dossier<'_>, facts: &Facts, policy: &Policy) {
    let opening = &mut step.opening;
    let name_before = opening.short_channel_id(dossier.terms, policy);
    opening.since = opening.since.or(Some(facts.tip));
    opening.place = facts.place.map(|place| Place {
        depth: place.depth.min(policy.final_depth),
        ..place
    });
    opening.commitments = opening.commitments.max(facts.commitments);
    opening.closing = facts.closing;
    // BOLT 7: a public channel is forgotten when its funding output has been spent for 72 blocks.
    if facts.spent_depth >= policy.forget_spent_depth || facts.ended {
        opening.is_over = true;
        opening.proof = None;
    }
    let name = opening.short_channel_id(dossier.terms, policy);
    step.notes
        .extend(name.filter(|_| name != name_before).map(OpeningNote::Named));
}

impl Opening {
    /// How deep the funding is, 0 while it is not proven.
    pub fn depth(&self) -> u32 {
        self.place.map_or(0, |place| place.depth)
    }

    /// How deep it must be before we say `channel_ready`.
    pub fn needed_depth(&self, terms: &ChannelTerms, policy: &Policy) -> u32 {
        let agreed = match self.terms.minimum_depth {
            MinimumDepth::ByCapacity => policy.settle_depth(terms.funding.capacity),
            MinimumDepth::Blocks(blocks) => blocks.max(1),
            MinimumDepth::ZeroConf => 0,
        };
        match self.place {
            // BOLT 2: a coinbase's outputs cannot be spent before 100 blocks. It is the first of its block.
            Some(Place { position: 0, .. }) => agreed.max(policy.coinbase_depth),
            Some(_) | None => agreed,
        }
    }

    /// Whether the funding is deep enough for `channel_ready`.
    pub(super) fn is_deep(&self, terms: &ChannelTerms, policy: &Policy) -> bool {
        let is_signed = self.commitments > Commitments::None;
        // Without a confirmation it is the peer's signature of our first commitment that makes the channel.
        (self.place.is_some() || is_signed) && self.depth() >= self.needed_depth(terms, policy)
    }

    /// What the chain calls the channel, once the funding is deep enough to be used.
    pub fn short_channel_id(
        &self,
        terms: &ChannelTerms,
        policy: &Policy,
    ) -> Option<ShortChannelId> {
        let place = self.place?;
        self.is_deep(terms, policy)
            .then(|| place.short_channel_id(self.channel))
            .flatten()
    }

    /// The height at which a funding that is the peer's is waited for no longer; `None`: it is there, it is ours, or the
    /// channel is in use.
    pub fn gives_up_at(&self, terms: &ChannelTerms, policy: &Policy) -> Option<u32> {
        // BOLT 2: the fundee forgets after 2,016 blocks; whoever paid for the funding never does by itself.
        let is_theirs = terms.opener == Party::Remote && terms.funding.transaction.is_none();
        self.awaited_until(policy).filter(|_| is_theirs)
    }

    /// The height at which the fundee, whichever side it is, waits for the funding no longer; `None`: it is there, or the
    /// channel is in use, or nobody waits for it.
    pub fn awaited_until(&self, policy: &Policy) -> Option<u32> {
        let is_awaited = self.place.is_none() && !self.ready.is_usable && !self.closing;
        let since = self.since.filter(|_| is_awaited && !self.is_over)?;
        Some(since.saturating_add(policy.fundee_patience))
    }
}

/// What is wanted of the chain.
pub(super) fn want(
    opening: &Opening,
    dossier: &Dossier<'_>,
    input: &Input,
    policy: &Policy,
) -> Option<Want> {
    // Only a look at the chain says that the funding is not there.
    let Input::Facts(facts) = input else {
        return None;
    };
    let gives_up_at = opening.gives_up_at(dossier.terms, policy);
    if gives_up_at.is_some_and(|height| facts.tip >= height) {
        return Some(Want::GiveUp);
    }
    let is_ours = dossier.terms.funding.transaction.is_some();
    // BOLT 2: the funding is not broadcast before the peer's signature of our first commitment is there.
    let is_signed = opening.commitments > Commitments::None;
    let is_missing = opening.place.is_none() && !opening.closing;
    (is_ours && is_signed && is_missing).then_some(Want::BroadcastFunding)
}
