//! An HTLC we offered, before its expiry. The peer may take it with the preimage, which we then learn from the witness.
//!
//! | nobody has spent it, and | then                                   |
//! |--------------------------|----------------------------------------|
//! | the tip is below expiry  | `Contested` until the expiry           |
//! | the tip is at the expiry | becomes `OutgoingTimeout`              |

use super::{Contract, ContractRole, Next, Progress, View};

pub(super) fn next(contract: &Contract, view: &View<'_>) -> Next {
    // BOLT 5: the HTLC has timed out once the tip is at or above `cltv_expiry`.
    match contract.htlc_figures() {
        Some((_, _, until)) if view.tip < until => {
            (ContractRole::OutgoingContest, Progress::Contested { until })
        }
        Some(_) | None => super::outgoing_timeout::next(contract, view),
    }
}
