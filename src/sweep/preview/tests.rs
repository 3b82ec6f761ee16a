//! The prices of a preview, and that a close without a commitment has none.

use super::*;
use crate::court::fixtures::{dossier, open};

fn rate(sat_per_vb: u64) -> FeeRate {
    FeeRate::from_sat_per_vb(sat_per_vb).expect("a sane feerate")
}

/// The low, the medium and the high price, in sat per 1000 weight units.
fn prices(estimates: &[(u16, u64)]) -> [u64; 3] {
    let estimates = estimates.iter().map(|(target, sat)| (*target, rate(*sat)));
    let policy = Policy::default();
    let priced = priced(Pricing::Market, &estimates.collect(), &policy);
    let [low, medium, high] = &priced[..] else {
        panic!("three prices: {priced:?}");
    };
    let levels = [low.0, medium.0, high.0];
    assert_eq!(
        levels,
        [PriceLevel::Low, PriceLevel::Medium, PriceLevel::High]
    );
    [low, medium, high].map(|(_, feerate)| feerate.to_sat_per_kwu())
}

#[test]
fn the_prices_are_the_estimates_for_a_week_for_the_next_wake_and_for_the_next_blocks() {
    let policy = Policy::default();
    let (floor, cap) = (policy.feerate_floor.into(), policy.feerate_cap.into());
    let (medium, high) = (
        policy.fallback_feerate.into(),
        policy.fallback_high_feerate.into(),
    );
    for (estimates, expected) in [
        (&[][..], [floor, medium, high]),
        (
            &[(1, 40), (2, 20), (36, 8), (1_008, 2)],
            [500, 2_000, 5_000],
        ),
        // What is enough for two blocks is enough for a week.
        (&[(2, 4), (36, 8), (1_008, 12)], [1_000, 1_000, 1_000]),
        // The only target that there is.
        (&[(6, 10)], [2_500, 2_500, 2_500]),
        (&[(1, 100_000), (1_008, 0)], [floor, cap, cap]),
    ] {
        assert_eq!(prices(estimates), expected, "{estimates:?}");
    }
}

#[test]
fn a_feerate_that_is_asked_for_is_the_only_price() {
    let policy = Policy::default();
    let asked = Pricing::At(rate(7));
    let estimates = BTreeMap::from([(1, rate(50))]);
    let priced = priced(asked, &estimates, &policy);
    assert_eq!(priced, [(PriceLevel::Asked, rate(7))]);
}

#[test]
fn where_nobody_has_a_commitment_there_is_nothing_to_foretell() {
    let known = Known {
        case: open(),
        dossier: Dossier {
            candidates: Vec::new(),
            ..dossier(&[])
        },
        tip: 200,
        preimages: BTreeMap::new(),
        script: ScriptBuf::new(),
    };
    let (estimates, policy) = (BTreeMap::new(), Policy::default());
    let preview = preview(&known, Pricing::Market, &estimates, &policy).expect("open");
    let mut prices = preview.prices.iter();
    assert!(prices.all(|price| price.ours.is_none() && price.theirs.is_none()));
}
