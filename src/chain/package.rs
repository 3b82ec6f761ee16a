//! A transaction and a child that pays for both. A mempool that refuses the parent alone for its low fee takes the two
//! together, if they reach it together: not every server hands them on so.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::Transaction;
use esplora_client::api::{SubmitPackageResult, TxResult};

use super::broadcast::BroadcastOutcome;
use super::budget::Budget;
use super::error::ChainError;
use super::http::HttpResponse;
use super::source::ChainSource;

/// A parent and the child that spends an output of it. Its other inputs are confirmed: nodes take no larger families.
#[derive(Clone, Copy, Debug)]
pub struct Package<'a> {
    /// The transaction whose fee is too low.
    pub parent: &'a Transaction,
    /// The one that pays for both.
    pub child: &'a Transaction,
}

/// What became of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageOutcome {
    /// Of the parent.
    pub parent: BroadcastOutcome,
    /// Of the child. Without its parent it is a conflict: an input of it does not exist.
    pub child: BroadcastOutcome,
}

impl Package<'_> {
    /// Offers the parent first, the child second.
    ///
    /// # Errors
    /// When our own limits ended the attempt.
    pub async fn one_by_one<S: ChainSource + ?Sized>(
        self,
        source: &S,
        budget: &Budget,
    ) -> Result<PackageOutcome, ChainError> {
        let parent = source.broadcast(self.parent, budget).await?;
        if let BroadcastOutcome::Unreachable { text } = parent {
            return Ok(PackageOutcome::unreachable(&text));
        }
        let child = source.broadcast(self.child, budget).await?;
        Ok(PackageOutcome { parent, child })
    }

    /// The body of Esplora's `POST /txs/package`: the transactions in hex, parents first.
    pub(super) fn body(&self) -> Vec<u8> {
        let [parent, child] = [self.parent, self.child].map(serialize_hex);
        format!(r#"["{parent}","{child}"]"#).into_bytes()
    }

    /// Reads the answer to it, which is that of a node's `submitpackage`. `None`: it does not speak of both, so nobody knows
    /// what became of them.
    pub(super) fn outcome(&self, response: &HttpResponse) -> Option<PackageOutcome> {
        if !(200..300).contains(&response.status) {
            return None;
        }
        let said: SubmitPackageResult = serde_json::from_slice(&response.body).ok()?;
        let of = |transaction: &Transaction| {
            let result = said.tx_results.get(&transaction.compute_wtxid())?;
            Some(read(result))
        };
        Some(PackageOutcome {
            parent: of(self.parent)?,
            child: of(self.child)?,
        })
    }
}

impl PackageOutcome {
    pub(super) fn unreachable(text: &str) -> Self {
        let unreachable = || BroadcastOutcome::Unreachable { text: text.into() };
        PackageOutcome {
            parent: unreachable(),
            child: unreachable(),
        }
    }
}

fn read(result: &TxResult) -> BroadcastOutcome {
    match (&result.error, result.other_wtxid) {
        (Some(text), _) => BroadcastOutcome::refused(text),
        // The same transaction with another witness.
        (None, Some(_)) => BroadcastOutcome::AlreadyKnown,
        (None, None) => BroadcastOutcome::Accepted,
    }
}
