//! What is being waited for, and so the next height at which something happens to an output.
//!
//! | progress of the output                     | waits for                            |
//! |--------------------------------------------|--------------------------------------|
//! | contested, an HTLC we offered              | the peer's preimage, or its expiry   |
//! | contested, an HTLC the peer offered        | its release, or its expiry; then the peer's claim |
//! | maturing                                   | a height                             |
//! | claimable                                  | our claim: signed, then confirmed    |
//! | not worth its fee                          | lower fees                           |
//! | spent                                      | the depths at which that is settled, and irrevocable |
//! | an anchor that is left, given up, resolved | nothing                              |

use bitcoin::Txid;

use crate::channel::Direction;
use crate::config::Policy;
use crate::court::{Contract, Progress, Reason};

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
    /// Lower fees; at this height the case may end without.
    LowerFees { until: u32 },
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
        match self {
            Waiting::Nothing => None,
            Waiting::Height { height: at }
            | Waiting::PeersPreimage { until: at }
            | Waiting::Release { until: at }
            | Waiting::PeersTimeout { until: at }
            | Waiting::LowerFees { until: at } => Some(at),
            // A mempool forgets, and fees move: whatever is not on the chain is looked after with every block.
            Waiting::Claim | Waiting::Confirmation { .. } => Some(tip.saturating_add(1)),
            Waiting::Burial {
                settled_at,
                final_at,
            } => Some(settled_at.unwrap_or(final_at)),
        }
        .filter(|height| *height > tip)
    }
}

/// When depths are reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depths<'a> {
    pub settle: u32,
    pub policy: &'a Policy,
}

impl Depths<'_> {
    /// The burial of what stands in the block of this height.
    pub(super) fn burial(&self, height: u32, settled: bool) -> Waiting {
        let at = |depth: u32| height.saturating_add(depth).saturating_sub(1);
        Waiting::Burial {
            settled_at: (!settled).then(|| at(self.settle)),
            final_at: at(self.policy.final_depth),
        }
    }
}

/// What a contract waits for. `claim` is the newest claim of ours, `left_at` the height at which the case may end with it
/// unclaimed.
pub(super) fn waiting(
    contract: &Contract,
    claim: Option<Txid>,
    left_at: u32,
    depths: Depths<'_>,
) -> Waiting {
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
        Progress::Claimable => claim.map_or(Waiting::Claim, |txid| Waiting::Confirmation { txid }),
        Progress::Uneconomic { reason } => match reason {
            Reason::FeeAboveValue { .. } => Waiting::LowerFees { until: left_at },
            Reason::AnchorAlone | Reason::NoPeerSignature | Reason::NotOurs => Waiting::Nothing,
        },
        Progress::GivenUp { .. } | Progress::Resolved { .. } => Waiting::Nothing,
        Progress::Spent { block, settled, .. } => depths.burial(block.height, settled),
    }
}
