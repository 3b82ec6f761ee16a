//! What peers said of channels that are not registered yet: kept until they are, a few of each peer.

use bitcoin::secp256k1::PublicKey;
use rusqlite::Row;

use super::error::{StoreError, Unreadable};
use super::log::put_log;
use super::pack::At;
use super::{row_check, ChannelRow, Store};
use crate::court::LogEntry;
use crate::protocol::{ChannelId, Message};

const MESSAGE: At = At("early_message", "message");

/// How many messages are kept at most; of more, the oldest go.
#[derive(Clone, Copy, Debug)]
pub struct EarlyLimits {
    pub of_peer: u32,
    pub of_all: u32,
}

/// A message and where it stands.
struct Early {
    peer: Vec<u8>,
    channel_id: Vec<u8>,
    kind: i64,
    message: Vec<u8>,
    check: i64,
}

impl Early {
    fn of(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Early {
            peer: At("early_message", "peer").get(row)?,
            channel_id: At("early_message", "channel_id").get(row)?,
            kind: At("early_message", "type").get(row)?,
            message: MESSAGE.get(row)?,
            check: At("early_message", "row_check").get(row)?,
        })
    }

    fn passes(&self) -> bool {
        let Early {
            peer,
            channel_id,
            kind,
            message,
            check,
        } = self;
        *check == row_check::of_early(peer, channel_id, *kind, message)
    }
}

impl Store {
    /// Keeps a peer's message of a channel, in place of an older one of its type.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_early(
        &self,
        peer: &PublicKey,
        channel_id: ChannelId,
        message: &Message,
        limits: EarlyLimits,
    ) -> Result<(), StoreError> {
        let peer = peer.serialize();
        let kind = i64::from(message.message_type());
        let message = message.encode();
        let check = row_check::of_early(&peer, &channel_id.0, kind, &message);
        self.write(|db| {
            db.prepare_cached(
                "REPLACE INTO early_message (peer, channel_id, type, message, row_check)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((peer, channel_id.0, kind, message, check))?;
            db.prepare_cached(
                "DELETE FROM early_message WHERE peer = ?1 AND rowid NOT IN
                 (SELECT rowid FROM early_message WHERE peer = ?1 ORDER BY rowid DESC LIMIT ?2)",
            )?
            .execute((peer, limits.of_peer))?;
            // A peer costs nothing: the limit of each is none of all.
            db.prepare_cached(
                "DELETE FROM early_message WHERE rowid NOT IN
                 (SELECT rowid FROM early_message ORDER BY rowid DESC LIMIT ?1)",
            )?
            .execute([limits.of_all])?;
            Ok(())
        })
    }

    /// What a peer said of a channel before it was registered, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn early_messages(
        &self,
        peer: &PublicKey,
        channel_id: ChannelId,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<Message>, StoreError> {
        let mut found = Vec::new();
        let mut statement = self.connection.prepare_cached(
            "SELECT peer, channel_id, type, message, row_check FROM early_message
             WHERE peer = ?1 AND channel_id = ?2 ORDER BY rowid",
        )?;
        let mut rows = statement.query((peer.serialize(), channel_id.0))?;
        while let Some(row) = rows.next()? {
            let message = Early::of(row).and_then(|early| {
                if early.passes() {
                    Message::decode(&early.message).map_err(|error| MESSAGE.corrupt(error))
                } else {
                    Err(MESSAGE.corrupt("its check is over another row"))
                }
            });
            found.extend(unreadable.sift(message));
        }
        Ok(found)
    }

    /// Forgets what a peer said of a channel that is registered now, and has the log tell what of it was wrong.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn forget_early(
        &self,
        peer: &PublicKey,
        channel_id: ChannelId,
        dropped: &[(ChannelRow, Vec<LogEntry>)],
    ) -> Result<(), StoreError> {
        self.write(|db| {
            for (row, entries) in dropped {
                put_log(db, *row, entries)?;
            }
            db.prepare_cached("DELETE FROM early_message WHERE peer = ?1 AND channel_id = ?2")?
                .execute((peer.serialize(), channel_id.0))?;
            Ok(())
        })
    }

    /// Whether each early message is as it was written.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn early_messages_pass(&self) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT peer, channel_id, type, message, row_check FROM early_message",
        )?;
        let mut rows = statement.query([])?;
        let mut all_pass = true;
        while let Some(row) = rows.next()? {
            all_pass &= Early::of(row)?.passes();
        }
        Ok(all_pass)
    }
}
