//! What is fed to a library: complete, consistent, refused where BOLT 2 has no such story.

use lightning::ln::chan_utils::CounterpartyCommitmentSecrets;
use secp256k1::{SecretKey, SECP256K1};

use super::Story;
use crate::memory::MemoryChain;
use crate::party::{
    Channel, ChannelSetup, ChannelType, LocalUpdate, NewHtlc, Origin, PartyError, Settlement, Side,
    Which,
};

#[test]
fn every_millisatoshi_is_somewhere_in_every_update() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    let whole = |update: &LocalUpdate| {
        let in_flight: u64 = update.htlcs.iter().map(|htlc| htlc.amount_msat).sum();
        update.to_us_msat + update.to_peer_msat + in_flight
    };
    let outgoing = story
        .channel
        .add_htlc(NewHtlc::outgoing(30_000_001, 500))
        .expect("affordable");
    let incoming = story
        .channel
        .add_htlc(NewHtlc::incoming(20_000_002, 501))
        .expect("affordable");
    assert_eq!(whole(&story.commit().local), 1_000_000_000);
    story
        .channel
        .settle_htlc(outgoing.key, Settlement::Fulfil)
        .expect("live");
    story
        .channel
        .settle_htlc(incoming.key, Settlement::Fail)
        .expect("live");
    let last = story.commit().local;
    assert_eq!(whole(&last), 1_000_000_000);
    assert_eq!(
        (last.to_us_msat, last.to_peer_msat),
        (569_999_999, 430_000_001)
    );
}

#[test]
fn numbers_go_up_by_one_on_both_sides() {
    let mut story = Story::open(ChannelType::AnchorsZeroFeeHtlc);
    for number in 1..4 {
        let round = story.commit();
        assert_eq!((round.remote.number, round.local.number), (number, number));
        assert_eq!(
            round.revocation.expect("after the first round").number,
            number - 1
        );
    }
}

#[test]
fn each_revealed_secret_fits_its_point_and_the_tree() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    let mut tree = CounterpartyCommitmentSecrets::new();
    let mut points = story.channel.terms().peer_first_points.to_vec();
    for number in 0..20 {
        let round = story.commit();
        assert_eq!(
            round.remote.per_commitment_point,
            points[number as usize + 1]
        );
        let revocation = round.revocation.expect("after the first round");
        let secret = SecretKey::from_slice(&revocation.secret).expect("a key");
        assert_eq!(secret.public_key(SECP256K1), points[number as usize]);
        tree.provide_secret((1 << 48) - 1 - number, revocation.secret)
            .expect("derived from one seed");
        points.push(revocation.next_point);
    }
}

#[test]
fn a_second_pending_commitment_waits_for_the_revocation() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    story.channel.their_commitment().expect("nothing is owed");
    assert_eq!(
        story.channel.their_commitment(),
        Err(PartyError::RevocationOutstanding { number: 0 })
    );
    story.channel.peer_revokes().expect("one is pending");
    assert_eq!(
        story.channel.peer_revokes(),
        Err(PartyError::NothingToRevoke { number: 1 })
    );
    story.channel.their_commitment().expect("nothing is owed");
}

#[test]
fn nobody_pays_more_than_it_has_and_nothing_changes_when_it_tries() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    let refused = story.channel.add_htlc(NewHtlc::incoming(400_000_001, 500));
    let unaffordable = PartyError::Unaffordable {
        payer: Side::Peer,
        needed_msat: 400_000_001,
        has_msat: 400_000_000,
    };
    assert_eq!(refused, Err(unaffordable));
    assert_eq!(story.channel.balance_msat(Side::Peer), 400_000_000);
    assert_eq!(story.channel.htlcs(), []);
    assert_eq!(
        story
            .channel
            .add_htlc(NewHtlc::incoming(400_000_000, 500))
            .expect("affordable")
            .key
            .id,
        0
    );
}

#[test]
fn a_forgotten_htlc_gives_back_its_amount_and_its_id() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    let first = story
        .channel
        .add_htlc(NewHtlc::outgoing(1_000_000, 500))
        .expect("affordable");
    story.channel.forget_htlc(first.key).expect("the newest");
    assert_eq!(story.channel.balance_msat(Side::Us), 600_000_000);
    let second = story
        .channel
        .add_htlc(NewHtlc::outgoing(2_000_000, 500))
        .expect("affordable");
    assert_eq!(second.key, first.key);
    assert_eq!(story.channel.forget_htlc(second.key), Ok(()));
    assert_eq!(
        story.channel.forget_htlc(second.key),
        Err(PartyError::UnknownHtlc(second.key))
    );
}

#[test]
fn an_origin_in_another_channel_reaches_the_update() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    let origin = Origin::Forwarded {
        channel: "upstream".into(),
        id: 7,
        cltv_expiry: 600,
    };
    story
        .channel
        .add_htlc(NewHtlc::outgoing(1_000_000, 500).from(origin.clone()))
        .expect("affordable");
    assert_eq!(story.commit().local.htlcs[0].origin, origin);
}

#[test]
fn a_setup_above_its_capacity_is_refused() {
    let setup = ChannelSetup {
        initial_to_us_msat: 1_000_000_001,
        ..ChannelSetup::numbered(ChannelType::StaticRemotekey, 0)
    };
    let refused = Channel::prepare(&MemoryChain::new(), setup).err();
    assert_eq!(
        refused,
        Some(PartyError::Setup(
            "initial_to_us_msat is above the capacity"
        ))
    );
}

#[test]
fn the_same_story_gives_the_same_bytes_also_through_json() {
    let (mut one, mut two) = (
        Story::open(ChannelType::AnchorsZeroFeeHtlc),
        Story::open(ChannelType::AnchorsZeroFeeHtlc),
    );
    one.pay(1_000_000);
    let json = serde_json::to_string(&two.channel).expect("a channel is plain data");
    two.channel = serde_json::from_str(&json).expect("written by the same code");
    two.pay(1_000_000);
    for which in [Which::Number(0), Which::Current] {
        assert_eq!(
            one.channel.peer_commitment_tx(which),
            two.channel.peer_commitment_tx(which)
        );
    }
    assert_eq!(
        serde_json::to_value(one.commit()).ok(),
        serde_json::to_value(two.commit()).ok()
    );
}

#[test]
fn nothing_that_prints_shows_a_secret() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    let revocation = story.commit().revocation.expect("after the first round");
    let printed = format!("{revocation:?} {:?}", story.channel.setup());
    let hex = |bytes: &[u8; 32]| bitcoin::hex::DisplayHex::to_lower_hex_string(bytes);
    assert!(!printed.contains(&hex(&revocation.secret)));
    assert!(!printed.contains(&hex(&story.channel.setup().ours.commitment_seed)));
    assert!(!printed.contains(&hex(&story.channel.setup().peer.funding.secret_bytes())));
}
