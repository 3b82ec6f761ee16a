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
        let built = build_with(ChannelType::StaticRemotekey, |spec| spec.opener = opener).unwrap();
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
