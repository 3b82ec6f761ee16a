//! The preimages that we know: sealed, one row each, whichever HTLCs they claim.

use rusqlite::{OptionalExtension, Transaction};

use super::error::StoreError;
use super::pack::At;
use super::vault::Place;
use super::Store;
use crate::protocol::{PaymentHash, Preimage};

/// A preimage on its way to its row.
pub(super) struct SealedPreimage {
    hash: PaymentHash,
    sealed: Vec<u8>,
}

pub(super) fn put_preimage(
    db: &Transaction<'_>,
    preimage: &SealedPreimage,
) -> Result<(), StoreError> {
    db.prepare_cached("REPLACE INTO preimage (payment_hash, sealed) VALUES (?1, ?2)")?
        .execute((preimage.hash.0, &preimage.sealed))?;
    Ok(())
}

impl Store {
    /// Keeps a preimage: on disk when this returns. A repeat changes nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_preimage(&self, preimage: &Preimage) -> Result<(), StoreError> {
        let hash = preimage.hash();
        // One that is there and does not open is replaced: this one is good.
        if self.preimage(&hash).is_ok_and(|known| known.is_some()) {
            return Ok(());
        }
        let sealed = self.sealed_preimage(preimage)?;
        self.write(|db| put_preimage(db, &sealed))
    }

    pub(super) fn sealed_preimage(
        &self,
        preimage: &Preimage,
    ) -> Result<SealedPreimage, StoreError> {
        let hash = preimage.hash();
        let place = Place::Preimage(hash);
        let sealed = self.vault.borrow().seal(&place, preimage.as_bytes())?;
        Ok(SealedPreimage { hash, sealed })
    }

    /// Hands out every preimage, and why one cannot be read.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn for_each_preimage(
        &self,
        mut take: impl FnMut(Result<Option<Preimage>, StoreError>),
    ) -> Result<(), StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT payment_hash FROM preimage")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let at = At("preimage", "payment_hash");
            let hash = at.get(row).and_then(|hash| at.array(hash));
            take(hash.and_then(|hash| self.preimage(&PaymentHash(hash))));
        }
        Ok(())
    }

    /// The preimage of a payment hash, if it is known.
    ///
    /// # Errors
    /// When the row does not open.
    pub fn preimage(&self, hash: &PaymentHash) -> Result<Option<Preimage>, StoreError> {
        let sealed: Option<Vec<u8>> = self
            .connection
            .prepare_cached("SELECT sealed FROM preimage WHERE payment_hash = ?1")?
            .query_row([hash.0], |row| row.get(0))
            .optional()?;
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let plain = self.vault.borrow().open(&Place::Preimage(*hash), &sealed)?;
        let at = At("preimage", "sealed");
        let preimage = Preimage::new(at.secret_array(&plain)?);
        if preimage.hash() == *hash {
            Ok(Some(preimage))
        } else {
            Err(at.corrupt("not the preimage of this hash"))
        }
    }
}
