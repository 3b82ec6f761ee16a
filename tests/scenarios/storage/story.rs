//! A phone with channels in every state that a file can hold: what fixtures are made of, and what bits are flipped in.

use std::sync::Arc;

use bitcoin::Amount;
use futures::executor::block_on;
use lightning_arbitrator::opening::{Announcement, MinimumDepth, OpenedWith, OpeningTerms};
use lightning_arbitrator::protocol::{ChannelFeatures, ShortChannelId};
use lightning_arbitrator::store::Unsealed;
use testkit::party::{
    Channel, ChannelType, CooperativeClose, NewHtlc, Opened, Origin, Settlement, Which,
};

use crate::support::{htlc_key, retold, Nap, OurNode, Told, World};

/// Two who read the events: the tester, who has acknowledged one, and somebody who has acknowledged none.
pub const READERS: [&str; 2] = ["tester", "other"];

/// A phone with channels in every state that a schema has to carry over, switched off.
pub fn story() -> World {
    let sealed = Arc::new(Unsealed);
    let mut world = World::sealed(ChannelType::AnchorsZeroFeeHtlc, Nap::Never, sealed);
    // A coin for each channel.
    world.mine(100);
    open_with_htlcs(&mut world);
    opening(&mut world, 8);
    pending(&mut world, 1);
    closed_by_agreement(&mut world, 2);
    let mut peer_closes = funded(&mut world, 3);
    payments(&mut world, &mut peer_closes);
    let we_close = funded(&mut world, 4);
    let we_want_to = funded(&mut world, 5);
    let lost = funded(&mut world, 6);
    let agreed = funded(&mut world, 7);
    world.phone.resume();
    world.submit(
        &peer_closes
            .peer_commitment_tx(Which::Current)
            .expect("signed"),
    );
    world.phone.force_close(we_close.funding()).expect("signed");
    world.mine(1);
    world.phone.resume();
    world
        .phone
        .force_close(we_want_to.funding())
        .expect("signed");
    let fee = CooperativeClose::legacy(Amount::from_sat(500));
    let close = agreed.cooperative_close(&fee).expect("no HTLCs");
    let told = Told::Close(close);
    world.phone.tell(agreed.funding(), told).expect("good");
    let loss = lost.data_loss(1).expect("one round");
    world.phone.hears_of_loss(&loss);
    acknowledge_one(&mut world);
    world.phone.switch_off();
    world
}

/// Live HTLCs, settled ones, one whose id was given twice, and revoked states.
fn open_with_htlcs(world: &mut World) {
    let expiry = world.chain.tip().height + 500;
    let settled = world.add(NewHtlc::incoming(25_000_000, expiry));
    world.round();
    world
        .channel
        .settle_htlc(settled.key, Settlement::Fulfil)
        .expect("live");
    world.round();
    let origin = Origin::Forwarded {
        channel: world.outpoint().to_string(),
        id: 3,
        cltv_expiry: expiry + 40,
    };
    world.add(NewHtlc::outgoing(20_000_000, expiry).from(origin));
    let incoming = world.add(NewHtlc::incoming(30_000_000, expiry + 5));
    world.round();
    world.round();
    world.tell(Told::Release(htlc_key(incoming.key)));
    // BOLT 2: a reconnection frees the id of an HTLC that only the unanswered commitment carried.
    let forgotten = world.add(NewHtlc::outgoing(5_000_000, expiry + 6));
    world.sign_for_peer();
    world
        .channel
        .forget_htlc(forgotten.key)
        .expect("unanswered");
    world.add(NewHtlc::outgoing(6_000_000, expiry + 7));
    world.sign_for_peer_again();
    world.phone.resume();
}

/// A public channel that is opened here, whose peer was faster than the app; and a message of a channel that is not known.
fn opening(world: &mut World, number: u64) {
    let node = Arc::new(OurNode::new());
    world.phone.set(|config| config.node_signer = Some(node));
    let mut channel = world.unregistered_channel(number);
    let features = ChannelFeatures::default();
    let agreed = OpeningTerms {
        opened_with: OpenedWith::OpenChannel,
        minimum_depth: MinimumDepth::Blocks(1),
        announcement: Announcement::Public { features },
        alias: Some(ShortChannelId::from_u64(number)),
        replaces: None,
    };
    let registered = world.phone.open_channel(retold(&channel), agreed);
    registered.expect("good terms");
    let round = channel.commit_both().expect("nothing is outstanding");
    world.phone.told_round(channel.funding(), &round);
    let unknown = world.unregistered_channel(number + 1);
    for peer in [&channel, &unknown] {
        let half = peer.peer_half(Opened::V1, OurNode::new().id(), 7 << 40);
        world.phone.hears(peer, half).expect("good or early");
    }
    let ready = channel.peer_ready(Opened::V1, None);
    world.phone.hears(&channel, ready).expect("good");
}

/// Registered and fed; nobody has broadcast its funding.
fn pending(world: &mut World, number: u64) -> Channel {
    world.unfunded_channel_numbered(number)
}

/// Open, with a few states.
fn funded(world: &mut World, number: u64) -> Channel {
    let mut channel = pending(world, number);
    world.submit(channel.funding_tx());
    world.mine(1);
    for _ in 0..3 {
        let round = channel.commit_both().expect("nothing is outstanding");
        world.phone.told_round(channel.funding(), &round);
    }
    channel
}

/// One each way, live.
fn payments(world: &mut World, channel: &mut Channel) {
    let expiry = world.chain.tip().height + 500;
    let payments = [
        NewHtlc::outgoing(20_000_000, expiry),
        NewHtlc::incoming(30_000_000, expiry),
    ];
    for payment in payments {
        channel.add_htlc(payment).expect("affordable");
    }
    let round = channel.commit_both().expect("nothing is outstanding");
    world.phone.told_round(channel.funding(), &round);
}

fn closed_by_agreement(world: &mut World, number: u64) {
    let channel = funded(world, number);
    world.phone.resume();
    let close = CooperativeClose::legacy(Amount::from_sat(1_000));
    let close = channel.cooperative_close(&close).expect("no HTLCs");
    let told = Told::Close(close.clone());
    world
        .phone
        .tell(channel.funding(), told)
        .expect("a good close");
    world.submit(&close);
    world.mine(1);
    world.phone.resume();
    world.mine(100);
    world.phone.resume();
}

fn acknowledge_one(world: &mut World) {
    let on = world.phone.on();
    for reader in READERS {
        block_on(on.pending_events(reader.into(), 1)).expect("the outbox");
    }
    let first = block_on(on.pending_events(READERS[0].into(), 1)).expect("the outbox");
    block_on(on.acknowledge(READERS[0].into(), first[0].id.clone())).expect("an event");
}
