//! An HTLC we offered, after its expiry: we take it back, through HTLC-timeout on our commitment, directly on the peer's.
//! The peer may still come with the preimage first.
//!
//! | nobody has spent it, and | then                         |
//! |--------------------------|------------------------------|
//! | the tip is at the expiry | `Claimable`                  |
//! | a reorg put it below     | becomes `OutgoingContest`    |

use super::{Contract, ContractRole, Next, Progress, View};

pub(super) fn next(contract: &Contract, view: &View<'_>) -> Next {
    // BIP 65: a transaction with this lock time may stand in the block after the tip that has reached it.
    match contract.htlc_figures() {
        Some((_, _, until)) if view.tip < until => {
            (ContractRole::OutgoingContest, Progress::Contested { until })
        }
        Some(_) | None => (ContractRole::OutgoingTimeout, Progress::Claimable),
    }
}
