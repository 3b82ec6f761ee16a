//! The stage of a channel's life that its case means, and why it takes no more updates.

use super::{ArbitratorState, Case, FundingState};
use crate::channel::{Lifecycle, Refusal};

/// The stage of the channel's life. The store keeps it in a column, so that it can be asked for.
pub fn lifecycle(case: &Case) -> Lifecycle {
    match case.state {
        ArbitratorState::FullyResolved => Lifecycle::Closed,
        ArbitratorState::BroadcastCommit
        | ArbitratorState::CommitmentBroadcasted
        | ArbitratorState::ContractClosed
        | ArbitratorState::WaitingFullResolution => Lifecycle::Closing,
        ArbitratorState::Default if case.latches.updates_refused || case.cancelled.is_some() => {
            Lifecycle::Closing
        }
        ArbitratorState::Default => match case.funding {
            FundingState::Open(_) => Lifecycle::Open,
            // Confirmed without its output the channel is on the chain no more than unconfirmed.
            FundingState::Pending | FundingState::Mismatch(_) => Lifecycle::Pending,
        },
    }
}

/// Why the channel takes no more updates, the gravest reason first; `None` while it takes them.
pub fn refusal(case: &Case) -> Option<Refusal> {
    let latches = &case.latches;
    if case.state == ArbitratorState::FullyResolved {
        Some(Refusal::Ended)
    } else if latches.data_loss.is_some() {
        Some(Refusal::DataLoss)
    } else if case.cancelled.is_some() {
        Some(Refusal::FundingCancelled)
    } else if latches.restored {
        Some(Refusal::Restored)
    } else if latches.force_close.is_some() {
        Some(Refusal::ForceClose)
    } else if case.close.is_some() {
        Some(Refusal::Closed)
    } else if let Some(txid) = latches.cooperative {
        Some(Refusal::CooperativeClose { txid })
    } else if latches.updates_refused {
        Some(Refusal::Closed)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::court::{Block, Cancelled, ForceClose, Latches};
    use bitcoin::hashes::Hash;
    use bitcoin::{BlockHash, Txid};

    fn open() -> Case {
        Case {
            funding: FundingState::Open(Block {
                height: 1,
                hash: BlockHash::all_zeros(),
            }),
            ..Case::default()
        }
    }

    fn latched(latch: impl FnOnce(&mut Latches)) -> Case {
        let mut case = open();
        case.latches.updates_refused = true;
        latch(&mut case.latches);
        case
    }

    fn cancelled() -> Case {
        Case {
            cancelled: Some(Cancelled::default()),
            ..Case::default()
        }
    }

    fn ended() -> Case {
        Case {
            state: ArbitratorState::FullyResolved,
            ..latched(|latches| latches.data_loss = Some(1))
        }
    }

    #[test]
    fn a_channel_takes_updates_while_it_is_pending_or_open_and_then_says_why_not() {
        let txid = Txid::all_zeros();
        let cases = [
            (Case::default(), Lifecycle::Pending, None),
            (open(), Lifecycle::Open, None),
            (
                cancelled(),
                Lifecycle::Closing,
                Some(Refusal::FundingCancelled),
            ),
            (
                latched(|latches| latches.force_close = Some(ForceClose { since: 1 })),
                Lifecycle::Closing,
                Some(Refusal::ForceClose),
            ),
            (
                latched(|latches| latches.cooperative = Some(txid)),
                Lifecycle::Closing,
                Some(Refusal::CooperativeClose { txid }),
            ),
            (
                latched(|latches| latches.data_loss = Some(1)),
                Lifecycle::Closing,
                Some(Refusal::DataLoss),
            ),
            (latched(|_| {}), Lifecycle::Closing, Some(Refusal::Closed)),
            (ended(), Lifecycle::Closed, Some(Refusal::Ended)),
        ];
        for (case, stage, why) in cases {
            assert_eq!((lifecycle(&case), refusal(&case)), (stage, why), "{case:?}");
        }
    }

    #[test]
    fn the_gravest_reason_is_the_one_that_is_told() {
        let case = latched(|latches| {
            latches.force_close = Some(ForceClose { since: 1 });
            latches.cooperative = Some(Txid::all_zeros());
            latches.data_loss = Some(1);
        });
        assert_eq!(refusal(&case), Some(Refusal::DataLoss));
    }
}
