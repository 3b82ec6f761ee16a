//! One HTLC by itself, and against what was said of it before.

use lightning_arbitrator::channel::{
    CommitmentUpdate, HtlcKey, HtlcOrigin, HtlcTerms, RemoteUpdate, UpdateError,
};
use lightning_arbitrator::protocol::PaymentHash;

use super::add_htlcs;
use crate::support::{htlc_key, local_update, retold, Told, World};

twins!(
    an_htlc_is_named_once,
    an_htlc_is_worth_something,
    an_expiry_is_a_block_height,
    an_id_is_one_that_can_be_reached,
    an_incoming_htlc_is_forwarded_from_nowhere,
    the_terms_of_a_committed_htlc_never_change,
    only_an_htlc_that_was_committed_can_be_released,
);

type Change<'a> = &'a dyn Fn(&mut HtlcTerms);

/// The next commitments of both sides with another set of HTLCs, and amounts that fit it.
fn both_with(world: &World, change: impl Fn(&mut Vec<HtlcTerms>)) -> [Told; 2] {
    let mut next = world.channel.clone();
    let round = next.commit_both().expect("nothing is outstanding");
    let fit = |update: &mut CommitmentUpdate| {
        let sum = |htlcs: &[HtlcTerms]| htlcs.iter().map(|htlc| htlc.amount_msat).sum::<u64>();
        update.local_msat += sum(&update.htlcs);
        change(&mut update.htlcs);
        update.local_msat -= sum(&update.htlcs);
    };
    let mut local = local_update(world.outpoint(), &round.local);
    let mut remote: RemoteUpdate = retold(&round.remote);
    fit(&mut local.commitment);
    fit(&mut remote.commitment);
    [Told::Local(local), Told::Remote(remote)]
}

/// Both sides' commitments with that set are refused because of this HTLC's field.
#[track_caller]
fn refuses(
    world: &mut World,
    change: impl Fn(&mut Vec<HtlcTerms>),
    (htlc, field, reason): (HtlcKey, &'static str, &'static str),
) {
    for lie in both_with(world, change) {
        assert_eq!(
            world.refusal(lie),
            UpdateError::Htlc {
                channel: world.outpoint(),
                htlc,
                field,
                reason
            }
        );
    }
}

fn an_htlc_is_named_once(mut world: World) {
    let [htlc, ..] = add_htlcs(&mut world);
    refuses(
        &mut world,
        |htlcs| htlcs.push(htlcs[0]),
        (htlc_key(htlc.key), "id", "named twice"),
    );
}

fn an_htlc_is_worth_something(mut world: World) {
    let [htlc, ..] = add_htlcs(&mut world);
    refuses(
        &mut world,
        |htlcs| htlcs[0].amount_msat = 0,
        (htlc_key(htlc.key), "amount_msat", "zero"),
    );
}

fn an_expiry_is_a_block_height(mut world: World) {
    let [htlc, ..] = add_htlcs(&mut world);
    for expiry in [500_000_000, u32::MAX] {
        refuses(
            &mut world,
            |htlcs| htlcs[0].cltv_expiry = expiry,
            (htlc_key(htlc.key), "cltv_expiry", "not a block height"),
        );
    }
    for good in both_with(&world, |htlcs| htlcs[0].cltv_expiry = 499_999_999) {
        match good {
            // The peer has not signed this one.
            Told::Local(_) => {}
            told => world.tell(told),
        }
    }
}

fn an_id_is_one_that_can_be_reached(mut world: World) {
    let [htlc, ..] = add_htlcs(&mut world);
    let key = HtlcKey {
        id: u64::MAX,
        ..htlc_key(htlc.key)
    };
    refuses(
        &mut world,
        |htlcs| htlcs[0].key = key,
        (key, "id", "no channel counts that far"),
    );
}

fn an_incoming_htlc_is_forwarded_from_nowhere(mut world: World) {
    let [_, incoming, ..] = add_htlcs(&mut world);
    let origin = HtlcOrigin::Forwarded {
        channel: world.outpoint(),
        id: 0,
        expiry: 900,
    };
    refuses(
        &mut world,
        |htlcs| htlcs[1].origin = origin,
        (
            htlc_key(incoming.key),
            "origin",
            "an incoming HTLC is not forwarded from anywhere",
        ),
    );
}

fn the_terms_of_a_committed_htlc_never_change(mut world: World) {
    let [htlc, ..] = add_htlcs(&mut world);
    world.round();
    world.round();
    let channel = world.outpoint();
    let changes: [(&str, Change<'_>); 4] = [
        ("payment_hash", &|htlc| {
            htlc.payment_hash = PaymentHash([1; 32])
        }),
        ("amount_msat", &|htlc| htlc.amount_msat += 1),
        ("cltv_expiry", &|htlc| htlc.cltv_expiry += 1),
        ("origin", &|htlc| {
            htlc.origin = HtlcOrigin::Forwarded {
                channel,
                id: 7,
                expiry: 900,
            }
        }),
    ];
    for (field, change) in changes {
        refuses(
            &mut world,
            |htlcs| change(&mut htlcs[0]),
            (htlc_key(htlc.key), field, "differs from what was stored"),
        );
    }
}

fn only_an_htlc_that_was_committed_can_be_released(mut world: World) {
    let [_, incoming, ..] = add_htlcs(&mut world);
    let htlc = htlc_key(incoming.key);
    let unknown = UpdateError::UnknownHtlc {
        channel: world.outpoint(),
        htlc,
    };
    assert_eq!(world.refusal(Told::Release(htlc)), unknown);
    world.round();
    world.tell(Told::Release(htlc));
    world.repeats(Told::Release(htlc));
}
