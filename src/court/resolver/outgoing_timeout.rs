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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Direction;
    use crate::config::Policy;
    use crate::court::fixtures::outputs::{htlc, terms, view, EXPIRY};
    use crate::protocol::{ChannelType, Party};

    #[test]
    fn a_reorg_below_the_expiry_begins_the_contest_again() {
        let (terms, policy) = (terms(ChannelType::AnchorsZeroFeeHtlc), Policy::default());
        let contract = htlc(Party::Remote, Direction::Outgoing);
        let at = |tip| next(&contract, &view(&contract, &terms, &policy, tip));
        let ours = (ContractRole::OutgoingTimeout, Progress::Claimable);
        assert_eq!(at(EXPIRY), ours);
        let until = EXPIRY;
        let contested = (ContractRole::OutgoingContest, Progress::Contested { until });
        assert_eq!(at(EXPIRY - 1), contested);
    }
}
