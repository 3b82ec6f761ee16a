//! Short channel ids and aliases: the names of channels in the gossip and in routes.

use std::collections::BTreeSet;

use bitcoin::OutPoint;
use rusqlite::{OptionalExtension, Transaction};

use super::error::StoreError;
use super::pack::At;
use super::row_check::of_name;
use super::{ChannelRow, Store};
use crate::protocol::ShortChannelId;

/// What a channel is called beside its funding outpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShortChannelIds {
    /// Where the funding stands on the chain (BOLT 7); `None` before it is buried.
    pub confirmed: Option<ShortChannelId>,
    /// The aliases that we gave the peer (BOLT 2: `channel_ready`), under which payments are sent to us.
    pub aliases: BTreeSet<ShortChannelId>,
}

impl ShortChannelIds {
    /// Each name once: an alias may be the number that the chain gave later.
    fn distinct(&self) -> Self {
        let confirmed = self.confirmed;
        let aliases = self.aliases.iter().copied();
        ShortChannelIds {
            confirmed,
            aliases: aliases.filter(|id| Some(*id) != confirmed).collect(),
        }
    }

    /// Every name, and whether it is an alias.
    pub(crate) fn all(&self) -> impl Iterator<Item = (ShortChannelId, bool)> + '_ {
        let confirmed = self.confirmed.iter().map(|id| (*id, false));
        confirmed.chain(self.aliases.iter().map(|id| (*id, true)))
    }
}

impl Store {
    /// The names of a channel.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn short_channel_ids(&self, row: ChannelRow) -> Result<ShortChannelIds, StoreError> {
        let at = |column| At("short_channel_id", column);
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, is_alias FROM short_channel_id WHERE channel = ?1")?;
        let mut rows = statement.query([row.0])?;
        let mut ids = ShortChannelIds::default();
        while let Some(found) = rows.next()? {
            let id = id_from(at("id").get(found)?);
            if at("is_alias").get(found)? {
                ids.aliases.insert(id);
            } else {
                ids.confirmed = Some(id);
            }
        }
        Ok(ids)
    }

    /// The channel of this name, confirmed or alias.
    ///
    /// # Errors
    /// When the row cannot be decoded.
    pub fn channel_by_short_id(&self, id: ShortChannelId) -> Result<Option<OutPoint>, StoreError> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT txid, vout FROM short_channel_id
                 JOIN funding ON funding.channel = short_channel_id.channel AND ordinal = 0
                 WHERE id = ?1",
            )?
            .query_row([id_column(id)], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found
            .map(|(txid, vout)| Ok(OutPoint::new(At("funding", "txid").txid(txid)?, vout)))
            .transpose()
    }

    /// Whether each name of a channel is as it was written; those of earlier versions are.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn names_pass(&self, row: ChannelRow) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, is_alias, row_check FROM short_channel_id WHERE channel = ?1",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut all_pass = true;
        while let Some(found) = rows.next()? {
            let at = |column| At("short_channel_id", column);
            let check: Option<i64> = at("row_check").get(found)?;
            let written = of_name(row.0, at("id").get(found)?, at("is_alias").get(found)?);
            all_pass &= check.is_none_or(|check| check == written);
        }
        Ok(all_pass)
    }

    /// Gives a channel these names, none of which is another channel's, and takes those that it had. A repeat changes
    /// nothing.
    ///
    /// # Errors
    /// When the database cannot be written; nothing has changed then.
    pub fn put_short_channel_ids(
        &self,
        row: ChannelRow,
        ids: &ShortChannelIds,
    ) -> Result<(), StoreError> {
        let ids = &ids.distinct();
        if self.short_channel_ids(row)? == *ids {
            return Ok(());
        }
        self.write(|db| {
            db.prepare_cached("DELETE FROM short_channel_id WHERE channel = ?1")?
                .execute([row.0])?;
            for (id, is_alias) in ids.all() {
                put_name(db, row, id, is_alias)?;
            }
            Ok(())
        })
    }
}

/// Gives a channel an alias of ours beside its other names. One that is another channel's stays its.
pub(super) fn add_alias(
    db: &Transaction<'_>,
    row: ChannelRow,
    alias: ShortChannelId,
) -> Result<(), StoreError> {
    put_name(db, row, alias, true)
}

/// Gives a channel the name that the chain gives it, in place of another. Whichever channel stood there before a reorg stands
/// elsewhere now; only an alias of another channel is left its.
pub(super) fn put_confirmed(
    db: &Transaction<'_>,
    row: ChannelRow,
    confirmed: Option<ShortChannelId>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM short_channel_id
         WHERE (channel = ?1 AND is_alias = 0 AND id IS NOT ?2)
            OR (channel <> ?1 AND is_alias = 0 AND id = ?2)",
    )?
    .execute((row.0, confirmed.map(id_column)))?;
    match confirmed {
        Some(id) => put_name(db, row, id, false),
        None => Ok(()),
    }
}

/// Adds a name. One that is taken stays whose it is.
fn put_name(
    db: &Transaction<'_>,
    row: ChannelRow,
    id: ShortChannelId,
    is_alias: bool,
) -> Result<(), StoreError> {
    let (id, is_alias) = (id_column(id), i64::from(is_alias));
    db.prepare_cached(
        "INSERT OR IGNORE INTO short_channel_id (id, channel, is_alias, row_check)
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((id, row.0, is_alias, of_name(row.0, id, is_alias)))?;
    Ok(())
}

/// All 64 bits of an alias may be set; SQLite's integers have a sign.
fn id_column(id: ShortChannelId) -> i64 {
    id.to_u64().cast_signed()
}

fn id_from(column: i64) -> ShortChannelId {
    ShortChannelId::from_u64(column.cast_unsigned())
}
