//! An HTLC the peer offered that we may not claim (yet): not released, its preimage not known, or the peer not
//! irrevocably committed to it. Watched until its spend is final, as a release may come at any time.
//!
//! | nobody has spent it, and                             | then                      |
//! |------------------------------------------------------|---------------------------|
//! | released, preimage known, irrevocably committed      | becomes `IncomingSuccess` |
//! | otherwise                                            | `Contested` until expiry  |

use super::{Contract, ContractRole, Next, Progress, View};

/// Whether we may claim the HTLC. Knowing a preimage is not permission: an underpaid or partial payment must not be
/// claimed.
pub(super) fn is_ours(view: &View<'_>) -> bool {
    view.has_preimage && view.is_committed && view.life.is_some_and(|life| life.released)
}

pub(super) fn next(contract: &Contract, view: &View<'_>) -> Next {
    if is_ours(view) {
        return super::incoming_success::next(contract, view);
    }
    let until = contract.htlc_figures().map_or(0, |(_, _, expiry)| expiry);
    (ContractRole::IncomingContest, Progress::Contested { until })
}
