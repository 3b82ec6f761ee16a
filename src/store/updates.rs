//! What the channel engine's updates touch: the feed, the candidate commitments, HTLC rows, secrets, closes.

use std::collections::BTreeMap;

use bitcoin::consensus::encode;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::OutPoint;
use rusqlite::{Row, Transaction};

use super::error::{StoreError, Unreadable};
use super::pack::{direction_column, origin_column, pack_htlcs, party_column, signed, At};
use super::{ChannelRow, Store};
use crate::channel::{
    AcceptedCommitment, AcceptedRevocation, Candidate, Direction, Feed, HtlcKey, HtlcLife, HtlcRef,
    HtlcTerms, Interval,
};
use crate::protocol::{CommitmentSecret, Party, PaymentHash, RevocationSecrets, SecretSlot};

const HTLC_COLUMNS: &str = "direction, htlc_id, payment_hash, amount_msat, cltv_expiry, origin,
    first_local, last_local, first_remote, last_remote, released, version";

impl Store {
    /// Where the stream of updates stands.
    ///
    /// # Errors
    /// When the row is missing or cannot be decoded.
    pub fn feed(&self, row: ChannelRow) -> Result<Feed, StoreError> {
        let (local, remote, revoked, point) = self
            .connection
            .prepare_cached(
                "SELECT local_number, remote_number, remote_revoked, remote_next_point
                 FROM feed WHERE channel = ?1",
            )?
            .query_row([row.0], |row| {
                Ok((
                    row.get::<_, Option<i64>>(0)?,
                    row.get::<_, Option<i64>>(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get::<_, Option<Vec<u8>>>(3)?,
                ))
            })?;
        let number = |value: Option<i64>, column| {
            value
                .map(|value| At("feed", column).number(value))
                .transpose()
        };
        Ok(Feed {
            local: number(local, "local_number")?,
            remote: number(remote, "remote_number")?,
            remote_revoked: number(revoked, "remote_revoked")?,
            remote_next_point: point
                .map(|bytes| At("feed", "remote_next_point").key(bytes))
                .transpose()?,
        })
    }

    /// The commitments that may confirm. Rows that cannot be decoded are put aside.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn candidates(
        &self,
        row: ChannelRow,
        funding: OutPoint,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<Candidate>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT owner, number, alternative, feerate_per_kw, local_msat, remote_msat, point,
                    txid, signature, htlc_signatures, htlcs
             FROM commitment WHERE channel = ?1 AND funding = 0
             ORDER BY owner, number, alternative",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut candidates = Vec::new();
        while let Some(row) = rows.next()? {
            candidates.extend(unreadable.sift(candidate_of(row, funding)));
        }
        Ok(candidates)
    }

    /// The HTLCs that a newest commitment carries, and those named. Rows that cannot be decoded are put aside.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn htlcs(
        &self,
        row: ChannelRow,
        named: impl IntoIterator<Item = HtlcKey>,
        unreadable: &mut Unreadable,
    ) -> Result<BTreeMap<HtlcRef, HtlcLife>, StoreError> {
        let mut lives = BTreeMap::new();
        let sql = format!("SELECT {HTLC_COLUMNS} FROM htlc WHERE channel = ?1 AND live = 1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([row.0])?;
        while let Some(row) = rows.next()? {
            let life = unreadable.sift(life_of(row));
            lives.extend(life.map(|life| (life.htlc_ref(), life)));
        }
        let sql = format!(
            "SELECT {HTLC_COLUMNS} FROM htlc WHERE channel = ?1 AND direction = ?2 AND htlc_id = ?3"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        for key in named {
            let mut rows =
                statement.query((row.0, direction_column(key.direction), signed(key.id)))?;
            while let Some(row) = rows.next()? {
                let life = unreadable.sift(life_of(row));
                lives.extend(life.map(|life| (life.htlc_ref(), life)));
            }
        }
        Ok(lives)
    }

    /// The HTLCs that commitment `number` of `owner` may have carried. Rows that cannot be decoded are put aside: one
    /// of them never stops the punishment.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn htlcs_at(
        &self,
        row: ChannelRow,
        owner: Party,
        number: u64,
        unreadable: &mut Unreadable,
    ) -> Result<BTreeMap<HtlcRef, HtlcLife>, StoreError> {
        let (first, last) = match owner {
            Party::Local => ("first_local", "last_local"),
            Party::Remote => ("first_remote", "last_remote"),
        };
        let sql = format!(
            "SELECT {HTLC_COLUMNS} FROM htlc WHERE channel = ?1
             AND {first} <= ?2 AND ({last} IS NULL OR {last} >= ?2)"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query((row.0, signed(number)))?;
        let mut lives = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let life = unreadable.sift(life_of(row));
            lives.extend(life.map(|life| (life.htlc_ref(), life)));
        }
        Ok(lives)
    }

    /// The peer's revealed secrets.
    ///
    /// # Errors
    /// When a slot cannot be opened or contradicts the others.
    pub fn secrets(&self, row: ChannelRow) -> Result<RevocationSecrets, StoreError> {
        let at = At("revocation_secret", "secret");
        let mut statement = self.connection.prepare_cached(
            "SELECT slot, secret_index, secret FROM revocation_secret WHERE channel = ?1
             ORDER BY slot",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut slots = Vec::new();
        while let Some(found) = rows.next()? {
            let slot: u8 = at.unsigned(found.get(0)?)?;
            let sealed: Vec<u8> = found.get(2)?;
            let plain = self
                .crypto
                .open(&secret_place(row, slot), &sealed)
                .map_err(|reason| StoreError::Sealing {
                    table: "revocation_secret",
                    reason,
                })?;
            slots.push(SecretSlot {
                slot,
                index: at.unsigned(found.get(1)?)?,
                secret: CommitmentSecret::new(at.array(plain)?),
            });
        }
        RevocationSecrets::from_slots(slots).map_err(|error| at.corrupt(error))
    }

    /// Writes an accepted commitment.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of it is there then.
    pub fn put_commitment(
        &self,
        row: ChannelRow,
        accepted: &AcceptedCommitment,
    ) -> Result<(), StoreError> {
        self.write(|db| {
            let candidate = &accepted.candidate;
            if candidate.owner == Party::Local {
                // Ours that went before will never be broadcast again: it is about to be revoked.
                db.prepare_cached(
                    "DELETE FROM commitment WHERE channel = ?1 AND owner = 0 AND number < ?2",
                )?
                .execute((row.0, signed(candidate.number.get())))?;
            }
            put_candidate(db, row, candidate)?;
            for life in &accepted.changed_htlcs {
                put_htlc(db, row, life)?;
            }
            put_feed(db, row, &accepted.feed)
        })
    }

    /// Writes an accepted revocation: the secret takes a slot, and the revoked commitment is no candidate any more.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of it is there then.
    pub fn put_revocation(
        &self,
        row: ChannelRow,
        accepted: &AcceptedRevocation,
    ) -> Result<(), StoreError> {
        let SecretSlot {
            slot,
            index,
            secret,
        } = &accepted.slot;
        let sealed = self
            .crypto
            .seal(&secret_place(row, *slot), secret.as_bytes())
            .map_err(|reason| StoreError::Sealing {
                table: "revocation_secret",
                reason,
            })?;
        self.write(|db| {
            db.prepare_cached(
                "REPLACE INTO revocation_secret (channel, slot, secret_index, secret)
                 VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute((row.0, slot, signed(*index), &sealed))?;
            db.prepare_cached(
                "DELETE FROM commitment WHERE channel = ?1 AND owner = 1 AND number <= ?2",
            )?
            .execute((row.0, signed(accepted.number.get())))?;
            put_feed(db, row, &accepted.feed)
        })
    }

    /// Marks an HTLC as one that we have decided to claim. `false`: there is no such HTLC. Where several have had the
    /// key, the one that our newest commitment carries is meant: only that can be committed irrevocably (BOLT 2).
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn release(&self, row: ChannelRow, htlc: HtlcKey) -> Result<bool, StoreError> {
        self.write(|db| {
            let changed = db
                .prepare_cached(
                    "UPDATE htlc SET released = 1
                     WHERE channel = ?1 AND direction = ?2 AND htlc_id = ?3 AND version =
                        (SELECT version FROM htlc
                         WHERE channel = ?1 AND direction = ?2 AND htlc_id = ?3
                         ORDER BY first_local NOT NULL AND last_local IS NULL DESC, version DESC
                         LIMIT 1)",
                )?
                .execute((row.0, direction_column(htlc.direction), signed(htlc.id)))?;
            Ok(changed > 0)
        })
    }

    /// The fully signed cooperative closes. Rows that cannot be decoded are put aside.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cooperative(
        &self,
        row: ChannelRow,
        unreadable: &mut Unreadable,
    ) -> Result<Vec<bitcoin::Transaction>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT transaction_bytes FROM cooperative_close WHERE channel = ?1 ORDER BY txid",
        )?;
        let mut rows = statement.query([row.0])?;
        let mut transactions = Vec::new();
        while let Some(row) = rows.next()? {
            let bytes: Result<Vec<u8>, StoreError> = row.get(0).map_err(StoreError::from);
            let transaction = bytes
                .and_then(|bytes| At("cooperative_close", "transaction_bytes").transaction(&bytes));
            transactions.extend(unreadable.sift(transaction));
        }
        Ok(transactions)
    }

    /// Keeps a fully signed cooperative close. A repeat changes nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put_cooperative(
        &self,
        row: ChannelRow,
        transaction: &bitcoin::Transaction,
    ) -> Result<(), StoreError> {
        self.write(|db| {
            db.prepare_cached(
                "INSERT OR IGNORE INTO cooperative_close (channel, txid, transaction_bytes)
                 VALUES (?1, ?2, ?3)",
            )?
            .execute((
                row.0,
                transaction.compute_txid().to_byte_array(),
                encode::serialize(transaction),
            ))?;
            Ok(())
        })
    }
}

/// What a sealed secret is bound to: its row.
fn secret_place(row: ChannelRow, slot: u8) -> Vec<u8> {
    format!("revocation_secret/{}/{slot}", row.0).into_bytes()
}

pub(super) fn put_feed(
    db: &Transaction<'_>,
    row: ChannelRow,
    feed: &Feed,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "REPLACE INTO feed (channel, local_number, remote_number, remote_revoked, remote_next_point)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute((
        row.0,
        feed.local.map(|number| signed(number.get())),
        feed.remote.map(|number| signed(number.get())),
        feed.remote_revoked.map(|number| signed(number.get())),
        feed.remote_next_point.map(|point| point.serialize()),
    ))?;
    Ok(())
}

fn put_candidate(
    db: &Transaction<'_>,
    row: ChannelRow,
    candidate: &Candidate,
) -> Result<(), StoreError> {
    let (signature, htlc_signatures) = match &candidate.signatures {
        None => (None, None),
        Some((signature, htlcs)) => {
            let packed: Vec<u8> = htlcs
                .iter()
                .flat_map(|signature| signature.serialize_compact())
                .collect();
            (Some(signature.serialize_compact()), Some(packed))
        }
    };
    db.prepare_cached(
        "INSERT INTO commitment (channel, funding, owner, number, alternative, feerate_per_kw,
            local_msat, remote_msat, point, txid, signature, htlc_signatures, htlcs)
         VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute((
        row.0,
        party_column(candidate.owner),
        signed(candidate.number.get()),
        candidate.alternative,
        candidate.feerate_per_kw,
        signed(candidate.local_msat),
        signed(candidate.remote_msat),
        candidate.per_commitment_point.serialize(),
        candidate.txid.to_byte_array(),
        signature,
        htlc_signatures,
        pack_htlcs(&candidate.htlcs),
    ))?;
    Ok(())
}

fn candidate_of(row: &Row<'_>, funding: OutPoint) -> Result<Candidate, StoreError> {
    let at = |column| At("commitment", column);
    let signatures = match (
        row.get::<_, Option<Vec<u8>>>(8)?,
        row.get::<_, Option<Vec<u8>>>(9)?,
    ) {
        (Some(signature), htlcs) => {
            let htlcs = htlcs.unwrap_or_default();
            let htlcs: Result<Vec<Signature>, StoreError> = htlcs
                .chunks(64)
                .map(|bytes| at("htlc_signatures").signature(bytes))
                .collect();
            Some((at("signature").signature(&signature)?, htlcs?))
        }
        (None, _) => None,
    };
    let htlcs: Vec<u8> = row.get(10)?;
    Ok(Candidate {
        funding,
        owner: at("owner").party(row.get(0)?)?,
        number: at("number").number(row.get(1)?)?,
        alternative: at("alternative").unsigned(row.get(2)?)?,
        feerate_per_kw: at("feerate_per_kw").unsigned(row.get(3)?)?,
        local_msat: at("local_msat").unsigned(row.get(4)?)?,
        remote_msat: at("remote_msat").unsigned(row.get(5)?)?,
        per_commitment_point: at("point").key(row.get(6)?)?,
        txid: at("txid").txid(row.get(7)?)?,
        signatures,
        htlcs: at("htlcs").htlcs(&htlcs)?,
    })
}

fn put_htlc(db: &Transaction<'_>, row: ChannelRow, life: &HtlcLife) -> Result<(), StoreError> {
    let HtlcTerms {
        key,
        payment_hash,
        amount_msat,
        cltv_expiry,
        origin,
    } = &life.terms;
    // `released` is left alone: only `release` sets it, and nothing takes it back.
    db.prepare_cached(
        "INSERT INTO htlc (channel, direction, htlc_id, payment_hash, amount_msat, cltv_expiry,
            origin, first_local, last_local, first_remote, last_remote, live, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET first_local = excluded.first_local,
            last_local = excluded.last_local, first_remote = excluded.first_remote,
            last_remote = excluded.last_remote, live = excluded.live",
    )?
    .execute((
        row.0,
        direction_column(key.direction),
        signed(key.id),
        payment_hash.0,
        signed(*amount_msat),
        cltv_expiry,
        origin_column(origin),
        life.local.first.map(signed),
        life.local.last.map(signed),
        life.remote.first.map(signed),
        life.remote.last.map(signed),
        life.is_live(),
        life.version,
    ))?;
    Ok(())
}

fn life_of(row: &Row<'_>) -> Result<HtlcLife, StoreError> {
    let at = |column| At("htlc", column);
    let number = |index: usize, column| -> Result<Option<u64>, StoreError> {
        row.get::<_, Option<i64>>(index)?
            .map(|value| at(column).unsigned(value))
            .transpose()
    };
    let direction = match row.get::<_, i64>(0)? {
        0 => Direction::Outgoing,
        1 => Direction::Incoming,
        other => return Err(at("direction").corrupt(format!("{other} is no direction"))),
    };
    Ok(HtlcLife {
        version: at("version").unsigned(row.get(11)?)?,
        terms: HtlcTerms {
            key: HtlcKey {
                direction,
                id: at("htlc_id").unsigned(row.get(1)?)?,
            },
            payment_hash: PaymentHash(at("payment_hash").array(row.get(2)?)?),
            amount_msat: at("amount_msat").unsigned(row.get(3)?)?,
            cltv_expiry: at("cltv_expiry").unsigned(row.get(4)?)?,
            origin: at("origin").origin(row.get(5)?)?,
        },
        local: Interval {
            first: number(6, "first_local")?,
            last: number(7, "last_local")?,
        },
        remote: Interval {
            first: number(8, "first_remote")?,
            last: number(9, "last_remote")?,
        },
        released: row.get::<_, i64>(10)? != 0,
    })
}
