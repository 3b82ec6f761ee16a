//! HTLC rows: one for an HTLC's life, for as long as a commitment that may still be broadcast unpunished carries it. Then it
//! goes to the archive (store/past.rs).

use std::collections::BTreeMap;

use rusqlite::{Row, Transaction};

use super::error::{StoreError, Unreadable};
use super::pack::{direction_column, direction_from, origin_column, outpoint_columns, signed, At};
use super::row_check::{of_htlc, RELEASED};
use super::{ChannelRow, Store};
use crate::channel::{HtlcKey, HtlcLife, HtlcOrigin, HtlcRef, HtlcTerms, Interval};
use crate::protocol::PaymentHash;

pub(super) const HTLC_COLUMNS: &str =
    "direction, htlc_id, payment_hash, amount_msat, cltv_expiry, origin,
    first_local, last_local, first_remote, last_remote, released, version, forwarded_msat";

impl Store {
    /// The HTLCs that are not past. Rows that cannot be decoded are put aside.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn htlcs(
        &self,
        row: ChannelRow,
        unreadable: &mut Unreadable,
    ) -> Result<BTreeMap<HtlcRef, HtlcLife>, StoreError> {
        let sql = format!("SELECT {HTLC_COLUMNS} FROM htlc WHERE channel = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([row.0])?;
        let mut lives = BTreeMap::new();
        while let Some(row) = rows.next()? {
            let life = unreadable.sift(life_of(row));
            lives.extend(life.map(|life| (life.htlc_ref(), life)));
        }
        Ok(lives)
    }

    /// The HTLCs whose rows are not those that their checks are over; rows of earlier versions pass.
    pub(super) fn changed_htlcs(&self, row: ChannelRow) -> Result<Vec<HtlcKey>, StoreError> {
        let sql = format!("SELECT {HTLC_COLUMNS}, row_check FROM htlc WHERE channel = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([row.0])?;
        let mut changed = Vec::new();
        while let Some(row) = rows.next()? {
            let check: Option<i64> = row.get("row_check")?;
            // One that cannot be decoded is found by whoever reads it.
            let life = life_of(row).ok().filter(|_| check.is_some());
            let is_flag = (0..=1).contains(&row.get::<_, i64>("released")?);
            changed.extend(
                life.filter(|life| !is_flag || check != Some(of_htlc(life)))
                    .map(|life| life.terms.key),
            );
        }
        Ok(changed)
    }

    /// Whether the channel carries HTLCs, readable or not.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn carries_htlcs(&self, row: ChannelRow) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM htlc WHERE channel = ?1)")?
            .query_row([row.0], |row| row.get(0))?)
    }
}

/// Marks an HTLC as one that we have decided to claim. `false`: there is no such HTLC. Where several have had the key,
/// the one that our newest commitment carries is meant.
pub(super) fn release(
    db: &Transaction<'_>,
    row: ChannelRow,
    htlc: HtlcKey,
) -> Result<bool, StoreError> {
    let changed = db
        .prepare_cached(
            "UPDATE htlc SET released = 1,
                row_check = row_check + CASE released WHEN 0 THEN ?4 ELSE 0 END
             WHERE channel = ?1 AND direction = ?2 AND htlc_id = ?3 AND version =
                (SELECT version FROM htlc
                 WHERE channel = ?1 AND direction = ?2 AND htlc_id = ?3
                 ORDER BY first_local NOT NULL AND last_local IS NULL DESC, version DESC
                 LIMIT 1)",
        )?
        .execute((
            row.0,
            direction_column(htlc.direction),
            signed(htlc.id),
            RELEASED,
        ))?;
    Ok(changed > 0)
}

pub(super) fn put_htlc(
    db: &Transaction<'_>,
    row: ChannelRow,
    life: &HtlcLife,
) -> Result<(), StoreError> {
    let HtlcTerms {
        key,
        payment_hash,
        amount_msat,
        cltv_expiry,
        origin,
    } = &life.terms;
    // `released` and `forwarded_msat` are left alone: an update does not know them.
    db.prepare_cached(
        "INSERT INTO htlc (channel, direction, htlc_id, payment_hash, amount_msat, cltv_expiry,
            origin, first_local, last_local, first_remote, last_remote, version, row_check)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET first_local = excluded.first_local,
            last_local = excluded.last_local, first_remote = excluded.first_remote,
            last_remote = excluded.last_remote,
            row_check = excluded.row_check + CASE released WHEN 0 THEN 0 ELSE ?14 END",
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
        life.version,
        of_htlc(&HtlcLife {
            released: false,
            ..*life
        }),
        RELEASED,
    ))?;
    if let HtlcOrigin::Forwarded { channel, id, .. } = origin {
        let (txid, vout) = outpoint_columns(channel);
        db.prepare_cached(
            "UPDATE htlc SET forwarded_msat = ?4
             WHERE channel = (SELECT channel FROM funding WHERE txid = ?1 AND vout = ?2)
             AND direction = 1 AND htlc_id = ?3 AND forwarded_msat IS NOT ?4",
        )?
        .execute((txid, vout, signed(*id), signed(*amount_msat)))?;
    }
    Ok(())
}

pub(super) fn delete_htlc(
    db: &Transaction<'_>,
    row: ChannelRow,
    htlc: HtlcRef,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM htlc WHERE channel = ?1 AND direction = ?2 AND htlc_id = ?3 AND version = ?4",
    )?
    .execute((
        row.0,
        direction_column(htlc.key.direction),
        signed(htlc.key.id),
        htlc.version,
    ))?;
    Ok(())
}

pub(super) fn life_of(row: &Row<'_>) -> Result<HtlcLife, StoreError> {
    let at = |column| At("htlc", column);
    let number = |index: usize, column| -> Result<Option<u64>, StoreError> {
        row.get::<_, Option<i64>>(index)?
            .map(|value| at(column).unsigned(value))
            .transpose()
    };
    Ok(HtlcLife {
        version: at("version").unsigned(row.get(11)?)?,
        terms: HtlcTerms {
            key: HtlcKey {
                direction: direction_from(row.get(0)?)?,
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
        forwarded_msat: number(12, "forwarded_msat")?,
    })
}
