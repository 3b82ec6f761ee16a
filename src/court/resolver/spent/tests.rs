//! Who has an output after each way of spending it, when that counts, and what it leaves.

use super::*;
use crate::config::Policy;
use crate::court::fixtures::block;
use crate::court::fixtures::outputs::{contract, htlc, spend, terms, view, DELAY, EXPIRY};
use crate::protocol::ChannelType;

/// How an output ends, as seen from us.
#[derive(Debug, PartialEq)]
enum End {
    Claimed,
    Fulfilled,
    TimedOut,
    Another,
}

fn child_of(parent: &Contract, terms: &ChannelTerms, spend: &Spend) -> Option<Contract> {
    child(parent, terms, &parent.keys(terms)?, spend)
}

fn end(contract: &Contract, path: SpendPath, is_held: bool) -> End {
    let (terms, policy) = (terms(ChannelType::AnchorsZeroFeeHtlc), Policy::default());
    let spend = spend(&terms, contract, path, 1);
    let view = View {
        spend: Some(&spend),
        is_held,
        ..view(contract, &terms, &policy, EXPIRY)
    };
    let progress = spent(contract, &view).expect("proven");
    match progress.resolution().expect("spent") {
        Resolution::Claimed { .. } => End::Claimed,
        Resolution::Fulfilled { .. } => End::Fulfilled,
        Resolution::TimedOut { .. } => End::TimedOut,
        Resolution::SweptByAnother { .. } => End::Another,
    }
}

#[test]
fn who_has_an_htlc_follows_from_the_way_it_was_spent() {
    let (outgoing, incoming) = (Direction::Outgoing, Direction::Incoming);
    for (owner, direction, path, expected) in [
        (
            Party::Local,
            outgoing,
            SpendPath::HtlcTimeoutSecondLevel,
            End::Claimed,
        ),
        (
            Party::Local,
            outgoing,
            SpendPath::HtlcSuccessDirect,
            End::Fulfilled,
        ),
        (Party::Local, outgoing, SpendPath::HtlcRevoked, End::Another),
        (
            Party::Local,
            incoming,
            SpendPath::HtlcSuccessSecondLevel,
            End::Claimed,
        ),
        (
            Party::Local,
            incoming,
            SpendPath::HtlcTimeoutDirect,
            End::TimedOut,
        ),
        (Party::Local, incoming, SpendPath::HtlcRevoked, End::Another),
        (
            Party::Remote,
            outgoing,
            SpendPath::HtlcTimeoutDirect,
            End::Claimed,
        ),
        (
            Party::Remote,
            outgoing,
            SpendPath::HtlcSuccessSecondLevel,
            End::Fulfilled,
        ),
        (
            Party::Remote,
            outgoing,
            SpendPath::HtlcRevoked,
            End::Claimed,
        ),
        (
            Party::Remote,
            incoming,
            SpendPath::HtlcSuccessDirect,
            End::Claimed,
        ),
        (
            Party::Remote,
            incoming,
            SpendPath::HtlcTimeoutSecondLevel,
            End::TimedOut,
        ),
        (
            Party::Remote,
            incoming,
            SpendPath::HtlcRevoked,
            End::Claimed,
        ),
    ] {
        let contract = htlc(owner, direction);
        let what = format!("{direction:?} on {owner:?}, {path:?}");
        assert_eq!(end(&contract, path, true), expected, "{what}");
    }
}

#[test]
fn who_has_a_balance_follows_from_the_way_and_from_whether_we_signed_it() {
    let (ours, theirs) = (Party::Local, Party::Remote);
    let to_local = ContractOutput::ToLocal;
    for (owner, output, path, is_held, expected) in [
        (
            ours,
            to_local,
            SpendPath::ToLocalDelayed,
            true,
            End::Claimed,
        ),
        (
            ours,
            to_local,
            SpendPath::ToLocalDelayed,
            false,
            End::Another,
        ),
        (
            ours,
            to_local,
            SpendPath::ToLocalRevoked,
            false,
            End::Another,
        ),
        (
            theirs,
            ContractOutput::ToRemote,
            SpendPath::ToRemote,
            true,
            End::Claimed,
        ),
        (
            theirs,
            ContractOutput::ToRemote,
            SpendPath::ToRemote,
            false,
            End::Another,
        ),
        (
            theirs,
            to_local,
            SpendPath::ToLocalRevoked,
            true,
            End::Claimed,
        ),
        (
            theirs,
            to_local,
            SpendPath::ToLocalDelayed,
            false,
            End::Another,
        ),
    ] {
        let contract = contract(owner, output, 0);
        let what = format!("{output:?} of {owner:?}, {path:?}, signed here: {is_held}");
        assert_eq!(end(&contract, path, is_held), expected, "{what}");
    }
}

#[test]
fn a_second_level_transaction_of_ours_is_ours_wherever_it_was_signed() {
    let contract = htlc(Party::Local, Direction::Outgoing);
    let path = SpendPath::HtlcTimeoutSecondLevel;
    assert_eq!(end(&contract, path, false), End::Claimed);
}

#[test]
fn a_spend_counts_from_its_first_block_settles_and_is_irrevocable_at_a_hundred() {
    let (terms, policy) = (terms(ChannelType::StaticRemotekey), Policy::default());
    let contract = htlc(Party::Remote, Direction::Outgoing);
    let at = |depth| {
        let spend = spend(&terms, &contract, SpendPath::HtlcTimeoutDirect, depth);
        let view = View {
            spend: Some(&spend),
            is_held: true,
            ..view(&contract, &terms, &policy, EXPIRY)
        };
        let txid = spend.txid;
        (spent(&contract, &view), Resolution::Claimed { txid })
    };
    assert_eq!(at(0).0, None, "in the mempool it is nobody's");
    for (depth, settled) in [(1, false), (2, false), (3, true), (99, true)] {
        let (progress, resolution) = at(depth);
        let block = block(EXPIRY);
        let expected = Progress::Spent {
            resolution,
            block,
            settled,
        };
        assert_eq!(progress, Some(expected), "{depth}");
    }
    let (progress, resolution) = at(100);
    assert_eq!(progress, Some(Progress::Resolved { resolution }));
}

#[test]
fn the_second_level_leaves_an_output_of_ours_at_the_index_of_its_input() {
    let terms = terms(ChannelType::AnchorsZeroFeeHtlc);
    let first = htlc(Party::Local, Direction::Outgoing);
    let second = Contract {
        outpoint: OutPoint::new(first.outpoint.txid, 1),
        ..first.clone()
    };
    let path = SpendPath::HtlcTimeoutSecondLevel;
    let both = crate::court::fixtures::outputs::spender(&terms, &[&first, &second], path);
    let spend = crate::court::fixtures::outputs::spent_by(both, 1);
    for (parent, index) in [(&first, 0), (&second, 1)] {
        let child = child_of(parent, &terms, &spend).expect("ours");
        assert_eq!(child.outpoint, OutPoint::new(spend.txid, index));
        assert_eq!(child.parent, Some(parent.outpoint));
        assert_eq!(child.role, ContractRole::CommitSweep);
        let claimable_at = EXPIRY + u32::from(DELAY) - 1;
        assert_eq!(child.progress, Progress::Maturing { claimable_at });
    }
}

#[test]
fn what_leaves_nothing_for_us_has_no_child() {
    let terms = terms(ChannelType::AnchorsZeroFeeHtlc);
    let ours = htlc(Party::Local, Direction::Outgoing);
    let theirs = htlc(Party::Remote, Direction::Outgoing);
    let unconfirmed = spend(&terms, &ours, SpendPath::HtlcTimeoutSecondLevel, 0);
    assert_eq!(child_of(&ours, &terms, &unconfirmed), None);
    let direct = spend(&terms, &ours, SpendPath::HtlcSuccessDirect, 1);
    assert_eq!(child_of(&ours, &terms, &direct), None);
    let honest = spend(&terms, &theirs, SpendPath::HtlcSuccessSecondLevel, 1);
    assert_eq!(child_of(&theirs, &terms, &honest), None);
    let cheated = Contract {
        role: ContractRole::Breach,
        ..theirs
    };
    let child = child_of(&cheated, &terms, &honest).expect("a penalty as well");
    assert_eq!(child.role, ContractRole::Breach);
}
