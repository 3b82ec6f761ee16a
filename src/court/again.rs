//! Closes that the network has forgotten and that are made known to it again.
//!
//! | the close                              | a reorg took it away     | a mempool held it and may forget it     |
//! |----------------------------------------|--------------------------|-----------------------------------------|
//! | cooperative                            | again                    | whoever made it sees to it              |
//! | a commitment of the peer's             | again, raised by a child | the same                                |
//! | unknown                                | again                    | never: nobody knows what it is good for |
//! | a commitment of ours that we hold      | as ours, where permitted | as ours: it is held already             |
//! | ours, of another device; a revoked one | never                    | never                                   |
//!
//! What is held of the peer's goes when the peer revokes it, else with the case. It stands beside ours and silences nothing:
//! only a proven close does.

use super::permit::is_permitted;
use super::watcher::state_number;
use super::{Broadcast, BroadcastPurpose, Case, CloseKind, Dossier, Step};

/// As what a close that a reorg took away goes out again, if it does.
pub(super) fn after_a_reorg(kind: CloseKind, case: &Case) -> Option<BroadcastPurpose> {
    match kind {
        CloseKind::Remote { .. }
        | CloseKind::RemotePending { .. }
        | CloseKind::RemoteFuture { .. } => Some(BroadcastPurpose::PeerCommitment),
        CloseKind::Cooperative | CloseKind::Unknown => Some(BroadcastPurpose::OrphanedClose),
        // Whoever made it known, it is a commitment of ours, and may have been revoked where we do not know of it.
        CloseKind::Local { .. } => is_permitted(case).then_some(BroadcastPurpose::Commitment),
        // Revoked by us, or by another device of ours; the peer's own breach is not ours to repeat.
        CloseKind::LocalOther { .. } | CloseKind::Breach { .. } => None,
    }
}

/// As what a close that a mempool holds, signed by both, goes out when that forgets it, if it does.
pub(super) fn out_of_a_mempool(kind: CloseKind) -> Option<BroadcastPurpose> {
    match kind {
        CloseKind::Remote { .. }
        | CloseKind::RemotePending { .. }
        | CloseKind::RemoteFuture { .. } => Some(BroadcastPurpose::PeerCommitment),
        CloseKind::Cooperative
        | CloseKind::Local { .. }
        | CloseKind::LocalOther { .. }
        | CloseKind::Breach { .. }
        | CloseKind::Unknown => None,
    }
}

/// Lets go of what the peer has revoked since.
pub(super) fn forget_revoked(step: &mut Step, dossier: &Dossier) {
    let revoked = dossier.feed.remote_revoked;
    // BOLT 5: on the chain it would be the peer's breach. That is not ours to bring about.
    let is_revoked = |held: &Broadcast| match held.purpose {
        BroadcastPurpose::PeerCommitment => {
            let number = state_number(&dossier.terms, &held.transaction);
            number.is_some_and(|number| revoked.is_some_and(|revoked| number <= revoked))
        }
        BroadcastPurpose::Funding
        | BroadcastPurpose::Commitment
        | BroadcastPurpose::Cooperative
        | BroadcastPurpose::OrphanedClose
        | BroadcastPurpose::Sweep(_)
        | BroadcastPurpose::Cpfp(_) => false,
    };
    step.case.broadcasts.retain(|held| !is_revoked(held));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::court::fixtures::{dossier, open};
    use crate::protocol::{CommitmentNumber, Party};

    #[test]
    fn a_commitment_of_the_peers_goes_out_again_until_it_is_revoked() {
        let mut dossier = dossier(&[]);
        let mut theirs = dossier.candidates[0].clone();
        theirs.owner = Party::Remote;
        let transaction = theirs.build(&dossier.terms, &dossier.htlcs);
        let transaction = transaction.expect("good figures").tx;
        let mut step = Step {
            case: open(),
            ..Step::default()
        };
        for purpose in [
            BroadcastPurpose::PeerCommitment,
            BroadcastPurpose::Commitment,
        ] {
            step.case.broadcasts.clear();
            assert!(step.hold(purpose, &transaction, &[], 300));
            assert!(!step.hold(purpose, &transaction, &[], 301), "once");
            for (revoked, is_theirs_gone) in [(0, false), (1, true)] {
                dossier.feed.remote_revoked = CommitmentNumber::new(revoked).ok();
                forget_revoked(&mut step, &dossier);
                let is_gone = step.case.broadcasts.is_empty();
                let is_theirs = purpose == BroadcastPurpose::PeerCommitment;
                assert_eq!(
                    is_gone,
                    is_theirs && is_theirs_gone,
                    "{purpose:?}, {revoked}"
                );
            }
        }
    }

    #[test]
    fn what_is_revoked_or_not_understood_is_never_taken_out_of_a_mempool() {
        let number = 7;
        for kind in [
            CloseKind::Cooperative,
            CloseKind::Local { number },
            CloseKind::LocalOther { number },
            CloseKind::Breach { number },
            CloseKind::Unknown,
        ] {
            assert_eq!(out_of_a_mempool(kind), None, "{kind:?}");
        }
        for kind in [
            CloseKind::Remote { number },
            CloseKind::RemotePending { number },
            CloseKind::RemoteFuture { number },
        ] {
            let expected = Some(BroadcastPurpose::PeerCommitment);
            assert_eq!(out_of_a_mempool(kind), expected, "{kind:?}");
            assert_eq!(after_a_reorg(kind, &open()), expected, "{kind:?}");
        }
    }
}
