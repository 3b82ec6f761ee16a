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
