use super::*;

const HTLCS: [HtlcKind; 3] = [HtlcKind::Offered, HtlcKind::Received, HtlcKind::Offered];

/// The commitment with three HTLCs, and what the counterparty signs for it with the keys given.
fn verify(
    channel_type: ChannelType,
    tamper: impl FnOnce(&mut ecdsa::Signature, &mut Vec<ecdsa::Signature>),
) -> Result<(), ProtocolError> {
    let keys = commitment_keys();
    let htlcs: Vec<_> = (1..)
        .zip(HTLCS)
        .map(|(n, kind)| htlc(kind, n * 10_000_000))
        .collect();
    let base = spec(channel_type, &keys);
    let spec = CommitmentSpec {
        to_owner_msat: 600_000_000,
        htlcs: &htlcs,
        ..base
    };
    let commitment = spec.build().unwrap();
    let funding_key = signing_secret(Spender::Counterparty, KeyRole::Funding);
    let htlc_key = signing_secret(Spender::Counterparty, KeyRole::Htlc);
    let mut signature = SECP256K1.sign_ecdsa(&commitment.sighash().unwrap(), &funding_key);
    let mut htlc_signatures = spec
        .second_levels(&commitment)
        .unwrap()
        .iter()
        .map(|second_level| SECP256K1.sign_ecdsa(&second_level.peer_sighash().unwrap(), &htlc_key))
        .collect();
    tamper(&mut signature, &mut htlc_signatures);
    spec.verify(&commitment, &signature, &htlc_signatures)
}

fn wrong_signature() -> ecdsa::Signature {
    SECP256K1.sign_ecdsa(&Message::from_digest([1; 32]), &secret(0x55))
}

#[test]
fn what_the_counterparty_signs_is_accepted() {
    for channel_type in ChannelType::ALL {
        assert_eq!(verify(channel_type, |_, _| ()), Ok(()));
    }
}

#[test]
fn a_wrong_signature_over_the_commitment_is_refused() {
    for channel_type in ChannelType::ALL {
        let result = verify(channel_type, |signature, _| *signature = wrong_signature());
        assert_eq!(
            result,
            Err(ProtocolError::WrongSignature(SignatureOf::Commitment))
        );
    }
}

#[test]
fn a_wrong_signature_of_an_htlc_is_refused_by_its_position() {
    for channel_type in ChannelType::ALL {
        for position in 0..HTLCS.len() {
            // The amounts ascend, so the outputs stand in the order of the list.
            let result = verify(channel_type, |_, htlcs| htlcs[position] = wrong_signature());
            assert_eq!(
                result,
                Err(ProtocolError::WrongSignature(SignatureOf::Htlc(position)))
            );
        }
    }
}

#[test]
fn a_signature_too_few_or_too_many_is_refused() {
    let too_few = verify(ChannelType::StaticRemotekey, |_, htlcs| htlcs.truncate(2));
    assert_eq!(
        too_few,
        Err(ProtocolError::HtlcSignatureCount {
            expected: 3,
            got: 2
        })
    );
    let too_many = verify(ChannelType::StaticRemotekey, |_, htlcs| {
        htlcs.push(wrong_signature())
    });
    assert_eq!(
        too_many,
        Err(ProtocolError::HtlcSignatureCount {
            expected: 3,
            got: 4
        })
    );
}

#[test]
fn a_second_level_transaction_is_not_signed_without_its_preimage_or_with_a_wrong_one() {
    let keys = commitment_keys();
    let htlcs = [htlc(HtlcKind::Received, 10_000_000)];
    let base = spec(ChannelType::AnchorsZeroFeeHtlc, &keys);
    let spec = CommitmentSpec {
        to_owner_msat: 600_000_000,
        htlcs: &htlcs,
        ..base
    };
    let second_level = spec
        .second_levels(&spec.build().unwrap())
        .unwrap()
        .remove(0);
    let signed = |preimage| second_level.signed(&wrong_signature(), &wrong_signature(), preimage);
    let wrong = crate::protocol::Preimage::new([0; 32]);
    assert_eq!(
        signed(None),
        Err(ProtocolError::WitnessIncomplete("the preimage"))
    );
    assert_eq!(signed(Some(&wrong)), Err(ProtocolError::WrongPreimage));
    assert!(signed(Some(&preimage())).is_ok());
}

#[test]
fn an_htlc_that_cannot_pay_its_second_level_fee_has_no_second_level() {
    let keys = commitment_keys();
    let result = SecondLevel::new(
        ChannelType::StaticRemotekey,
        OutPoint::null(),
        &htlc(HtlcKind::Offered, 662_999),
        &keys,
        144,
        1000,
    );
    let fee = Amount::from_sat(663);
    assert_eq!(
        result,
        Err(ProtocolError::HtlcBelowFee {
            vout: u32::MAX,
            fee
        })
    );
}

#[test]
fn a_signed_commitment_weighs_what_was_said_or_a_unit_less_for_each_signature() {
    for channel_type in ChannelType::ALL {
        let commitment = build_with(channel_type, |_| ()).unwrap();
        let sighash = commitment.sighash().unwrap();
        let sign = |spender| {
            let key = signing_secret(spender, KeyRole::Funding);
            SECP256K1.sign_ecdsa(&sighash, &key)
        };
        let signed = commitment.signed(&sign(Spender::Owner), &sign(Spender::Counterparty));
        let (said, real) = (commitment.weight().to_wu(), signed.weight().to_wu());
        // A signature in eight is shorter by one byte, one in hundreds by more.
        assert!((said - 4..=said).contains(&real), "{real} of {said}");
    }
}
