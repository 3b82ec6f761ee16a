//! What is being waited for, and so the next height at which something happens to an output.
//!
//! | progress of the output                     | waits for                            |
//! |--------------------------------------------|--------------------------------------|
//! | contested, an HTLC we offered              | the peer's preimage, or its expiry   |
//! | contested, an HTLC the peer offered        | its release, or its expiry; then the peer's claim |
//! | maturing                                   | a height                             |
//! | claimable                                  | our claim: signed, then confirmed    |
//! | not worth its fee                          | lower fees                           |
//! | without a coin for its fee                 | a coin of the wallet's               |
//! | spent                                      | the depths at which that is settled, and irrevocable |
//! | an anchor that is left, given up, resolved | nothing                              |

use bitcoin::Txid;

use super::{Block, Close, Contract, Dossier, Progress, Reason};
use crate::channel::Direction;
use crate::config::Policy;

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// Nothing will happen any more, or nothing that concerns us.
    Nothing,
    /// The tip to reach a height.
    Height { height: u32 },
    /// The peer to come with the preimage; at this height we take the HTLC back.
    PeersPreimage { until: u32 },
    /// The app to release the HTLC and to tell its preimage; at this height the peer can take it back.
    Release { until: u32 },
    /// The peer to take its HTLC back; at this height we stop watching.
    PeersTimeout { until: u32 },
    /// Our claim to be made and signed.
    Claim,
    /// Our claim to confirm.
    Confirmation { txid: Txid },
    /// A coin of the wallet's for the fee; at this height the case may end without.
    Reserve { fee_sat: u64, until: u32 },
    /// Lower fees.
    LowerFees {
        /// The height at which it is priced again, if no tick comes before.
        again: u32,
        /// The height at which the case may end without.
        until: u32,
    },
    /// The spend to be buried.
    Burial {
        /// The tip at which it counts as settled; `None`: it does.
        settled_at: Option<u32>,
        /// The tip at which it is irrevocable.
        final_at: u32,
    },
}

impl Waiting {
    /// The next height above `tip` at which something happens, if nothing else does.
    pub fn next_height(self, tip: u32) -> Option<u32> {
        let heights = match self {
            Waiting::Nothing => [None, None],
            Waiting::Height { height: at }
            | Waiting::PeersPreimage { until: at }
            | Waiting::Release { until: at }
            | Waiting::PeersTimeout { until: at } => [Some(at), None],
            Waiting::LowerFees { again, until } => [Some(again), Some(until)],
            // A mempool forgets, fees move and coins come: whatever is not on the chain is looked after with every block.
            Waiting::Claim | Waiting::Confirmation { .. } | Waiting::Reserve { .. } => {
                [Some(tip.saturating_add(1)), None]
            }
            Waiting::Burial {
                settled_at,
                final_at,
            } => [settled_at, Some(final_at)],
        };
        let ahead = heights.into_iter().flatten();
        ahead.filter(|height| *height > tip).min()
    }
}

/// What it takes to say what an output waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock<'a> {
    tip: u32,
    /// The block of the close.
    close: Block,
    /// The depth at which a spend of this channel's outputs counts as settled.
    settle_depth: u32,
    policy: &'a Policy,
}

impl<'a> Clock<'a> {
    pub(super) fn of(close: &Close, dossier: &Dossier, tip: u32, policy: &'a Policy) -> Self {
        Clock {
            tip,
            close: close.block,
            settle_depth: policy.settle_depth(dossier.terms.funding.capacity),
            policy,
        }
    }

    /// The burial of what stands in the block of this height.
    pub(super) fn burial(&self, height: u32, settled: bool) -> Waiting {
        let at = |depth: u32| height.saturating_add(depth).saturating_sub(1);
        Waiting::Burial {
            settled_at: (!settled).then(|| at(self.settle_depth)),
            final_at: at(self.policy.final_depth),
        }
    }

    /// What a contract waits for; `claim` is the newest claim of ours.
    pub(super) fn waiting(&self, contract: &Contract, claim: Option<Txid>) -> Waiting {
        let left_at = contract.patience_ends(self.close, self.policy);
        match contract.progress {
            Progress::Contested { until } => match contract.htlc_figures() {
                Some((Direction::Outgoing, ..)) => Waiting::PeersPreimage { until },
                Some((Direction::Incoming, _, expiry)) if until > expiry => {
                    Waiting::PeersTimeout { until }
                }
                Some((Direction::Incoming, ..)) | None => Waiting::Release { until },
            },
            Progress::Maturing { claimable_at } => Waiting::Height {
                height: claimable_at,
            },
            Progress::Claimable => {
                claim.map_or(Waiting::Claim, |txid| Waiting::Confirmation { txid })
            }
            Progress::Uneconomic { reason } => match reason {
                Reason::FeeAboveValue { .. } => Waiting::LowerFees {
                    again: self.tip.saturating_add(self.policy.reprice_interval),
                    until: left_at,
                },
                Reason::ReserveNeeded { fee_sat } => Waiting::Reserve {
                    fee_sat,
                    until: left_at,
                },
                Reason::AnchorAlone | Reason::NoPeerSignature | Reason::NotOurs => Waiting::Nothing,
            },
            Progress::GivenUp { .. } | Progress::Resolved { .. } => Waiting::Nothing,
            Progress::Spent { block, settled, .. } => self.burial(block.height, settled),
        }
    }
}
