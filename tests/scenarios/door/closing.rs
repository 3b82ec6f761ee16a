//! A channel that closes takes no more commitments, and says why; secrets, releases and proofs it takes until it ends.

use bitcoin::Amount;
use lightning_arbitrator::channel::{Lifecycle, Refusal, RemoteUpdate, UpdateError};
use testkit::chain::Orphaned;
use testkit::party::{CooperativeClose, Which};

use super::add_htlcs;
use crate::support::{htlc_key, local_update, number, retold, Told, World};

twins!(
    a_channel_we_close_takes_no_commitment,
    a_channel_whose_cooperative_close_is_signed_takes_no_commitment,
    a_channel_with_lost_data_takes_no_commitment,
    a_channel_the_peer_closed_takes_no_commitment,
    a_close_that_a_reorg_took_away_leaves_the_channel_closing,
    a_closing_channel_takes_what_the_engine_sends_again,
    a_closing_channel_takes_secrets,
    a_closing_channel_takes_releases,
    a_closing_channel_takes_proofs_of_data_loss,
);

fn we_close(world: &mut World) {
    let channel = world.outpoint();
    world.phone.resume();
    world
        .phone
        .force_close(channel)
        .expect("a commitment is held");
}

/// Good commitments of both sides, refused only because the channel closes.
fn takes_no_commitment(world: &mut World, reason: Refusal) {
    let channel = world.outpoint();
    let closing = UpdateError::Closing { channel, reason };
    assert_eq!(world.phone.position(channel).refusal, Some(reason));
    assert_eq!(world.phone.report(channel).lifecycle, Lifecycle::Closing);
    let round = world.channel.commit_both().expect("nothing is outstanding");
    let local = Told::Local(local_update(channel, &round.local));
    let remote = Told::Remote(retold(&round.remote));
    assert_eq!(world.refusal(local), closing);
    assert_eq!(world.refusal(remote), closing);
}

fn a_channel_we_close_takes_no_commitment(mut world: World) {
    we_close(&mut world);
    takes_no_commitment(&mut world, Refusal::ForceClose);
}

fn a_channel_whose_cooperative_close_is_signed_takes_no_commitment(mut world: World) {
    world.phone.resume();
    let close = CooperativeClose::legacy(Amount::from_sat(500));
    let close = world.channel.cooperative_close(&close).expect("no HTLCs");
    let txid = close.compute_txid();
    world.tell(Told::Close(close));
    takes_no_commitment(&mut world, Refusal::CooperativeClose { txid });
}

fn a_channel_with_lost_data_takes_no_commitment(mut world: World) {
    world.round();
    world.phone.resume();
    let loss = world.channel.data_loss(2).expect("two rounds");
    world.tell(Told::data_loss(&loss));
    takes_no_commitment(&mut world, Refusal::DataLoss);
}

fn a_channel_the_peer_closed_takes_no_commitment(mut world: World) {
    world.round();
    let channel = world.outpoint();
    assert!(world.phone.position(channel).takes_commitments());
    world.peer_closes(Which::Current);
    world.phone.resume();
    takes_no_commitment(&mut world, Refusal::Closed);
}

fn a_close_that_a_reorg_took_away_leaves_the_channel_closing(mut world: World) {
    world.peer_closes(Which::Current);
    world.phone.resume();
    world.reorg(1, Orphaned::Drop);
    world.phone.resume();
    takes_no_commitment(&mut world, Refusal::Closed);
}

fn a_closing_channel_takes_what_the_engine_sends_again(mut world: World) {
    let round = world.round();
    we_close(&mut world);
    world.repeats(Told::Remote(retold(&round.remote)));
    world.repeats(Told::Revocation(round.revocation.expect("not the first")));
    world.repeats(Told::Local(local_update(world.outpoint(), &round.local)));
}

fn a_closing_channel_takes_secrets(mut world: World) {
    world.round();
    world.sign_for_peer();
    we_close(&mut world);
    let revocation = world.channel.peer_revokes().expect("one is pending");
    world.tell(Told::Revocation(revocation));
    let channel = world.outpoint();
    let feed = world.phone.position(channel).feed;
    assert_eq!(feed.remote_revoked, Some(number(1)));
}

fn a_closing_channel_takes_releases(mut world: World) {
    let [_, incoming, ..] = add_htlcs(&mut world);
    world.round();
    we_close(&mut world);
    let before = world.phone.tables();
    let release = Told::Release(htlc_key(incoming.key));
    world.tell(release.clone());
    assert!(world.phone.tables() != before, "it is on disk");
    world.repeats(release);
}

fn a_closing_channel_takes_proofs_of_data_loss(mut world: World) {
    world.round();
    let loss = world.channel.data_loss(2).expect("two rounds");
    we_close(&mut world);
    let channel = world.outpoint();
    let proof = Told::data_loss(&loss);
    world.tell(proof.clone());
    assert!(world.phone.report(channel).data_loss);
    world.repeats(proof);
    // It is closed for commitments that the peer would sign, too.
    let next: RemoteUpdate = retold(&world.channel.their_commitment().expect("none is pending"));
    let reason = Refusal::DataLoss;
    let closing = UpdateError::Closing { channel, reason };
    assert_eq!(world.refusal(Told::Remote(next)), closing);
}
