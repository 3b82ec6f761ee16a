//! Which resolver answers, whatever was stored.

use super::*;
use crate::court::fixtures::outputs::{htlc, life, spend, terms, view, EXPIRY};
use crate::protocol::ChannelType;

#[test]
fn the_block_delay_blocks_after_the_output_may_hold_the_sweep() {
    for (height, delay, expected) in [
        (100, 0, 100),
        (100, 1, 100),
        (100, 2, 101),
        (100, 144, 243),
        (u32::MAX, 144, u32::MAX - 1),
    ] {
        assert_eq!(claimable_at(height, delay), expected, "{height} + {delay}");
    }
}

#[test]
fn whatever_the_stored_role_is_the_facts_say_who_is_responsible_now() {
    let (terms, policy) = (terms(ChannelType::AnchorsZeroFeeHtlc), Policy::default());
    let mut life = life(Direction::Incoming, 0);
    life.released = true;
    for role in [
        ContractRole::OutgoingContest,
        ContractRole::OutgoingTimeout,
        ContractRole::IncomingContest,
        ContractRole::IncomingSuccess,
    ] {
        let at = |direction, tip| {
            let contract = Contract {
                role,
                ..htlc(Party::Remote, direction)
            };
            let view = View {
                life: Some(&life),
                has_preimage: true,
                is_committed: true,
                ..view(&contract, &terms, &policy, tip)
            };
            contract.next(&view).0
        };
        let outgoing = Direction::Outgoing;
        assert_eq!(at(outgoing, EXPIRY - 1), ContractRole::OutgoingContest);
        assert_eq!(at(outgoing, EXPIRY), ContractRole::OutgoingTimeout);
        let incoming = at(Direction::Incoming, EXPIRY);
        assert_eq!(incoming, ContractRole::IncomingSuccess);
    }
}

#[test]
fn without_the_peers_signature_an_htlc_of_our_commitment_is_given_up_and_one_of_theirs_is_not() {
    let (terms, policy) = (terms(ChannelType::AnchorsZeroFeeHtlc), Policy::default());
    let next = |owner| {
        let contract = htlc(owner, Direction::Outgoing);
        let view = View {
            has_peer_signatures: false,
            ..view(&contract, &terms, &policy, EXPIRY)
        };
        contract.next(&view).1
    };
    let reason = Reason::NoPeerSignature;
    assert_eq!(next(Party::Local), Progress::GivenUp { reason });
    assert_eq!(next(Party::Remote), Progress::Claimable);
}

#[test]
fn what_was_left_for_now_stays_so_until_it_is_priced_again_or_spent() {
    let (terms, policy) = (terms(ChannelType::StaticRemotekey), Policy::default());
    let reason = Reason::FeeAboveValue { fee_sat: 50_000 };
    let contract = Contract {
        progress: Progress::Uneconomic { reason },
        ..htlc(Party::Remote, Direction::Outgoing)
    };
    let untouched = view(&contract, &terms, &policy, EXPIRY);
    assert_eq!(contract.next(&untouched).1, contract.progress);
    let spend = spend(&terms, &contract, SpendPath::HtlcTimeoutDirect, 1);
    let spent = View {
        spend: Some(&spend),
        ..untouched
    };
    assert!(contract.next(&spent).1.resolution().is_some());
}

#[test]
fn a_spend_in_the_mempool_silences_nothing() {
    let (terms, policy) = (terms(ChannelType::StaticRemotekey), Policy::default());
    let contract = htlc(Party::Remote, Direction::Outgoing);
    let spend = spend(&terms, &contract, SpendPath::HtlcSuccessSecondLevel, 0);
    let view = View {
        spend: Some(&spend),
        ..view(&contract, &terms, &policy, EXPIRY)
    };
    assert_eq!(contract.next(&view).1, Progress::Claimable);
}
