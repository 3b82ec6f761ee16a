//! Which claims go out, and when a case needs attention next.

use super::*;
use crate::channel::Direction;
use crate::court::fixtures::outputs::{claim, contract, dossier, htlc_numbered, spender, EXPIRY};
use crate::court::fixtures::{block, closed, CLOSED_AT};
use crate::court::{CloseKind, ContractRole, Reason, Resolution};
use crate::protocol::{ChannelType, ContractOutput, Party, SpendPath};

const ANCHORS: ChannelType = ChannelType::AnchorsZeroFeeHtlc;

/// Three expired HTLCs on the peer's commitment.
fn three() -> Case {
    let expired = |id| Contract {
        role: ContractRole::OutgoingTimeout,
        ..htlc_numbered(Party::Remote, Direction::Outgoing, id)
    };
    let contracts = (0..3).map(expired).collect();
    closed(CloseKind::Remote { number: 0 }, contracts)
}

/// Holds another claim of these of them.
fn claims_of(case: &mut Case, indices: &[usize], since: u32) {
    let terms = dossier(ANCHORS).terms;
    let claimed: Vec<&Contract> = indices.iter().map(|it| &case.contracts[*it]).collect();
    let mut transaction = spender(&terms, &claimed, SpendPath::HtlcTimeoutDirect);
    // Each has a txid of its own.
    transaction.lock_time = bitcoin::absolute::LockTime::from_consensus(since);
    case.broadcasts.push(claim(transaction, since));
}

/// Which of the claims go out, by their order.
fn out(case: &Case) -> Vec<usize> {
    let due: Vec<_> = due_broadcasts(case).map(|held| held.txid).collect();
    let all = case.broadcasts.iter().enumerate();
    all.filter(|(_, held)| due.contains(&held.txid))
        .map(|(index, _)| index)
        .collect()
}

fn taken_by_the_peer(case: &mut Case, index: usize) {
    case.contracts[index].progress = Progress::Spent {
        resolution: Resolution::Fulfilled {
            txid: bitcoin::hashes::Hash::all_zeros(),
        },
        block: block(EXPIRY),
        settled: false,
    };
}

#[test]
fn a_claim_goes_out_until_one_that_takes_an_output_of_it_replaces_it() {
    let mut case = three();
    claims_of(&mut case, &[0, 1, 2], 1);
    assert_eq!(out(&case), [0]);
    claims_of(&mut case, &[0], 2);
    assert_eq!(out(&case), [1], "both cannot confirm");
    claims_of(&mut case, &[1], 3);
    claims_of(&mut case, &[2], 4);
    assert_eq!(out(&case), [1, 2, 3]);
}

#[test]
fn a_claim_with_an_output_that_somebody_took_goes_out_no_more_and_replaces_nothing() {
    let mut case = three();
    claims_of(&mut case, &[1], 1);
    claims_of(&mut case, &[0, 1], 2);
    assert_eq!(out(&case), [1]);
    taken_by_the_peer(&mut case, 0);
    assert_eq!(
        out(&case),
        [0],
        "the older one is all that can still confirm"
    );
}

#[test]
fn a_claim_that_costs_too_much_to_raise_stays_out() {
    let mut case = three();
    claims_of(&mut case, &[0], 1);
    let reason = Reason::FeeAboveValue { fee_sat: 1 };
    case.contracts[0].progress = Progress::Uneconomic { reason };
    assert_eq!(out(&case), [0]);
}

#[test]
fn a_claim_goes_out_only_while_its_outputs_are_there() {
    let mut case = three();
    claims_of(&mut case, &[0], 1);
    case.contracts[0].progress = Progress::Contested { until: EXPIRY };
    assert!(
        out(&case).is_empty(),
        "a reorg put the tip below its lock time"
    );
    case.contracts.clear();
    assert!(out(&case).is_empty(), "a reorg took the close");
}

/// The next height for one output of a settled close that has come so far.
fn next(progress: Progress, tip: u32) -> Option<u32> {
    let contract = Contract {
        progress,
        ..contract(Party::Remote, ContractOutput::ToRemote, 0)
    };
    let mut case = closed(CloseKind::Remote { number: 0 }, vec![contract]);
    case.state = ArbitratorState::WaitingFullResolution;
    next_height(&case, &dossier(ANCHORS), tip, &Policy::default())
}

#[test]
fn the_next_height_is_that_of_what_the_case_waits_for() {
    let policy = Policy::default();
    // The close is irrevocable, and tells of itself no more.
    let tip = CLOSED_AT + policy.final_depth;
    let left = |reason| Progress::Uneconomic { reason };
    for (progress, expected) in [
        (
            Progress::Maturing {
                claimable_at: tip + 7,
            },
            Some(tip + 7),
        ),
        (Progress::Contested { until: tip + 8 }, Some(tip + 8)),
        (Progress::Claimable, Some(tip + 1)),
        (left(Reason::ReserveNeeded { fee_sat: 1 }), Some(tip + 1)),
        (
            left(Reason::FeeAboveValue { fee_sat: 1 }),
            Some(tip + policy.reprice_interval),
        ),
        (left(Reason::AnchorAlone), None),
        (
            Progress::GivenUp {
                reason: Reason::NotOurs,
            },
            None,
        ),
    ] {
        assert_eq!(next(progress, tip), expected, "{progress:?}");
    }
}

#[test]
fn a_close_is_looked_at_when_it_settles_and_when_it_is_irrevocable() {
    let reason = Reason::AnchorAlone;
    let at = |tip| next(Progress::Uneconomic { reason }, tip);
    assert_eq!(at(CLOSED_AT), Some(CLOSED_AT + 2));
    assert_eq!(at(CLOSED_AT + 2), Some(CLOSED_AT + 99));
    assert_eq!(at(CLOSED_AT + 99), None);
}
