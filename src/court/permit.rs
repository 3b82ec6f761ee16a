//! Who may sign a commitment of ours: the one place that says no after data was lost, or may have been.
//!
//! A [`Permit`] is made by [`permit`] alone, and the signing path takes nothing else. What was signed before a proof of
//! data loss came is held to the same: it is neither kept nor broadcast any more.

use bitcoin::OutPoint;

use super::{Case, CourtError};

/// Says that nothing forbids a commitment of ours on this channel, as its case stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    channel: OutPoint,
}

impl Permit {
    /// The channel it is for.
    pub fn channel(&self) -> OutPoint {
        self.channel
    }
}

/// Permits a commitment of ours.
///
/// # Errors
/// Why none may go to the chain: [`CourtError::DataLoss`], [`CourtError::Restored`], [`CourtError::FundingCancelled`].
pub fn permit(channel: OutPoint, case: &Case) -> Result<Permit, CourtError> {
    // BOLT 2: a node that was shown a secret of a commitment it holds for unrevoked must not broadcast it.
    if case.latches.data_loss.is_some() {
        return Err(CourtError::DataLoss { channel });
    }
    // Another device may have gone on since the backup was made: what it held may be revoked.
    if case.latches.restored {
        return Err(CourtError::Restored { channel });
    }
    if case.cancelled.is_some() {
        return Err(CourtError::FundingCancelled { channel });
    }
    Ok(Permit { channel })
}

/// The same, for who needs no reason.
pub(super) fn is_permitted(case: &Case) -> bool {
    permit(OutPoint::null(), case).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::court::{Cancelled, Latches};

    #[test]
    fn a_commitment_of_ours_is_permitted_until_data_is_lost_or_the_funding_cancelled() {
        let channel = OutPoint::null();
        assert_eq!(permit(channel, &Case::default()), Ok(Permit { channel }));
        let latches = Latches {
            data_loss: Some(7),
            ..Latches::default()
        };
        let lost = Case {
            latches,
            ..Case::default()
        };
        assert_eq!(
            permit(channel, &lost),
            Err(CourtError::DataLoss { channel })
        );
        let cancelled = Case {
            cancelled: Some(Cancelled::default()),
            ..Case::default()
        };
        let refused = CourtError::FundingCancelled { channel };
        assert_eq!(permit(channel, &cancelled), Err(refused));
    }
}
