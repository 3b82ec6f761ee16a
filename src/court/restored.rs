//! A case that comes from a backup. Another device, or this one before it was restored, may have gone on since: what
//! is newest here may be revoked, and broadcasting it would be punished. So nothing of ours goes out until the channel
//! engine has compared notes with the peer.

use bitcoin::OutPoint;

use super::{ArbitratorState, Case, CourtError, EventKind, LogKind, Step};

/// Latches the case of a channel that is opened from the backup of this name.
pub fn restored(case: &Case, channel: OutPoint, backup: &str, tip: u32) -> Step {
    let mut step = Step {
        case: case.clone(),
        ..Step::default()
    };
    // What is resolved for good has nothing left to broadcast.
    if case.state != ArbitratorState::FullyResolved {
        step.case.latches.restored = true;
        step.case.revision = case.revision.saturating_add(1);
        let backup = backup.to_owned();
        step.log(
            tip,
            LogKind::Restored {
                backup: backup.clone(),
            },
        );
        step.tell(channel, EventKind::Restored { backup });
    }
    step
}

/// The peer has confirmed that what we hold is the newest. That it has proven the opposite is never forgotten.
pub(super) fn on_confirmed(step: &mut Step, channel: OutPoint, tip: u32) -> Result<(), CourtError> {
    let latches = &mut step.case.latches;
    if latches.restored {
        if latches.data_loss.is_some() {
            return Err(CourtError::DataLoss { channel });
        }
        latches.restored = false;
        step.log(tip, LogKind::RestoredConfirmed);
    }
    Ok(())
}
