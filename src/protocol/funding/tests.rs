use bitcoin::secp256k1::SecretKey;

use super::*;
use crate::protocol::fixtures::{commitment_keys, secret, signing_secret, spec};
use crate::protocol::{ChannelType, Commitment, KeyRole, Spender};

fn commitment() -> Commitment {
    spec(ChannelType::AnchorsZeroFeeHtlc, &commitment_keys())
        .build()
        .unwrap()
}

fn signed_with(owner: &SecretKey, counterparty: &SecretKey) -> (Funding, Transaction) {
    let commitment = commitment();
    let sighash = commitment.sighash().unwrap();
    let signatures = [owner, counterparty].map(|key| SECP256K1.sign_ecdsa(&sighash, key));
    (
        commitment.funding,
        commitment.signed(&signatures[0], &signatures[1]),
    )
}

fn signed() -> (Funding, Transaction) {
    let [owner, counterparty] =
        [Spender::Owner, Spender::Counterparty].map(|side| signing_secret(side, KeyRole::Funding));
    signed_with(&owner, &counterparty)
}

#[test]
fn the_script_does_not_depend_on_the_order_of_the_keys() {
    let funding = commitment().funding;
    let [one, other] = funding.keys;
    let swapped = Funding {
        keys: [other, one],
        ..funding
    };
    assert_eq!(swapped.script_pubkey(), funding.script_pubkey());
}

#[test]
fn a_spend_is_believed_with_both_signatures_in_whichever_order_the_keys_are_named() {
    let (funding, tx) = signed();
    let [one, other] = funding.keys;
    assert!(funding.is_spent_by(&tx, 0));
    assert!(Funding {
        keys: [other, one],
        ..funding
    }
    .is_spent_by(&tx, 0));
}

#[test]
fn a_spend_is_not_believed_with_a_signature_of_another_key() {
    let owner = signing_secret(Spender::Owner, KeyRole::Funding);
    let (funding, tx) = signed_with(&owner, &secret(0x55));
    assert!(!funding.is_spent_by(&tx, 0));
}

#[test]
fn a_spend_is_not_believed_without_a_witness_or_with_another_amount_outpoint_or_input() {
    let (funding, tx) = signed();
    let mut unsigned = tx.clone();
    unsigned.input[0].witness.clear();
    assert!(!funding.is_spent_by(&unsigned, 0));
    assert!(!funding.is_spent_by(&tx, 1));
    assert!(!Funding {
        capacity: Amount::from_sat(1),
        ..funding
    }
    .is_spent_by(&tx, 0));
    assert!(!Funding {
        outpoint: OutPoint::null(),
        ..funding
    }
    .is_spent_by(&tx, 0));
}

#[test]
fn there_is_nothing_to_sign_for_an_input_that_does_not_exist() {
    let (funding, tx) = signed();
    assert_eq!(
        funding.sighash(&tx, 1),
        Err(ProtocolError::NoSuchInput { input: 1 })
    );
}
