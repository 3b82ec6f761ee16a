//! Close summaries: what remains of a channel, and beside it, sealed, the peer's last secret.

use bitcoin::OutPoint;
use rusqlite::{OptionalExtension, Transaction};

use super::error::StoreError;
use super::pack::{outpoint_columns, At};
use super::vault::Place;
use super::{ChannelRow, Store};
use crate::channel::{CloseSummary, Reestablish};
use crate::court::SummaryChange;
use crate::protocol::{CommitmentNumber, CommitmentSecret};

/// What is done to a summary's row, with nothing left to seal.
pub(super) enum SealedChange<'a> {
    Keep,
    Put(&'a CloseSummary, Option<Vec<u8>>),
    Withdraw,
}

impl Store {
    /// What remains of a closed channel.
    ///
    /// # Errors
    /// When the row cannot be decoded, or its secret not be opened.
    pub fn summary(&self, channel: OutPoint) -> Result<Option<CloseSummary>, StoreError> {
        let (txid, vout) = outpoint_columns(&channel);
        let found: Option<(String, Option<Vec<u8>>)> = self
            .connection
            .prepare_cached(
                "SELECT detail, last_secret FROM close_summary WHERE txid = ?1 AND vout = ?2",
            )?
            .query_row((txid, vout), |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((detail, sealed)) = found else {
            return Ok(None);
        };
        let mut summary: CloseSummary = At("close_summary", "detail").json(&detail)?;
        if let Some(reestablish) = &mut summary.reestablish {
            reestablish.your_last_per_commitment_secret = sealed
                .map(|sealed| self.opened(channel, &sealed))
                .transpose()?;
        }
        Ok(Some(summary))
    }

    /// A change of the summary, with the secret that goes beside it sealed.
    pub(super) fn sealed_change<'a>(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        change: &'a SummaryChange,
    ) -> Result<SealedChange<'a>, StoreError> {
        Ok(match change {
            SummaryChange::Keep => SealedChange::Keep,
            SummaryChange::Withdraw => SealedChange::Withdraw,
            SummaryChange::Put(summary) => {
                let secret = summary
                    .reestablish
                    .as_ref()
                    .and_then(|fields| self.last_revealed(row, fields));
                let sealed = secret.map(|secret| self.sealed(channel, &secret));
                SealedChange::Put(summary, sealed.transpose()?)
            }
        })
    }

    /// The peer's last revealed secret. One that cannot be read is missing in the summary, and holds up no close.
    fn last_revealed(&self, row: ChannelRow, fields: &Reestablish) -> Option<CommitmentSecret> {
        let last = fields.next_revocation_number.checked_sub(1)?;
        let number = CommitmentNumber::new(last).ok()?;
        match self.secrets(row) {
            Ok(secrets) => secrets.get(number),
            Err(error) => {
                log::warn!("a summary lacks the peer's last secret: {error}");
                None
            }
        }
    }

    fn sealed(&self, channel: OutPoint, secret: &CommitmentSecret) -> Result<Vec<u8>, StoreError> {
        let place = Place::LastSecret(channel);
        self.vault.borrow().seal(&place, secret.as_bytes())
    }

    fn opened(&self, channel: OutPoint, sealed: &[u8]) -> Result<CommitmentSecret, StoreError> {
        let place = Place::LastSecret(channel);
        let plain = self.vault.borrow().open(&place, sealed)?;
        let bytes = At("close_summary", "last_secret").secret_array(&plain)?;
        Ok(CommitmentSecret::new(bytes))
    }
}

impl SealedChange<'_> {
    /// Writes it, in the transaction of the step that it belongs to. A final summary stays as it is.
    pub(super) fn write(self, db: &Transaction<'_>, channel: OutPoint) -> Result<(), StoreError> {
        let (txid, vout) = outpoint_columns(&channel);
        match self {
            SealedChange::Keep => {}
            SealedChange::Put(summary, last_secret) => {
                let detail = At("close_summary", "detail").to_json(summary)?;
                db.prepare_cached(
                    // Lists go by the height of the close; where there is none, by the tip at which the app ended the channel.
                    "INSERT INTO close_summary
                        (txid, vout, peer, is_final, detail, last_secret, listed_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6,
                        coalesce(?7, (SELECT height FROM chain_tip), 0))
                     ON CONFLICT (txid, vout) DO UPDATE SET is_final = excluded.is_final,
                        detail = excluded.detail, last_secret = excluded.last_secret,
                        listed_at = coalesce(?7, close_summary.listed_at)
                     WHERE close_summary.is_final = 0",
                )?
                .execute((
                    txid,
                    vout,
                    summary.peer.serialize(),
                    summary.is_final,
                    detail,
                    last_secret,
                    summary.close_height,
                ))?;
            }
            SealedChange::Withdraw => {
                db.prepare_cached(
                    "DELETE FROM close_summary WHERE txid = ?1 AND vout = ?2 AND is_final = 0",
                )?
                .execute((txid, vout))?;
            }
        }
        Ok(())
    }
}
