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
            let added = tx.weight().to_wu() - 2 - unsigned + constant("weights", "txin_nonwitness");
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
        let [own, peer] = [&second_level.sighash(), &second_level.peer_sighash()].map(|sighash| {
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
