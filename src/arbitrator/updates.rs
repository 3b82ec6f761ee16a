//! The stream of a channel's updates: each is judged by the pure core upon those before it, and what a call tells is on disk
//! in one transaction when the call returns.

use std::collections::BTreeMap;

use bitcoin::secp256k1::PublicKey;
use bitcoin::OutPoint;

use super::core::Core;
use super::life::check_takes_commitments;
use super::ChainArbitrator;
use crate::channel::door::{accept_local, accept_remote, accept_revocation};
use crate::channel::{
    AcceptedCommitment, Candidate, ChannelTerms, ChannelUpdate, Direction, Feed, HtlcKey, HtlcLife,
    HtlcRef, Ledger, LocalUpdate, OnFile, Refusal, RemoteUpdate, UpdateError,
};
use crate::error::ArbitratorError;
use crate::protocol::{CommitmentNumber, CommitmentSecret};
use crate::store::{Batch, ChannelRow, StoreError, Unreadable};

impl ChainArbitrator {
    /// Takes what the channel engine does together, in its order: each update is judged after the ones before it. All of
    /// it is on disk when this returns, in one synced write, or nothing. A repeat changes nothing, also of a call whose
    /// first updates are stored already.
    ///
    /// BOLT 2 says what may be told together, and which message waits for the call's return:
    ///
    /// | what happens | updates | leaves afterwards |
    /// |---|---|---|
    /// | we add or settle HTLCs | `Remote` | our `commitment_signed` |
    /// | the same, with a fulfil | `Release`, `Remote` | `update_fulfill_htlc`, `commitment_signed` |
    /// | a `commitment_signed` comes | `Local` | our `revoke_and_ack` |
    /// | the same, and the peer is owed a signature | `Local`, `Remote` | `revoke_and_ack`, `commitment_signed` |
    /// | a `revoke_and_ack` comes | `Revocation` | whatever follows from it: forwards, settlements |
    /// | the same, and a `commitment_signed` behind it | `Revocation`, `Local` | our `revoke_and_ack` |
    ///
    /// A commitment of the peer and its revocation never come together: our signature leaves in between, and before that
    /// it is on disk. An engine that holds `update_fulfill_htlc` back, because a revocation is awaited, tells the `Release`
    /// when it decides, not when the message leaves.
    ///
    /// After [`UpdateError::Closing`] no message that belongs to the refused commitment may leave: neither our signature nor
    /// our revocation.
    ///
    /// # Errors
    /// [`ArbitratorError::UpdateAt`] names the update that was refused; nothing of the call has changed anything. What even
    /// a closing channel takes, a revocation or a release, is to be told again without the commitment that was refused.
    pub async fn updates(
        &self,
        channel: OutPoint,
        updates: Vec<ChannelUpdate>,
    ) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| Box::pin(async move { core.updates(channel, &updates).await }))
            .await
    }

    /// Takes a commitment of ours that the peer signed. On disk when this returns: the engine may then revoke the
    /// previous one.
    ///
    /// # Errors
    /// [`UpdateError`], one case per reason; nothing has changed then.
    pub async fn local_commitment(
        &self,
        channel: OutPoint,
        update: LocalUpdate,
    ) -> Result<(), ArbitratorError> {
        self.update(channel, ChannelUpdate::Local(update)).await
    }

    /// Takes a commitment of the peer that we are about to sign. To be awaited **before** our signature leaves: from
    /// then on the peer can broadcast it.
    ///
    /// # Errors
    /// [`UpdateError`], one case per reason; nothing has changed then.
    pub async fn remote_commitment(
        &self,
        channel: OutPoint,
        update: RemoteUpdate,
    ) -> Result<(), ArbitratorError> {
        self.update(channel, ChannelUpdate::Remote(update)).await
    }

    /// Takes the peer's `revoke_and_ack` of commitment `number`: its secret, and the point of the commitment after the
    /// next. Accepted in any state of the channel.
    ///
    /// # Errors
    /// [`UpdateError`]: out of order, or a secret that does not match.
    pub async fn revocation(
        &self,
        channel: OutPoint,
        number: CommitmentNumber,
        secret: CommitmentSecret,
        next_point: PublicKey,
    ) -> Result<(), ArbitratorError> {
        let update = ChannelUpdate::Revocation {
            number,
            secret,
            next_point,
        };
        self.update(channel, update).await
    }

    /// Records that we have decided to claim an HTLC, before `update_fulfill_htlc` is sent. Accepted in any state.
    ///
    /// # Errors
    /// [`UpdateError::UnknownHtlc`].
    pub async fn release(&self, channel: OutPoint, htlc: HtlcKey) -> Result<(), ArbitratorError> {
        self.update(channel, ChannelUpdate::Release(htlc)).await
    }

    /// A call of one.
    async fn update(
        &self,
        channel: OutPoint,
        update: ChannelUpdate,
    ) -> Result<(), ArbitratorError> {
        match self.updates(channel, vec![update]).await {
            // There is nothing to be counted.
            Err(ArbitratorError::UpdateAt { source, .. }) => Err(source.into()),
            other => other,
        }
    }
}

/// What all updates of a call have in common.
struct Call {
    row: ChannelRow,
    terms: ChannelTerms,
    /// Why the channel takes no commitments, if it takes none.
    refusal: Option<Refusal>,
    /// Our points, of the commitments of ours in the call.
    points: BTreeMap<CommitmentNumber, PublicKey>,
}

impl Call {
    /// Writes what was accepted; nothing, if it was a repeat.
    fn put(
        &self,
        batch: &Batch<'_>,
        accepted: Option<AcceptedCommitment>,
    ) -> Result<(), ArbitratorError> {
        match accepted {
            None => Ok(()),
            Some(accepted) => {
                check_takes_commitments(self.terms.channel(), self.refusal)?;
                Ok(batch.put_commitment(self.row, &accepted)?)
            }
        }
    }
}

/// What is stored of a channel, read at one moment.
struct Records {
    feed: Feed,
    ledger: Ledger,
    lives: BTreeMap<HtlcRef, HtlcLife>,
    candidates: Vec<Candidate>,
}

impl Records {
    fn on_file<'a>(&'a self, terms: &'a ChannelTerms) -> OnFile<'a> {
        OnFile {
            terms,
            feed: &self.feed,
            ledger: &self.ledger,
            lives: &self.lives,
            candidates: &self.candidates,
        }
    }
}

impl Core {
    async fn updates(
        &self,
        channel: OutPoint,
        updates: &[ChannelUpdate],
    ) -> Result<(), ArbitratorError> {
        let row = self.row(channel)?;
        let points = self.points_for(channel, row, updates).await?;
        // No await from here on: what is read is what is written upon.
        let call = Call {
            row,
            terms: self.store.terms(row)?,
            refusal: self.check_has_not_ended(row, channel)?,
            points,
        };
        let batch = self.store.batch()?;
        let mut rest = updates;
        let mut index = 0;
        while let Some((update, later)) = rest.split_first() {
            self.take(&batch, &call, update, later)
                .map_err(|error| match error {
                    ArbitratorError::Update(source) => ArbitratorError::UpdateAt { index, source },
                    other => other,
                })?;
            rest = later;
            index += 1;
        }
        Ok(batch.commit()?)
    }

    /// Asks the signer for our points of the commitments of ours, all at once.
    async fn points_for(
        &self,
        channel: OutPoint,
        row: ChannelRow,
        updates: &[ChannelUpdate],
    ) -> Result<BTreeMap<CommitmentNumber, PublicKey>, ArbitratorError> {
        let numbers = updates.iter().filter_map(ChannelUpdate::local_number);
        let numbers: Vec<CommitmentNumber> = numbers.collect();
        if numbers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let keys_id = self.store.terms(row)?.keys_id;
        self.ask_signer(channel, move |signer| {
            let points = numbers.into_iter().map(|number| {
                let point = signer.per_commitment_point(&keys_id, number)?;
                Ok((number, point))
            });
            points.collect()
        })
        .await
    }

    /// Judges one update and writes it to the batch.
    fn take(
        &self,
        batch: &Batch<'_>,
        call: &Call,
        update: &ChannelUpdate,
        later: &[ChannelUpdate],
    ) -> Result<(), ArbitratorError> {
        let Call {
            row, terms, points, ..
        } = call;
        let (row, channel) = (*row, terms.channel());
        if !later.is_empty() && update.was_told_with(later, &self.store.feed(row)?) {
            return Ok(());
        }
        match update {
            ChannelUpdate::Local(update) => {
                let point = points.get(&update.commitment.number);
                let point = point.expect("the signer was asked for every number of ours");
                let records = self.records(row, channel)?;
                let accepted = accept_local(&records.on_file(terms), point, update)?;
                call.put(batch, accepted)
            }
            ChannelUpdate::Remote(update) => {
                self.check_announced_point(row, channel, update)?;
                let records = self.records(row, channel)?;
                call.put(batch, accept_remote(&records.on_file(terms), update)?)
            }
            // Taken in any state but the last: a breach of a closing channel may still be punished with it.
            ChannelUpdate::Revocation {
                number,
                secret,
                next_point,
            } => {
                let records = self.records_for_secret(row, channel)?;
                let (on_file, secrets) = (records.on_file(terms), self.store.secrets(row)?);
                match accept_revocation(&on_file, &secrets, *number, secret, next_point)? {
                    None => Ok(()),
                    Some(accepted) => Ok(batch.put_revocation(row, &accepted)?),
                }
            }
            // Taken in any state but the last.
            ChannelUpdate::Release(htlc) => {
                let htlc = *htlc;
                // An engine that was interrupted may say again what was settled long ago.
                let is_past = htlc.direction == Direction::Incoming
                    && self.store.ledger(row)?.used.holds(htlc);
                if batch.release(row, htlc)? || is_past {
                    Ok(())
                } else {
                    Err(UpdateError::UnknownHtlc { channel, htlc }.into())
                }
            }
        }
    }

    /// What a new commitment is judged by: all of it must be readable.
    fn records(&self, row: ChannelRow, channel: OutPoint) -> Result<Records, StoreError> {
        let mut unreadable = Unreadable::default();
        let records = Records {
            feed: self.store.feed(row)?,
            ledger: self.store.ledger(row)?,
            lives: self.store.htlcs(row, &mut unreadable)?,
            candidates: self.store.candidates(row, channel, &mut unreadable)?,
        };
        unreadable.or_refuse()?;
        Ok(records)
    }

    /// What a secret is judged by. An HTLC that cannot be read is no reason to lose one: it stays where it is.
    fn records_for_secret(
        &self,
        row: ChannelRow,
        channel: OutPoint,
    ) -> Result<Records, StoreError> {
        let mut unreadable = Unreadable::default();
        let candidates = self.store.candidates(row, channel, &mut unreadable)?;
        unreadable.or_refuse()?;
        Ok(Records {
            feed: self.store.feed(row)?,
            ledger: self.store.ledger(row)?,
            lives: self.store.htlcs(row, &mut Unreadable::default())?,
            candidates,
        })
    }
}
