//! Every row of the table, and when a claim is made anew.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Amount, TxIn, Txid};

use super::*;
use crate::channel::{Direction, HtlcOrigin};
use crate::court::fixtures::outputs::{
    claim, contract, dossier, htlc_numbered, life, spender, EXPIRY,
};
use crate::court::fixtures::{closed, CLOSED_AT, PEER_DELAY};
use crate::court::{CloseKind, Coin, Reason, Resolution};
use crate::protocol::ChannelType;

const ANCHORS: ChannelType = ChannelType::AnchorsZeroFeeHtlc;
const STATIC: ChannelType = ChannelType::StaticRemotekey;

/// The outputs of each claim that has to be made, by their indices on the commitment.
fn grouped(contracts: Vec<Contract>, channel_type: ChannelType, tip: u32) -> Vec<Vec<u32>> {
    let case = closed(CloseKind::Remote { number: 0 }, contracts);
    indices(&claims(
        &case,
        &dossier(channel_type),
        tip,
        &Policy::default(),
    ))
}

fn indices(claims: &[Claim]) -> Vec<Vec<u32>> {
    let of = |claim: &Claim| claim.contracts.iter().map(|it| it.outpoint.vout).collect();
    claims.iter().map(of).collect()
}

/// An HTLC of ours that is expired.
fn timeout(owner: Party, id: u64) -> Contract {
    Contract {
        role: ContractRole::OutgoingTimeout,
        ..htlc_numbered(owner, Direction::Outgoing, id)
    }
}

/// The same with another expiry.
fn timeout_at(owner: Party, id: u64, expiry: u32) -> Contract {
    let mut contract = timeout(owner, id);
    if let ContractOutput::Htlc { cltv_expiry, .. } = &mut contract.output {
        *cltv_expiry = expiry;
    }
    contract
}

/// An HTLC of the peer's that is ours to claim.
fn success(owner: Party, id: u64) -> Contract {
    Contract {
        role: ContractRole::IncomingSuccess,
        ..htlc_numbered(owner, Direction::Incoming, id)
    }
}

/// An output of a revoked commitment.
fn penalty(contract: Contract) -> Contract {
    Contract {
        role: ContractRole::Breach,
        ..contract
    }
}

/// Our balance on our commitment, and what our second-level transactions left of two HTLCs.
fn delayed() -> Vec<Contract> {
    let outputs = [
        ContractOutput::ToLocal,
        ContractOutput::SecondLevel,
        ContractOutput::SecondLevel,
    ];
    let outputs = (0..).zip(outputs);
    outputs
        .map(|(vout, output)| contract(Party::Local, output, vout))
        .collect()
}

#[test]
fn what_nobody_else_can_spend_goes_together_once_it_is_ours() {
    let mut contracts = delayed();
    let number = 0;
    let on = |kind, contracts| indices(&due(&closed(kind, contracts), EXPIRY));
    assert_eq!(
        on(CloseKind::Local { number }, contracts.clone()),
        [[0, 1, 2]]
    );
    // On an older commitment of ours the peer may take one of them.
    assert_eq!(
        on(CloseKind::LocalOther { number }, contracts.clone()),
        [[0], [1], [2]]
    );
    // Nothing waits for what matures later.
    let claimable_at = EXPIRY + 1;
    contracts[1].progress = Progress::Maturing { claimable_at };
    assert_eq!(on(CloseKind::Local { number }, contracts), [[0, 2]]);
}

/// The same, in one claim that is out since `since`.
fn swept_together(since: u32) -> Case {
    let contracts = delayed();
    let terms = dossier(ANCHORS).terms;
    let mut transaction = spender(&terms, &[&contracts[0]], SpendPath::ToLocalDelayed);
    let all: Vec<&Contract> = contracts.iter().skip(1).collect();
    let behind = spender(&terms, &all, SpendPath::SecondLevelDelayed);
    transaction.input.extend(behind.input);
    let mut case = closed(CloseKind::Local { number: 0 }, contracts);
    case.broadcasts.push(claim(transaction, since));
    case
}

#[test]
fn an_input_that_a_reorg_makes_wait_holds_up_no_other() {
    let mut case = swept_together(EXPIRY);
    assert!(due(&case, EXPIRY).is_empty());
    let claimable_at = EXPIRY + 7;
    case.contracts[2].progress = Progress::Maturing { claimable_at };
    let anew = due(&case, EXPIRY);
    assert_eq!(indices(&anew), [[0, 1]]);
    assert_eq!(anew[0].raise, None, "no mempool holds what may not confirm");
    // The rest is out, and what waited goes after it by itself.
    let terms = dossier(ANCHORS).terms;
    let rest = spender(&terms, &[&case.contracts[0]], SpendPath::ToLocalDelayed);
    let more = spender(&terms, &[&case.contracts[1]], SpendPath::SecondLevelDelayed);
    let rest = Transaction {
        input: [rest.input, more.input].concat(),
        ..rest
    };
    case.broadcasts.push(claim(rest, EXPIRY));
    assert!(due(&case, EXPIRY).is_empty());
    case.contracts[2].progress = Progress::Claimable;
    assert_eq!(indices(&due(&case, EXPIRY)), [[2]]);
}

#[test]
fn an_input_that_a_reorg_takes_away_holds_up_no_other() {
    let mut case = swept_together(EXPIRY);
    case.contracts.remove(1);
    assert_eq!(indices(&due(&case, EXPIRY)), [[0, 2]]);
}

#[test]
fn expired_htlcs_go_with_those_of_their_lock_time() {
    for (owner, channel_type) in [
        (Party::Remote, STATIC),
        (Party::Remote, ANCHORS),
        (Party::Local, ANCHORS),
    ] {
        let contracts = vec![
            timeout(owner, 0),
            timeout_at(owner, 1, EXPIRY - 1),
            timeout(owner, 2),
        ];
        let groups = grouped(contracts, channel_type, EXPIRY);
        assert_eq!(groups, [vec![1], vec![0, 2]], "{owner:?} {channel_type:?}");
    }
}

#[test]
fn as_signed_by_the_peer_a_second_level_goes_alone() {
    let contracts = vec![timeout(Party::Local, 0), timeout(Party::Local, 1)];
    assert_eq!(grouped(contracts, STATIC, EXPIRY), [[0], [1]]);
}

#[test]
fn what_we_claim_with_preimages_goes_together_until_the_peer_can_take_one_back() {
    let margin = Policy::default().justice_split_margin;
    for owner in [Party::Local, Party::Remote] {
        let contracts = vec![success(owner, 0), success(owner, 1)];
        let early = grouped(contracts.clone(), ANCHORS, EXPIRY - margin - 1);
        assert_eq!(early, [vec![0, 1]], "{owner:?}");
        let late = grouped(contracts, ANCHORS, EXPIRY - margin);
        assert_eq!(late, [[0], [1]], "{owner:?}");
    }
}

#[test]
fn what_we_take_back_and_what_we_claim_never_go_together() {
    let contracts = vec![timeout(Party::Remote, 0), success(Party::Remote, 1)];
    assert_eq!(grouped(contracts, ANCHORS, EXPIRY - 100).len(), 2);
}

/// A breach: two HTLCs, the first of them worth less, the cheater's balance and ours.
fn breach() -> Case {
    let small = Contract {
        value_sat: 10_000,
        ..htlc_numbered(Party::Remote, Direction::Outgoing, 0)
    };
    let outputs = vec![
        penalty(small),
        penalty(htlc_numbered(Party::Remote, Direction::Incoming, 1)),
        penalty(contract(Party::Remote, ContractOutput::ToLocal, 2)),
        contract(Party::Remote, ContractOutput::ToRemote, 3),
    ];
    closed(CloseKind::Breach { number: 0 }, outputs)
}

/// The same, with a claim of each group out since the close.
fn punished() -> Case {
    let mut case = breach();
    for group in due(&case, CLOSED_AT) {
        let inputs = group.contracts.iter().map(|contract| TxIn {
            previous_output: contract.outpoint,
            ..TxIn::default()
        });
        let transaction = Transaction {
            version: Version::TWO,
            lock_time: LockTime::ZERO,
            input: inputs.collect(),
            output: Vec::new(),
        };
        case.broadcasts.push(claim(transaction, CLOSED_AT));
    }
    case
}

#[test]
fn of_a_breach_what_can_be_pinned_and_what_cannot_go_apart_and_each_alone_before_the_delay_is_over()
{
    let margin = Policy::default().justice_split_margin;
    let deadline = CLOSED_AT + u32::from(PEER_DELAY);
    let early = due(&breach(), deadline - margin - 1);
    assert_eq!(indices(&early), [vec![2, 3], vec![0, 1]]);
    let late = due(&breach(), deadline - margin);
    assert_eq!(indices(&late), [[0], [1], [2], [3]]);
}

#[test]
fn justice_that_waits_is_taken_apart_where_it_can_be_pinned_and_the_most_valuable_goes_first() {
    let case = punished();
    let patience = Policy::default().claim_patience;
    // Before that each group is bid for as it is.
    assert_eq!(due(&case, CLOSED_AT), []);
    let repriced = due(&case, CLOSED_AT + patience - 1);
    assert_eq!(indices(&repriced), [vec![0, 1], vec![2, 3]]);
    let anew = due(&case, CLOSED_AT + patience);
    assert_eq!(indices(&anew), [vec![1], vec![0], vec![2, 3]]);
    let [balances, pinnable] = &case.broadcasts[..] else {
        panic!("two claims");
    };
    let raised: Vec<_> = anew.into_iter().map(|claim| claim.raise).collect();
    let expected = [
        Some(Raise::Replace(pinnable.clone())),
        Some(Raise::Follow(pinnable.clone())),
        Some(Raise::Reprice(balances.clone())),
    ];
    assert_eq!(raised, expected);
}

#[test]
fn a_claim_with_an_input_that_a_reorg_took_away_is_made_anew() {
    let mut case = punished();
    case.contracts.remove(1);
    let anew = due(&case, CLOSED_AT);
    assert_eq!(indices(&anew), [[0]]);
    assert_eq!(anew[0].raise, None);
}

#[test]
fn a_claim_has_no_more_inputs_than_the_policy_allows() {
    let contracts = (0..250).map(|id| timeout(Party::Remote, id)).collect();
    let groups = grouped(contracts, ANCHORS, EXPIRY);
    let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
    assert_eq!(sizes, [100, 100, 50]);
}

#[test]
fn only_what_is_ours_now_is_claimed_and_what_was_left_is_priced_again() {
    let reason = Reason::FeeAboveValue { fee_sat: 1 };
    let txid = Txid::all_zeros();
    for (progress, is_claimed) in [
        (Progress::Claimable, true),
        (Progress::Uneconomic { reason }, true),
        (Progress::Contested { until: EXPIRY }, false),
        (Progress::Maturing { claimable_at: 1 }, false),
        (Progress::GivenUp { reason }, false),
        (
            Progress::Resolved {
                resolution: Resolution::Claimed { txid },
            },
            false,
        ),
    ] {
        let contract = Contract {
            progress,
            ..timeout(Party::Remote, 0)
        };
        let groups = grouped(vec![contract], ANCHORS, EXPIRY);
        assert_eq!(!groups.is_empty(), is_claimed, "{progress:?}");
    }
    let anchor = Contract {
        role: ContractRole::Anchor,
        progress: Progress::Uneconomic { reason },
        ..contract(Party::Remote, ContractOutput::CounterpartyAnchor, 0)
    };
    assert!(grouped(vec![anchor], ANCHORS, EXPIRY).is_empty());
}

/// Two expired HTLCs on the peer's commitment, claimed together at this height.
fn claimed_together(since: u32) -> Case {
    let contracts = vec![timeout(Party::Remote, 0), timeout(Party::Remote, 1)];
    let terms = dossier(ANCHORS).terms;
    let both: Vec<&Contract> = contracts.iter().collect();
    let transaction = spender(&terms, &both, SpendPath::HtlcTimeoutDirect);
    let mut case = closed(CloseKind::Remote { number: 0 }, contracts);
    case.broadcasts.push(claim(transaction, since));
    case
}

fn due(case: &Case, tip: u32) -> Vec<Claim> {
    claims(case, &dossier(ANCHORS), tip, &Policy::default())
}

#[test]
fn a_claim_that_a_block_left_out_is_priced_anew() {
    let case = claimed_together(EXPIRY);
    assert!(due(&case, EXPIRY).is_empty());
    let repriced = due(&case, EXPIRY + 1);
    assert_eq!(indices(&repriced), [vec![0, 1]]);
    let reprices = Raise::Reprice(case.broadcasts[0].clone());
    assert_eq!(repriced[0].raise, Some(reprices));
    assert_eq!(repriced[0].since, Some(EXPIRY));
}

/// Our HTLC on the peer's commitment, sent on from one that expires at `upstream`, or our own.
fn taken_back(upstream: Option<u32>) -> Option<u32> {
    let mut dossier = dossier(ANCHORS);
    let mut life = life(Direction::Outgoing, 0);
    if let Some(expiry) = upstream {
        life.terms.origin = HtlcOrigin::Forwarded {
            channel: OutPoint::null(),
            id: 0,
            expiry,
        };
    }
    dossier.htlcs.insert(life.htlc_ref(), life);
    let case = closed(
        CloseKind::Remote { number: 0 },
        vec![timeout(Party::Remote, 0)],
    );
    let claims = claims(&case, &dossier, EXPIRY, &Policy::default());
    claims.first().and_then(|claim| claim.deadline)
}

#[test]
fn a_claim_has_to_be_through_when_another_can_take_it_or_the_upstream_htlc_is_failed() {
    let margin = Policy::default().upstream_margin;
    assert_eq!(taken_back(Some(EXPIRY + 40)), Some(EXPIRY + 40 - margin));
    assert_eq!(taken_back(None), None);
    let success = closed(
        CloseKind::Remote { number: 0 },
        vec![success(Party::Remote, 0)],
    );
    assert_eq!(due(&success, EXPIRY - 100)[0].deadline, Some(EXPIRY));
    let delay_over = CLOSED_AT + u32::from(PEER_DELAY);
    for claim in due(&breach(), CLOSED_AT) {
        let expected = match claim.contracts[0].role {
            ContractRole::Breach => Some(delay_over),
            _ => None,
        };
        assert_eq!(claim.deadline, expected, "{claim:?}");
    }
}

#[test]
fn of_several_outputs_the_first_deadline_counts() {
    let mut later = success(Party::Remote, 1);
    if let ContractOutput::Htlc { cltv_expiry, .. } = &mut later.output {
        *cltv_expiry = EXPIRY + 3;
    }
    let case = closed(
        CloseKind::Remote { number: 0 },
        vec![later, success(Party::Remote, 0)],
    );
    let claims = due(&case, EXPIRY - 100);
    assert_eq!(claims.len(), 1, "one interval between two wakes holds both");
    assert_eq!(claims[0].deadline, Some(EXPIRY));
}

#[test]
fn whatever_is_refused_as_too_cheap_is_raised_at_once() {
    let mut case = claimed_together(EXPIRY);
    case.broadcasts[0].outcome = Some(Outcome::FeeTooLow);
    assert_eq!(due(&case, EXPIRY).len(), 1);
    for outcome in [
        Outcome::Accepted,
        Outcome::AlreadyKnown,
        Outcome::Unreachable,
    ] {
        case.broadcasts[0].outcome = Some(outcome);
        assert!(due(&case, EXPIRY).is_empty());
    }
}

#[test]
fn a_claim_whose_coin_is_gone_is_made_anew_and_one_without_coins_waits_for_the_chain() {
    let mut case = claimed_together(EXPIRY);
    case.broadcasts[0].outcome = Some(Outcome::Conflict("spent".into()));
    assert!(due(&case, EXPIRY).is_empty());
    case.broadcasts[0].coins.push(Coin {
        outpoint: OutPoint::null(),
        output: bitcoin::TxOut::minimal_non_dust(bitcoin::ScriptBuf::new()),
        witness_weight: bitcoin::Weight::ZERO,
    });
    assert_eq!(due(&case, EXPIRY).len(), 1);
}

#[test]
fn a_second_level_as_the_peer_signed_it_is_never_raised() {
    let timeout = timeout(Party::Local, 0);
    let terms = dossier(STATIC).terms;
    let transaction = spender(&terms, &[&timeout], SpendPath::HtlcTimeoutSecondLevel);
    let mut case = closed(CloseKind::Local { number: 0 }, vec![timeout]);
    case.broadcasts.push(claim(transaction, EXPIRY));
    case.broadcasts[0].outcome = Some(Outcome::FeeTooLow);
    let due = claims(&case, &dossier(STATIC), EXPIRY + 1_000, &Policy::default());
    assert!(due.is_empty());
}

#[test]
fn what_the_peer_leaves_of_a_claim_is_claimed_anew() {
    let mut case = claimed_together(EXPIRY);
    case.contracts[0].progress = Progress::Spent {
        resolution: Resolution::Fulfilled {
            txid: Txid::all_zeros(),
        },
        block: crate::court::fixtures::block(EXPIRY),
        settled: false,
    };
    assert!(case.is_void(&case.broadcasts[0]));
    let left = due(&case, EXPIRY + 1);
    assert_eq!(indices(&left), [vec![1]]);
    assert_eq!(left[0].raise, None, "nothing that is left to replace");
}

#[test]
fn the_fee_of_a_claim_counts_its_coins() {
    let mut case = claimed_together(EXPIRY);
    let coin = Coin {
        outpoint: OutPoint::null(),
        output: bitcoin::TxOut {
            value: Amount::from_sat(7_000),
            script_pubkey: bitcoin::ScriptBuf::new(),
        },
        witness_weight: bitcoin::Weight::ZERO,
    };
    case.broadcasts[0].coins.push(coin);
    let spent = case.spent_by(&case.broadcasts[0]);
    assert_eq!(
        spent.to_sat(),
        2 * crate::court::fixtures::outputs::VALUE + 7_000
    );
}
