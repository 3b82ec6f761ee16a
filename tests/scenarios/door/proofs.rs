//! What else can be claimed of a channel: that it exists, that it closes together, that we have lost data.

use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction};
use lightning_arbitrator::channel::{Direction, HtlcKey, RemoteUpdate, UpdateError};
use lightning_arbitrator::ArbitratorError;
use testkit::party::{CooperativeClose, Side, Which};

use super::round_but_ours;
use crate::support::{retold, Told, World};

twins!(
    nothing_is_taken_for_an_unknown_channel,
    a_transaction_that_is_no_cooperative_close_is_refused,
    a_cooperative_close_that_pays_a_stranger_is_refused,
    a_secret_on_reconnection_that_is_not_ours_is_refused,
    secrets_that_we_gave_away_are_no_loss,
);

fn nothing_is_taken_for_an_unknown_channel(mut world: World) {
    let local = round_but_ours(&mut world);
    let remote: RemoteUpdate = retold(&world.channel.their_commitment().expect("none is pending"));
    let close = world
        .channel
        .cooperative_close(&CooperativeClose::legacy(Amount::from_sat(500)))
        .expect("no HTLCs");
    let htlc = HtlcKey {
        direction: Direction::Incoming,
        id: 0,
    };
    let stranger = OutPoint::null();
    let before = world.phone.tables();
    for told in [
        Told::Local(local),
        Told::Remote(remote),
        Told::Revocation(world.channel.revocation(1)),
        Told::Release(htlc),
        Told::Close(close),
    ] {
        let refused = world.phone.tell(stranger, told);
        assert!(matches!(
            refused,
            Err(ArbitratorError::UnknownChannel { channel }) if channel == stranger
        ));
    }
    world.phone.tables().assert_are(&before);
}

#[track_caller]
fn is_no_close(world: &mut World, transaction: Transaction) -> &'static str {
    match world.refusal(Told::Close(transaction)) {
        UpdateError::ClosingTransaction { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

fn a_transaction_that_is_no_cooperative_close_is_refused(mut world: World) {
    let close = world
        .channel
        .cooperative_close(&CooperativeClose::simple(Side::Peer, Amount::from_sat(500)))
        .expect("no HTLCs");
    let unsigned = "not signed by both funding keys";
    let changed = |change: &dyn Fn(&mut Transaction)| {
        let mut changed = close.clone();
        change(&mut changed);
        changed
    };
    for lie in [
        changed(&|close| close.input[0].witness.clear()),
        changed(&|close| close.output[0].value += Amount::from_sat(1)),
        changed(&|close| close.input[0].previous_output.vout += 1),
        changed(&|close| close.input.clear()),
        world.channel.funding_tx().clone(),
    ] {
        assert_eq!(is_no_close(&mut world, lie), unsigned);
    }
    // Signed by both, and still no close.
    let commitment = world
        .channel
        .our_commitment_tx(Which::Current)
        .expect("signed");
    is_no_close(&mut world, commitment);
    let unknown = world.channel.unknown_spend(close.output.clone());
    is_no_close(&mut world, unknown);
    let too_much = changed(&|close| close.output[0].value = world.channel.setup().capacity);
    let too_much = world.channel.signed_by_both(too_much);
    assert_eq!(
        is_no_close(&mut world, too_much),
        "it pays more than the channel holds"
    );
    world.tell(Told::Close(close));
}

fn a_cooperative_close_that_pays_a_stranger_is_refused(mut world: World) {
    let stranger = ScriptBuf::new_p2wsh(&ScriptBuf::from_bytes(vec![1]).wscript_hash());
    for side in [Side::Us, Side::Peer] {
        let mut wrong = CooperativeClose::simple(Side::Us, Amount::from_sat(500));
        match side {
            Side::Us => wrong.our_script = Some(stranger.clone()),
            Side::Peer => wrong.peer_script = Some(stranger.clone()),
        }
        let close = world.channel.cooperative_close(&wrong).expect("no HTLCs");
        is_no_close(&mut world, close);
    }
}

fn a_secret_on_reconnection_that_is_not_ours_is_refused(mut world: World) {
    world.round();
    world.round();
    let secret = |number| world.channel.our_per_commitment_secret(number);
    let lies = [
        (2, secret(3)),
        (2, [0; 32]),
        (7, world.channel.revocation(7).secret),
        // The commitment is revoked, and this is no secret of it.
        (1, secret(0)),
    ];
    for (number, lie) in lies {
        let channel = world.outpoint();
        let expected = UpdateError::ReestablishSecret { channel, number };
        let lie = Told::our_secret(&world.channel, number, lie);
        assert_eq!(world.refusal(lie), expected);
    }
}

/// What every peer knows that we have revoked proves nothing.
fn secrets_that_we_gave_away_are_no_loss(mut world: World) {
    world.round();
    world.round();
    let channel = world.outpoint();
    for number in [0, 1] {
        let secret = world.channel.our_per_commitment_secret(number);
        let known = Told::our_secret(&world.channel, number, secret);
        world.repeats(known);
        assert!(!world.phone.report(channel).data_loss);
    }
}
