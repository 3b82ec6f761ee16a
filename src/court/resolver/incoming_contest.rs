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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::Direction;
    use crate::config::Policy;
    use crate::court::fixtures::outputs::{htlc, life, terms, view, EXPIRY};
    use crate::protocol::{ChannelType, Party};

    /// Released, preimage known, irrevocably committed.
    type Known = (bool, bool, bool);

    fn at(tip: u32, (released, has_preimage, is_committed): Known) -> Next {
        let (terms, policy) = (terms(ChannelType::AnchorsZeroFeeHtlc), Policy::default());
        let mut life = life(Direction::Incoming, 0);
        life.released = released;
        let contract = htlc(Party::Local, Direction::Incoming);
        let view = View {
            life: Some(&life),
            has_preimage,
            is_committed,
            ..view(&contract, &terms, &policy, tip)
        };
        next(&contract, &view)
    }

    #[test]
    fn it_is_ours_when_released_and_known_and_committed_and_never_otherwise() {
        for tip in [EXPIRY - 1, EXPIRY, EXPIRY + 5_000] {
            for released in [false, true] {
                for known in [false, true] {
                    for committed in [false, true] {
                        let (role, progress) = at(tip, (released, known, committed));
                        let is_ours = released && known && committed;
                        let what = format!("{released} {known} {committed} at {tip}");
                        assert_eq!(role == ContractRole::IncomingSuccess, is_ours, "{what}");
                        assert_eq!(progress == Progress::Claimable, is_ours, "{what}");
                    }
                }
            }
        }
    }

    #[test]
    fn one_that_is_not_ours_is_contested_until_the_patience_with_the_peer_ends() {
        let patience = EXPIRY + Policy::default().end_patience;
        let reason = Reason::NotOurs;
        for (tip, expected) in [
            (EXPIRY - 1, Progress::Contested { until: EXPIRY }),
            (EXPIRY, Progress::Contested { until: patience }),
            (patience - 1, Progress::Contested { until: patience }),
            (patience, Progress::GivenUp { reason }),
        ] {
            let now = at(tip, (false, true, true));
            assert_eq!(now, (ContractRole::IncomingContest, expected), "at {tip}");
        }
    }

    #[test]
    fn one_that_is_past_has_nobody_who_may_release_it() {
        let (terms, policy) = (terms(ChannelType::AnchorsZeroFeeHtlc), Policy::default());
        let contract = htlc(Party::Remote, Direction::Incoming);
        let view = View {
            has_preimage: true,
            is_committed: true,
            ..view(&contract, &terms, &policy, EXPIRY)
        };
        assert_eq!(next(&contract, &view).0, ContractRole::IncomingContest);
    }
}
