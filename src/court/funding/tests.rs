//! When the coins of a funding are looked at, and what it means that another transaction has one.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Transaction, TxIn};

use super::*;
use crate::channel::SummaryKind;
use crate::court::fixtures::{block, channel, dossier, quiet};
use crate::court::{advance, ArbitratorState, Broadcast, Input, SummaryChange, Told};

fn coin(vout: u32) -> OutPoint {
    OutPoint::new(channel().txid, vout)
}

/// Our funding, which spends two coins, as a server answered it.
fn pending(outcome: Option<Outcome>) -> Case {
    let input = |vout| TxIn {
        previous_output: coin(vout),
        ..TxIn::default()
    };
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![input(7), input(8)],
        output: Vec::new(),
    };
    Case {
        broadcasts: vec![Broadcast {
            txid: transaction.compute_txid(),
            purpose: BroadcastPurpose::Funding,
            transaction,
            since: 100,
            outcome,
            coins: Vec::new(),
        }],
        ..Case::default()
    }
}

fn refused() -> Case {
    pending(Some(Outcome::Conflict("spent".into())))
}

#[test]
fn coins_are_looked_at_once_a_server_refuses_the_funding_and_not_as_too_cheap() {
    let both = vec![coin(7), coin(8)];
    for (outcome, looked_at) in [
        (None, vec![]),
        (Some(Outcome::Accepted), vec![]),
        (Some(Outcome::AlreadyKnown), vec![]),
        (Some(Outcome::FeeTooLow), vec![]),
        (Some(Outcome::Unreachable), vec![]),
        (Some(Outcome::Conflict("spent".into())), both.clone()),
        (Some(Outcome::Other("in words of its own".into())), both),
    ] {
        assert_eq!(
            contested_coins(&pending(outcome.clone())),
            looked_at,
            "{outcome:?}"
        );
    }
}

#[test]
fn they_are_looked_at_for_as_long_as_one_is_taken_whatever_a_server_says() {
    let mut case = pending(Some(Outcome::Accepted));
    case.double_spend = Some(double_spend(150));
    assert_eq!(contested_coins(&case).len(), 2);
}

#[test]
fn a_funding_on_the_chain_has_no_coins_to_look_at() {
    let mut case = refused();
    case.funding = FundingState::Open(block(150));
    assert_eq!(contested_coins(&case), vec![]);
}

fn double_spend(height: u32) -> DoubleSpend {
    DoubleSpend {
        coin: coin(8),
        by: bitcoin::hashes::Hash::all_zeros(),
        block: block(height),
    }
}

/// A look at the coins.
fn sees(case: &Case, funding_coins: FundingCoins, told: Told) -> Step {
    let facts = Facts {
        funding: FundingFact::Unconfirmed,
        funding_coins,
        told,
        ..quiet(200)
    };
    let dossier = dossier(&[]);
    let input = Input::Facts(Box::new(facts));
    let step = advance(case, &dossier, &input, &Policy::default()).expect("no close");
    let again = advance(&step.case, &dossier, &input, &Policy::default()).expect("no close");
    assert!(again.is_empty(&step.case), "a repeat");
    step
}

fn ids(step: &Step) -> Vec<String> {
    step.events.iter().map(|it| it.id()).collect()
}

#[test]
fn a_coin_that_is_taken_is_told_once_and_ends_the_channel_when_that_is_final() {
    let taken = double_spend(101);
    let told = Told::ToNobodyInParticular;
    let step = sees(&refused(), FundingCoins::Spent(taken, 99), told);
    assert_eq!(step.case.double_spend, Some(taken));
    assert_eq!(step.events.len(), 1, "{:?}", ids(&step));
    assert_eq!(step.case.state, ArbitratorState::Default);
    let step = sees(&step.case, FundingCoins::Spent(taken, 100), told);
    assert_eq!(step.case.state, ArbitratorState::FullyResolved);
    let SummaryChange::Put(summary) = step.summary else {
        panic!("{:?}", step.summary);
    };
    let by = taken.by;
    assert_eq!(summary.kind, SummaryKind::FundingDoubleSpent { by });
}

#[test]
fn the_end_waits_for_those_who_asked_it_to() {
    let taken = FundingCoins::Spent(double_spend(101), 100);
    let step = sees(&refused(), taken, Told::Awaited);
    assert_eq!(step.case.state, ArbitratorState::Default);
}

#[test]
fn what_was_not_looked_at_says_nothing_and_a_free_coin_takes_the_alarm_back() {
    let mut case = refused();
    case.double_spend = Some(double_spend(150));
    let told = Told::ToNobodyInParticular;
    let step = sees(&case, FundingCoins::Unknown, told);
    assert!(step.is_empty(&case));
    let step = sees(&case, FundingCoins::Free, told);
    assert_eq!(step.case.double_spend, None);
    assert_eq!(step.events.len(), 1, "{:?}", ids(&step));
}

#[test]
fn the_next_thing_to_do_is_the_end() {
    let mut case = refused();
    assert_eq!(void_at(&case, &Policy::default()), None);
    case.double_spend = Some(double_spend(150));
    assert_eq!(void_at(&case, &Policy::default()), Some(249));
}
