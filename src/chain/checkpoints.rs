//! How easy a block's target can plausibly be. A header alone proves work, but only as much as its own target asks for;
//! a server that invents an easy target could mine a "chain" on a laptop. So a target is compared with blocks we know.

use bitcoin::params::Params;
use bitcoin::pow::CompactTarget;
use bitcoin::{Network, Target};

use super::block::BlockHeight;

/// Blocks between two adjustments of the target (consensus).
const RETARGET_INTERVAL: u32 = 2016;

/// A block on a network's best chain: its height and its target as written in the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where it stands.
    pub height: BlockHeight,
    /// Its target.
    pub bits: CompactTarget,
}

/// Mainnet blocks shipped with the library: the halving of April 2024, and June 2025. The bound loosens by four with each
/// two weeks of distance, so a release should add a recent one; our own tip tightens it in between.
const MAINNET: [(u32, u32); 2] = [(840_000, 0x1703_4219), (900_000, 0x1702_3a04)];

/// The easiest target that a block at `height` can have: within a factor of four per adjustment of each block we know
/// (consensus lets no adjustment do more), and never easier than the network's limit.
///
/// On test networks any block may fall back to the limit, so the limit is all there is to hold against them.
pub fn easiest_target(network: Network, height: BlockHeight, known: Option<Checkpoint>) -> Target {
    let limit = Params::new(network).max_attainable_target;
    if !adjusts_its_target(network) {
        return limit;
    }
    shipped(network)
        .chain(known)
        .fold(limit, |easiest, checkpoint| {
            easiest.min(easiest_seen_from(checkpoint, height, limit))
        })
}

/// Whether blocks between two adjustments all have the same target on this network, and adjustments are bounded. Test
/// networks are left to their limit: any of their blocks may fall back to it.
pub fn adjusts_its_target(network: Network) -> bool {
    network == Network::Bitcoin
}

/// Whether both heights lie in the same interval between two adjustments.
pub fn same_interval(a: BlockHeight, b: BlockHeight) -> bool {
    interval(a) == interval(b)
}

fn shipped(network: Network) -> impl Iterator<Item = Checkpoint> {
    MAINNET
        .into_iter()
        .filter(move |_| adjusts_its_target(network))
        .map(|(height, bits)| Checkpoint {
            height: BlockHeight::new(height),
            bits: CompactTarget::from_consensus(bits),
        })
}

fn easiest_seen_from(checkpoint: Checkpoint, height: BlockHeight, limit: Target) -> Target {
    let mut target = Target::from_compact(checkpoint.bits).min(limit);
    for _ in 0..interval(checkpoint.height).abs_diff(interval(height)) {
        if target >= limit {
            return limit;
        }
        // The limit leaves the upper 32 bits free, so that a shift by two cannot overflow.
        target = target.max_transition_threshold_unchecked().min(limit);
    }
    target
}

fn interval(height: BlockHeight) -> u32 {
    height.to_u32() / RETARGET_INTERVAL
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(bits: u32) -> Target {
        Target::from_compact(CompactTarget::from_consensus(bits))
    }

    fn at(height: u32) -> Target {
        easiest_target(Network::Bitcoin, BlockHeight::new(height), None)
    }

    #[test]
    fn a_mainnet_block_near_a_checkpoint_is_held_to_its_target() {
        assert_eq!(at(900_000), target(0x1702_3a04));
        assert_eq!(at(840_000), target(0x1703_4219));
    }

    #[test]
    fn the_bound_loosens_by_four_with_each_adjustment_in_both_directions() {
        let four_times = target(0x1702_3a04).max_transition_threshold_unchecked();
        assert_eq!(at(900_000 + RETARGET_INTERVAL), four_times);
        // Four times the later checkpoint is still below what the earlier one allows from so far away.
        assert_eq!(at(900_000 - RETARGET_INTERVAL), four_times);
    }

    #[test]
    fn far_from_every_checkpoint_only_the_limit_of_the_network_remains() {
        assert_eq!(at(3_000_000), Target::MAX_ATTAINABLE_MAINNET);
        assert_eq!(at(u32::MAX), Target::MAX_ATTAINABLE_MAINNET);
    }

    #[test]
    fn our_own_tip_tightens_the_bound() {
        let tip = Checkpoint {
            height: BlockHeight::new(3_000_000),
            bits: CompactTarget::from_consensus(0x1702_3a04),
        };
        let bound = easiest_target(Network::Bitcoin, BlockHeight::new(3_000_001), Some(tip));
        assert_eq!(bound, target(0x1702_3a04));
    }

    #[test]
    fn test_networks_are_held_to_their_limit() {
        let height = BlockHeight::new(5);
        assert_eq!(
            easiest_target(Network::Regtest, height, None),
            Target::MAX_ATTAINABLE_REGTEST
        );
        assert_eq!(
            easiest_target(Network::Signet, height, None),
            Target::MAX_ATTAINABLE_SIGNET
        );
        assert_eq!(
            easiest_target(Network::Testnet, height, None),
            Target::MAX_ATTAINABLE_TESTNET
        );
    }
}
