//! Openings: one small row each, written in one transaction with what a step of it tells.

use bitcoin::OutPoint;
use rusqlite::{OptionalExtension, Transaction};

use super::channels::channel_of;
use super::error::StoreError;
use super::log::put_log;
use super::outbox::{put_events, take_off};
use super::pack::At;
use super::scids::{add_alias, put_confirmed};
use super::{ChannelRow, Store};
use crate::channel::ChannelTerms;
use crate::court::{Event, LogEntry};
use crate::opening::{Attention, Opening};
use crate::protocol::ShortChannelId;

/// What a step of an opening writes.
#[derive(Debug)]
pub struct OpeningStep<'a> {
    pub opening: &'a Opening,
    /// What the chain calls the channel now.
    pub confirmed: Option<ShortChannelId>,
    pub log: &'a [LogEntry],
    pub events: &'a [Event],
}

impl Store {
    /// Writes a new channel, as [`Store::register`] does, with its opening and the alias of it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn register_opening(
        &self,
        terms: &ChannelTerms,
        opening: &Opening,
        events: &[Event],
    ) -> Result<ChannelRow, StoreError> {
        self.write(|db| {
            let row = super::channels::put_channel(db, terms, events)?;
            put_opening(db, row, opening)?;
            if let Some(alias) = opening.terms.alias {
                add_alias(db, row, alias)?;
            }
            Ok(row)
        })
    }

    /// The opening of a channel; `None`: its engine opens it by itself.
    ///
    /// # Errors
    /// When the row cannot be decoded.
    pub fn opening(&self, row: ChannelRow) -> Result<Option<Opening>, StoreError> {
        let detail: Option<String> = self
            .connection
            .prepare_cached("SELECT detail FROM opening WHERE channel = ?1")?
            .query_row([row.0], |row| row.get(0))
            .optional()?;
        detail
            .map(|detail| At("opening", "detail").json(&detail))
            .transpose()
    }

    /// The channels whose opening a tick looks at, oldest first: the first tick after the database was opened looks at more.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn openings_at_work(
        &self,
        also: Attention,
    ) -> Result<Vec<(ChannelRow, OutPoint)>, StoreError> {
        let most = attention_column(also);
        let mut statement = self.connection.prepare_cached(
            "SELECT opening.channel, txid, vout FROM opening
             JOIN funding ON funding.channel = opening.channel AND ordinal = 0
             WHERE attention > 0 AND attention <= ?1 ORDER BY opening.channel",
        )?;
        let mut rows = statement.query([most])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            // A funding that cannot be read is reported with the docket.
            found.extend(channel_of(row));
        }
        Ok(found)
    }

    /// Writes a step of an opening, all of it or nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_opening_step(
        &self,
        row: ChannelRow,
        step: &OpeningStep<'_>,
    ) -> Result<(), StoreError> {
        self.write(|db| put_step(db, row, step))
    }

    /// The same, brought about by a message that was handed to the peer.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn hand_over_in_opening(
        &self,
        id: &str,
        row: ChannelRow,
        step: &OpeningStep<'_>,
    ) -> Result<(), StoreError> {
        self.write(|db| {
            take_off(db, id)?;
            put_step(db, row, step)
        })
    }

    /// Whether the columns of an opening say what its detail says; rows without an opening do.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn opening_columns_match(
        &self,
        row: ChannelRow,
        opening: &Opening,
    ) -> Result<bool, StoreError> {
        let stored: i64 = self
            .connection
            .prepare_cached("SELECT attention FROM opening WHERE channel = ?1")?
            .query_row([row.0], |row| row.get(0))?;
        Ok(stored == attention_column(opening.attention))
    }
}

fn put_step(
    db: &Transaction<'_>,
    row: ChannelRow,
    step: &OpeningStep<'_>,
) -> Result<(), StoreError> {
    put_opening(db, row, step.opening)?;
    put_confirmed(db, row, step.confirmed)?;
    put_log(db, row, step.log)?;
    put_events(db, step.events)
}

fn put_opening(db: &Transaction<'_>, row: ChannelRow, opening: &Opening) -> Result<(), StoreError> {
    let detail = At("opening", "detail").to_json(opening)?;
    db.prepare_cached("REPLACE INTO opening (channel, attention, detail) VALUES (?1, ?2, ?3)")?
        .execute((row.0, attention_column(opening.attention), detail))?;
    Ok(())
}

/// The numbers in the column are ours and fixed.
fn attention_column(attention: Attention) -> i64 {
    match attention {
        Attention::Never => 0,
        Attention::EveryTick => 1,
        Attention::FirstTick => 2,
    }
}
