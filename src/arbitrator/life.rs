//! Ends that the app decides, and what a channel that is ending refuses.

use bitcoin::OutPoint;

use super::core::Core;
use super::ChainArbitrator;
use crate::channel::{Refusal, UpdateError};
use crate::court::{refusal, Input};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;

impl ChainArbitrator {
    /// Says that a channel's funding will never confirm: its inputs are spent otherwise, or it was never signed. Nothing of
    /// ours goes out any more. The close summary is provisional until the funding has stayed away for
    /// [`final_depth`](crate::Policy::final_depth) blocks, counted from the next tick; then the channel has ended, and its
    /// working data is purged. A funding that confirms before that makes the cancellation void, and is told of. One that
    /// confirms later is not seen any more. A repeat changes nothing.
    ///
    /// # Errors
    /// [`CourtError::FundingConfirmed`](crate::court::CourtError::FundingConfirmed),
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn cancel_funding(&self, channel: OutPoint) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| {
                Box::pin(async move {
                    let tip = core.tip_height()?;
                    core.apply(core.row(channel)?, &Input::CancelFunding { tip })?;
                    Ok(())
                })
            })
            .await
    }

    /// Gives a channel up, whatever its state, at once and for good: **no output is claimed any more, no breach is answered,
    /// nothing is broadcast**. Money that is not settled is lost, unless the peer leaves it to us. The summary is final; the
    /// working data is purged by the next ticks. A repeat changes nothing.
    ///
    /// # Errors
    /// [`ArbitratorError::UnknownChannel`].
    pub async fn abandon(&self, channel: OutPoint) -> Result<(), ArbitratorError> {
        self.executor
            .run(move |core| {
                Box::pin(async move {
                    let tip = core.tip_height()?;
                    core.apply(core.row(channel)?, &Input::Abandon { tip })?;
                    Ok(())
                })
            })
            .await
    }
}

impl Core {
    /// Why a channel takes no more updates.
    pub(super) fn refusal(&self, row: ChannelRow) -> Result<Option<Refusal>, ArbitratorError> {
        Ok(refusal(&self.store.case(row)?))
    }

    /// Refuses to register a channel again whose end the app has decided, or that has ended otherwise.
    pub(super) fn check_takes_registration(
        &self,
        row: ChannelRow,
        channel: OutPoint,
    ) -> Result<(), ArbitratorError> {
        let refusal = self.refusal(row)?;
        match refusal.filter(|reason| reason.refuses_registration()) {
            Some(reason) => Err(UpdateError::Closing { channel, reason }.into()),
            None => Ok(()),
        }
    }

    /// Refuses what even a closing channel takes, once it has ended: there is nothing left that it could change. Gives why
    /// it takes no commitments, if it takes none.
    pub(super) fn check_has_not_ended(
        &self,
        row: ChannelRow,
        channel: OutPoint,
    ) -> Result<Option<Refusal>, ArbitratorError> {
        let refusal = self.refusal(row)?;
        match refusal.filter(|reason| reason.is_total()) {
            Some(reason) => Err(UpdateError::Closing { channel, reason }.into()),
            None => Ok(refusal),
        }
    }
}

/// Refuses a new commitment where the channel takes none.
pub(super) fn check_takes_commitments(
    channel: OutPoint,
    refusal: Option<Refusal>,
) -> Result<(), UpdateError> {
    match refusal {
        None => Ok(()),
        Some(reason) => Err(UpdateError::Closing { channel, reason }),
    }
}
