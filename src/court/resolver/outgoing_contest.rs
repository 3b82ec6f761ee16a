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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Direction;
    use crate::config::Policy;
    use crate::court::fixtures::outputs::{htlc, terms, view, EXPIRY};
    use crate::protocol::{ChannelType, Party};

    #[test]
    fn the_contest_ends_when_the_tip_is_at_the_expiry() {
        let (terms, policy) = (terms(ChannelType::AnchorsZeroFeeHtlc), Policy::default());
        let until = EXPIRY;
        let contested = (ContractRole::OutgoingContest, Progress::Contested { until });
        let ours = (ContractRole::OutgoingTimeout, Progress::Claimable);
        for owner in [Party::Local, Party::Remote] {
            let contract = htlc(owner, Direction::Outgoing);
            for (tip, expected) in [
                (EXPIRY - 1, contested),
                (EXPIRY, ours),
                (EXPIRY + 1_000, ours),
            ] {
                let now = next(&contract, &view(&contract, &terms, &policy, tip));
                assert_eq!(now, expected, "{owner:?} at {tip}");
            }
        }
    }
}
