//! What the channel engine tells: each message is judged by the pure core, and on disk when the call returns.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, Transaction};

use super::core::Core;
use super::life::check_takes_commitments;
use crate::channel::door::{accept_local, accept_remote, accept_revocation};
use crate::channel::{
    Candidate, ChannelTerms, Direction, Feed, HtlcKey, HtlcLife, HtlcRef, Ledger, LocalUpdate,
    OnFile, Position, RemoteUpdate, UpdateError,
};
use crate::court::{Event, EventKind, Input};
use crate::error::ArbitratorError;
use crate::protocol::{is_cooperative_close, CommitmentNumber, CommitmentSecret};
use crate::store::{ChannelRow, ShortChannelIds, Unreadable};

/// What is stored of a channel, read at one moment.
struct Records {
    terms: ChannelTerms,
    feed: Feed,
    ledger: Ledger,
    lives: BTreeMap<HtlcRef, HtlcLife>,
    candidates: Vec<Candidate>,
}

impl Records {
    fn on_file(&self) -> OnFile<'_> {
        OnFile {
            terms: &self.terms,
            feed: &self.feed,
            ledger: &self.ledger,
            lives: &self.lives,
            candidates: &self.candidates,
        }
    }
}

impl Core {
    pub(super) async fn register(&self, terms: ChannelTerms) -> Result<(), ArbitratorError> {
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
        if let Some(row) = self.store.find(channel)? {
            return self.register_again(row, &terms);
        }
        let mut events = Vec::new();
        let delay = terms.remote.to_self_delay;
        if delay < self.policy.short_peer_delay {
            events.push(Event {
                channel,
                kind: EventKind::ShortPeerDelay { delay },
            });
        }
        self.store.register(&terms, &events)?;
        self.wake_listeners();
        Ok(())
    }

    fn register_again(&self, row: ChannelRow, terms: &ChannelTerms) -> Result<(), ArbitratorError> {
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

    // ── the channel engine's updates ─────────────────────────────────────────────────────────────────────────

    pub(super) async fn local_commitment(
        &self,
        channel: OutPoint,
        update: LocalUpdate,
    ) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        let keys_id = self.store.terms(row)?.keys_id;
        let number = update.commitment.number;
        let point = self
            .ask_signer(channel, move |signer| {
                signer.per_commitment_point(&keys_id, number)
            })
            .await?;
        // No await from here on: what is read is what is written upon.
        let terms = self.store.terms(row)?;
        let refusal = self.check_has_not_ended(row, channel)?;
        let records = self.records(row, terms)?;
        match accept_local(&records.on_file(), &point, &update)? {
            None => Ok(()),
            Some(accepted) => {
                check_takes_commitments(channel, refusal)?;
                Ok(self.store.put_commitment(row, &accepted)?)
            }
        }
    }

    pub(super) fn remote_commitment(
        &self,
        channel: OutPoint,
        update: &RemoteUpdate,
    ) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        let terms = self.store.terms(row)?;
        let refusal = self.check_has_not_ended(row, channel)?;
        let records = self.records(row, terms)?;
        match accept_remote(&records.on_file(), update)? {
            None => Ok(()),
            Some(accepted) => {
                check_takes_commitments(channel, refusal)?;
                Ok(self.store.put_commitment(row, &accepted)?)
            }
        }
    }

    /// What a new commitment is judged by: all of it must be readable.
    fn records(&self, row: ChannelRow, terms: ChannelTerms) -> Result<Records, ArbitratorError> {
        let mut unreadable = Unreadable::default();
        let lives = self.store.htlcs(row, &mut unreadable)?;
        let candidates = self
            .store
            .candidates(row, terms.channel(), &mut unreadable)?;
        unreadable.or_refuse()?;
        Ok(Records {
            feed: self.store.feed(row)?,
            ledger: self.store.ledger(row)?,
            lives,
            candidates,
            terms,
        })
    }

    /// A secret is taken in any state but the last: a breach of a closing channel may still be punished with it.
    pub(super) fn revocation(
        &self,
        channel: OutPoint,
        number: CommitmentNumber,
        secret: &CommitmentSecret,
        next_point: &PublicKey,
    ) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        self.check_has_not_ended(row, channel)?;
        let mut unreadable = Unreadable::default();
        let candidates = self.store.candidates(row, channel, &mut unreadable)?;
        unreadable.or_refuse()?;
        let records = Records {
            terms: self.store.terms(row)?,
            feed: self.store.feed(row)?,
            ledger: self.store.ledger(row)?,
            // An HTLC that cannot be read is no reason to lose a secret: it stays where it is.
            lives: self.store.htlcs(row, &mut Unreadable::default())?,
            candidates,
        };
        let secrets = self.store.secrets(row)?;
        let accepted = accept_revocation(&records.on_file(), &secrets, number, secret, next_point)?;
        if let Some(accepted) = accepted {
            self.store.put_revocation(row, &accepted)?;
        }
        Ok(())
    }

    /// A release is taken in any state but the last.
    pub(super) fn release(&self, channel: OutPoint, htlc: HtlcKey) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        self.check_has_not_ended(row, channel)?;
        // An engine that was interrupted may say again what was settled long ago.
        let is_past =
            htlc.direction == Direction::Incoming && self.store.ledger(row)?.used.holds(htlc);
        if self.store.release(row, htlc)? || is_past {
            Ok(())
        } else {
            Err(UpdateError::UnknownHtlc { channel, htlc }.into())
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
            let owner = self.store.channel_by_short_id(id)?;
            if let Some(taken_by) = owner.filter(|owner| *owner != channel) {
                return Err(UpdateError::ShortChannelIdTaken {
                    channel,
                    id,
                    taken_by,
                }
                .into());
            }
        }
        Ok(self.store.put_short_channel_ids(row, ids)?)
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
        self.apply(row, channel, &Input::ClosingSigned { transaction, tip })?;
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

    /// BOLT 2: a peer whose `channel_reestablish` holds a secret of a commitment that we think unrevoked proves that we
    /// lost data.
    pub(super) async fn data_loss_proof(
        &self,
        channel: OutPoint,
        number: CommitmentNumber,
        secret: CommitmentSecret,
    ) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        let keys_id = self.store.terms(row)?.keys_id;
        let ours = self
            .ask_signer(channel, move |signer| {
                signer.per_commitment_point(&keys_id, number)
            })
            .await?;
        let refuse = |reason| UpdateError::DataLossProof { channel, reason };
        if secret.point().ok() != Some(ours) {
            return Err(refuse("the secret is not ours").into());
        }
        let newest = self.store.feed(row)?.local;
        if newest.is_some_and(|newest| number < newest) {
            return Err(refuse("we know that this commitment is revoked").into());
        }
        self.check_has_not_ended(row, channel)?;
        let tip = self.tip_height()?;
        let number = number.get();
        self.apply(row, channel, &Input::DataLoss { number, tip })?;
        Ok(())
    }

    pub(super) fn position(&self, channel: OutPoint) -> Result<Position, ArbitratorError> {
        let row = self.row(channel)?;
        Ok(Position {
            feed: self.store.feed(row)?,
            refusal: self.refusal(row)?,
        })
    }
}
