//! HTLC outputs on both sides' commitments, spent at both levels, judged by consensus.

use bitcoin::{Amount, Transaction};

use super::{Story, FEE};
use crate::chain::Chain;
use crate::party::{
    ChannelSetup, ChannelType, Direction, HtlcKey, NewHtlc, PartyError, Side, Which,
};

const OUTGOING: HtlcKey = HtlcKey {
    direction: Direction::Outgoing,
    id: 0,
};
const INCOMING: HtlcKey = HtlcKey {
    direction: Direction::Incoming,
    id: 0,
};
/// Far enough above the first block of a test.
const EXPIRY: u32 = 400;

/// A channel with one HTLC each way, large enough for an output on either side's commitment.
fn story(kind: ChannelType) -> Story {
    let mut story = Story::open(kind);
    story
        .channel
        .add_htlc(NewHtlc::outgoing(30_000_000, EXPIRY))
        .expect("affordable");
    story
        .channel
        .add_htlc(NewHtlc::incoming(40_000_000, EXPIRY))
        .expect("affordable");
    story.commit();
    story
}

fn close(story: &Story, owner: Side) {
    match owner {
        Side::Us => story.we_close(Which::Current),
        Side::Peer => story.peer_closes(Which::Current),
    }
}

/// The HTLC that `owner` pays, and the one that it is paid.
fn offered_and_received(owner: Side) -> (HtlcKey, HtlcKey) {
    match owner {
        Side::Us => (OUTGOING, INCOMING),
        Side::Peer => (INCOMING, OUTGOING),
    }
}

/// The owner's second-level transaction, with a fee where the format wants one to be added.
fn second_level(story: &Story, owner: Side, key: HtlcKey) -> Transaction {
    let channel = &story.channel;
    match channel.setup().channel_type {
        ChannelType::StaticRemotekey => channel.second_level_tx(owner, Which::Current, key),
        ChannelType::AnchorsZeroFeeHtlc => {
            channel.second_level_tx_with_fee(&story.chain, owner, Which::Current, key, FEE)
        }
    }
    .expect("it has an output")
}

fn every_owner_and_format() -> impl Iterator<Item = (Story, Side)> {
    let owners = [Side::Us, Side::Peer].into_iter();
    owners.flat_map(|owner| ChannelType::ALL.map(|kind| (story(kind), owner)))
}

#[test]
fn the_owner_takes_back_what_it_pays_from_the_expiry_on() {
    for (story, owner) in every_owner_and_format() {
        close(&story, owner);
        let timeout = second_level(&story, owner, offered_and_received(owner).0);
        story.chain.mine(EXPIRY - 1 - story.chain.tip().height);
        assert_eq!(story.refusal(&timeout), "non-final");
        story.chain.mine(1);
        story.confirm(&timeout);
    }
}

#[test]
fn the_owner_takes_what_it_is_paid_with_the_preimage() {
    for (story, owner) in every_owner_and_format() {
        close(&story, owner);
        story.confirm(&second_level(&story, owner, offered_and_received(owner).1));
    }
}

#[test]
fn the_other_side_takes_what_it_is_paid_with_the_preimage() {
    for (story, owner) in every_owner_and_format() {
        close(&story, owner);
        let (key, _) = offered_and_received(owner);
        story.confirm(
            &story
                .channel
                .claim_htlc(owner, Which::Current, key, FEE)
                .expect("it has an output"),
        );
    }
}

#[test]
fn the_other_side_takes_back_what_it_pays_from_the_expiry_on() {
    for (story, owner) in every_owner_and_format() {
        close(&story, owner);
        let (_, key) = offered_and_received(owner);
        let claim = story
            .channel
            .claim_htlc(owner, Which::Current, key, FEE)
            .expect("it has an output");
        story.chain.mine(EXPIRY - 1 - story.chain.tip().height);
        assert_eq!(story.refusal(&claim), "non-final");
        story.chain.mine(1);
        story.confirm(&claim);
    }
}

#[test]
fn the_signatures_given_to_us_are_those_that_our_transactions_carry() {
    for kind in ChannelType::ALL {
        let mut story = story(kind);
        let local = story.commit().local;
        let carried = |transaction: &Transaction, element: usize| -> Vec<u8> {
            let with_type = transaction.input[0]
                .witness
                .nth(element)
                .expect("a signature");
            with_type[..with_type.len() - 1].to_vec()
        };
        let commitment = story
            .channel
            .our_commitment_tx(Which::Current)
            .expect("signed");
        let both = [carried(&commitment, 1), carried(&commitment, 2)];
        assert!(both.contains(&local.signature.serialize_der().to_vec()));
        // The smaller HTLC comes first among the outputs, and so among the signatures.
        let second_level = [OUTGOING, INCOMING].map(|key| {
            story
                .channel
                .second_level_tx(Side::Us, Which::Current, key)
                .expect("it has an output")
        });
        let given: Vec<_> = local
            .htlc_signatures
            .iter()
            .map(|signature| signature.serialize_der().to_vec())
            .collect();
        assert_eq!(
            given,
            second_level.map(|transaction| carried(&transaction, 1))
        );
    }
}

#[test]
fn an_htlc_can_have_an_output_on_one_sides_commitment_only() {
    // Between our dust limit (354 sat) and the peer's (1,000 sat); with anchors no second-level fee is added.
    let mut story = Story::open(ChannelType::AnchorsZeroFeeHtlc);
    let htlc = story
        .channel
        .add_htlc(NewHtlc::incoming(700_000, EXPIRY))
        .expect("affordable");
    let round = story.commit();
    assert_eq!(
        (&round.local.htlcs, &round.remote.htlcs),
        (&vec![htlc.clone()], &vec![htlc.clone()])
    );
    assert_eq!(
        (
            round.local.htlc_signatures.len(),
            round.remote.htlc_signatures.len()
        ),
        (1, 0)
    );
    let find = |owner| story.channel.htlc_output(owner, Which::Current, htlc.key);
    assert_eq!(
        find(Side::Us).expect("above our limit").1.value.to_sat(),
        700
    );
    assert_eq!(find(Side::Peer), Err(PartyError::Trimmed(htlc.key)));
    story.peer_closes(Which::Current);
}

#[test]
fn dust_in_both_directions_goes_to_the_fee() {
    for kind in ChannelType::ALL {
        let mut story = Story::open(kind);
        let before = story
            .channel
            .figures(Side::Peer, Which::Current)
            .expect("signed");
        story
            .channel
            .add_htlc(NewHtlc::outgoing(300_999, EXPIRY))
            .expect("affordable");
        story
            .channel
            .add_htlc(NewHtlc::incoming(200_001, EXPIRY))
            .expect("affordable");
        story.commit();
        let after = story
            .channel
            .figures(Side::Peer, Which::Current)
            .expect("signed");
        assert_eq!(after.base_fee, before.base_fee);
        let capacity = story.channel.setup().capacity;
        // Each balance also loses the part of a satoshi that the HTLC took from it: 301 and 201 in all.
        assert_eq!(
            after.fee(capacity) - before.fee(capacity),
            Amount::from_sat(301 + 201)
        );
        story.peer_closes(Which::Current);
    }
}

#[test]
fn several_htlcs_with_one_hash_and_amount_each_have_their_own_output() {
    for kind in ChannelType::ALL {
        let mut story = Story::open(kind);
        for expiry in [EXPIRY, EXPIRY, EXPIRY + 1] {
            let htlc = NewHtlc::outgoing(20_000_000, expiry).with_preimage([9; 32]);
            story.channel.add_htlc(htlc).expect("affordable");
        }
        assert_eq!(story.commit().local.htlc_signatures.len(), 3);
        story.we_close(Which::Current);
        for id in 0..3 {
            let key = HtlcKey {
                direction: Direction::Outgoing,
                id,
            };
            story.confirm(
                &story
                    .channel
                    .claim_htlc(Side::Us, Which::Current, key, FEE)
                    .expect("an output"),
            );
        }
    }
}

#[test]
fn a_commitment_with_483_htlcs_each_way_is_valid() {
    let kind = ChannelType::AnchorsZeroFeeHtlc;
    let setup = ChannelSetup {
        capacity: Amount::from_sat(10_000_000),
        initial_to_us_msat: 5_000_000_000,
        ..ChannelSetup::numbered(kind, 0)
    };
    let mut story = Story::with(setup);
    for number in 0..483 {
        story
            .channel
            .add_htlc(NewHtlc::outgoing(2_000_000 + number * 1_000, EXPIRY))
            .expect("affordable");
        story
            .channel
            .add_htlc(NewHtlc::incoming(3_000_000 + number * 1_000, EXPIRY))
            .expect("affordable");
    }
    assert_eq!(story.commit().local.htlc_signatures.len(), 966);
    story.we_close(Which::Current);
}
