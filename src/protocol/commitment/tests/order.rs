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
