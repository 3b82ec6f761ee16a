//! An HTLC the peer offered that we claim with its preimage: through HTLC-success on our commitment, directly on the
//! peer's. From the expiry on the peer may take it back, so the claim is urgent; it is made all the same until a
//! spend is final.
//!
//! | nobody has spent it, and            | then                         |
//! |-------------------------------------|------------------------------|
//! | we may claim it                     | `Claimable`                  |
//! | we may not (a latch cannot do that) | becomes `IncomingContest`    |

use super::{incoming_contest, Contract, ContractRole, Next, Progress, View};

pub(super) fn next(contract: &Contract, view: &View<'_>) -> Next {
    if incoming_contest::is_ours(view) {
        (ContractRole::IncomingSuccess, Progress::Claimable)
    } else {
        incoming_contest::next(contract, view)
    }
}
