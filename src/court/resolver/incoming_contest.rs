//! An HTLC the peer offered that we may not claim (yet): not released, its preimage not known, or the peer not
//! irrevocably committed to it. Watched until its spend is final, as a release may come at any time.
//!
//! | nobody has spent it, and                             | then                                             |
//! |------------------------------------------------------|--------------------------------------------------|
//! | released, preimage known, irrevocably committed      | becomes `IncomingSuccess`                        |
//! | its expiry is ahead                                  | `Contested` until the expiry                     |
//! | the peer could take it back, and has not             | `Contested` until the patience with it ends      |
//! | that patience has ended                              | `GivenUp`: it is the peer's, worth its fee or not |

use super::{Contract, ContractRole, Next, Progress, Reason, View};

/// Whether we may claim the HTLC. Knowing a preimage is not permission: an underpaid or partial payment must not be
/// claimed.
pub(super) fn is_ours(view: &View<'_>) -> bool {
    view.has_preimage && view.is_committed && view.life.is_some_and(|life| life.released)
}

pub(super) fn next(contract: &Contract, view: &View<'_>) -> Next {
    if is_ours(view) {
        return super::incoming_success::next(contract, view);
    }
    let expiry = contract.htlc_figures().map_or(0, |(_, _, expiry)| expiry);
    let patience = contract.patience_ends(view.created, view.policy);
    // BOLT 5: nothing is to be done for an HTLC that is not ours to claim; the peer may never think it worth its fee.
    let progress = if view.tip < expiry {
        Progress::Contested { until: expiry }
    } else if view.tip < patience {
        Progress::Contested { until: patience }
    } else {
        Progress::GivenUp {
            reason: Reason::NotOurs,
        }
    };
    (ContractRole::IncomingContest, progress)
}
