//! The middle of a tick: every case takes the facts in, as far as they carry it, and its wants are answered.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, ScriptBuf, Txid};

use super::super::core::Applied;
use super::super::facts::{concerns, facts, has_lost_facts, Known};
use super::Tick;
use crate::chain::{BlockRef, ChainView};
use crate::channel::Feed;
use crate::court::{self, Case, CloseKind, Contract, Dossier, Input, SpendContext};
use crate::error::ArbitratorError;
use crate::protocol::{CommitmentNumber, Party};
use crate::store::ChannelRow;

/// How many steps one case takes with one set of facts: the longest way through the state machine is five.
const MAX_STEPS: usize = 16;

/// What the app's wallet and signer said of a funding output's spender.
#[derive(Default)]
struct LookedUp {
    our_scripts: BTreeSet<ScriptBuf>,
    tagged: Option<Tagged>,
}

/// A spender that carries a state number (BOLT 3).
#[derive(Clone, Copy)]
struct Tagged {
    txid: Txid,
    number: CommitmentNumber,
    /// Our per-commitment point there.
    our_point: PublicKey,
}

impl Tick<'_> {
    /// Moves every case, and again for as long as one of them brought news for the channels it is linked to: a preimage, or
    /// a release.
    pub(super) async fn advance_linked(
        &mut self,
        view: &ChainView,
    ) -> Result<bool, ArbitratorError> {
        for _ in 0..MAX_STEPS {
            self.has_news_for_others = false;
            if !self.advance_all(view).await? {
                return Ok(false);
            }
            if !self.has_news_for_others {
                break;
            }
        }
        Ok(true)
    }

    /// Moves every case that something may have changed for. One that fails is reported; the others go on. `false`: a
    /// limit ended it.
    async fn advance_all(&mut self, view: &ChainView) -> Result<bool, ArbitratorError> {
        let Some(tip) = view.tip() else {
            return Ok(true);
        };
        for (row, channel) in self.glances.over(&self.core.store)?.channels {
            if self.troubled.contains(&channel) {
                continue;
            }
            // Signer and wallet may take their time, the tick's may be over earlier: what they were asked is asked again.
            let budget = self.budget.clone();
            let advanced = budget
                .within(self.advance_one(row, channel, view, tip))
                .await;
            let advanced = advanced.map_err(ArbitratorError::from).flatten();
            if !self.goes_on(channel, advanced) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn advance_one(
        &mut self,
        row: ChannelRow,
        channel: OutPoint,
        view: &ChainView,
        tip: BlockRef,
    ) -> Result<(), ArbitratorError> {
        let core = self.core;
        let glance = self.glances.at(&core.store, row)?;
        let case = &glance.case;
        let concerns = concerns(case, channel, view) || glance.carries_htlcs;
        if !concerns || has_lost_facts(case, channel, view) {
            return Ok(());
        }
        // Only a look that would have found it says that a cancelled funding stays away.
        if case.cancelled.is_some() && !self.looked_everywhere {
            return Ok(());
        }
        let looked_up = self.look_up(row, channel, case, view).await?;
        let mut unchanged = None;
        // Read anew after every await: a revocation may have come in while the app was asked.
        let mut case = core.store.case_again(row, case.clone())?;
        for _ in 0..MAX_STEPS {
            let (dossier, known) = core.store.at_once(|| self.read(row, &case, &looked_up))?;
            let facts = Input::Facts(Box::new(facts(
                &case,
                &dossier,
                view,
                tip,
                known,
                &self.unsaid,
            )));
            let applied;
            (case, applied) = core.apply_to(row, case, &dossier, &facts)?;
            match applied {
                Applied::Nothing => {
                    unchanged = Some(dossier);
                    break;
                }
                Applied::Changed => {}
                Applied::NewsForOthers => self.has_news_for_others = true,
            }
            self.report.changed.insert(channel);
        }
        let dossier = match unchanged {
            Some(dossier) => dossier,
            None => core.dossier(row)?.0,
        };
        self.answer_wants(row, case, &dossier, tip.height.to_u32())
            .await
    }

    /// What only the app can say of the funding output's spender before it can be recognised.
    async fn look_up(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        case: &Case,
        view: &ChainView,
    ) -> Result<LookedUp, ArbitratorError> {
        let core = self.core;
        let Some(spend) = view.output(&channel).and_then(|facts| facts.spend.clone()) else {
            return Ok(LookedUp::default());
        };
        let is_known = case.close.as_ref().is_some_and(|close| {
            Some(close.block.hash) == spend.block().map(|block| block.hash)
                && close.txid == spend.txid
        });
        if is_known && !is_revoked_since(case, &core.store.feed(row)?) {
            return Ok(LookedUp::default());
        }
        let our_scripts = core.our_scripts(&spend.tx).await?;
        let terms = core.store.terms(row)?;
        let Some(number) = court::state_number(&terms, &spend.tx) else {
            return Ok(LookedUp {
                our_scripts,
                ..LookedUp::default()
            });
        };
        let keys_id = terms.keys_id;
        let our_point = core
            .ask_signer(channel, move |signer| {
                signer.per_commitment_point(&keys_id, number)
            })
            .await?;
        Ok(LookedUp {
            our_scripts,
            tagged: Some(Tagged {
                txid: spend.txid,
                number,
                our_point,
            }),
        })
    }

    /// Everything stored that the spender is recognised by, beside what was looked up.
    fn read(
        &mut self,
        row: ChannelRow,
        case: &Case,
        looked_up: &LookedUp,
    ) -> Result<(Dossier, Known), ArbitratorError> {
        let core = self.core;
        let (mut dossier, mut unreadable) = core.dossier(row)?;
        let mut context = SpendContext {
            our_scripts: looked_up.our_scripts.clone(),
            ..SpendContext::default()
        };
        // A candidate is recognised by its txid: damaged secrets are no reason to miss it.
        let unrecognised = looked_up
            .tagged
            .filter(|tagged| dossier.candidates.iter().all(|it| it.txid != tagged.txid));
        if let Some(tagged) = unrecognised {
            let number = tagged.number;
            context.our_point = Some(tagged.our_point);
            context.peer_secret = core.store.secret(row, number, &mut unreadable)?;
            for owner in [Party::Local, Party::Remote] {
                let past = core
                    .store
                    .past_htlcs_at(row, owner, number.get(), &mut unreadable)?;
                dossier.past.extend(past);
            }
        }
        let mut preimages = BTreeMap::new();
        let live = dossier.htlcs.values().map(|life| life.terms.payment_hash);
        // A revoked commitment carries HTLCs that are past: what their spends show is learnt once.
        let contested = case.contracts.iter().filter_map(Contract::htlc_figures);
        let contested = contested.map(|(_, hash, _)| hash);
        for hash in live.chain(contested).collect::<BTreeSet<_>>() {
            match core.store.preimage(&hash) {
                Ok(Some(preimage)) => {
                    preimages.insert(hash, preimage);
                }
                Ok(None) => {}
                // One that does not open is as good as unknown, and may be told again.
                Err(error) => self.tell_trouble(Some(dossier.channel()), error.to_string()),
            }
        }
        for reason in unreadable.reasons() {
            self.tell_trouble(Some(dossier.channel()), reason.to_string());
        }
        let known = Known {
            context,
            preimages,
            peer: self.options.contact(&dossier.terms.peer),
            told: core.store.told(dossier.channel())?,
            attempts: self.attempts_beside(row, case)?,
        };
        Ok((dossier, known))
    }
}

/// Whether the peer revoked its commitment after it had broadcast it.
fn is_revoked_since(case: &Case, feed: &Feed) -> bool {
    match case.close.as_ref().map(|close| close.kind) {
        Some(CloseKind::Remote { number } | CloseKind::RemotePending { number }) => feed
            .remote_revoked
            .is_some_and(|revoked| number <= revoked.get()),
        Some(
            CloseKind::Cooperative
            | CloseKind::Local { .. }
            | CloseKind::LocalOther { .. }
            | CloseKind::Breach { .. }
            | CloseKind::RemoteFuture { .. }
            | CloseKind::Unknown,
        )
        | None => false,
    }
}
