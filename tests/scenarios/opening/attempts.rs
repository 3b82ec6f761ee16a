//! Several attempts at one funding (`tx_init_rbf`): all are watched, one confirms, the others end when it is there for good.

use lightning_arbitrator::channel::SummaryKind;
use lightning_arbitrator::court::ArbitratorState;
use lightning_arbitrator::opening::OpeningError;
use lightning_arbitrator::protocol::Party;
use lightning_arbitrator::ArbitratorError;
use testkit::chain::Orphaned;
use testkit::party::ChannelSetup;

use super::*;

twins!(
    the_attempt_that_confirms_ends_the_others_when_it_is_final,
    a_reorg_may_let_another_attempt_win,
    the_peers_channel_ready_is_for_whichever_attempt_confirms,
    an_attempt_at_another_channel_is_refused,
);

fn dual() -> OpeningTerms {
    OpeningTerms {
        opened_with: OpenedWith::OpenChannel2,
        ..private()
    }
}

/// Three attempts at one funding, with the same keys. The peer broadcasts them.
fn attempts(world: &mut World) -> [Channel; 3] {
    let channel_type = world.channel.setup().channel_type;
    let mut replaces = None;
    [(); 3].map(|()| {
        let setup = ChannelSetup::numbered(channel_type, 77);
        let attempt = Channel::prepare(world.chain.as_ref(), setup).expect("a consistent setup");
        world.phone.know(&attempt);
        let mut terms = retold(&attempt);
        terms.funding.transaction = None;
        terms.opener = Party::Remote;
        let agreed = OpeningTerms { replaces, ..dual() };
        world.phone.open_channel(terms, agreed).expect("good terms");
        replaces = Some(attempt.funding());
        attempt
    })
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
    world.submit(second.funding_tx());
    ticks_after(&mut world, 99);
    for attempt in [&first, &second, &third] {
        assert_eq!(state(&mut world, attempt), ArbitratorState::Default);
    }
    ticks_after(&mut world, 1);
    is_replaced_by(&mut world, &first, &second);
    is_replaced_by(&mut world, &third, &second);
    assert_eq!(state(&mut world, &second), ArbitratorState::Default);
    assert_eq!(said(&mut world, &second), vec![Said::ChannelReady]);
}

fn a_reorg_may_let_another_attempt_win(mut world: World) {
    let [first, second, third] = attempts(&mut world);
    world.submit(second.funding_tx());
    ticks_after(&mut world, 50);
    world.reorg(50, Orphaned::Drop);
    world.submit(third.funding_tx());
    ticks_after(&mut world, 100);
    is_replaced_by(&mut world, &first, &third);
    is_replaced_by(&mut world, &second, &third);
    assert_eq!(stage(&mut world, &third), Stage::AwaitingReady);
}

fn the_peers_channel_ready_is_for_whichever_attempt_confirms(mut world: World) {
    let [_, second, _] = attempts(&mut world);
    let ready = second.peer_ready(Opened::V2, None);
    hears(&mut world, &second, ready);
    world.submit(second.funding_tx());
    ticks_after(&mut world, DEEP);
    let told = only(&mut world, &second);
    let read = Channel::reads_ready(&told.message).expect("LDK reads it");
    assert_eq!(read.channel_id, second.channel_id(Opened::V2));
    assert_eq!(stage(&mut world, &second), Stage::Usable);
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
