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
