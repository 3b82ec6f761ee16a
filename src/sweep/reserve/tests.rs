//! What the wallet should have ready, as tables: by HTLCs, by feerate, by channel type.

use super::*;
use crate::channel::{Direction, HtlcLife};
use crate::court::fixtures::{self, htlc, worth};
use crate::court::{forecast, Dossier};
use crate::protocol::ChannelType;

const EXPIRY: u32 = 500;

fn dossier(channel_type: ChannelType, htlcs: &[HtlcLife]) -> Dossier {
    let mut dossier = fixtures::dossier(htlcs);
    dossier.terms.channel_type = channel_type;
    dossier
}

/// So many HTLCs of 50,000 sat, turn by turn in both directions.
fn htlcs(count: u64) -> Vec<HtlcLife> {
    let of = |id| {
        let direction = match id % 2 {
            0 => Direction::Outgoing,
            _ => Direction::Incoming,
        };
        worth(htlc(direction, id, EXPIRY), 50_000_000)
    };
    (0..count).map(of).collect()
}

fn needed(dossiers: &[Dossier], sat_per_vb: u64) -> ReserveNeeded {
    let policy = Policy::default();
    let feerate = FeeRate::from_sat_per_vb(sat_per_vb).expect("a sane feerate");
    let mut needed = ReserveNeeded::default();
    for dossier in dossiers {
        if let Some(forecast) = forecast(dossier, 100, &policy) {
            let added = needed.add(&dossier.terms, &forecast, feerate, &policy);
            added.expect("good terms");
        }
    }
    needed
}

#[test]
fn a_channel_without_anchors_needs_nothing() {
    let channel = dossier(ChannelType::StaticRemotekey, &htlcs(4));
    assert_eq!(needed(&[channel], 100), ReserveNeeded::default());
}

#[test]
fn each_htlc_needs_a_coin_beside_the_commitments() {
    for count in [0, 1, 2, 5] {
        let channel = dossier(ChannelType::AnchorsZeroFeeHtlc, &htlcs(count));
        let needed = needed(&[channel], 20);
        assert_eq!(needed.coins.len() as u64, count + 1, "{needed:?}");
    }
}

#[test]
fn a_quiet_channel_needs_the_floor_at_any_feerate_that_its_balance_can_bear() {
    for sat_per_vb in [1, 10, 20] {
        let channel = dossier(ChannelType::AnchorsZeroFeeHtlc, &[]);
        let floor = Policy::default().reserve_floor;
        assert_eq!(needed(&[channel], sat_per_vb).total(), floor);
    }
}

#[test]
fn it_grows_with_the_feerate_until_nothing_is_worth_it_any_more() {
    let total = |sat_per_vb| {
        let channel = dossier(ChannelType::AnchorsZeroFeeHtlc, &htlcs(4));
        needed(&[channel], sat_per_vb).total().to_sat()
    };
    assert!(total(20) < total(40) && total(40) < total(80));
    // Four claims of 25,000 sat at most each, and a commitment of as much together or a tenth of the balance.
    assert!(total(900) < 4 * 25_000 + 100_000 + 5 * 330);
}

#[test]
fn floors_stop_at_their_cap_and_what_is_asked_for_does_not() {
    let quiet = || dossier(ChannelType::AnchorsZeroFeeHtlc, &[]);
    let many: Vec<Dossier> = (0..50).map(|_| quiet()).collect();
    let needed_at = |sat_per_vb| needed(&many, sat_per_vb).total();
    let cap = Policy::default().reserve_floor_cap;
    assert_eq!(needed_at(1), cap);
    assert!(needed_at(100) > cap);
}

#[test]
fn a_commitment_that_pays_as_much_by_itself_needs_the_floor_only() {
    let mut channel = dossier(ChannelType::AnchorsZeroFeeHtlc, &[]);
    for candidate in &mut channel.candidates {
        candidate.feerate_per_kw = 50 * 250;
    }
    assert_eq!(
        needed(&[channel], 40).total(),
        Policy::default().reserve_floor
    );
}
