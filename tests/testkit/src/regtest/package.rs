//! A parent and its child, handed to the node together.

use bitcoin::{Amount, OutPoint, Transaction};

use super::Bitcoind;
use crate::chain::{Chain, Reject, Submitted};
use crate::index::inputs;
use crate::memory::{check_min_fee, DEFAULT_MIN_FEE};

impl Bitcoind {
    /// Hands them over, unless they are below the minimum that the wrapper keeps in the node's stead.
    pub(super) fn take_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Submitted, Reject> {
        match self.check_package(parent, child) {
            Ok(()) => self.rpc.send_package(parent, child),
            Err(refusal) => Ok(Submitted {
                parent: Err(refusal.clone()),
                child: Err(refusal),
            }),
        }
    }

    fn check_package(&self, parent: &Transaction, child: &Transaction) -> Result<(), Reject> {
        let min_fee = self.state().min_fee;
        if min_fee <= DEFAULT_MIN_FEE {
            return Ok(());
        }
        let [first, second] = [parent, child].map(|it| it.weight().to_vbytes_ceil());
        let [of_parent, of_child] = [self.fee(parent, None), self.fee(child, Some(parent))];
        let is_there = self
            .rpc
            .mempool_transaction(parent.compute_txid())
            .is_some();
        if is_there || check_min_fee(of_parent, first, min_fee).is_ok() {
            check_min_fee(of_child, second, min_fee)
        } else {
            check_min_fee(of_parent + of_child, first + second, min_fee)
        }
    }

    /// What a transaction pays, whose inputs are known outputs or a parent's.
    fn fee(&self, transaction: &Transaction, parent: Option<&Transaction>) -> Amount {
        let value = |(_, input): (u32, OutPoint)| {
            let parent = parent.filter(|parent| parent.compute_txid() == input.txid);
            let made = parent
                .cloned()
                .or_else(|| Some(self.transaction(input.txid)?.transaction));
            let vout = usize::try_from(input.vout).ok()?;
            Some(made?.output.get(vout)?.value)
        };
        let paid_in: Amount = inputs(transaction).filter_map(value).sum();
        let paid_out: Amount = transaction.output.iter().map(|output| output.value).sum();
        paid_in.checked_sub(paid_out).unwrap_or(Amount::ZERO)
    }
}
