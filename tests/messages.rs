//! The messages of an opening and of a reconnection, as LDK writes and reads them: what we encode it reads as the same, and the reverse.

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
    ChannelReady, ChannelReestablish, CommitmentSecret, Message, MessageError, ProtocolError,
    ShortChannelId, UnsignedChannelAnnouncement, WrongSignature,
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

fn reestablish() -> ChannelReestablish {
    ChannelReestablish {
        channel_id: ChannelId([1; 32]),
        next_commitment_number: 7,
        next_revocation_number: 6,
        your_last_per_commitment_secret: CommitmentSecret::new([0xab; 32]),
        my_current_per_commitment_point: point(1),
    }
}

/// Whether LDK reads these messages.
fn ldk_reads<M: LengthReadable>(message: &[u8]) -> bool {
    M::read_from_fixed_length_buffer(&mut &message[2..]).is_ok()
}

proptest! {
    #[test]
    fn channel_reestablish_is_the_same_to_ldk(
        id in any::<[u8; 32]>(), commitment in any::<u64>(), revocation in any::<u64>(), secret in any::<[u8; 32]>(),
        key in 1..=250u8,
    ) {
        let ours = ChannelReestablish {
            channel_id: ChannelId(id),
            next_commitment_number: commitment,
            next_revocation_number: revocation,
            your_last_per_commitment_secret: CommitmentSecret::new(secret),
            my_current_per_commitment_point: point(key),
        };
        let theirs = msgs::ChannelReestablish {
            channel_id: LdkChannelId(id),
            next_local_commitment_number: commitment,
            next_remote_commitment_number: revocation,
            your_last_per_commitment_secret: secret,
            my_current_per_commitment_point: point(key),
            next_funding: None,
            my_current_funding_locked: None,
        };
        prop_assert_eq!(ours.encode(), typed(ChannelReestablish::TYPE, &theirs));
        prop_assert_eq!(&read::<msgs::ChannelReestablish>(&ours.encode()), &theirs);
        prop_assert_eq!(Message::decode(&ours.encode()), Ok(Message::ChannelReestablish(ours.clone())));
        // What splicing adds is odd, and not read here.
        let splicing = msgs::ChannelReestablish {
            next_funding: Some(msgs::NextFunding { txid: Txid::from_byte_array(id), retransmit_flags: 1 }),
            my_current_funding_locked: Some(msgs::FundingLocked { txid: Txid::from_byte_array(id), retransmit_flags: 1 }),
            ..theirs
        };
        let read = Message::decode(&typed(ChannelReestablish::TYPE, &splicing));
        prop_assert_eq!(read, Ok(Message::ChannelReestablish(ours)));
    }

    /// Type 0, which LDK has given up, and the types that it reads and we do not, are left out.
    #[test]
    fn whatever_follows_a_reestablishment_is_refused_by_both_or_by_none(
        kind in prop::sample::select(vec![2u8, 3, 4, 6, 7, 8]), rest in prop::collection::vec(0..4u8, 0..8),
    ) {
        let bytes = [reestablish().encode(), vec![kind], rest].concat();
        let is_read = Message::decode(&bytes).is_ok();
        prop_assert_eq!(is_read, ldk_reads::<msgs::ChannelReestablish>(&bytes));
    }

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
        kind in prop::sample::select(vec![36u16, 136, 256, 259]), body in prop::collection::vec(any::<u8>(), 0..500),
    ) {
        let bytes = [kind.to_be_bytes().to_vec(), body].concat();
        if let Ok(message) = Message::decode(&bytes) {
            prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
        }
    }

    #[test]
    fn a_reestablishment_cut_short_names_the_field_it_ends_in(length in 0..115usize) {
        let whole = reestablish().encode();
        let cut = Message::decode(&whole[..length]);
        prop_assert!(matches!(cut, Err(MessageError::Ends(_))), "{:?}", cut);
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
fn what_both_refuse_of_a_reestablishment() {
    let with = |extension: &[u8]| [reestablish().encode(), extension.to_vec()].concat();
    let mut no_point = reestablish().encode();
    no_point.truncate(115 - 33);
    no_point.extend([0; 33]);
    for (bytes, error) in [
        (
            no_point,
            MessageError::Point("my_current_per_commitment_point"),
        ),
        (with(&[4, 0]), MessageError::UnknownEven(4)),
        (
            with(&[3, 0, 3, 0]),
            MessageError::Order {
                before: 3,
                found: 3,
            },
        ),
        (with(&[3, 1]), MessageError::Ends("value")),
        (
            with(&[0, 1, 7]),
            MessageError::Length {
                field: "next_funding_txid",
                length: 1,
            },
        ),
    ] {
        assert_eq!(Message::decode(&bytes), Err(error));
        assert!(!ldk_reads::<msgs::ChannelReestablish>(&bytes));
    }
    let odd = with(&[3, 2, 0xaa, 0xbb]);
    let read = Message::decode(&odd);
    assert_eq!(read, Ok(Message::ChannelReestablish(reestablish())));
    assert!(ldk_reads::<msgs::ChannelReestablish>(&odd));
}

/// BOLT 2 before splicing: even, and known.
#[test]
fn a_peer_may_ask_for_the_rest_of_a_signing_as_before_splicing() {
    let extension = [[0, 32].as_slice(), &[7; 32]].concat();
    let asking = [reestablish().encode(), extension].concat();
    let read = Message::decode(&asking);
    assert_eq!(read, Ok(Message::ChannelReestablish(reestablish())));
}

#[test]
fn the_secret_of_a_reestablishment_is_not_shown() {
    let shown = format!("{:?}", Message::ChannelReestablish(reestablish()));
    assert!(shown.contains("next_commitment_number: 7"), "{shown}");
    assert!(!shown.contains("171") && !shown.contains("ab, ab") && !shown.contains("abab"));
}

#[test]
fn a_reestablishment_names_the_commitment_whose_secret_it_holds() {
    let of = |next_revocation_number| {
        let message = ChannelReestablish {
            next_revocation_number,
            ..reestablish()
        };
        message.revealed().map(|number| number.map(|it| it.get()))
    };
    assert_eq!((of(0), of(1), of(7)), (Ok(None), Ok(Some(0)), Ok(Some(6))));
    assert_eq!(of(1 << 48), Ok(Some((1 << 48) - 1)));
    let too_large = ProtocolError::CommitmentNumberTooLarge(1 << 48);
    assert_eq!(of((1 << 48) + 1), Err(too_large));
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
