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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Direction;
    use crate::config::Policy;
    use crate::court::fixtures::outputs::{htlc, life, terms, view, EXPIRY};
    use crate::protocol::{ChannelType, Party};

    #[test]
    fn it_is_claimed_before_and_after_the_expiry_for_as_long_as_we_may() {
        let (terms, policy) = (terms(ChannelType::StaticRemotekey), Policy::default());
        let mut life = life(Direction::Incoming, 0);
        life.released = true;
        let contract = htlc(Party::Remote, Direction::Incoming);
        for tip in [EXPIRY - 1, EXPIRY, EXPIRY + 5_000] {
            let may = View {
                life: Some(&life),
                has_preimage: true,
                is_committed: true,
                ..view(&contract, &terms, &policy, tip)
            };
            let ours = (ContractRole::IncomingSuccess, Progress::Claimable);
            assert_eq!(next(&contract, &may), ours, "at {tip}");
            let may_not = View {
                has_preimage: false,
                ..may
            };
            let (role, _) = next(&contract, &may_not);
            assert_eq!(role, ContractRole::IncomingContest, "at {tip}");
        }
    }
}
