//! What a proven spend means, whoever made it: who has the output now, and which outputs it left for us to resolve.

use bitcoin::{OutPoint, Witness};

use super::{claimable_at, Contract, ContractRole, Progress, Resolution, View};
use crate::channel::{ChannelTerms, Direction};
use crate::court::Spend;
use crate::protocol::{CommitmentKeys, ContractOutput, Party, RecognisedSpend, SpendPath, Spender};

/// A proven spend ends every contract.
pub(super) fn spent(contract: &Contract, view: &View<'_>) -> Option<Progress> {
    let spend = view.spend?;
    let (block, depth) = spend.confirmed?;
    let resolution = resolution(contract, view, spend);
    // BOLT 5: an output is irrevocably resolved once the resolving transaction is 100 blocks deep.
    Some(if depth >= view.policy.final_depth {
        Progress::Resolved { resolution }
    } else {
        Progress::Spent {
            resolution,
            block,
            settled: depth >= view.settle_depth,
        }
    })
}

/// Who has the output now. The witness tells whose key made it. Where the money went with our key is known for what we
/// signed here, and for a second-level transaction, whose output BOLT 3 fixes; anything else is another device's with the
/// same seed, or a thief's.
fn resolution(contract: &Contract, view: &View<'_>, spend: &Spend) -> Resolution {
    let txid = spend.txid;
    let how = view
        .keys
        .and_then(|keys| recognise(contract, view.terms, &keys, spend));
    let Some(how) = how else {
        return Resolution::SweptByAnother { txid };
    };
    let direction = contract.htlc_figures().map(|(direction, ..)| direction);
    match (is_ours(contract, how.spender), direction) {
        (true, _) if view.is_held || is_second_level(how.path) => Resolution::Claimed { txid },
        (true, _) => Resolution::SweptByAnother { txid },
        (false, Some(Direction::Outgoing)) if how.preimage.is_some() => {
            Resolution::Fulfilled { txid }
        }
        (false, Some(Direction::Incoming)) if is_timeout(how.path) => Resolution::TimedOut { txid },
        (false, Some(_) | None) => Resolution::SweptByAnother { txid },
    }
}

fn is_ours(contract: &Contract, spender: Spender) -> bool {
    match spender {
        Spender::Owner => contract.owner == Party::Local,
        Spender::Counterparty => contract.owner == Party::Remote,
        Spender::Anyone => false,
    }
}

fn is_second_level(path: SpendPath) -> bool {
    match path {
        SpendPath::HtlcTimeoutSecondLevel | SpendPath::HtlcSuccessSecondLevel => true,
        SpendPath::ToLocalDelayed
        | SpendPath::ToLocalRevoked
        | SpendPath::ToRemote
        | SpendPath::AnchorOwner
        | SpendPath::AnchorAnyone
        | SpendPath::HtlcTimeoutDirect
        | SpendPath::HtlcSuccessDirect
        | SpendPath::HtlcRevoked
        | SpendPath::SecondLevelDelayed
        | SpendPath::SecondLevelRevoked => false,
    }
}

fn is_timeout(path: SpendPath) -> bool {
    match path {
        SpendPath::HtlcTimeoutSecondLevel | SpendPath::HtlcTimeoutDirect => true,
        SpendPath::ToLocalDelayed
        | SpendPath::ToLocalRevoked
        | SpendPath::ToRemote
        | SpendPath::AnchorOwner
        | SpendPath::AnchorAnyone
        | SpendPath::HtlcSuccessSecondLevel
        | SpendPath::HtlcSuccessDirect
        | SpendPath::HtlcRevoked
        | SpendPath::SecondLevelDelayed
        | SpendPath::SecondLevelRevoked => false,
    }
}

/// In which way the output was spent, and what that reveals; at any depth. `keys` are the commitment's.
pub(in crate::court) fn recognise(
    contract: &Contract,
    terms: &ChannelTerms,
    keys: &CommitmentKeys,
    spend: &Spend,
) -> Option<RecognisedSpend> {
    let delay = terms.party(contract.owner).to_self_delay;
    let (_, witness) = input_of(contract.outpoint, spend)?;
    terms
        .channel_type
        .format()
        .recognise(&contract.output, keys, delay, witness)
}

fn input_of(outpoint: OutPoint, spend: &Spend) -> Option<(usize, &Witness)> {
    let mut inputs = spend.transaction.input.iter().enumerate();
    inputs
        .find(|(_, input)| input.previous_output == outpoint)
        .map(|(index, input)| (index, &input.witness))
}

/// The contract that the second-level spend of an HTLC output leaves.
pub(in crate::court) fn child(
    contract: &Contract,
    terms: &ChannelTerms,
    keys: &CommitmentKeys,
    spend: &Spend,
) -> Option<Contract> {
    // BOLT 3: only HTLCs have a second level.
    contract.htlc_figures()?;
    let (block, _) = spend.confirmed?;
    let how = recognise(contract, terms, keys, spend)?;
    if !is_second_level(how.path) {
        return None;
    }
    let role = match (contract.owner, contract.role) {
        (Party::Local, _) => ContractRole::CommitSweep,
        (Party::Remote, ContractRole::Breach) => ContractRole::Breach,
        // The peer's own, on a commitment that it did not revoke.
        (Party::Remote, _) => return None,
    };
    // BOLT 3: the counterparty signs input and output of one index, or the whole transaction: the output of an
    // HTLC stands at its input's index, however many HTLCs the transaction takes together.
    let (index, _) = input_of(contract.outpoint, spend)?;
    let output = spend.transaction.output.get(index)?;
    let delay = terms.party(contract.owner).to_self_delay;
    let format = terms.channel_type.format();
    let expected = format.second_level_output(keys, delay);
    (output.script_pubkey == expected.script_pubkey).then(|| Contract {
        outpoint: OutPoint::new(spend.txid, u32::try_from(index).unwrap_or(u32::MAX)),
        value_sat: output.value.to_sat(),
        output: ContractOutput::SecondLevel,
        parent: Some(contract.outpoint),
        created: Some(block),
        role,
        progress: match role {
            ContractRole::CommitSweep => Progress::Maturing {
                claimable_at: claimable_at(block.height, delay),
            },
            ContractRole::OutgoingContest
            | ContractRole::OutgoingTimeout
            | ContractRole::IncomingContest
            | ContractRole::IncomingSuccess
            | ContractRole::Anchor
            | ContractRole::Breach => Progress::Claimable,
        },
        ..contract.clone()
    })
}

#[cfg(test)]
mod tests;
