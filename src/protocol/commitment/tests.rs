use std::iter::repeat_n;

use bitcoin::secp256k1::SECP256K1;
use bitcoin::Script;
use proptest::prelude::*;

use super::*;
use crate::protocol::error::Field;
use crate::protocol::fixtures::{
    bolt_constants, commitment_keys, htlc, preimage, secret, signing_secret, spec,
};
use crate::protocol::{state_number, KeyRole, Spender};
use OutputRole::{CounterpartyAnchor, OwnerAnchor, ToLocal, ToRemote};

/// Builds after a change to the standard commitment.
fn build_with(
    channel_type: ChannelType,
    change: impl FnOnce(&mut CommitmentSpec<'_>),
) -> Result<Commitment, ProtocolError> {
    let keys = commitment_keys();
    let mut spec = spec(channel_type, &keys);
    change(&mut spec);
    spec.build()
}

/// Builds with these HTLCs, whose amounts come from the owner's balance.
fn build_with_htlcs(channel_type: ChannelType, htlcs: &[Htlc]) -> Commitment {
    let keys = commitment_keys();
    let mut spec = spec(channel_type, &keys);
    spec.to_owner_msat -= htlcs.iter().map(|htlc| htlc.amount_msat).sum::<u64>();
    CommitmentSpec { htlcs, ..spec }.build().unwrap()
}

fn roles(commitment: &Commitment) -> Vec<OutputRole> {
    commitment
        .outputs
        .iter()
        .map(|output| output.role)
        .collect()
}

fn value_of(commitment: &Commitment, role: OutputRole) -> Option<u64> {
    commitment
        .outputs
        .iter()
        .find(|output| output.role == role)
        .map(|output| output.value.to_sat())
}

fn above_capacity(field: Field) -> Result<Commitment, ProtocolError> {
    Err(ProtocolError::AboveCapacity {
        field,
        capacity: Amount::from_sat(1_000_000),
    })
}

mod refusals {
    use super::*;

    #[test]
    fn a_balance_above_what_is_left_of_the_capacity_is_refused_by_name() {
        let build =
            |change: fn(&mut CommitmentSpec<'_>)| build_with(ChannelType::StaticRemotekey, change);
        assert_eq!(
            build(|spec| spec.to_owner_msat = 1_000_000_001),
            above_capacity(Field::ToOwner)
        );
        assert_eq!(
            build(|spec| spec.to_counterparty_msat += 1),
            above_capacity(Field::ToCounterparty)
        );
        assert_eq!(
            build(|spec| spec.to_owner_msat = u64::MAX),
            above_capacity(Field::ToOwner)
        );
        assert_eq!(
            build(|spec| spec.to_counterparty_msat = u64::MAX),
            above_capacity(Field::ToCounterparty)
        );
    }

    #[test]
    fn an_htlc_above_what_is_left_of_the_capacity_is_refused_by_position() {
        for too_much in [1, u64::MAX] {
            let htlcs = [
                htlc(HtlcKind::Offered, 1_000),
                htlc(HtlcKind::Received, too_much),
            ];
            let result = build_with(ChannelType::StaticRemotekey, |spec| {
                spec.to_owner_msat -= 1_000;
                spec.htlcs = Box::leak(Box::new(htlcs));
            });
            assert_eq!(result, above_capacity(Field::HtlcAmount(1)));
        }
    }

    #[test]
    fn a_capacity_that_has_no_msat_is_refused() {
        let capacity = Amount::from_sat(u64::MAX / 1000 + 1);
        let result = build_with(ChannelType::StaticRemotekey, |spec| {
            spec.capacity = capacity
        });
        assert_eq!(
            result,
            Err(ProtocolError::AboveCapacity {
                field: Field::Capacity,
                capacity
            })
        );
    }

    #[test]
    fn at_most_483_htlcs_are_allowed_in_each_direction() {
        let allowed: Vec<_> = [HtlcKind::Offered, HtlcKind::Received]
            .into_iter()
            .flat_map(|kind| repeat_n(htlc(kind, 600_000), 483))
            .collect();
        let built = build_with_htlcs(ChannelType::AnchorsZeroFeeHtlc, &allowed);
        assert_eq!(built.htlc_outputs().count(), 966);
        for kind in [HtlcKind::Offered, HtlcKind::Received] {
            let htlcs: &[Htlc] = Box::leak(repeat_n(htlc(kind, 1), 484).collect());
            let result = build_with(ChannelType::AnchorsZeroFeeHtlc, |spec| spec.htlcs = htlcs);
            assert_eq!(
                result,
                Err(ProtocolError::TooManyHtlcs { kind, count: 484 })
            );
        }
    }

    #[test]
    fn an_expiry_that_bitcoin_takes_for_a_time_is_refused() {
        let cltv_expiry = 500_000_000;
        let htlcs = [
            htlc(HtlcKind::Offered, 0),
            Htlc {
                cltv_expiry,
                ..htlc(HtlcKind::Offered, 0)
            },
        ];
        let htlcs: &[Htlc] = Box::leak(Box::new(htlcs));
        let result = build_with(ChannelType::StaticRemotekey, |spec| spec.htlcs = htlcs);
        assert_eq!(
            result,
            Err(ProtocolError::ExpiryIsNoHeight {
                htlc: 1,
                cltv_expiry
            })
        );
    }

    #[test]
    fn a_commitment_of_which_everything_is_trimmed_is_none() {
        for channel_type in ChannelType::ALL {
            let result = build_with(channel_type, |spec| {
                spec.dust_limit = Amount::from_sat(1_000_000)
            });
            assert_eq!(result, Err(ProtocolError::NoOutputs));
        }
    }

    #[test]
    fn anchors_that_nobody_pays_for_are_refused() {
        // The opener has nothing, so the anchor of its counterparty would come from nowhere.
        let result = build_with(ChannelType::AnchorsZeroFeeHtlc, |spec| {
            spec.to_owner_msat = 0;
            spec.to_counterparty_msat = 1_000_000_000;
        });
        assert_eq!(result, above_capacity(Field::Anchors));
    }
}

mod fees {
    use super::*;

    #[test]
    fn the_example_of_the_specification() {
        let example = &bolt_constants()["fee_example"];
        let number = |name: &str| example[name].as_u64().unwrap();
        let amounts = |name: &str| -> Vec<u64> {
            example[name]
                .as_array()
                .unwrap()
                .iter()
                .map(|amount| amount.as_u64().unwrap())
                .collect()
        };
        let offered = amounts("offered_msat")
            .into_iter()
            .map(|amount| htlc(HtlcKind::Offered, amount));
        let received = amounts("received_msat")
            .into_iter()
            .map(|amount| htlc(HtlcKind::Received, amount));
        let htlcs: Vec<_> = offered.chain(received).collect();
        let keys = commitment_keys();
        let mut spec = spec(ChannelType::StaticRemotekey, &keys);
        spec.feerate_per_kw = u32::try_from(number("feerate_per_kw")).unwrap();
        spec.dust_limit = Amount::from_sat(number("dust_limit_sat"));
        spec.to_owner_msat -= htlcs.iter().map(|htlc| htlc.amount_msat).sum::<u64>();
        let commitment = CommitmentSpec {
            htlcs: &htlcs,
            ..spec
        }
        .build()
        .unwrap();

        let format = ChannelType::StaticRemotekey.format();
        let second_level = |kind| format.second_level_fee(kind, spec.feerate_per_kw).to_sat();
        assert_eq!(second_level(HtlcKind::Offered), number("htlc_timeout_fee"));
        assert_eq!(second_level(HtlcKind::Received), number("htlc_success_fee"));
        assert_eq!(
            format
                .commitment_weight(commitment.htlc_outputs().count())
                .to_wu(),
            number("weight")
        );
        assert_eq!(commitment.fee.to_sat(), number("base_fee"));
        assert_eq!(commitment.actual_fee().to_sat(), number("actual_fee"));
    }

    #[test]
    fn the_opener_pays_whichever_side_of_the_commitment_it_is_on() {
        let static_remotekey = |opener| {
            let built =
                build_with(ChannelType::StaticRemotekey, |spec| spec.opener = opener).unwrap();
            (
                value_of(&built, ToLocal).unwrap(),
                value_of(&built, ToRemote).unwrap(),
            )
        };
        assert_eq!(static_remotekey(Opener::Owner), (700_000 - 724, 300_000));
        assert_eq!(
            static_remotekey(Opener::Counterparty),
            (700_000, 300_000 - 724)
        );
    }

    #[test]
    fn the_opener_pays_for_both_anchors() {
        let anchors = |opener| {
            let built =
                build_with(ChannelType::AnchorsZeroFeeHtlc, |spec| spec.opener = opener).unwrap();
            (
                value_of(&built, ToLocal).unwrap(),
                value_of(&built, ToRemote).unwrap(),
            )
        };
        assert_eq!(anchors(Opener::Owner), (700_000 - 1124 - 660, 300_000));
        assert_eq!(
            anchors(Opener::Counterparty),
            (700_000, 300_000 - 1124 - 660)
        );
    }

    #[test]
    fn the_opener_pays_for_two_anchors_even_if_only_one_is_there() {
        let built = build_with(ChannelType::AnchorsZeroFeeHtlc, |spec| {
            spec.to_owner_msat = 1_000_000_000;
            spec.to_counterparty_msat = 0;
        });
        let built = built.unwrap();
        assert_eq!(roles(&built), [OwnerAnchor, ToLocal]);
        assert_eq!(value_of(&built, ToLocal), Some(1_000_000 - 1124 - 660));
    }

    #[test]
    fn an_opener_that_cannot_pay_the_fee_pays_what_it_has() {
        let built = build_with(ChannelType::StaticRemotekey, |spec| {
            spec.feerate_per_kw = u32::MAX
        })
        .unwrap();
        assert_eq!(roles(&built), [ToRemote]);
        assert_eq!(value_of(&built, ToRemote), Some(300_000));
        assert_eq!(built.actual_fee().to_sat(), 700_000);
    }

    #[test]
    fn fractions_of_a_satoshi_go_to_the_miners() {
        let keys = commitment_keys();
        let htlcs = [htlc(HtlcKind::Offered, 5_000_999)];
        let mut spec = spec(ChannelType::StaticRemotekey, &keys);
        (spec.feerate_per_kw, spec.htlcs) = (0, &htlcs);
        (spec.to_owner_msat, spec.to_counterparty_msat) = (694_999_001 - 999, 300_000_999);
        let built = spec.build().unwrap();
        assert_eq!(value_of(&built, ToLocal), Some(694_998));
        assert_eq!(value_of(&built, ToRemote), Some(300_000));
        assert_eq!(value_of(&built, OutputRole::Htlc(0)), Some(5_000));
        assert_eq!((built.fee.to_sat(), built.actual_fee().to_sat()), (0, 2));
    }
}

mod trimming {
    use super::*;

    /// Whether an HTLC of so many satoshis has an output, at 1000 satoshi per 1000 weight and a dust limit of 546.
    fn has_output(channel_type: ChannelType, kind: HtlcKind, satoshis: u64) -> bool {
        let built = build_with_htlcs(channel_type, &[htlc(kind, satoshis * 1000 + 999)]);
        assert_ne!(
            built.trimmed.is_empty(),
            built.htlc_outputs().next().is_none()
        );
        built.trimmed.is_empty()
    }

    #[test]
    fn an_htlc_has_an_output_if_it_reaches_the_dust_limit_after_the_second_level_fee() {
        let static_remotekey =
            |kind, satoshis| has_output(ChannelType::StaticRemotekey, kind, satoshis);
        assert!(!static_remotekey(HtlcKind::Offered, 546 + 663 - 1));
        assert!(static_remotekey(HtlcKind::Offered, 546 + 663));
        assert!(!static_remotekey(HtlcKind::Received, 546 + 703 - 1));
        assert!(static_remotekey(HtlcKind::Received, 546 + 703));
    }

    #[test]
    fn with_anchors_only_the_dust_limit_counts() {
        for kind in [HtlcKind::Offered, HtlcKind::Received] {
            assert!(!has_output(ChannelType::AnchorsZeroFeeHtlc, kind, 545));
            assert!(has_output(ChannelType::AnchorsZeroFeeHtlc, kind, 546));
        }
    }

    #[test]
    fn the_base_fee_counts_the_htlcs_that_have_an_output() {
        let htlcs = [
            htlc(HtlcKind::Offered, 1_000),
            htlc(HtlcKind::Offered, 9_000_000),
        ];
        let built = build_with_htlcs(ChannelType::StaticRemotekey, &htlcs);
        assert_eq!(built.trimmed, [0]);
        assert_eq!(built.fee.to_sat(), 724 + 172);
    }

    #[test]
    fn a_balance_has_an_output_from_the_owners_dust_limit_on() {
        let with_remote = |msat| {
            let built = build_with(ChannelType::StaticRemotekey, |spec| {
                spec.to_counterparty_msat = msat
            });
            roles(&built.unwrap())
        };
        assert_eq!(with_remote(545_999), [ToLocal]);
        assert_eq!(with_remote(546_000), [ToRemote, ToLocal]);
    }

    #[test]
    fn a_side_without_an_output_has_no_anchor_unless_there_is_an_htlc() {
        let poor = |htlcs: &[Htlc]| {
            let keys = commitment_keys();
            let base = spec(ChannelType::AnchorsZeroFeeHtlc, &keys);
            let mut roles = roles(
                &CommitmentSpec {
                    to_counterparty_msat: 0,
                    htlcs,
                    ..base
                }
                .build()
                .unwrap(),
            );
            roles.retain(|role| matches!(role, OwnerAnchor | CounterpartyAnchor));
            roles.sort_by_key(|role| *role == CounterpartyAnchor);
            roles
        };
        assert_eq!(poor(&[]), [OwnerAnchor]);
        assert_eq!(poor(&[htlc(HtlcKind::Received, 545_000)]), [OwnerAnchor]);
        assert_eq!(
            poor(&[htlc(HtlcKind::Received, 546_000)]),
            [OwnerAnchor, CounterpartyAnchor]
        );
    }
}

mod order {
    use super::*;

    #[test]
    fn equal_htlc_outputs_are_ordered_by_their_expiry() {
        let expiring_at = |cltv_expiry| Htlc {
            cltv_expiry,
            ..htlc(HtlcKind::Offered, 5_000_000)
        };
        let built = build_with_htlcs(
            ChannelType::StaticRemotekey,
            &[506, 504, 505].map(expiring_at),
        );
        let positions: Vec<_> = built.htlc_outputs().map(|(_, position)| position).collect();
        assert_eq!(positions, [1, 2, 0]);
    }

    proptest! {
        #[test]
        fn outputs_follow_bip_69_and_never_hold_more_than_the_capacity(
            amounts in proptest::collection::vec((0u64..2_000_000, 0u32..700_000, any::<bool>()), 0..30),
            feerate_per_kw in 0u32..20_000,
            is_anchors: bool,
        ) {
            let channel_type = if is_anchors { ChannelType::AnchorsZeroFeeHtlc } else { ChannelType::StaticRemotekey };
            let htlcs: Vec<_> = amounts
                .into_iter()
                .map(|(amount, cltv_expiry, offered)| {
                    let kind = if offered { HtlcKind::Offered } else { HtlcKind::Received };
                    Htlc { cltv_expiry, ..htlc(kind, amount) }
                })
                .collect();
            let keys = commitment_keys();
            let mut spec = spec(channel_type, &keys);
            spec.feerate_per_kw = feerate_per_kw;
            spec.to_owner_msat -= htlcs.iter().map(|htlc| htlc.amount_msat).sum::<u64>();
            let spec = CommitmentSpec { htlcs: &htlcs, ..spec };
            let built = spec.build().unwrap();

            let keys: Vec<(Amount, &Script)> =
                built.tx.output.iter().map(|output| (output.value, output.script_pubkey.as_script())).collect();
            prop_assert!(keys.is_sorted());
            let described: Vec<(Amount, &Script)> =
                built.outputs.iter().map(|output| (output.value, output.script.script_pubkey.as_script())).collect();
            prop_assert_eq!(keys, described);
            prop_assert!(built.tx.output.iter().map(|output| output.value).sum::<Amount>() <= spec.capacity);
            prop_assert!(built.actual_fee() >= built.fee);
            prop_assert_eq!(built.trimmed.len() + built.htlc_outputs().count(), htlcs.len());
            prop_assert_eq!(state_number(&built.tx, spec.obscuring), Some(spec.number));
            for second_level in spec.second_levels(&built).unwrap() {
                prop_assert!(second_level.tx.output[0].value >= spec.dust_limit);
            }
        }
    }
}

mod signatures {
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
            .map(|second_level| {
                SECP256K1.sign_ecdsa(&second_level.peer_sighash().unwrap(), &htlc_key)
            })
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
        let signed =
            |preimage| second_level.signed(&wrong_signature(), &wrong_signature(), preimage);
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
}
