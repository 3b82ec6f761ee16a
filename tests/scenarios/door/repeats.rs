//! What is told twice is stored once, and `position` says after each message where the store stands.

use bitcoin::Amount;
use lightning_arbitrator::channel::{Feed, HtlcOrigin, Position};
use testkit::party::{CooperativeClose, NewHtlc, Origin};

use super::add_htlcs;
use crate::support::{htlc_key, local_update, number, retold, Told, World};

twins!(
    an_identical_repeat_of_any_message_changes_nothing,
    position_follows_every_message,
    the_origin_of_a_forwarded_htlc_is_kept,
);

fn an_identical_repeat_of_any_message_changes_nothing(mut world: World) {
    let [_, incoming, ..] = add_htlcs(&mut world);
    let channel = world.outpoint();
    for _ in 0..3 {
        let round = world.round();
        let told = [
            Told::Remote(retold(&round.remote)),
            Told::Revocation(round.revocation.expect("not the first")),
            Told::Local(local_update(channel, &round.local)),
            Told::Terms(Box::new(retold(&world.channel))),
        ];
        for told in told {
            world.repeats(told);
        }
    }
    let release = Told::Release(htlc_key(incoming.key));
    world.tell(release.clone());
    world.repeats(release);
    let loss = world.channel.data_loss(1).expect("one round");
    let proof = Told::data_loss(&loss);
    world.tell(proof.clone());
    world.repeats(proof);
    let mut closing = world.anew();
    let close = CooperativeClose::legacy(Amount::from_sat(500));
    let close = Told::Close(closing.channel.cooperative_close(&close).expect("no HTLCs"));
    closing.tell(close.clone());
    closing.repeats(close);
}

fn position_follows_every_message(mut world: World) {
    let channel = world.outpoint();
    let mut feed = Feed {
        local: Some(number(0)),
        remote: Some(number(0)),
        remote_revoked: None,
        remote_next_point: None,
    };
    for n in 1..4 {
        assert_eq!(
            world.phone.position(channel),
            Position {
                feed,
                refusal: None
            }
        );
        let round = world.channel.commit_both().expect("nothing is outstanding");
        world.tell(Told::Remote(retold(&round.remote)));
        feed.remote = Some(number(n));
        feed.remote_next_point = None;
        assert_eq!(world.phone.position(channel).feed, feed);
        let revocation = round.revocation.expect("not the first");
        feed.remote_revoked = Some(number(n - 1));
        feed.remote_next_point = Some(revocation.next_point);
        world.tell(Told::Revocation(revocation));
        assert_eq!(world.phone.position(channel).feed, feed);
        world.tell(Told::Local(local_update(channel, &round.local)));
        feed.local = Some(number(n));
    }
    world.phone.switch_off();
    assert_eq!(world.phone.position(channel).feed, feed);
}

fn the_origin_of_a_forwarded_htlc_is_kept(mut world: World) {
    let upstream = world.unfunded_channel().funding();
    let own = world.add(NewHtlc::outgoing(10_000_000, 600));
    let forwarded = world.add(NewHtlc::outgoing(20_000_000, 600).from(Origin::Forwarded {
        channel: upstream.to_string(),
        id: u64::MAX,
        cltv_expiry: 640,
    }));
    world.round();
    let channel = world.outpoint();
    let store = world.phone.opened();
    let row = store.find(channel).expect("readable").expect("registered");
    let lives = store.htlcs(row, &mut Default::default()).expect("readable");
    let origins: Vec<_> = lives
        .values()
        .map(|life| (life.terms.key, life.terms.origin))
        .collect();
    let expected = HtlcOrigin::Forwarded {
        channel: upstream,
        id: u64::MAX,
        expiry: 640,
    };
    assert_eq!(
        origins,
        [
            (htlc_key(own.key), HtlcOrigin::Own),
            (htlc_key(forwarded.key), expected)
        ]
    );
}
