//! An output of a revoked commitment, or of the cheater's second-level transaction behind one: ours at once, by the
//! revocation key, until the cheater's delay has passed, and in a race from then on.
//!
//! | nobody has spent it | then                          |
//! |---------------------|-------------------------------|
//! | always              | `Claimable`                   |

use super::{ContractRole, Next, Progress};

pub(super) fn next() -> Next {
    (ContractRole::Breach, Progress::Claimable)
}
