//! `channel_ready`: told when it may be, received whenever it comes.

use lightning_arbitrator::channel::UpdateError;
use lightning_arbitrator::opening::OpeningError;
use lightning_arbitrator::protocol::MessageError;
use lightning_arbitrator::ArbitratorError;
use testkit::party::Side;

use super::*;
use crate::support::Told;

twins!(
    it_is_told_at_the_agreed_depth_and_not_before,
    it_waits_for_the_app_until_the_peer_has_it,
    the_channel_is_usable_once_ours_is_told_and_the_peers_is_there,
    the_peers_may_come_before_the_funding_confirms,
    a_zero_conf_channel_is_ready_at_once_under_its_alias,
    an_alias_names_the_channel_from_the_start,
    another_second_point_is_refused,
    a_commitment_on_another_point_than_the_peers_is_refused,
    a_message_that_others_read_is_not_for_us,
    zero_conf_without_an_alias_is_refused,
);

pub(super) fn it_is_told_at_the_agreed_depth_and_not_before(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP - 1);
    assert_eq!(said(&mut world, &channel), vec![]);
    ticks_after(&mut world, 1);
    let told = only(&mut world, &channel);
    let read = Channel::reads_ready(&told.message).expect("LDK reads it");
    assert_eq!(read.channel_id, channel.channel_id(Opened::V1));
    let second = channel.terms().our_first_points[1];
    assert_eq!((read.second_point, read.alias), (second, None));
    ticks_after(&mut world, 5);
    assert_eq!(said(&mut world, &channel), vec![]);
}

fn it_waits_for_the_app_until_the_peer_has_it(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    hears_ready(&mut world, &channel);
    ticks_after(&mut world, 50);
    assert_eq!(said(&mut world, &channel), vec![Said::ChannelReady]);
    assert_eq!(stage(&mut world, &channel), Stage::AwaitingReady);
    hands_over(&mut world, &channel);
    assert_eq!(stage(&mut world, &channel), Stage::Usable);
}

/// How often the app was told that the channel may be used.
fn usable_told(world: &mut World) -> usize {
    let told = world.phone.told().into_iter();
    told.filter(|kind| *kind == EventKind::ChannelUsable)
        .count()
}

fn the_channel_is_usable_once_ours_is_told_and_the_peers_is_there(mut world: World) {
    let channel = opens(&mut world, private());
    confirms(&mut world, DEEP);
    hands_over(&mut world, &channel);
    assert_eq!(stage(&mut world, &channel), Stage::AwaitingReady);
    assert_eq!(usable_told(&mut world), 0);
    hears_ready(&mut world, &channel);
    assert_eq!(stage(&mut world, &channel), Stage::Usable);
    hears_ready(&mut world, &channel);
    ticks_after(&mut world, 200);
    assert_eq!(usable_told(&mut world), 1);
}

fn the_peers_may_come_before_the_funding_confirms(mut world: World) {
    let channel = opens(&mut world, private());
    hears_ready(&mut world, &channel);
    confirms(&mut world, DEEP);
    hands_over(&mut world, &channel);
    assert_eq!(stage(&mut world, &channel), Stage::Usable);
}

fn alias() -> ShortChannelId {
    ShortChannelId::from_u64(0xf00d)
}

pub(super) fn zero_conf() -> OpeningTerms {
    OpeningTerms {
        minimum_depth: MinimumDepth::ZeroConf,
        alias: Some(alias()),
        ..private()
    }
}

fn a_zero_conf_channel_is_ready_at_once_under_its_alias(mut world: World) {
    let channel = opens(&mut world, zero_conf());
    world.phone.resume();
    let told = only(&mut world, &channel);
    let read = Channel::reads_ready(&told.message).expect("LDK reads it");
    assert_eq!(read.alias, Some(alias().to_u64()));
    let theirs = channel.peer_ready(Opened::V1, Some(7));
    hears(&mut world, &channel, theirs);
    assert_eq!(stage(&mut world, &channel), Stage::Usable);
    let opening = world.phone.opening(channel.funding());
    let of_peer = opening.peer_ready.and_then(|ready| ready.alias);
    assert_eq!(of_peer, Some(ShortChannelId::from_u64(7)));
    assert_eq!(opening.short_channel_id, None, "the chain has no name yet");
    ticks_after(&mut world, 1);
    name(&mut world, &channel);
    assert_eq!(said(&mut world, &channel), vec![]);
}

fn an_alias_names_the_channel_from_the_start(mut world: World) {
    let channel = opens(&mut world, zero_conf());
    let on = world.phone.on();
    let named = futures::executor::block_on(on.channel_by_short_id(alias()));
    assert_eq!(named.expect("readable"), Some(channel.funding()));
}

fn another_second_point_is_refused(mut world: World) {
    let channel = opens(&mut world, private());
    hears_ready(&mut world, &channel);
    let before = world.phone.tables();
    let other = channel.terms().our_first_points[0];
    let refused = world
        .phone
        .hears(&channel, channel.peer_ready_with(Opened::V1, other, None));
    assert!(
        matches!(
            refused,
            Err(ArbitratorError::Opening(OpeningError::SecondPoint { .. }))
        ),
        "{refused:?}"
    );
    world.phone.tables().assert_are(&before);
}

fn a_commitment_on_another_point_than_the_peers_is_refused(mut world: World) {
    let mut channel = opens(&mut world, private());
    let other = channel.terms().our_first_points[0];
    let message = channel.peer_ready_with(Opened::V1, other, None);
    hears(&mut world, &channel, message);
    let update = channel.their_commitment().expect("nothing is outstanding");
    let told = Told::Remote(retold(&update));
    let refused = world.phone.tell(channel.funding(), told);
    assert!(
        matches!(
            refused,
            Err(ArbitratorError::Update(UpdateError::PerCommitmentPoint {
                number: 1,
                ..
            }))
        ),
        "{refused:?}"
    );
}

fn a_message_that_others_read_is_not_for_us(mut world: World) {
    let channel = opens(&mut world, private());
    let before = world.phone.tables();
    for message in [vec![0, 18, 0, 0, 0, 0], vec![0, 136], vec![1, 0, 1]] {
        let refused = world.phone.hears(&channel, message);
        assert!(
            matches!(
                refused,
                Err(ArbitratorError::Opening(OpeningError::Message(
                    MessageError::NotForUs(_) | MessageError::Ends(_)
                )))
            ),
            "{refused:?}"
        );
    }
    world.phone.tables().assert_are(&before);
}

fn zero_conf_without_an_alias_is_refused(mut world: World) {
    let channel = world.unregistered_channel(1);
    assert!(channel.balance_msat(Side::Us) > 0);
    let agreed = OpeningTerms {
        alias: None,
        ..zero_conf()
    };
    let refused = world.phone.open_channel(retold(&channel), agreed);
    assert!(
        matches!(
            refused,
            Err(ArbitratorError::Opening(
                OpeningError::ZeroConfNeedsAlias { .. }
            ))
        ),
        "{refused:?}"
    );
}
