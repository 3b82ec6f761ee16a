//! What is known of one watched output or transaction, and what the caller says when it wants to watch one. These are the
//! rows of the durable cursor: everything here is stored as it stands.

use bitcoin::{OutPoint, Transaction, TxOut, Txid};
use serde::{Deserialize, Serialize};

use super::block::{BlockRef, Depth};
use super::error::ProofError;
use super::proof::check_size;

/// An output to keep an eye on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Which output.
    pub outpoint: OutPoint,
    /// What it must be.
    pub expected: Expected,
    /// How often to ask.
    pub urgency: Urgency,
}

/// What a watched output must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Of this value and script. Another one is reported as [`OutputCheck::Wrong`].
    Exactly(TxOut),
    /// There: a coin that somebody else chose.
    Anything,
}

impl Expected {
    /// Whether an output is what it must be.
    pub(super) fn is_met_by(&self, output: &TxOut) -> bool {
        match self {
            Expected::Exactly(expected) => output == expected,
            Expected::Anything => true,
        }
    }
}

/// How often a watched output is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// Once per tip: an answer at a tip holds until the tip moves (or the caller looks into the mempool).
    AtTip,
    /// In every tick, also at the same tip: an unconfirmed spend would change what we do.
    Always,
}

/// Where a tick looks for spends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Only what blocks can have changed.
    Tip,
    /// The mempool as well: every output is asked about, even if the tip is unchanged.
    Mempool,
}

/// A transaction of our own whose confirmation is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchTx {
    txid: Txid,
}

impl WatchTx {
    /// Watches this transaction. All of it is needed, because the merkle proof of a 64-byte transaction proves nothing.
    ///
    /// # Errors
    /// [`ProofError::SixtyFourBytes`] for such a transaction; none that pays to a script of ours is that short.
    pub fn new(transaction: &Transaction) -> Result<Self, ProofError> {
        let txid = transaction.compute_txid();
        check_size(txid, transaction.base_size())?;
        Ok(Self { txid })
    }

    /// Which transaction.
    pub fn txid(&self) -> Txid {
        self.txid
    }
}

/// Where a transaction was proven to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxPosition {
    /// The block that holds it.
    pub block: BlockRef,
    /// Its place in that block.
    pub index: u32,
    /// The depth that was proven when the headers above it were let go; zero while they are all held. Ask
    /// [`ChainView::depth`](super::ChainView::depth), which knows both.
    pub proven_depth: Depth,
}

/// What is known of a watched output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFacts {
    /// Whether the output is what it should be; known as soon as its transaction was seen anywhere.
    pub output: OutputCheck,
    /// Where the transaction that creates it stands; `None` until that is proven.
    pub confirmed: Option<TxPosition>,
    /// Who spends it: proven if it has a position, else a hint from a mempool.
    pub spend: Option<Spend>,
    /// The last block up to which it was not spent: the creating transaction proven, the server holding our tip, and
    /// the tip read again unchanged after it said so.
    pub unspent_at: Option<BlockRef>,
    /// A server said "unspent" at this tip, and the tip has not been read again since. Counts for nothing yet.
    pub unspent_said: Option<BlockRef>,
}

/// Whether an output is what its watcher expects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OutputCheck {
    /// Its transaction has not been seen.
    #[default]
    NotSeen,
    /// Value and script are as expected.
    AsExpected,
    /// The transaction exists and this output is another one, or there is no such output.
    Wrong(Option<TxOut>),
}

/// A transaction that spends a watched output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spend {
    /// The spender's id.
    pub txid: Txid,
    /// Which of its inputs spends the output.
    pub vin: u32,
    /// The spender.
    pub tx: Transaction,
    /// Where it was proven to stand; `None` for a hint from a mempool, whose signatures nobody has checked.
    pub position: Option<TxPosition>,
}

impl Spend {
    /// The block that holds it, if that is proven.
    pub fn block(&self) -> Option<BlockRef> {
        self.position.map(|position| position.block)
    }
}

/// What is known of a watched transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxFacts {
    /// Where it stands; `None` until that is proven.
    pub confirmed: Option<TxPosition>,
}
