//! What a claim weighs: the fee is reckoned with the templates, and the signed transaction weighs exactly that, but for what its
//! signatures are shorter than they may be: one unit each, and rarely two.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{Message, SecretKey, SECP256K1};

use super::*;
use crate::court::fixtures::outputs::{contract, htlc_numbered, preimage};
use crate::court::{is_second_level, ContractRole, Cpfp, Parent, Reception};
use crate::protocol::{CommitmentSecret, ContractOutput};
use crate::signer::ChannelSecrets;

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).expect("a number below the order")
}

/// Our secrets in the channel of the fixtures.
fn secrets() -> ChannelSecrets {
    ChannelSecrets {
        funding: secret(0x11),
        revocation_base: secret(0x12),
        payment: secret(0x13),
        delayed_payment_base: secret(0x14),
        htlc_base: secret(0x15),
        commitment_seed: [0x16; 32],
    }
}

fn penalty(contract: Contract) -> Contract {
    Contract {
        role: ContractRole::Breach,
        ..contract
    }
}

/// One output of each kind that we claim, the way that its role says.
fn kinds() -> Vec<Contract> {
    let (ours, theirs) = (Party::Local, Party::Remote);
    let (out, inc) = (Direction::Outgoing, Direction::Incoming);
    vec![
        contract(ours, ContractOutput::ToLocal, 0),
        contract(ours, ContractOutput::SecondLevel, 0),
        contract(theirs, ContractOutput::ToRemote, 0),
        htlc_numbered(ours, out, 0),
        htlc_numbered(ours, inc, 0),
        htlc_numbered(theirs, out, 0),
        htlc_numbered(theirs, inc, 0),
        penalty(contract(theirs, ContractOutput::ToLocal, 0)),
        penalty(contract(theirs, ContractOutput::SecondLevel, 0)),
        penalty(htlc_numbered(theirs, out, 0)),
        penalty(htlc_numbered(theirs, inc, 0)),
    ]
}

/// So many outputs of one kind, with all that spends them.
fn several(kind: &Contract, count: u32) -> Vec<ClaimInput> {
    let numbered = |vout| {
        let mut contract = kind.clone();
        contract.outpoint.vout = vout;
        let digest = Message::from_digest([vout.to_le_bytes()[0] + 1; 32]);
        ClaimInput {
            contract,
            preimage: Some(preimage()),
            peer_signature: Some(SECP256K1.sign_ecdsa_low_r(&digest, &secret(0x25))),
            secret: Some(CommitmentSecret::new([0x77; 32])),
        }
    };
    (0..count).map(numbered).collect()
}

/// What a signature is shorter than the templates take it to be, with its sighash byte.
fn spared(signature: &Signature) -> u64 {
    let length = signature.serialize_der().len() as u64 + 1;
    let spared = 72 - length;
    assert!((1..=2).contains(&spared), "{length}");
    spared
}

#[test]
fn a_signed_claim_weighs_what_its_fee_was_reckoned_with_but_for_shorter_signatures() {
    let (estimates, policy) = (estimates(1), Policy::default());
    let bid = bid(&estimates, &policy);
    for channel_type in ChannelType::ALL {
        let terms = terms(channel_type);
        for kind in kinds() {
            for count in [1, 2, 3, 30] {
                let inputs = several(&kind, count);
                let peers: Vec<_> = inputs.iter().filter_map(|it| it.peer_signature).collect();
                let through = is_second_level(&kind);
                if through && channel_type == STATIC && count > 1 {
                    // The peer signed each as it is.
                    continue;
                }
                let made = if through {
                    let coins = vec![coin(90_000, 99)];
                    second_level(&terms, inputs, 500, coins, wallet(), &bid)
                } else {
                    claim(&terms, inputs, wallet(), &bid)
                };
                let unsigned = made.expect("good terms").expect("worth it");
                let asked = &unsigned.request.inputs;
                let ours: Vec<_> = asked.iter().map(|it| secrets().sign(it)).collect();
                let ours: Vec<_> = ours.into_iter().map(|it| it.expect("ours")).collect();
                // A count, a signature and a key, as the coin says.
                let coins = unsigned.coins.iter();
                let coins = coins.map(|_| Witness::from_slice(&[&[0; 72][..], &[0; 33][..]]));
                let signed = unsigned.complete(&ours, coins.collect());
                let weight = signed.expect("complete").weight().to_wu();
                let peers = peers.iter().filter(|_| through);
                let spared: u64 = ours.iter().chain(peers).map(spared).sum();
                let expected = unsigned.weight().to_wu() - spared;
                assert_eq!(weight, expected, "{channel_type:?} {kind:?} {count}");
            }
        }
    }
}

#[test]
fn a_child_weighs_what_its_fee_was_reckoned_with() {
    let (estimates, policy) = (estimates(10), Policy::default());
    for owner in [Party::Local, Party::Remote] {
        let output = match owner {
            Party::Local => ContractOutput::OwnerAnchor,
            Party::Remote => ContractOutput::CounterpartyAnchor,
        };
        let child = Cpfp {
            anchor: contract(owner, output, 0),
            parent: Parent {
                weight: Weight::from_wu(1_296),
                fee: Amount::from_sat(648),
                since: EXPIRY - 40,
                reception: Reception::Held,
            },
            deadline: Some(EXPIRY),
            budget: Amount::from_sat(20_000),
            floor: None,
            raise: None,
        };
        let bid = bid(&estimates, &policy);
        let made = anchor(
            &terms(ANCHORS),
            &child,
            vec![coin(90_000, 99)],
            wallet(),
            &bid,
        );
        let unsigned = made.expect("good terms").expect("a coin");
        let ours = secrets().sign(&unsigned.request.inputs[0]).expect("ours");
        let coin = Witness::from_slice(&[&[0; 72][..], &[0; 33][..]]);
        let signed = unsigned.complete(&[ours], vec![coin]).expect("complete");
        let expected = unsigned.weight().to_wu() - spared(&ours);
        assert_eq!(signed.weight().to_wu(), expected, "{owner:?}");
    }
}

#[test]
fn an_output_is_judged_by_what_it_adds_to_a_claim_and_by_no_unit_more() {
    let (estimates, policy) = (estimates(1), Policy::default());
    let bid = bid(&estimates, &policy);
    for kind in kinds().into_iter().filter(|kind| !is_second_level(kind)) {
        let terms = terms(ANCHORS);
        let of = |count| {
            let made = claim(&terms, several(&kind, count), wallet(), &bid);
            made.expect("good terms").expect("worth it").weight()
        };
        let adds = of(3) - of(2);
        let mut inputs = several(&kind, 2);
        // A budget of exactly its fee, and of a satoshi less.
        let fee = bid.least_fee(adds).to_sat();
        for (value, is_taken) in [(2 * fee, true), (2 * fee - 2, false)] {
            inputs[0].contract.value_sat = value;
            let worth = worthwhile(&terms, inputs.clone(), &bid).expect("good terms");
            assert_eq!(worth.taken.len() == 2, is_taken, "{kind:?} {value}");
        }
    }
}
