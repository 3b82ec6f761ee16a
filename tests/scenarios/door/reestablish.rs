//! A peer's `channel_reestablish` at the door: for which channel it is, and what is refused of it. What it has told again stands
//! in `opening/reconnection.rs`, what it proves in `data_loss.rs`, what it confirms in `storage/backup.rs`.

use lightning_arbitrator::arbitrator::Received;
use lightning_arbitrator::channel::UpdateError;
use lightning_arbitrator::opening::OpeningError;
use lightning_arbitrator::protocol::{ChannelId, ProtocolError};
use lightning_arbitrator::ArbitratorError;
use testkit::party::{Opened, Stands};

use crate::support::{Told, World};

twins!(
    a_channel_that_its_engine_opens_is_known_by_either_name,
    a_peer_that_expects_a_commitment_beyond_ours_is_refused,
    a_peer_that_waits_for_our_newest_commitments_is_not,
    a_number_that_no_commitment_has_is_refused,
    of_an_unknown_channel_nothing_is_kept,
);

fn a_channel_that_its_engine_opens_is_known_by_either_name(mut world: World) {
    world.round();
    let before = world.phone.tables();
    for opened in [Opened::V1, Opened::V2] {
        let message = world.channel.peer_reestablish(opened);
        let heard = world.phone.hears(&world.channel, message);
        assert_eq!(heard.expect("a good message"), Received::Taken);
    }
    world.phone.tables().assert_are(&before);
}

fn a_peer_that_expects_a_commitment_beyond_ours_is_refused(mut world: World) {
    world.round();
    let stands = Stands {
        next_commitment_number: 3,
        ..world.channel.peer_stands()
    };
    let channel = world.outpoint();
    let (ours, peers) = (2, 3);
    let expected = UpdateError::BehindPeer {
        channel,
        ours,
        peers,
    };
    let said = Told::stands(&world.channel, &stands);
    assert_eq!(world.refusal(said), expected);
    assert!(world.phone.position(channel).takes_commitments());
}

/// We have signed the peer's next, and it holds neither that nor our last revocation.
fn a_peer_that_waits_for_our_newest_commitments_is_not(mut world: World) {
    world.round();
    world.round();
    world.sign_for_peer();
    let stands = Stands {
        next_commitment_number: 3,
        next_revocation_number: 1,
        last_secret: world.channel.our_per_commitment_secret(0),
    };
    let said = Told::stands(&world.channel, &stands);
    world.repeats(said);
}

fn a_number_that_no_commitment_has_is_refused(mut world: World) {
    let most = 1 << 48;
    let stands = Stands {
        next_revocation_number: most + 1,
        ..world.channel.peer_stands()
    };
    let expected = UpdateError::Protocol {
        channel: world.outpoint(),
        source: ProtocolError::CommitmentNumberTooLarge(most),
    };
    let said = Told::stands(&world.channel, &stands);
    assert_eq!(world.refusal(said), expected);
}

/// It is about an established channel: none that is registered later can be meant.
fn of_an_unknown_channel_nothing_is_kept(mut world: World) {
    let stranger = world.unregistered_channel(1);
    let before = world.phone.tables();
    let message = stranger.peer_reestablish(Opened::V1);
    let refused = world.phone.hears(&stranger, message);
    let channel_id = ChannelId(stranger.channel_id(Opened::V1));
    let expected = OpeningError::UnknownChannelId { channel_id };
    assert!(
        matches!(&refused, Err(ArbitratorError::Opening(unknown)) if *unknown == expected),
        "{refused:?}"
    );
    world.phone.tables().assert_are(&before);
}
