//! What a close would come to, before anybody decides on it.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint};

use super::core::Core;
use super::report::dossier;
use super::ChainArbitrator;
use crate::chain::Budget;
use crate::error::ArbitratorError;
use crate::sweep::preview::{preview, ClosePreview, Known, Pricing};

impl ChainArbitrator {
    /// What closing a channel would come to, with our commitment and with the peer's: fees by kind, what comes home and when,
    /// what is not worth its fee, which HTLCs are at stake, and what the wallet's coins would have to pay.
    ///
    /// The close is played through with everything as it is now, and closes nothing. With [`Pricing::Market`] the server is
    /// asked for its estimates; one that fails or has none is no error, the policy's prices are used then. A channel that has
    /// no script for its sweeps yet gets one, which it keeps.
    ///
    /// # Errors
    /// [`CourtError::AlreadyClosed`](crate::court::CourtError::AlreadyClosed), [`ArbitratorError::UnknownChannel`]; the
    /// wallet does not answer.
    pub async fn preview_close(
        &self,
        channel: OutPoint,
        pricing: Pricing,
    ) -> Result<ClosePreview, ArbitratorError> {
        let (known, estimates) = self
            .executor
            .run(move |core| Box::pin(async move { core.known(channel, pricing).await }))
            .await?;
        let policy = self.policy.clone();
        // A channel may carry a thousand HTLCs, and no tick is to wait for that.
        self.reader
            .ask(move |_| Ok(preview(&known, pricing, &estimates, &policy)?))
            .await
    }
}

impl Core {
    async fn known(
        &self,
        channel: OutPoint,
        pricing: Pricing,
    ) -> Result<(Known, BTreeMap<u16, FeeRate>), ArbitratorError> {
        let row = self.row(channel)?;
        let script = self.sweep_script(row).await?;
        let estimates = match pricing {
            Pricing::Market => self.estimates_or_none().await,
            Pricing::At(_) => BTreeMap::new(),
        };
        let (dossier, _) = dossier(&self.store, row)?;
        let mut preimages = BTreeMap::new();
        for life in dossier.htlcs.values() {
            let hash = life.terms.payment_hash;
            // One that does not open is as good as unknown; the tick reports it.
            if let Ok(Some(preimage)) = self.store.preimage(&hash) {
                preimages.insert(hash, preimage);
            }
        }
        let known = Known {
            case: self.store.case(row)?,
            tip: self.tip_height()?,
            dossier,
            preimages,
            script,
        };
        Ok((known, estimates))
    }

    /// The server's estimates. None are no reason to wait: the policy says what is bid then.
    pub(super) async fn estimates_or_none(&self) -> BTreeMap<u16, FeeRate> {
        let asked = self.source.fee_estimates(&Budget::unlimited()).await;
        asked.unwrap_or_else(|error| {
            log::warn!("no fee estimates: {error}");
            BTreeMap::new()
        })
    }
}
