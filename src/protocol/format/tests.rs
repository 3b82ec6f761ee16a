use std::collections::BTreeSet;

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::{ecdsa, SECP256K1};
use bitcoin::transaction::Version;
use bitcoin::{OutPoint, Transaction, TxIn, TxOut};

use super::*;
use crate::protocol::fixtures::{
    bolt_constants, commitment_keys, htlc, preimage, signing_secret, spec, within, DELAY,
};
use crate::protocol::{CommitmentSpec, KeyRole, Preimage, ProtocolError};

const VALUE: Amount = Amount::from_sat(100_000);

/// Every output a commitment can leave.
fn contracts() -> Vec<ContractOutput> {
    vec![
        ContractOutput::ToLocal,
        ContractOutput::ToRemote,
        ContractOutput::OwnerAnchor,
        ContractOutput::CounterpartyAnchor,
        htlc(HtlcKind::Offered, 0).contract(),
        htlc(HtlcKind::Received, 0).contract(),
        ContractOutput::SecondLevel,
    ]
}

/// Every way to spend every output of a channel type.
fn all_spends(channel_type: ChannelType) -> Vec<(ContractOutput, SpendTemplate)> {
    let format = channel_type.format();
    let keys = commitment_keys();
    let spends = |contract| {
        format
            .spends(&contract, &keys, DELAY)
            .into_iter()
            .map(move |spend| (contract, spend))
    };
    contracts().into_iter().flat_map(spends).collect()
}

fn spend(channel_type: ChannelType, contract: ContractOutput, path: SpendPath) -> SpendTemplate {
    channel_type
        .format()
        .spend(&contract, path, &commitment_keys(), DELAY)
        .unwrap()
}

/// A transaction that spends something as the template wants it.
fn spending(template: &SpendTemplate) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: template.lock_time,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            sequence: template.sequence,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: VALUE,
            script_pubkey: template.output.script_pubkey.clone(),
        }],
    }
}

fn sign(template: &SpendTemplate, tx: &Transaction) -> Option<ecdsa::Signature> {
    let role = template.signing_key?.role;
    let message = template.sighash(tx, 0, VALUE).unwrap();
    Some(SECP256K1.sign_ecdsa(&message, &signing_secret(template.spender, role)))
}

fn sign_as_peer(template: &SpendTemplate, tx: &Transaction) -> Option<ecdsa::Signature> {
    let message = template.peer_sighash(tx, 0, VALUE).ok()?;
    Some(SECP256K1.sign_ecdsa(
        &message,
        &signing_secret(Spender::Counterparty, KeyRole::Htlc),
    ))
}

/// The template's own witness, with real signatures.
fn witness(template: &SpendTemplate) -> Witness {
    let tx = spending(template);
    let (signature, peer_signature) = (sign(template, &tx), sign_as_peer(template, &tx));
    template
        .witness(&WitnessParts {
            signature,
            peer_signature,
            preimage: Some(&preimage()),
        })
        .unwrap()
}

/// A witness with one element replaced.
fn altered(witness: &Witness, position: usize, element: &[u8]) -> Witness {
    let mut stack = witness.to_vec();
    stack[position] = element.to_vec();
    Witness::from_slice(&stack)
}

mod types {
    use super::*;

    #[test]
    fn a_channel_type_is_found_by_its_feature_bits_and_nothing_else() {
        for channel_type in ChannelType::ALL {
            assert_eq!(
                ChannelType::from_feature_bits(channel_type.feature_bits()),
                Some(channel_type)
            );
        }
        assert_eq!(
            ChannelType::from_feature_bits(&[22, 12]),
            Some(ChannelType::AnchorsZeroFeeHtlc)
        );
        assert_eq!(
            ChannelType::from_feature_bits(&[50, 12, 46]),
            Some(ChannelType::StaticRemotekey)
        );
        assert_eq!(ChannelType::from_feature_bits(&[]), None);
        assert_eq!(ChannelType::from_feature_bits(&[22]), None);
        assert_eq!(ChannelType::from_feature_bits(&[12, 20]), None);
    }

    #[test]
    fn only_anchor_channels_have_anchors() {
        let keys = commitment_keys();
        let anchors = ChannelType::AnchorsZeroFeeHtlc
            .format()
            .anchors(&keys)
            .unwrap();
        assert_eq!(
            Some(anchors.value.to_sat()),
            bolt_constants()["anchor_sat"].as_u64()
        );
        assert_eq!(
            ChannelType::AnchorsZeroFeeHtlc.format().anchors_cost(),
            anchors.value * 2
        );
        let static_remotekey = ChannelType::StaticRemotekey.format();
        assert_eq!(
            (
                static_remotekey.anchors(&keys),
                static_remotekey.anchors_cost()
            ),
            (None, Amount::ZERO)
        );
        for anchor in [
            ContractOutput::OwnerAnchor,
            ContractOutput::CounterpartyAnchor,
        ] {
            assert_eq!(static_remotekey.script(&anchor, &keys, DELAY), None);
            assert_eq!(static_remotekey.spends(&anchor, &keys, DELAY), []);
        }
    }
}

mod weights {
    use super::*;

    fn constant(group: &str, name: &str) -> u64 {
        bolt_constants()[group][name].as_u64().unwrap()
    }

    #[test]
    fn expected_weights_of_commitments_are_those_of_the_specification() {
        for (channel_type, base) in [
            (ChannelType::StaticRemotekey, "commit_base"),
            (ChannelType::AnchorsZeroFeeHtlc, "commit_base_anchors"),
        ] {
            let weight = |htlcs| channel_type.format().commitment_weight(htlcs).to_wu();
            assert_eq!(weight(0), constant("weights", base));
            assert_eq!(
                weight(966),
                weight(0) + 966 * constant("weights", "commit_per_htlc_output")
            );
        }
    }

    #[test]
    fn second_level_fees_follow_from_the_weights_of_the_specification() {
        let fee = |channel_type: ChannelType, kind| {
            channel_type.format().second_level_fee(kind, 1000).to_sat()
        };
        let static_remotekey = ChannelType::StaticRemotekey;
        assert_eq!(
            fee(static_remotekey, HtlcKind::Offered),
            constant("weights", "htlc_timeout")
        );
        assert_eq!(
            fee(static_remotekey, HtlcKind::Received),
            constant("weights", "htlc_success")
        );
        assert_eq!(fee(ChannelType::AnchorsZeroFeeHtlc, HtlcKind::Offered), 0);
        assert_eq!(fee(ChannelType::AnchorsZeroFeeHtlc, HtlcKind::Received), 0);
    }

    #[test]
    fn the_greatest_feerate_overflows_nothing() {
        for channel_type in ChannelType::ALL {
            let fee = channel_type.format().commitment_fee(u32::MAX, 966);
            let weight = channel_type.format().commitment_weight(966).to_wu();
            assert_eq!(
                u128::from(fee.to_sat()),
                u128::from(weight) * u128::from(u32::MAX) / 1000
            );
        }
    }

    #[test]
    fn scripts_have_the_sizes_of_the_specification() {
        let keys = commitment_keys();
        for (channel_type, csv) in [
            (ChannelType::StaticRemotekey, 0),
            (ChannelType::AnchorsZeroFeeHtlc, 3),
        ] {
            let size = |contract: ContractOutput| {
                let script = channel_type
                    .format()
                    .script(&contract, &keys, DELAY)
                    .unwrap();
                u64::try_from(script.witness_script.unwrap().len()).unwrap()
            };
            // BOLT 5 reckons with a delay of 8 bytes; 144 takes 2.
            assert_eq!(
                size(ContractOutput::ToLocal),
                constant("script_sizes", "to_local") - 8 + 2
            );
            assert_eq!(
                size(ContractOutput::SecondLevel),
                size(ContractOutput::ToLocal)
            );
            let offered = size(htlc(HtlcKind::Offered, 0).contract());
            let received = size(htlc(HtlcKind::Received, 0).contract());
            assert_eq!(offered, constant("script_sizes", "offered_htlc") + csv);
            assert_eq!(received, constant("script_sizes", "accepted_htlc") + csv);
        }
    }

    #[test]
    fn penalties_weigh_what_the_specification_expects() {
        let bound = |contract, path| {
            spend(ChannelType::StaticRemotekey, contract, path)
                .witness_weight()
                .to_wu()
        };
        // BOLT 5 counts 73 bytes for a signature where we count 72; in `to_local` it also counts 8 bytes for the
        // delay of 2, and none for the 1 that OP_IF takes.
        let to_local = bound(ContractOutput::ToLocal, SpendPath::ToLocalRevoked);
        assert_eq!(
            to_local + 1 + 6 - 1,
            constant("weights", "to_local_penalty_witness")
        );
        let offered = bound(
            htlc(HtlcKind::Offered, 0).contract(),
            SpendPath::HtlcRevoked,
        );
        assert_eq!(
            offered + 1,
            constant("weights", "offered_htlc_penalty_witness")
        );
        let received = bound(
            htlc(HtlcKind::Received, 0).contract(),
            SpendPath::HtlcRevoked,
        );
        assert_eq!(
            received + 1,
            constant("weights", "accepted_htlc_penalty_witness")
        );
    }

    #[test]
    fn penalty_inputs_weigh_what_the_specification_expects() {
        let bound = |contract, path| {
            spend(ChannelType::StaticRemotekey, contract, path)
                .input_weight()
                .to_wu()
        };
        let offered = bound(
            htlc(HtlcKind::Offered, 0).contract(),
            SpendPath::HtlcRevoked,
        );
        assert_eq!(
            offered + 1,
            constant("weights", "offered_htlc_penalty_input")
        );
        let received = bound(
            htlc(HtlcKind::Received, 0).contract(),
            SpendPath::HtlcRevoked,
        );
        assert_eq!(
            received + 1,
            constant("weights", "accepted_htlc_penalty_input")
        );
        let to_remote = bound(ContractOutput::ToRemote, SpendPath::ToRemote);
        // Here BOLT 5 too counts 72 bytes for the signature.
        assert_eq!(to_remote, constant("weights", "penalty_to_remote_input"));
    }

    #[test]
    fn a_signed_input_weighs_its_bound_or_one_less_for_each_signature() {
        for channel_type in ChannelType::ALL {
            for (_, template) in all_spends(channel_type) {
                let mut tx = spending(&template);
                let unsigned = tx.weight().to_wu();
                tx.input[0].witness = witness(&template);
                // The marker of a segwit transaction is not the input's, nor is what was there without a witness.
                let added =
                    tx.weight().to_wu() - 2 - unsigned + constant("weights", "txin_nonwitness");
                let bound = template.input_weight().to_wu();
                let signatures = u64::from(sign(&template, &tx).is_some());
                let signatures = signatures + u64::from(sign_as_peer(&template, &tx).is_some());
                assert!(
                    within(bound, signatures).contains(&added),
                    "{:?}: {added} of {bound}",
                    template.path
                );
            }
        }
    }

    #[test]
    fn second_level_transactions_weigh_no_more_than_the_specification_expects() {
        let keys = commitment_keys();
        let names = [
            (
                ChannelType::StaticRemotekey,
                HtlcKind::Offered,
                "htlc_timeout",
            ),
            (
                ChannelType::StaticRemotekey,
                HtlcKind::Received,
                "htlc_success",
            ),
            (
                ChannelType::AnchorsZeroFeeHtlc,
                HtlcKind::Offered,
                "htlc_timeout_anchors",
            ),
            (
                ChannelType::AnchorsZeroFeeHtlc,
                HtlcKind::Received,
                "htlc_success_anchors",
            ),
        ];
        for (channel_type, kind, name) in names {
            let htlcs = [htlc(kind, 100_000_000)];
            let base = spec(channel_type, &keys);
            let spec = CommitmentSpec {
                to_owner_msat: 600_000_000,
                htlcs: &htlcs,
                ..base
            };
            let second_level = spec
                .second_levels(&spec.build().unwrap())
                .unwrap()
                .remove(0);
            let [own, peer] =
                [&second_level.sighash(), &second_level.peer_sighash()].map(|sighash| {
                    let key = signing_secret(Spender::Owner, KeyRole::Htlc);
                    SECP256K1.sign_ecdsa(sighash.as_ref().unwrap(), &key)
                });
            let tx = second_level.signed(&peer, &own, Some(&preimage())).unwrap();
            let expected = constant("weights", name);
            assert!(
                within(expected, 6).contains(&tx.weight().to_wu()),
                "{name}: {}",
                tx.weight()
            );
        }
    }
}

mod templates {
    use super::*;

    #[test]
    fn every_path_exists_in_some_format_and_a_format_without_anchors_lacks_only_theirs() {
        let paths = |channel_type| -> BTreeSet<SpendPath> {
            all_spends(channel_type)
                .into_iter()
                .map(|(_, template)| template.path)
                .collect()
        };
        let anchors = paths(ChannelType::AnchorsZeroFeeHtlc);
        assert_eq!(anchors.len(), 12);
        let missing: Vec<_> = anchors
            .difference(&paths(ChannelType::StaticRemotekey))
            .copied()
            .collect();
        assert_eq!(missing, [SpendPath::AnchorOwner, SpendPath::AnchorAnyone]);
    }

    #[test]
    fn the_key_named_is_the_one_whose_secret_the_spender_has() {
        for channel_type in ChannelType::ALL {
            for (_, template) in all_spends(channel_type) {
                let tx = spending(&template);
                let Some((key, signature)) = template.signing_key.zip(sign(&template, &tx)) else {
                    assert_eq!(template.path, SpendPath::AnchorAnyone);
                    continue;
                };
                let message = template.sighash(&tx, 0, VALUE).unwrap();
                assert_eq!(
                    SECP256K1.verify_ecdsa(&message, &signature, &key.public_key),
                    Ok(())
                );
            }
        }
    }

    #[test]
    fn delays_and_expiries_are_those_of_the_scripts() {
        let delay = u32::from(DELAY);
        let replaceable = 0xffff_fffd;
        let offered = htlc(HtlcKind::Offered, 0).contract();
        let received = htlc(HtlcKind::Received, 0).contract();
        // Contract, path, sequence for static_remotekey and for anchors, lock time.
        let table = [
            (
                ContractOutput::ToLocal,
                SpendPath::ToLocalDelayed,
                delay,
                delay,
                0,
            ),
            (
                ContractOutput::ToLocal,
                SpendPath::ToLocalRevoked,
                replaceable,
                replaceable,
                0,
            ),
            (
                ContractOutput::ToRemote,
                SpendPath::ToRemote,
                replaceable,
                1,
                0,
            ),
            (offered, SpendPath::HtlcTimeoutSecondLevel, 0, 1, 600_000),
            (offered, SpendPath::HtlcSuccessDirect, replaceable, 1, 0),
            (offered, SpendPath::HtlcRevoked, replaceable, replaceable, 0),
            (received, SpendPath::HtlcSuccessSecondLevel, 0, 1, 0),
            (
                received,
                SpendPath::HtlcTimeoutDirect,
                replaceable,
                1,
                600_000,
            ),
            (
                received,
                SpendPath::HtlcRevoked,
                replaceable,
                replaceable,
                0,
            ),
            (
                ContractOutput::SecondLevel,
                SpendPath::SecondLevelDelayed,
                delay,
                delay,
                0,
            ),
            (
                ContractOutput::SecondLevel,
                SpendPath::SecondLevelRevoked,
                replaceable,
                replaceable,
                0,
            ),
        ];
        for (contract, path, static_remotekey, anchors, lock_time) in table {
            for (channel_type, sequence) in [
                (ChannelType::StaticRemotekey, static_remotekey),
                (ChannelType::AnchorsZeroFeeHtlc, anchors),
            ] {
                let template = spend(channel_type, contract, path);
                assert_eq!(template.sequence.to_consensus_u32(), sequence, "{path:?}");
                assert_eq!(
                    template.lock_time,
                    LockTime::from_consensus(lock_time),
                    "{path:?}"
                );
            }
        }
    }

    #[test]
    fn anyone_can_take_an_anchor_after_16_blocks_without_a_signature() {
        let anchor = spend(
            ChannelType::AnchorsZeroFeeHtlc,
            ContractOutput::OwnerAnchor,
            SpendPath::AnchorAnyone,
        );
        assert_eq!(
            Some(u64::from(anchor.sequence.to_consensus_u32())),
            bolt_constants()["anchor_csv"].as_u64()
        );
        assert_eq!(
            anchor.sighash(&spending(&anchor), 0, VALUE),
            Err(ProtocolError::NoSignatureNeeded)
        );
        assert!(anchor.witness(&WitnessParts::default()).is_ok());
    }

    #[test]
    fn a_witness_is_not_made_from_incomplete_parts() {
        let contract = htlc(HtlcKind::Received, 0).contract();
        let path = SpendPath::HtlcSuccessSecondLevel;
        let template = spend(ChannelType::AnchorsZeroFeeHtlc, contract, path);
        let tx = spending(&template);
        let (signature, peer_signature) = (sign(&template, &tx), sign_as_peer(&template, &tx));
        let (preimage, wrong) = (preimage(), Preimage::new([0; 32]));
        let full = WitnessParts {
            signature,
            peer_signature,
            preimage: Some(&preimage),
        };
        let refused = |parts: WitnessParts<'_>| template.witness(&parts).unwrap_err();
        let missing = ProtocolError::WitnessIncomplete;
        assert_eq!(
            refused(WitnessParts {
                signature: None,
                ..full
            }),
            missing("a signature")
        );
        assert_eq!(
            refused(WitnessParts {
                peer_signature: None,
                ..full
            }),
            missing("the other side's signature")
        );
        assert_eq!(
            refused(WitnessParts {
                preimage: None,
                ..full
            }),
            missing("the preimage")
        );
        assert_eq!(
            refused(WitnessParts {
                preimage: Some(&wrong),
                ..full
            }),
            ProtocolError::WrongPreimage
        );
        assert_eq!(
            template.sighash(&tx, 1, VALUE),
            Err(ProtocolError::NoSuchInput { input: 1 })
        );
    }
}

mod recognition {
    use super::*;

    fn recognise(
        channel_type: ChannelType,
        contract: ContractOutput,
        witness: &Witness,
    ) -> Option<RecognisedSpend> {
        channel_type
            .format()
            .recognise(&contract, &commitment_keys(), DELAY, witness)
    }

    #[test]
    fn every_path_recognises_its_own_witness_and_the_preimage_in_it() {
        for channel_type in ChannelType::ALL {
            for (contract, template) in all_spends(channel_type) {
                let reveals = matches!(
                    template.path,
                    SpendPath::HtlcSuccessDirect | SpendPath::HtlcSuccessSecondLevel
                );
                let expected = RecognisedSpend {
                    path: template.path,
                    spender: template.spender,
                    preimage: reveals.then(preimage),
                };
                assert_eq!(
                    recognise(channel_type, contract, &witness(&template)),
                    Some(expected)
                );
            }
        }
    }

    #[test]
    fn no_output_recognises_a_witness_for_another_script() {
        for channel_type in ChannelType::ALL {
            for (contract, template) in all_spends(channel_type) {
                for other in contracts() {
                    let is_same = channel_type
                        .format()
                        .script(&other, &commitment_keys(), DELAY)
                        == Some(template.output.clone());
                    let recognised = recognise(channel_type, other, &witness(&template));
                    assert_eq!(recognised.is_some(), is_same, "{contract:?} by {other:?}");
                }
            }
        }
    }

    #[test]
    fn an_element_too_few_or_too_many_is_not_recognised() {
        for channel_type in ChannelType::ALL {
            for (contract, template) in all_spends(channel_type) {
                let stack = witness(&template).to_vec();
                let (short, long) = (&stack[1..], [vec![Vec::new()], stack.clone()].concat());
                assert_eq!(
                    recognise(channel_type, contract, &Witness::from_slice(short)),
                    None
                );
                assert_eq!(
                    recognise(channel_type, contract, &Witness::from_slice(&long)),
                    None
                );
                assert_eq!(recognise(channel_type, contract, &Witness::new()), None);
            }
        }
    }

    #[test]
    fn what_has_no_signature_where_one_must_be_is_not_recognised() {
        for (contract, template) in all_spends(ChannelType::StaticRemotekey) {
            let own = witness(&template);
            let signatures = template.elements.iter().enumerate().filter(|(_, element)| {
                matches!(element, Element::Signature(_) | Element::PeerSignature(_))
            });
            for (position, _) in signatures {
                for no_signature in [&[][..], &[0x30; 8], &[0x30; 74], &[0x02; 71]] {
                    let witness = altered(&own, position, no_signature);
                    assert_eq!(
                        recognise(ChannelType::StaticRemotekey, contract, &witness),
                        None
                    );
                }
            }
        }
    }

    #[test]
    fn a_preimage_of_wrong_length_or_wrong_hash_is_no_claim() {
        for channel_type in ChannelType::ALL {
            let paths = [
                (HtlcKind::Offered, SpendPath::HtlcSuccessDirect, 1),
                (HtlcKind::Received, SpendPath::HtlcSuccessSecondLevel, 3),
            ];
            for (kind, path, position) in paths {
                let contract = htlc(kind, 0).contract();
                let own = witness(&spend(channel_type, contract, path));
                for wrong in [&[][..], &[0x42; 31], &[0x42; 33], &[0x41; 32]] {
                    let witness = altered(&own, position, wrong);
                    assert_eq!(
                        recognise(channel_type, contract, &witness),
                        None,
                        "{path:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn thirty_two_bytes_are_never_taken_for_a_timeout() {
        let contract = htlc(HtlcKind::Received, 0).contract();
        let own = witness(&spend(
            ChannelType::StaticRemotekey,
            contract,
            SpendPath::HtlcTimeoutDirect,
        ));
        let witness = altered(&own, 1, preimage().as_bytes());
        assert_eq!(
            recognise(ChannelType::StaticRemotekey, contract, &witness),
            None
        );
    }

    #[test]
    fn branches_are_recognised_by_what_consensus_takes_for_true_and_false() {
        let own = witness(&spend(
            ChannelType::StaticRemotekey,
            ContractOutput::ToLocal,
            SpendPath::ToLocalRevoked,
        ));
        let path = |choice: &[u8]| {
            let witness = altered(&own, 1, choice);
            recognise(
                ChannelType::StaticRemotekey,
                ContractOutput::ToLocal,
                &witness,
            )
            .map(|spend| spend.path)
        };
        for truth in [&[1][..], &[2], &[0x80, 0], &[0, 1]] {
            assert_eq!(path(truth), Some(SpendPath::ToLocalRevoked), "{truth:?}");
        }
        for untruth in [&[][..], &[0], &[0x80], &[0, 0x80]] {
            assert_eq!(
                path(untruth),
                Some(SpendPath::ToLocalDelayed),
                "{untruth:?}"
            );
        }
    }

    #[test]
    fn a_claim_is_recognised_whatever_sighash_type_its_signature_names() {
        let contract = htlc(HtlcKind::Offered, 0).contract();
        let own = witness(&spend(
            ChannelType::AnchorsZeroFeeHtlc,
            contract,
            SpendPath::HtlcSuccessDirect,
        ));
        let mut signature = own.to_vec().remove(0);
        *signature.last_mut().unwrap() = 0x04;
        let recognised = recognise(
            ChannelType::AnchorsZeroFeeHtlc,
            contract,
            &altered(&own, 0, &signature),
        );
        assert_eq!(
            recognised.and_then(|spend| spend.preimage),
            Some(preimage())
        );
    }
}
