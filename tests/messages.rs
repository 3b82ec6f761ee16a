//! The messages of an opening, as LDK writes and reads them: what we encode it reads as the same, and the reverse.

use bitcoin::blockdata::constants::ChainHash;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::{Network, OutPoint, Txid};
use lightning::ln::channel_keys::RevocationBasepoint;
use lightning::ln::msgs;
use lightning::ln::types::ChannelId as LdkChannelId;
use lightning::routing::gossip::{self, NodeId};
use lightning::types::features::ChannelFeatures as LdkFeatures;
use lightning::util::ser::{LengthReadable, Writeable};
use lightning_arbitrator::protocol::{
    AnnouncementSignatures, ChannelAnnouncement, ChannelEnd, ChannelFeatures, ChannelId,
    ChannelReady, Message, MessageError, ProtocolError, ShortChannelId,
    UnsignedChannelAnnouncement, WrongSignature,
};
use proptest::prelude::*;

/// BOLT 1: a message's type comes before what LDK calls the message.
fn typed(kind: u16, message: &impl Writeable) -> Vec<u8> {
    [kind.to_be_bytes().to_vec(), message.encode()].concat()
}

fn read<M: LengthReadable>(message: &[u8]) -> M {
    M::read_from_fixed_length_buffer(&mut &message[2..]).expect("LDK reads it")
}

fn secret(byte: u8) -> SecretKey {
    SecretKey::from_slice(&[byte; 32]).unwrap()
}

fn point(byte: u8) -> PublicKey {
    secret(byte).public_key(SECP256K1)
}

/// Two keys of a node, and the end of the channel that they make.
struct Node {
    node: SecretKey,
    funding: SecretKey,
}

impl Node {
    fn new(byte: u8) -> Self {
        Node {
            node: secret(byte),
            funding: secret(byte + 100),
        }
    }

    fn end(&self) -> ChannelEnd {
        ChannelEnd {
            node_id: self.node.public_key(SECP256K1),
            bitcoin_key: self.funding.public_key(SECP256K1),
        }
    }

    fn half(&self, announcement: &UnsignedChannelAnnouncement) -> AnnouncementSignatures {
        let digest = announcement.digest();
        AnnouncementSignatures {
            channel_id: ChannelId([7; 32]),
            short_channel_id: announcement.short_channel_id,
            node_signature: self.node.sign_ecdsa(digest),
            bitcoin_signature: self.funding.sign_ecdsa(digest),
        }
    }
}

fn unsigned(features: Vec<u8>, one: &Node, other: &Node) -> UnsignedChannelAnnouncement {
    UnsignedChannelAnnouncement::new(
        ChannelFeatures::new(features).unwrap(),
        ChainHash::using_genesis_block(Network::Regtest),
        ShortChannelId::new(700_000, 3, 1).unwrap(),
        one.end(),
        other.end(),
    )
}

/// As LDK would have it announced.
fn of_ldk(announcement: &UnsignedChannelAnnouncement) -> msgs::UnsignedChannelAnnouncement {
    let [end_1, end_2] = &announcement.ends;
    msgs::UnsignedChannelAnnouncement {
        features: LdkFeatures::from_le_bytes(
            announcement
                .features
                .as_bytes()
                .iter()
                .rev()
                .copied()
                .collect(),
        ),
        chain_hash: announcement.chain_hash,
        short_channel_id: announcement.short_channel_id.to_u64(),
        node_id_1: NodeId::from_pubkey(&end_1.node_id),
        node_id_2: NodeId::from_pubkey(&end_2.node_id),
        bitcoin_key_1: NodeId::from_pubkey(&end_1.bitcoin_key),
        bitcoin_key_2: NodeId::from_pubkey(&end_2.bitcoin_key),
        excess_data: announcement.extension.clone(),
    }
}

fn signed(
    announcement: UnsignedChannelAnnouncement,
    one: &Node,
    other: &Node,
) -> ChannelAnnouncement {
    let (half, other_half) = (one.half(&announcement), other.half(&announcement));
    announcement
        .complete((&one.end(), &half), (&other.end(), &other_half))
        .unwrap()
}

fn any_signature() -> impl Strategy<Value = Signature> {
    (1..=250u8, any::<[u8; 32]>()).prop_map(|(key, digest)| {
        secret(key).sign_ecdsa(bitcoin::secp256k1::Message::from_digest(digest))
    })
}

fn ready() -> ChannelReady {
    ChannelReady {
        channel_id: ChannelId([1; 32]),
        second_per_commitment_point: point(1),
        alias: None,
    }
}

proptest! {
    #[test]
    fn channel_ready_is_the_same_to_ldk(id in any::<[u8; 32]>(), key in 1..=250u8, alias in any::<Option<u64>>()) {
        let ours = ChannelReady {
            channel_id: ChannelId(id),
            second_per_commitment_point: point(key),
            alias: alias.map(ShortChannelId::from_u64),
        };
        let theirs = msgs::ChannelReady {
            channel_id: LdkChannelId(id),
            next_per_commitment_point: point(key),
            short_channel_id_alias: alias,
        };
        prop_assert_eq!(ours.encode(), typed(ChannelReady::TYPE, &theirs));
        prop_assert_eq!(read::<msgs::ChannelReady>(&ours.encode()), theirs);
        prop_assert_eq!(Message::decode(&ours.encode()), Ok(Message::ChannelReady(ours)));
    }

    #[test]
    fn announcement_signatures_are_the_same_to_ldk(
        id in any::<[u8; 32]>(), scid in any::<u64>(), node in any_signature(), bitcoin in any_signature(),
    ) {
        let ours = AnnouncementSignatures {
            channel_id: ChannelId(id),
            short_channel_id: ShortChannelId::from_u64(scid),
            node_signature: node,
            bitcoin_signature: bitcoin,
        };
        let theirs = msgs::AnnouncementSignatures {
            channel_id: LdkChannelId(id),
            short_channel_id: scid,
            node_signature: node,
            bitcoin_signature: bitcoin,
        };
        prop_assert_eq!(ours.encode(), typed(AnnouncementSignatures::TYPE, &theirs));
        prop_assert_eq!(read::<msgs::AnnouncementSignatures>(&ours.encode()), theirs);
        prop_assert_eq!(
            Message::decode(&ours.encode()),
            Ok(Message::AnnouncementSignatures(ours))
        );
    }

    #[test]
    fn an_announcement_is_the_same_to_ldk_and_its_checks_agree(
        features in prop::collection::vec(1..=255u8, 0..4), one in 1..=100u8, other in 101..=150u8,
        extension in any::<Vec<u8>>(),
    ) {
        let (one, other) = (Node::new(one), Node::new(other));
        let contents = UnsignedChannelAnnouncement { extension, ..unsigned(features, &one, &other) };
        let ours = signed(contents, &one, &other);
        let [node_signature_1, node_signature_2] = ours.node_signatures;
        let [bitcoin_signature_1, bitcoin_signature_2] = ours.bitcoin_signatures;
        let theirs = msgs::ChannelAnnouncement {
            node_signature_1,
            node_signature_2,
            bitcoin_signature_1,
            bitcoin_signature_2,
            contents: of_ldk(&ours.contents),
        };
        prop_assert_eq!(ours.encode(), typed(ChannelAnnouncement::TYPE, &theirs));
        prop_assert_eq!(&read::<msgs::ChannelAnnouncement>(&ours.encode()), &theirs);
        prop_assert!(gossip::verify_channel_announcement(&theirs, SECP256K1).is_ok());
        prop_assert_eq!(
            Message::decode(&ours.encode()),
            Ok(Message::ChannelAnnouncement(Box::new(ours)))
        );
    }

    #[test]
    fn channel_ids_are_ldks(txid in any::<[u8; 32]>(), vout in any::<u16>(), one in 1..=250u8, other in 1..=250u8) {
        let outpoint = OutPoint::new(Txid::from_byte_array(txid), vout.into());
        let of_funding = ChannelId::from_funding(outpoint).unwrap();
        prop_assert_eq!(of_funding.0, LdkChannelId::v1_from_funding_txid(&txid, vout).0);
        let of_basepoints = ChannelId::from_revocation_basepoints(&point(one), &point(other));
        let theirs = LdkChannelId::v2_from_revocation_basepoints(
            &RevocationBasepoint(point(other)),
            &RevocationBasepoint(point(one)),
        );
        prop_assert_eq!(of_basepoints.0, theirs.0);
    }

    /// Small bytes, so that many of them make sense.
    #[test]
    fn whatever_follows_the_fixed_fields_is_refused_by_both_or_by_none(
        extension in prop::collection::vec(prop_oneof![0..6u8, 1..=1u8, Just(8u8), Just(0xfd)], 0..24),
    ) {
        let bytes = [ready().encode(), extension].concat();
        let theirs = msgs::ChannelReady::read_from_fixed_length_buffer(&mut &bytes[2..]);
        match (Message::decode(&bytes), theirs) {
            (Ok(Message::ChannelReady(ours)), Ok(theirs)) => {
                prop_assert_eq!(ours.alias.map(ShortChannelId::to_u64), theirs.short_channel_id_alias);
            }
            (Err(_), Err(_)) => {}
            disagree => prop_assert!(false, "{disagree:?}"),
        }
    }

    #[test]
    fn whatever_comes_from_a_peer_is_read_or_refused(
        kind in prop::sample::select(vec![36u16, 256, 259]), body in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let bytes = [kind.to_be_bytes().to_vec(), body].concat();
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn a_message_cut_short_names_the_field_it_ends_in(length in 0..430usize) {
        let (one, other) = (Node::new(1), Node::new(2));
        let whole = signed(unsigned(Vec::new(), &one, &other), &one, &other).encode();
        let cut = Message::decode(&whole[..length]);
        prop_assert!(matches!(cut, Err(MessageError::Ends(_))), "{:?}", cut);
    }
}

#[test]
fn a_wrong_signature_is_named_and_ldk_refuses_it_too() {
    let (one, other) = (Node::new(1), Node::new(2));
    let contents = unsigned(Vec::new(), &one, &other);
    let mut announcement = signed(contents.clone(), &one, &other);
    announcement.bitcoin_signatures.swap(0, 1);
    assert_eq!(announcement.verify(), Err(WrongSignature::Bitcoin1));
    announcement.bitcoin_signatures.swap(0, 1);
    announcement.node_signatures[1] = announcement.node_signatures[0];
    assert_eq!(announcement.verify(), Err(WrongSignature::Node2));
    let theirs = read::<msgs::ChannelAnnouncement>(&announcement.encode());
    assert!(gossip::verify_channel_announcement(&theirs, SECP256K1).is_err());

    let half = one.half(&contents);
    assert_eq!(contents.verify_half(&one.end(), &half), Ok(()));
    assert_eq!(
        contents.verify_half(&other.end(), &half),
        Err(WrongSignature::Node)
    );
    let forged = AnnouncementSignatures {
        bitcoin_signature: half.node_signature,
        ..half
    };
    assert_eq!(
        contents.verify_half(&one.end(), &forged),
        Err(WrongSignature::Bitcoin)
    );
}

#[test]
fn messages_of_other_types_are_not_ours_to_read() {
    // `ping` (BOLT 1), `open_channel` and `splice_locked` (BOLT 2), `channel_update` (BOLT 7).
    for kind in [18u16, 32, 77, 258] {
        assert_eq!(
            Message::decode(&kind.to_be_bytes()),
            Err(MessageError::NotForUs(kind))
        );
    }
    assert_eq!(Message::decode(&[]), Err(MessageError::Ends("type")));
}

#[test]
fn what_both_refuse() {
    let with = |extension: &[u8]| [ready().encode(), extension.to_vec()].concat();
    for (bytes, error) in [
        (with(&[2, 0]), MessageError::UnknownEven(2)),
        (
            with(&[1, 1, 0]),
            MessageError::Length {
                field: "short_channel_id",
                length: 1,
            },
        ),
        (
            with(&[3, 0, 3, 0]),
            MessageError::Order {
                before: 3,
                found: 3,
            },
        ),
        (with(&[1]), MessageError::Ends("length")),
    ] {
        assert_eq!(Message::decode(&bytes), Err(error));
        assert!(msgs::ChannelReady::read_from_fixed_length_buffer(&mut &bytes[2..]).is_err());
    }
    let odd = with(&[3, 2, 0xaa, 0xbb]);
    assert_eq!(Message::decode(&odd), Ok(Message::ChannelReady(ready())));
    assert!(msgs::ChannelReady::read_from_fixed_length_buffer(&mut &odd[2..]).is_ok());
}

#[test]
fn a_channel_id_needs_an_output_that_a_funding_can_have() {
    let outpoint = OutPoint::new(Txid::all_zeros(), 65_536);
    assert_eq!(
        ChannelId::from_funding(outpoint),
        Err(ProtocolError::FundingOutputIndex(65_536))
    );
}

#[test]
fn features_that_no_message_holds_are_refused() {
    assert!(ChannelFeatures::new(vec![1; 65_105]).is_ok());
    assert_eq!(
        ChannelFeatures::new(vec![1; 65_106]),
        Err(MessageError::Features(65_106))
    );
}
