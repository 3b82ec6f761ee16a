//! The curve as a table, over one long sleep, and with whatever a server calls an estimate.

use super::*;

const DEADLINE: u32 = 1_000;

fn estimates(pairs: &[(u16, u64)]) -> BTreeMap<u16, FeeRate> {
    let rate = |(target, rate): &(u16, u64)| (*target, FeeRate::from_sat_per_kwu(*rate));
    pairs.iter().map(rate).collect()
}

/// What a server says in an ordinary week.
fn ordinary() -> BTreeMap<u16, FeeRate> {
    estimates(&[
        (1, 9_000),
        (3, 6_000),
        (9, 4_000),
        (144, 2_000),
        (1_008, 1_000),
    ])
}

fn at(tip: u32, since: Option<u32>, deadline: Option<u32>) -> Schedule {
    Schedule {
        tip,
        since,
        deadline,
    }
}

fn rate(schedule: Schedule, estimates: &BTreeMap<u16, FeeRate>) -> u64 {
    let policy = Policy::default();
    schedule.feerate(estimates, &policy).to_sat_per_kwu()
}

#[test]
fn the_market_is_asked_for_a_part_of_the_blocks_that_are_left_at_the_next_wake() {
    for (blocks_left, expected) in [
        // With 36 blocks to the next wake, an eighth of the rest: 18, 9, 8 and 1 blocks.
        (180, 4_400),
        (108, 4_400),
        (107, 6_600),
        (48, 9_900),
        // The device may not be awake again: half of the blocks that are left.
        (36, 4_400),
        (18, 4_400),
        (17, 6_600),
        (2, 9_900),
        (0, 9_900),
    ] {
        let schedule = at(DEADLINE - blocks_left, None, Some(DEADLINE));
        assert_eq!(rate(schedule, &ordinary()), expected, "{blocks_left}");
    }
    // Late: as with one block left.
    assert_eq!(
        rate(at(DEADLINE + 50, None, Some(DEADLINE)), &ordinary()),
        9_900
    );
}

#[test]
fn without_a_deadline_the_price_is_that_of_a_week() {
    let schedule = at(500, None, None);
    for (given, expected) in [
        (&[][..], 253),
        (&[(1, 9_000), (144, 2_000), (1_008, 1_000)], 1_000),
        (&[(1, 9_000), (144, 2_000), (2_000, 500)], 2_000),
        (&[(144, 1)], 253),
        (&[(144, u64::MAX)], 250_000),
        (&[(2_000, 3_000)], 3_000),
    ] {
        assert_eq!(rate(schedule, &estimates(given)), expected, "{given:?}");
    }
}

#[test]
fn an_absurd_estimate_among_sane_ones_changes_nothing() {
    let schedule = at(DEADLINE - 144, None, Some(DEADLINE));
    let mut absurd = ordinary();
    absurd.insert(6, FeeRate::from_sat_per_kwu(u64::MAX));
    assert_eq!(rate(schedule, &absurd), rate(schedule, &ordinary()));
}

#[test]
fn without_estimates_a_claim_with_a_deadline_starts_from_the_policys_own() {
    let schedule = at(DEADLINE - 144, None, Some(DEADLINE));
    assert_eq!(rate(schedule, &BTreeMap::new()), 2_750);
}

#[test]
fn whatever_is_asked_for_stays_between_floor_and_cap() {
    for (asked, expected) in [(0, 253), (u64::MAX, 250_000)] {
        let schedule = at(DEADLINE - 144, None, Some(DEADLINE));
        assert_eq!(rate(schedule, &estimates(&[(1, asked)])), expected);
    }
}

#[test]
fn in_the_last_blocks_a_claim_climbs_to_its_budget() {
    let way = Amount::from_sat(32_400);
    let policy = Policy::default();
    let climb = |schedule: Schedule| schedule.climb(way, &policy).to_sat();
    for (blocks_left, expected) in [
        (144, 0),
        (18, 0),
        (17, 100),
        (9, 8_100),
        (1, 28_900),
        (0, 32_400),
    ] {
        let schedule = at(DEADLINE - blocks_left, Some(DEADLINE - 144), Some(DEADLINE));
        assert_eq!(climb(schedule), expected, "{blocks_left}");
    }
    // The first bid has not failed yet, whenever it is made; nor has one of this block.
    assert_eq!(climb(at(DEADLINE - 1, None, Some(DEADLINE))), 0);
    assert_eq!(climb(at(DEADLINE, Some(DEADLINE), Some(DEADLINE))), 0);
    // One made late climbs within an hour, one without a deadline at the end of a week.
    let late = |blocks: u32| at(DEADLINE + blocks, Some(DEADLINE), Some(DEADLINE));
    assert_eq!([2, 4, 400].map(late).map(climb), [8_100, 32_400, 32_400]);
    let patient = |blocks: u32| at(500 + blocks, Some(500), None);
    assert_eq!(
        [900, 999, 1_008].map(patient).map(climb),
        [0, 8_100, 32_400]
    );
}

#[test]
fn a_long_sleep_is_caught_up_in_one_step() {
    let way = Amount::from_sat(10_000);
    let policy = Policy::default();
    let awake_all_along = (DEADLINE - 144..DEADLINE - 5)
        .map(|tip| at(tip, Some(DEADLINE - 144), Some(DEADLINE)).climb(way, &policy))
        .max();
    let slept = at(DEADLINE - 6, Some(DEADLINE - 144), Some(DEADLINE)).climb(way, &policy);
    assert_eq!(Some(slept), awake_all_along);
}
