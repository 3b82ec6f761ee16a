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
