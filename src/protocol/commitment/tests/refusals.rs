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
            htlc(HtlcKind::Offered, 0),
            htlc(HtlcKind::Received, too_much),
        ];
        assert_eq!(build_on_top(&htlcs), above_capacity(Field::HtlcAmount(1)));
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
        let result = build_on_top(&vec![htlc(kind, 1); 484]);
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
    let result = build_on_top(&htlcs);
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
