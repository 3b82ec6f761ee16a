//! Openings that come to nothing: who gives up, when, and what remains.

use lightning_arbitrator::channel::{ChannelTerms, SummaryKind};
use lightning_arbitrator::court::{ArbitratorState, DeadlineReason};
use lightning_arbitrator::protocol::Party;

use super::*;

twins!(
    the_fundee_forgets_after_two_weeks_without_the_funding,
    the_funder_never_forgets_by_itself,
    a_cancelled_opening_leaves_a_summary,
    the_device_is_awake_before_the_fundee_forgets,
    a_row_that_cannot_be_read_is_reported_and_stops_no_other_opening,
);

/// The peer was to fund it.
pub(super) fn the_peers(channel: &Channel) -> ChannelTerms {
    let mut terms = retold(channel);
    terms.funding.transaction = None;
    terms.opener = Party::Remote;
    terms
}

fn the_fundee_forgets_after_two_weeks_without_the_funding(mut world: World) {
    let channel = world.unregistered_channel(1);
    let registered = world.phone.open_channel(the_peers(&channel), private());
    registered.expect("good terms");
    world.phone.resume();
    let at = world.phone.opening(channel.funding()).gives_up_at;
    assert_eq!(at, Some(world.chain.tip().height + 2_016));
    ticks_after(&mut world, 2_015);
    let outpoint = channel.funding();
    assert_eq!(world.phone.report(outpoint).state, ArbitratorState::Default);
    ticks_after(&mut world, 1);
    let report = world.phone.report(outpoint);
    assert_eq!(report.state, ArbitratorState::FullyResolved);
    let summary = world.phone.summary(outpoint).expect("it remains");
    assert_eq!(summary.kind, SummaryKind::FundingTimedOut);
    assert!(summary.is_final);
}

fn the_funder_never_forgets_by_itself(mut world: World) {
    let channel = opens(&mut world, private());
    world.phone.resume();
    world.chain.evict(channel.funding().txid);
    world.chain.mine_empty(2_500);
    world.phone.resume();
    let outpoint = channel.funding();
    assert_eq!(world.phone.report(outpoint).state, ArbitratorState::Default);
    ticks_after(&mut world, DEEP);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
}

fn a_cancelled_opening_leaves_a_summary(mut world: World) {
    let channel = opens(&mut world, private());
    let outpoint = channel.funding();
    world.phone.cancel_funding(outpoint).expect("it is pending");
    world.phone.resume();
    assert_eq!(world.chain.mempool(), vec![]);
    ticks_after(&mut world, 100);
    let summary = world.phone.summary(outpoint).expect("it remains");
    assert_eq!(summary.kind, SummaryKind::FundingCancelled);
    assert!(summary.is_final);
    assert_eq!(world.phone.tables().rows("opening"), 0);
}

fn a_row_that_cannot_be_read_is_reported_and_stops_no_other_opening(mut world: World) {
    let bad = opens(&mut world, private());
    let mut good = world.unregistered_channel(2);
    let registered = world.phone.open_channel(retold(&good), private());
    registered.expect("good terms");
    first_commitments(&mut world, &mut good);
    world.phone.resume();
    world.phone.switch_off();
    let db = rusqlite::Connection::open(&world.phone.config.database).expect("it is free");
    let sql = "UPDATE opening SET detail = '{' WHERE channel = 2";
    assert_eq!(db.execute(sql, []).expect("good SQL"), 1);
    drop(db);
    world.mine(DEEP);
    let report = world.phone.resume_with(Default::default()).expect("a tick");
    let mut troubles = report.troubles.iter();
    assert!(
        troubles.any(|it| it.channel == Some(bad.funding())),
        "{report:?}"
    );
    assert_eq!(said(&mut world, &good), vec![Said::ChannelReady]);
}

fn the_device_is_awake_before_the_fundee_forgets(mut world: World) {
    let channel = world.unregistered_channel(1);
    let mut terms = retold(&channel);
    // A breach of it could be answered for longer.
    terms.remote.to_self_delay = 4_000;
    let registered = world.phone.open_channel(terms, private());
    registered.expect("good terms");
    let first = world.phone.resume().tip.expect("a look").height.to_u32();
    ticks_after(&mut world, 500);
    let budget = world.phone.resume().sleep;
    let mut channels = budget.channels.into_iter();
    let wake_up = channels.find(|it| it.channel == channel.funding());
    let wake_up = wake_up.expect("it is half open");
    let due = (wake_up.deadline.height, wake_up.reason);
    assert_eq!(due, (first + 2_016, DeadlineReason::Opening));
}
