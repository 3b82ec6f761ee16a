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
