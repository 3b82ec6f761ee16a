//! What became of a transaction that was offered to the network.

use bitcoin::Txid;
use serde::{Deserialize, Serialize};

/// What a server answered to a broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BroadcastOutcome {
    /// Taken into the mempool.
    Accepted,
    /// Already in the mempool or in a block.
    AlreadyKnown,
    /// Another transaction spends one of its inputs, or an input does not exist (any more).
    Conflicts {
        /// The other transaction, if the server names it.
        with: Option<Txid>,
        /// What the server said.
        text: String,
    },
    /// It pays less than the mempool, or a replacement, demands.
    FeeTooLow {
        /// What the server said.
        text: String,
    },
    /// No answer was had; it may or may not have been taken.
    Unreachable {
        /// What the connection said.
        text: String,
    },
    /// Refused for a reason of its own.
    Other {
        /// What the server said.
        text: String,
    },
}
