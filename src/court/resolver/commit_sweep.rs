//! Our balance on a commitment, `to_local` of ours after its delay, `to_remote` of the peer's as soon as its format
//! allows; and what our second-level transactions leave, after the same delay.
//!
//! | nobody has spent it, and            | then                     |
//! |-------------------------------------|--------------------------|
//! | its delay has not passed            | `Maturing`               |
//! | its delay has passed                | `Claimable`              |

use super::{claimable_at, from, Contract, ContractRole, Next, View};
use crate::protocol::ContractOutput;

pub(super) fn next(contract: &Contract, view: &View<'_>) -> Next {
    // BOLT 5: `to_local` and second-level outputs may be spent once the delay has passed; `to_remote` after the
    // format's own (one block where there are anchors, none otherwise).
    let delay = match contract.output {
        ContractOutput::ToRemote => to_remote_delay(contract, view),
        ContractOutput::ToLocal
        | ContractOutput::SecondLevel
        | ContractOutput::OwnerAnchor
        | ContractOutput::CounterpartyAnchor
        | ContractOutput::Htlc { .. } => view.terms.party(contract.owner).to_self_delay,
    };
    let height = claimable_at(view.created.height, delay);
    (ContractRole::CommitSweep, from(height, view.tip))
}

/// Blocks that `to_remote` makes us wait in the channel's format.
fn to_remote_delay(contract: &Contract, view: &View<'_>) -> u16 {
    let Some(keys) = view.keys else { return 0 };
    let format = view.terms.channel_type.format();
    let delay = view.terms.party(contract.owner).to_self_delay;
    format
        .spend(&contract.output, contract.path(), &keys, delay)
        .and_then(|template| template.sequence.to_relative_lock_time())
        .map_or(0, |lock| match lock {
            bitcoin::relative::LockTime::Blocks(blocks) => blocks.value(),
            bitcoin::relative::LockTime::Time(_) => 0,
        })
}

#[cfg(test)]
mod tests {
    use super::super::Progress;
    use super::*;
    use crate::config::Policy;
    use crate::court::fixtures::outputs::{contract, terms, view, DELAY};
    use crate::court::fixtures::CLOSED_AT;
    use crate::protocol::{ChannelType, Party};

    #[test]
    fn an_output_matures_until_the_block_after_the_tip_may_hold_its_sweep() {
        let delayed = CLOSED_AT + u32::from(DELAY) - 1;
        let (local, remote) = (Party::Local, Party::Remote);
        for (owner, output, channel_type, claimable_at) in [
            (
                local,
                ContractOutput::ToLocal,
                ChannelType::StaticRemotekey,
                delayed,
            ),
            (
                local,
                ContractOutput::ToLocal,
                ChannelType::AnchorsZeroFeeHtlc,
                delayed,
            ),
            (
                local,
                ContractOutput::SecondLevel,
                ChannelType::StaticRemotekey,
                delayed,
            ),
            (
                local,
                ContractOutput::SecondLevel,
                ChannelType::AnchorsZeroFeeHtlc,
                delayed,
            ),
            (
                remote,
                ContractOutput::ToRemote,
                ChannelType::StaticRemotekey,
                CLOSED_AT,
            ),
            // One block, which is the next.
            (
                remote,
                ContractOutput::ToRemote,
                ChannelType::AnchorsZeroFeeHtlc,
                CLOSED_AT,
            ),
        ] {
            let contract = contract(owner, output, 0);
            let (terms, policy) = (terms(channel_type), Policy::default());
            let at = |tip| next(&contract, &view(&contract, &terms, &policy, tip)).1;
            let what = format!("{owner:?} {output:?} {channel_type:?}");
            assert_eq!(at(claimable_at), Progress::Claimable, "{what}");
            let maturing = Progress::Maturing { claimable_at };
            assert_eq!(at(claimable_at - 1), maturing, "{what}");
        }
    }
}
