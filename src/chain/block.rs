//! Names for places on the chain: a height, a depth, and a block. Height and depth are both block counts and easily
//! swapped, so each has a type of its own. All arithmetic saturates.

use std::fmt;

use bitcoin::BlockHash;
use serde::{Deserialize, Serialize};

/// The height of a block: how many blocks lie below it. The genesis block has height 0.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct BlockHeight(u32);

impl BlockHeight {
    /// The height with this number.
    pub const fn new(height: u32) -> Self {
        Self(height)
    }

    /// The plain number, as it is written in BOLT messages, locktimes and database columns.
    pub const fn to_u32(self) -> u32 {
        self.0
    }

    /// The height `blocks` above this one.
    pub const fn saturating_add(self, blocks: u32) -> Self {
        Self(self.0.saturating_add(blocks))
    }

    /// The height `blocks` below this one; never below the genesis block.
    pub const fn saturating_sub(self, blocks: u32) -> Self {
        Self(self.0.saturating_sub(blocks))
    }

    /// How many blocks this height lies above `lower`; 0 when it does not.
    pub const fn blocks_above(self, lower: BlockHeight) -> u32 {
        self.0.saturating_sub(lower.0)
    }

    /// How deep a block at this height is when the branch ends at `top`: 1 when it is the top, 0 when it lies above.
    pub const fn depth_under(self, top: BlockHeight) -> Depth {
        if self.0 > top.0 {
            Depth::UNCONFIRMED
        } else {
            Depth(top.blocks_above(self).saturating_add(1))
        }
    }
}

impl fmt::Display for BlockHeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many blocks bury a transaction, its own included: 0 in the mempool, 1 when its block is the tip.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Depth(u32);

impl Depth {
    /// Not in a block.
    pub const UNCONFIRMED: Depth = Depth(0);

    /// The depth of this many blocks.
    pub const fn new(blocks: u32) -> Self {
        Self(blocks)
    }

    /// The plain number of blocks.
    pub const fn to_u32(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One block, by its hash and the height it stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Where it stands.
    pub height: BlockHeight,
    /// Which block it is.
    pub hash: BlockHash,
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at height {}", self.hash, self.height)
    }
}
