//! What an engine does together it tells in one call: judged one after the other, stored as a whole or not at all.

use lightning_arbitrator::channel::{ChannelUpdate, LocalUpdate, Refusal, UpdateError};
use lightning_arbitrator::protocol::Party;
use lightning_arbitrator::store::Unreadable;
use testkit::party::{Htlc, Revocation, Round, Settlement};

use super::add_htlcs;
use crate::support::{htlc_key, local_update, number, retold, Told, World};

twins!(
    a_call_stores_what_its_updates_would_have_stored_one_by_one,
    each_update_is_judged_after_the_ones_before_it,
    the_update_that_is_refused_is_named_and_nothing_of_its_call_is_stored,
    a_call_without_updates_changes_nothing,
    a_repeated_call_changes_nothing,
    of_a_call_whose_first_updates_are_stored_the_others_are_taken,
    a_call_of_several_rounds_can_be_repeated,
    an_old_commitment_of_ours_before_a_new_one_is_refused,
    an_old_commitment_of_the_peer_is_refused_unless_the_call_revokes_it,
    a_closing_channel_takes_the_secret_of_a_refused_call_by_itself,
);

/// The peer's next commitment, signed by us; the revocation of its present one; and our next.
fn round(world: &mut World) -> [ChannelUpdate; 3] {
    let Round {
        remote,
        revocation,
        local,
    } = world.channel.commit_both().expect("nothing is outstanding");
    [
        ChannelUpdate::Remote(retold(&remote)),
        retold(&revocation.expect("not the first")),
        ChannelUpdate::Local(local_update(world.outpoint(), &local)),
    ]
}

/// Tells updates that must be good.
fn tell(world: &mut World, updates: &[ChannelUpdate]) {
    world.tell(Told::Together(updates.to_vec()));
}

/// HTLCs come, and one is claimed: all that an engine tells, by calls.
fn calls(world: &mut World) -> Vec<Vec<ChannelUpdate>> {
    let [_, incoming, ..] = add_htlcs(world);
    let [signed, revoked, ours] = round(world);
    let mut calls = vec![vec![signed], vec![revoked, ours]];
    let Htlc { key, .. } = incoming;
    let settled = world.channel.settle_htlc(key, Settlement::Fulfil);
    settled.expect("it is live");
    let [signed, revoked, ours] = round(world);
    let release = ChannelUpdate::Release(htlc_key(key));
    calls.extend([vec![release, signed], vec![revoked, ours]]);
    calls
}

/// What the store has of the channel, secrets opened.
fn stored(world: &mut World) -> String {
    let channel = world.outpoint();
    let store = world.phone.opened();
    let row = store.find(channel).expect("readable").expect("registered");
    let none = &mut Unreadable::default();
    let feed = store.feed(row).expect("readable");
    let ledger = store.ledger(row).expect("readable");
    let lives = store.htlcs(row, none).expect("readable");
    let candidates = store.candidates(row, channel, none).expect("readable");
    let secrets = store.secrets(row).expect("readable");
    let secret = |at| secrets.get(number(at)).map(|secret| *secret.as_bytes());
    let secrets: Vec<_> = (0..9).map(secret).collect();
    format!("{feed:#?} {ledger:#?} {lives:#?} {candidates:#?} {secrets:?}")
}

fn a_call_stores_what_its_updates_would_have_stored_one_by_one(mut world: World) {
    let mut other = world.anew();
    for call in calls(&mut world) {
        tell(&mut world, &call);
    }
    for update in calls(&mut other).concat() {
        tell(&mut other, &[update]);
    }
    assert_eq!(stored(&mut world), stored(&mut other));
}

fn each_update_is_judged_after_the_ones_before_it(mut world: World) {
    let [signed, revoked, _] = round(&mut world);
    tell(&mut world, &[signed]);
    let next = world.channel.their_commitment().expect("none is pending");
    let next = ChannelUpdate::Remote(retold(&next));
    // BOLT 2: the next but one is signed only when the peer has revoked.
    let early = UpdateError::OutOfOrder {
        channel: world.outpoint(),
        party: Party::Remote,
        number: 2,
        expected: 1,
    };
    let wrong_way_round = vec![next.clone(), revoked.clone()];
    assert_eq!(world.refusal_in(wrong_way_round), (0, early));
    tell(&mut world, &[revoked, next]);
}

fn the_update_that_is_refused_is_named_and_nothing_of_its_call_is_stored(mut world: World) {
    let channel = world.outpoint();
    let htlc = htlc_key(add_htlcs(&mut world)[1].key);
    let good = round(&mut world);
    let lies = [
        ChannelUpdate::Release(htlc),
        retold(&Revocation {
            secret: [1; 32],
            ..world.channel.revocation(0)
        }),
        unsigned(&good[2]),
    ];
    let reasons = [
        UpdateError::UnknownHtlc { channel, htlc },
        UpdateError::WrongSecret { channel, number: 0 },
        UpdateError::CommitmentSignature { channel, number: 1 },
    ];
    for (index, (lie, reason)) in lies.into_iter().zip(reasons).enumerate() {
        let mut call = good.to_vec();
        call[index] = lie;
        assert_eq!(world.refusal_in(call), (index, reason));
    }
    tell(&mut world, &good);
}

/// Our commitment with another one's signature.
fn unsigned(update: &ChannelUpdate) -> ChannelUpdate {
    let ChannelUpdate::Local(update) = update else {
        panic!("not a commitment of ours: {update:?}");
    };
    let mut lie: LocalUpdate = update.clone();
    lie.signatures[0].commitment = update.signatures[0].htlcs[0];
    ChannelUpdate::Local(lie)
}

fn a_call_without_updates_changes_nothing(mut world: World) {
    world.repeats(Told::Together(Vec::new()));
}

fn a_repeated_call_changes_nothing(mut world: World) {
    for call in calls(&mut world) {
        tell(&mut world, &call);
        world.repeats(Told::Together(call));
    }
}

fn of_a_call_whose_first_updates_are_stored_the_others_are_taken(mut world: World) {
    for call in calls(&mut world) {
        for told in 0..=call.len() {
            tell(&mut world, &call[..told]);
        }
        world.repeats(Told::Together(call));
    }
    let feed = world.phone.position(world.channel.funding()).feed;
    assert_eq!(
        (feed.local, feed.remote),
        (Some(number(2)), Some(number(2)))
    );
}

fn a_call_of_several_rounds_can_be_repeated(mut world: World) {
    let call = [round(&mut world), round(&mut world), round(&mut world)].concat();
    tell(&mut world, &call);
    world.repeats(Told::Together(call));
}

fn an_old_commitment_of_ours_before_a_new_one_is_refused(mut world: World) {
    let [_, _, old] = round(&mut world);
    let [_, _, present] = round(&mut world);
    let [_, _, next] = round(&mut world);
    tell(&mut world, &[old.clone(), present.clone()]);
    let stale = UpdateError::OutOfOrder {
        channel: world.outpoint(),
        party: Party::Local,
        number: 1,
        expected: 3,
    };
    for follows in [&next, &old] {
        let call = vec![old.clone(), follows.clone()];
        assert_eq!(world.refusal_in(call), (0, stale.clone()));
    }
    tell(&mut world, &[old, present, next]);
}

fn an_old_commitment_of_the_peer_is_refused_unless_the_call_revokes_it(mut world: World) {
    let [first, revoked, _] = round(&mut world);
    let [second, revoked_first, _] = round(&mut world);
    let all = [first.clone(), revoked, second.clone(), revoked_first];
    tell(&mut world, &all);
    let stale = UpdateError::AlreadyRevoked {
        channel: world.outpoint(),
        party: Party::Remote,
        number: 1,
    };
    assert_eq!(world.refusal_in(vec![first, second]), (0, stale));
    world.repeats(Told::Together(all.to_vec()));
}

fn a_closing_channel_takes_the_secret_of_a_refused_call_by_itself(mut world: World) {
    let channel = world.outpoint();
    let [signed, revoked, ours] = round(&mut world);
    tell(&mut world, &[signed]);
    world.phone.force_close(channel).expect("a commitment");
    let (index, refusal) = world.refusal_in(vec![revoked.clone(), ours]);
    assert_eq!(index, 1);
    let reason = Refusal::ForceClose;
    assert_eq!(refusal, UpdateError::Closing { channel, reason });
    tell(&mut world, &[revoked]);
    let feed = world.phone.position(channel).feed;
    assert_eq!(feed.remote_revoked, Some(number(0)));
}
