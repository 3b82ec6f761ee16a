//! Names of things on the chain.

use std::fmt;
use std::str::FromStr;

use bitcoin::Txid;

use super::input::Invalid;
use crate::chain::BlockRef;
use crate::court;

/// An output of a transaction. That of the funding names the channel.
#[derive(Clone, Debug, PartialEq, Eq, Hash, uniffi::Record)]
pub struct OutPoint {
    /// 64 hex digits, as block explorers show them.
    pub txid: String,
    /// Which output, from 0.
    pub vout: u32,
}

impl OutPoint {
    pub(super) fn to_core(&self) -> Result<bitcoin::OutPoint, Invalid> {
        let txid = Txid::from_str(&self.txid)
            .map_err(|_| Invalid::new("txid", "not a txid of 64 hex digits"))?;
        Ok(bitcoin::OutPoint::new(txid, self.vout))
    }
}

impl fmt::Display for OutPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.txid, self.vout)
    }
}

impl From<bitcoin::OutPoint> for OutPoint {
    fn from(outpoint: bitcoin::OutPoint) -> Self {
        OutPoint {
            txid: outpoint.txid.to_string(),
            vout: outpoint.vout,
        }
    }
}

/// A block of the best chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, uniffi::Record)]
pub struct Block {
    /// Its height.
    pub height: u32,
    /// Its hash: 64 hex digits, as block explorers show them.
    pub hash: String,
}

impl From<court::Block> for Block {
    fn from(block: court::Block) -> Self {
        Block {
            height: block.height,
            hash: block.hash.to_string(),
        }
    }
}

impl From<BlockRef> for Block {
    fn from(block: BlockRef) -> Self {
        Block {
            height: block.height.to_u32(),
            hash: block.hash.to_string(),
        }
    }
}
