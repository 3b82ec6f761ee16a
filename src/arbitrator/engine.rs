//! What the channel engine tells beside the stream of updates (updates.rs): a channel's beginning, its names, its end. Each is
//! judged, and on disk when the call returns.

use std::collections::BTreeSet;

use bitcoin::{Amount, OutPoint, Transaction};

use super::core::Core;
use crate::channel::{ChannelTerms, Position, UpdateError};
use crate::court::{Event, EventKind, Input};
use crate::error::ArbitratorError;
use crate::protocol::{is_cooperative_close, ShortChannelId};
use crate::store::{ChannelRow, ShortChannelIds};

impl Core {
    pub(super) async fn register(&self, terms: ChannelTerms) -> Result<(), ArbitratorError> {
        self.check_terms(&terms).await?;
        if let Some(row) = self.store.find(terms.channel())? {
            return self.register_again(row, &terms);
        }
        self.store.register(&terms, &self.warnings(&terms))?;
        self.wake_listeners();
        Ok(())
    }

    /// Refuses impossible terms, and keys that are not the signer's.
    pub(super) async fn check_terms(&self, terms: &ChannelTerms) -> Result<(), ArbitratorError> {
        terms.validate()?;
        let channel = terms.channel();
        let keys_id = terms.keys_id;
        let keys = self
            .ask_signer(channel, move |signer| signer.channel_keys(&keys_id))
            .await?;
        if keys != terms.local.keys {
            // Money that our signer has no key for would be lost: better known before the funding is broadcast.
            return Err(UpdateError::Terms {
                channel,
                field: "local.keys",
                reason: "not the keys of the signer under this keys_id".into(),
            }
            .into());
        }
        Ok(())
    }

    /// What the app should know of a new channel.
    pub(super) fn warnings(&self, terms: &ChannelTerms) -> Vec<Event> {
        let delay = terms.remote.to_self_delay;
        let warning = Event {
            channel: terms.channel(),
            kind: EventKind::ShortPeerDelay { delay },
        };
        let is_short = delay < self.policy.short_peer_delay;
        is_short.then_some(warning).into_iter().collect()
    }

    pub(super) fn register_again(
        &self,
        row: ChannelRow,
        terms: &ChannelTerms,
    ) -> Result<(), ArbitratorError> {
        self.check_takes_registration(row, terms.channel())?;
        let stored = self.store.terms(row)?;
        let mut without = stored.clone();
        if stored.funding.transaction.is_none() {
            without.funding.transaction = terms.funding.transaction.clone();
        }
        if let Some(field) = without.difference(terms) {
            let channel = terms.channel();
            return Err(UpdateError::TermsDiffer { channel, field }.into());
        }
        match (&stored.funding.transaction, &terms.funding.transaction) {
            (None, Some(transaction)) => {
                Ok(self.store.keep_funding_transaction(row, transaction)?)
            }
            (None, None) | (Some(_), Some(_) | None) => Ok(()),
        }
    }

    /// Names are taken in any state.
    pub(super) fn set_short_channel_ids(
        &self,
        channel: OutPoint,
        ids: &ShortChannelIds,
    ) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        for (id, _) in ids.all() {
            self.check_name_is_free(channel, id)?;
        }
        Ok(self.store.put_short_channel_ids(row, ids)?)
    }

    /// Refuses a name that is another channel's.
    pub(super) fn check_name_is_free(
        &self,
        channel: OutPoint,
        id: ShortChannelId,
    ) -> Result<(), ArbitratorError> {
        let owner = self.store.channel_by_short_id(id)?;
        match owner.filter(|owner| *owner != channel) {
            Some(taken_by) => Err(UpdateError::ShortChannelIdTaken {
                channel,
                id,
                taken_by,
            }
            .into()),
            None => Ok(()),
        }
    }

    pub(super) async fn closing_signed(
        &self,
        channel: OutPoint,
        transaction: Transaction,
    ) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        let terms = self.store.terms(row)?;
        let refuse = |reason| UpdateError::ClosingTransaction { channel, reason };
        if !crate::court::is_signed_by_both(&terms, &transaction) {
            return Err(refuse("not signed by both funding keys").into());
        }
        let paid = transaction
            .output
            .iter()
            .try_fold(Amount::ZERO, |paid, output| paid.checked_add(output.value));
        if paid.is_none_or(|paid| paid > terms.funding.capacity) {
            return Err(refuse("it pays more than the channel holds").into());
        }
        let ours = self.our_scripts(&transaction).await?;
        let known: BTreeSet<_> = terms.shutdown_scripts().chain(&ours).collect();
        // What the peer may be paid to is the peer's to choose, unless it was fixed; ours must be ours.
        let peer_is_free = terms.remote.shutdown_script.is_none();
        let allowed = |script: &bitcoin::Script| {
            peer_is_free || known.iter().any(|known| known.as_script() == script)
        };
        if !is_cooperative_close(&transaction, channel, allowed) {
            return Err(refuse("it pays a script that is nobody's shutdown script").into());
        }
        if crate::court::state_number(&terms, &transaction).is_some() {
            return Err(refuse("it has the tags of a commitment").into());
        }
        self.check_has_not_ended(row, channel)?;
        let tip = self.tip_height()?;
        self.apply(row, &Input::ClosingSigned { transaction, tip })?;
        Ok(())
    }

    /// The outputs' scripts that the wallet calls its own.
    pub(super) async fn our_scripts(
        &self,
        transaction: &Transaction,
    ) -> Result<BTreeSet<bitcoin::ScriptBuf>, ArbitratorError> {
        let scripts: Vec<bitcoin::ScriptBuf> = transaction
            .output
            .iter()
            .map(|output| output.script_pubkey.clone())
            .collect();
        self.ask_wallet(move |wallet| {
            let mut ours = BTreeSet::new();
            for script in scripts {
                if wallet.is_our_address(&script)? {
                    ours.insert(script);
                }
            }
            Ok(ours)
        })
        .await
    }

    pub(super) fn position(&self, channel: OutPoint) -> Result<Position, ArbitratorError> {
        let row = self.row(channel)?;
        Ok(Position {
            feed: self.store.feed(row)?,
            refusal: self.refusal(row)?,
        })
    }
}
