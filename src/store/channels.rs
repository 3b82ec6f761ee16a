//! Channels and their terms: written once, at registration.

use bitcoin::consensus::encode;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{OutPoint, ScriptBuf, TxOut};
use rusqlite::{Row, Transaction};

use super::cases::put_case;
use super::error::StoreError;
use super::outbox::put_events;
use super::pack::{outpoint_columns, party_column, signed, At};
use super::{row_check, ChannelRow, Store};
use crate::channel::{ChannelTerms, Feed, Funding, KeysId, Ledger, PartyTerms};
use crate::court::{Case, Event};
use crate::protocol::{Basepoints, ChannelPublicKeys, ChannelType, Party};

/// The channels on file. A row that names none stops nobody from going on with the others.
#[derive(Debug, Default)]
pub struct Docket {
    /// Oldest first.
    pub channels: Vec<(ChannelRow, OutPoint)>,
    /// Why a row's funding outpoint cannot be read.
    pub unreadable: Vec<StoreError>,
}

impl Store {
    /// Writes a new channel, with an empty feed and a fresh case.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn register(
        &self,
        terms: &ChannelTerms,
        events: &[Event],
    ) -> Result<ChannelRow, StoreError> {
        self.write(|db| put_channel(db, terms, events))
    }

    /// Adds the funding transaction to a channel that was registered without it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_funding_transaction(
        &self,
        row: ChannelRow,
        transaction: &bitcoin::Transaction,
    ) -> Result<(), StoreError> {
        self.write(|db| {
            db.prepare_cached(
                "UPDATE funding SET transaction_bytes = ?2 WHERE channel = ?1 AND ordinal = 0",
            )?
            .execute((row.0, encode::serialize(transaction)))?;
            Ok(())
        })
    }

    /// Every registered channel, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn channels(&self) -> Result<Docket, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, txid, vout FROM channel LEFT JOIN funding ON funding.channel = id
             ORDER BY id, ordinal",
        )?;
        let mut rows = statement.query([])?;
        let mut docket = Docket::default();
        while let Some(row) = rows.next()? {
            match channel_of(row) {
                Ok(channel) => docket.channels.push(channel),
                Err(error) => docket.unreadable.push(error),
            }
        }
        Ok(docket)
    }

    /// The channels with a peer, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn channels_with(
        &self,
        peer: &PublicKey,
    ) -> Result<Vec<(ChannelRow, OutPoint)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, txid, vout FROM channel JOIN funding ON funding.channel = id
             WHERE peer = ?1 ORDER BY id, ordinal",
        )?;
        let mut rows = statement.query([peer.serialize()])?;
        let mut channels = Vec::new();
        while let Some(row) = rows.next()? {
            channels.push(channel_of(row)?);
        }
        Ok(channels)
    }

    /// The output that funds a channel: what has to be watched, without any of the keys.
    ///
    /// # Errors
    /// When a row is missing or cannot be decoded.
    pub fn funding_output(&self, row: ChannelRow) -> Result<TxOut, StoreError> {
        let (capacity, script): (i64, Option<Vec<u8>>) = self
            .connection
            .prepare_cached(
                "SELECT capacity, script_pubkey FROM funding WHERE channel = ?1 AND ordinal = 0",
            )?
            .query_row([row.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(TxOut {
            value: At("funding", "capacity").amount(capacity)?,
            script_pubkey: match script {
                Some(script) => ScriptBuf::from_bytes(script),
                // Registered with the first schema.
                None => self.terms(row)?.funding_output().script_pubkey(),
            },
        })
    }

    /// The terms of a channel.
    ///
    /// # Errors
    /// When a row is missing or cannot be decoded.
    pub fn terms(&self, row: ChannelRow) -> Result<ChannelTerms, StoreError> {
        let db = &self.connection;
        let (peer, channel_type, opener, keys_id) = db
            .prepare_cached(
                "SELECT peer, channel_type, opener, keys_id FROM channel WHERE id = ?1",
            )?
            .query_row([row.0], |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, Vec<u8>>(3)?,
                ))
            })?;
        Ok(ChannelTerms {
            funding: self.funding(row)?,
            channel_type: type_from(channel_type)?,
            peer: At("channel", "peer").key(peer)?,
            opener: At("channel", "opener").party(opener)?,
            keys_id: KeysId(At("channel", "keys_id").array(keys_id)?),
            local: self.party(row, Party::Local)?,
            remote: self.party(row, Party::Remote)?,
        })
    }

    /// The delay of the peer's outputs on its own commitments, in blocks: what a breach has to be answered within.
    ///
    /// # Errors
    /// When the row is missing or cannot be decoded.
    pub fn peer_delay(&self, row: ChannelRow) -> Result<u16, StoreError> {
        let delay = self
            .connection
            .prepare_cached("SELECT to_self_delay FROM party WHERE channel = ?1 AND party = ?2")?
            .query_row((row.0, party_column(Party::Remote)), |row| row.get(0))?;
        At("party", "to_self_delay").unsigned(delay)
    }

    pub(super) fn funding(&self, row: ChannelRow) -> Result<Funding, StoreError> {
        let (txid, vout, capacity, transaction) = self
            .connection
            .prepare_cached(
                "SELECT txid, vout, capacity, transaction_bytes FROM funding
                 WHERE channel = ?1 AND ordinal = 0",
            )?
            .query_row([row.0], |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, u32>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, Option<Vec<u8>>>(3)?,
                ))
            })?;
        Ok(Funding {
            outpoint: OutPoint::new(At("funding", "txid").txid(txid)?, vout),
            capacity: At("funding", "capacity").amount(capacity)?,
            transaction: transaction
                .map(|bytes| At("funding", "transaction_bytes").transaction(&bytes))
                .transpose()?,
        })
    }

    pub(super) fn party(&self, row: ChannelRow, party: Party) -> Result<PartyTerms, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT funding_key, revocation_basepoint, payment_basepoint,
                    delayed_payment_basepoint, htlc_basepoint, first_per_commitment_point,
                    dust_limit, to_self_delay, reserve, shutdown_script, initial_balance_msat
             FROM party WHERE channel = ?1 AND party = ?2",
        )?;
        let mut rows = statement.query((row.0, party_column(party)))?;
        let row = rows
            .next()?
            .ok_or_else(|| At("party", "party").corrupt("the row is missing"))?;
        let key = |index: usize, column: &'static str| -> Result<PublicKey, StoreError> {
            At("party", column).key(row.get(index)?)
        };
        Ok(PartyTerms {
            keys: ChannelPublicKeys {
                funding: key(0, "funding_key")?,
                basepoints: Basepoints {
                    revocation: key(1, "revocation_basepoint")?,
                    payment: key(2, "payment_basepoint")?,
                    delayed_payment: key(3, "delayed_payment_basepoint")?,
                    htlc: key(4, "htlc_basepoint")?,
                },
            },
            first_per_commitment_point: key(5, "first_per_commitment_point")?,
            dust_limit: At("party", "dust_limit").amount(row.get(6)?)?,
            to_self_delay: At("party", "to_self_delay").unsigned(row.get(7)?)?,
            reserve: At("party", "reserve").amount(row.get(8)?)?,
            shutdown_script: row.get::<_, Option<Vec<u8>>>(9)?.map(ScriptBuf::from_bytes),
            initial_balance_msat: At("party", "initial_balance_msat").unsigned(row.get(10)?)?,
        })
    }
}

pub(super) fn channel_of(row: &Row<'_>) -> Result<(ChannelRow, OutPoint), StoreError> {
    let txid = At("funding", "txid").txid(row.get(1)?)?;
    Ok((ChannelRow(row.get(0)?), OutPoint::new(txid, row.get(2)?)))
}

/// Writes a new channel, in a transaction that may hold more than this.
pub(super) fn put_channel(
    db: &Transaction<'_>,
    terms: &ChannelTerms,
    events: &[Event],
) -> Result<ChannelRow, StoreError> {
    db.prepare_cached(
        "INSERT INTO channel (peer, channel_type, opener, keys_id, terms_check)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        terms.peer.serialize(),
        type_column(terms.channel_type),
        party_column(terms.opener),
        terms.keys_id.0,
        row_check::of_terms(terms),
    ))?;
    let row = ChannelRow(db.last_insert_rowid());
    for party in [Party::Local, Party::Remote] {
        put_party(db, row, party, terms.party(party))?;
    }
    let (txid, vout) = outpoint_columns(&terms.funding.outpoint);
    db.prepare_cached(
        "INSERT INTO funding (channel, ordinal, txid, vout, capacity, transaction_bytes,
            script_pubkey)
         VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        row.0,
        txid,
        vout,
        signed(terms.funding.capacity.to_sat()),
        terms.funding.transaction.as_ref().map(encode::serialize),
        terms.funding_output().script_pubkey().as_bytes(),
    ))?;
    super::updates::put_feed(db, row, &Feed::default(), &Ledger::default(), 0)?;
    put_case(db, row, &Case::default())?;
    put_events(db, events)?;
    Ok(row)
}

fn put_party(
    db: &Transaction<'_>,
    row: ChannelRow,
    party: Party,
    terms: &PartyTerms,
) -> Result<(), StoreError> {
    let keys = &terms.keys;
    db.prepare_cached(
        "INSERT INTO party (channel, party, funding_key, revocation_basepoint, payment_basepoint,
            delayed_payment_basepoint, htlc_basepoint, dust_limit, to_self_delay, reserve,
            shutdown_script, initial_balance_msat, first_per_commitment_point)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute((
        row.0,
        party_column(party),
        keys.funding.serialize(),
        keys.basepoints.revocation.serialize(),
        keys.basepoints.payment.serialize(),
        keys.basepoints.delayed_payment.serialize(),
        keys.basepoints.htlc.serialize(),
        signed(terms.dust_limit.to_sat()),
        terms.to_self_delay,
        signed(terms.reserve.to_sat()),
        terms
            .shutdown_script
            .as_ref()
            .map(|script| script.as_bytes()),
        signed(terms.initial_balance_msat),
        terms.first_per_commitment_point.serialize(),
    ))?;
    Ok(())
}

/// The numbers in the column are ours and fixed: they outlive any reordering of the enum.
pub(super) fn type_column(channel_type: ChannelType) -> i64 {
    match channel_type {
        ChannelType::StaticRemotekey => 1,
        ChannelType::AnchorsZeroFeeHtlc => 2,
    }
}

pub(super) fn type_from(column: i64) -> Result<ChannelType, StoreError> {
    match column {
        1 => Ok(ChannelType::StaticRemotekey),
        2 => Ok(ChannelType::AnchorsZeroFeeHtlc),
        other => Err(At("channel", "channel_type").corrupt(format!("{other} is no channel type"))),
    }
}
