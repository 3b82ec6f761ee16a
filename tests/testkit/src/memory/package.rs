//! A parent and its child, judged together as bitcoind's `submitpackage` does: each alone first, and the two at the feerate
//! that they reach together where only the fee was too low.

use bitcoin::{Transaction, Txid};

use super::ledger::Ledger;
use super::mempool::{check_min_fee, Door, Mempool, FULL};
use crate::chain::{Reject, Submitted};

impl Mempool {
    /// Takes a package that somebody sends.
    pub(crate) fn submit_package(
        &mut self,
        ledger: &mut Ledger,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Submitted, Reject> {
        let txid = parent.compute_txid();
        let mut inputs = child.input.iter();
        if !inputs.any(|input| input.previous_output.txid == txid) {
            return Err(Reject {
                code: -25,
                text: "package topology disallowed. not child-with-parents or parents depend on \
                       each other."
                    .into(),
            });
        }
        let alone = self.submit(ledger, parent);
        Ok(match alone {
            Ok(_) => Submitted {
                parent: alone,
                child: self.submit(ledger, child),
            },
            Err(ref refusal) if is_too_cheap(refusal) => match self.join(ledger, parent, child) {
                Ok(child) => Submitted {
                    parent: Ok(txid),
                    child: Ok(child),
                },
                Err(refusal) => Submitted {
                    parent: alone,
                    child: Err(refusal),
                },
            },
            Err(_) => Submitted {
                parent: alone,
                child: self.submit(ledger, child),
            },
        })
    }

    /// Takes the two at the feerate that they reach together.
    fn join(
        &mut self,
        ledger: &mut Ledger,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Txid, Reject> {
        let first = self.examine(ledger, parent, None, Door::Policy)?;
        let second = self.examine(ledger, child, Some(parent), Door::Policy)?;
        let (fee, vsize) = (first.fee + second.fee, first.vsize + second.vsize);
        check_min_fee(fee, vsize, self.min_fee)?;
        let mut conflicts = self.conflicts(parent);
        for conflict in self.conflicts(child) {
            if !conflicts.contains(&conflict) {
                conflicts.push(conflict);
            }
        }
        self.check_replacement(child, fee, vsize, &conflicts)?;
        for conflict in conflicts {
            self.remove(conflict);
        }
        self.insert(first);
        self.insert(second);
        Ok(child.compute_txid())
    }
}

/// Whether the fee alone was the reason, and one that a child may make up for. Below the minimum that is relayed at all, every
/// transaction of a package has to be good alone.
fn is_too_cheap(refusal: &Reject) -> bool {
    let reasons = [FULL, "insufficient fee"];
    reasons.iter().any(|it| refusal.text.starts_with(it))
}
