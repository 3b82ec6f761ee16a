//! Several attempts at one funding (`tx_init_rbf`): all are watched, one confirms, the others end when it is there for good.

use lightning_arbitrator::channel::SummaryKind;
use lightning_arbitrator::court::ArbitratorState;
use lightning_arbitrator::opening::OpeningError;
use lightning_arbitrator::ArbitratorError;
use testkit::chain::Orphaned;

use super::*;

twins!(
    the_attempt_that_confirms_ends_the_others_when_it_is_final,
    a_reorg_may_let_another_attempt_win,
    the_peers_channel_ready_is_for_whichever_attempt_confirms,
    a_reconnection_is_one_of_all_attempts,
    a_proof_of_data_loss_is_one_for_all_attempts,
    an_attempt_at_another_channel_is_refused,
);

fn dual() -> OpeningTerms {
    OpeningTerms {
        opened_with: OpenedWith::OpenChannel2,
        ..private()
    }
}

/// Three attempts at one funding that spend the same coin: all registered, their first commitments signed, and broadcast.
fn attempts(world: &mut World) -> [Channel; 3] {
    let first = world.unregistered_channel(1);
    let again = |of: &Channel| of.attempt(world.chain.as_ref()).expect("consistent");
    let second = again(&first);
    let third = again(&second);
    let mut replaces = None;
    let attempts = [first, second, third].map(|mut attempt| {
        world.phone.know(&attempt);
        let agreed = OpeningTerms { replaces, ..dual() };
        let registered = world.phone.open_channel(retold(&attempt), agreed);
        registered.expect("good terms");
        first_commitments(world, &mut attempt);
        replaces = Some(attempt.funding());
        attempt
    });
    world.phone.resume();
    let newest = attempts[2].funding().txid;
    assert_eq!(world.chain.mempool(), vec![newest], "the others gave way");
    attempts
}

/// This attempt is the one that a miner has.
fn is_mined(world: &World, attempt: &Channel) {
    let funding = attempt.funding_tx().clone();
    world.chain.mine_txs(&[funding]).expect("a valid block");
}

fn state(world: &mut World, channel: &Channel) -> ArbitratorState {
    world.phone.report(channel.funding()).state
}

#[track_caller]
fn is_replaced_by(world: &mut World, loser: &Channel, winner: &Channel) {
    assert_eq!(state(world, loser), ArbitratorState::FullyResolved);
    let summary = world.phone.summary(loser.funding()).expect("it remains");
    let by = winner.funding();
    assert_eq!(summary.kind, SummaryKind::FundingReplaced { by });
}

fn the_attempt_that_confirms_ends_the_others_when_it_is_final(mut world: World) {
    let [first, second, third] = attempts(&mut world);
    is_mined(&world, &second);
    ticks_after(&mut world, 98);
    for attempt in [&first, &second, &third] {
        assert_eq!(state(&mut world, attempt), ArbitratorState::Default);
    }
    ticks_after(&mut world, 1);
    is_replaced_by(&mut world, &first, &second);
    is_replaced_by(&mut world, &third, &second);
    let told = world.phone.told();
    let is_alarm = |it: &EventKind| matches!(it, EventKind::FundingDoubleSpent { .. });
    assert!(!told.iter().any(is_alarm), "{told:?}");
    assert_eq!(state(&mut world, &second), ArbitratorState::Default);
    assert_eq!(said(&mut world, &second), vec![Said::ChannelReady]);
}

fn a_reorg_may_let_another_attempt_win(mut world: World) {
    let [first, second, third] = attempts(&mut world);
    is_mined(&world, &second);
    ticks_after(&mut world, 49);
    let other = vec![third.funding_tx().clone()];
    world.reorg(50, Orphaned::Replace(other));
    ticks_after(&mut world, 100);
    is_replaced_by(&mut world, &first, &third);
    is_replaced_by(&mut world, &second, &third);
    assert_eq!(stage(&mut world, &third), Stage::AwaitingReady);
}

fn the_peers_channel_ready_is_for_whichever_attempt_confirms(mut world: World) {
    let [_, second, _] = attempts(&mut world);
    let ready = second.peer_ready(Opened::V2, None);
    hears(&mut world, &second, ready);
    is_mined(&world, &second);
    ticks_after(&mut world, DEEP - 1);
    let told = only(&mut world, &second);
    let read = Channel::reads_ready(&told.message).expect("LDK reads it");
    assert_eq!(read.channel_id, second.channel_id(Opened::V2));
    assert_eq!(stage(&mut world, &second), Stage::Usable);
}

/// The second of three confirms and is in use. Whoever knew the others only would think that it had lost data.
fn in_use(world: &mut World) -> [Channel; 3] {
    let [first, mut second, third] = attempts(world);
    is_mined(world, &second);
    ticks_after(world, DEEP - 1);
    hands_over(world, &second);
    let ready = second.peer_ready(Opened::V2, None);
    hears(world, &second, ready);
    for _ in 0..3 {
        first_commitments(world, &mut second);
    }
    [first, second, third]
}

fn a_reconnection_is_one_of_all_attempts(mut world: World) {
    let all = in_use(&mut world);
    let message = all[1].peer_reestablish(Opened::V2);
    hears(&mut world, &all[1], message);
    for attempt in &all {
        assert!(!world.phone.report(attempt.funding()).data_loss);
        assert_eq!(said(&mut world, attempt), vec![]);
    }
}

fn a_proof_of_data_loss_is_one_for_all_attempts(mut world: World) {
    let all = in_use(&mut world);
    let mut ahead = all[1].clone();
    for _ in 0..2 {
        ahead.commit_both().expect("nothing is outstanding");
    }
    let message = ahead.peer_reestablish(Opened::V2);
    let heard = world.phone.hears(&ahead, message).expect("our own secret");
    assert_eq!(heard, Received::DataLost);
    for attempt in &all {
        assert!(world.phone.report(attempt.funding()).data_loss);
    }
}

fn an_attempt_at_another_channel_is_refused(mut world: World) {
    let [first, ..] = attempts(&mut world);
    let other = world.unregistered_channel(5);
    let before = world.phone.tables();
    let agreed = OpeningTerms {
        replaces: Some(first.funding()),
        ..dual()
    };
    let refused = world.phone.open_channel(retold(&other), agreed);
    assert!(
        matches!(
            refused,
            Err(ArbitratorError::Opening(OpeningError::Replaces { .. }))
        ),
        "{refused:?}"
    );
    world.phone.tables().assert_are(&before);
}
