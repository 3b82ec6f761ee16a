//! Every way a channel can end, on a chain that judges by Bitcoin's own consensus code.

use bitcoin::{Amount, ScriptBuf, TxOut};

use super::{Story, FEE};
use crate::chain::Chain;
use crate::memory::MemoryChain;
use crate::party::{
    Channel, ChannelSetup, ChannelType, Closing, ClosingOutputs, CooperativeClose, NewHtlc, Opened,
    PartyError, Side, Stands, Which,
};

#[test]
fn the_peers_current_commitment_pays_us_at_once_and_the_peer_after_its_delay() {
    for kind in ChannelType::ALL {
        let mut story = Story::open(kind);
        story.pay(50_000_000);
        story.peer_closes(Which::Current);
        let figures = story
            .channel
            .figures(Side::Peer, Which::Current)
            .expect("signed");
        assert_eq!(figures.to_other, our_share(kind, 550_000));

        story.confirm(
            &story
                .channel
                .sweep_to_remote(Side::Peer, Which::Current, FEE)
                .expect("there"),
        );
        assert_eq!(
            story.paid_to(&story.channel.wallet_script(Side::Us)),
            figures.to_other - FEE
        );

        let sweep = story
            .channel
            .sweep_to_local(Side::Peer, Which::Current, FEE)
            .expect("there");
        // Two blocks have passed; one is missing when the refusal comes last.
        story
            .chain
            .mine(u32::from(story.channel.setup().peer_delay) - 3);
        assert_eq!(story.refusal(&sweep), "non-BIP68-final");
        story.chain.mine(1);
        story.confirm(&sweep);
        assert_eq!(
            story.paid_to(&story.channel.wallet_script(Side::Peer)),
            figures.to_owner - FEE
        );
    }
}

#[test]
fn our_commitment_pays_the_peer_at_once_and_us_after_our_delay() {
    for kind in ChannelType::ALL {
        let story = Story::open(kind);
        story.we_close(Which::Current);
        story.confirm(
            &story
                .channel
                .sweep_to_remote(Side::Us, Which::Current, FEE)
                .expect("there"),
        );
        let sweep = story
            .channel
            .sweep_to_local(Side::Us, Which::Current, FEE)
            .expect("there");
        assert_eq!(story.refusal(&sweep), "non-BIP68-final");
        story.chain.mine(u32::from(story.channel.setup().our_delay));
        story.confirm(&sweep);
        let figures = story
            .channel
            .figures(Side::Us, Which::Current)
            .expect("signed");
        assert_eq!(
            story.paid_to(&story.channel.wallet_script(Side::Us)),
            figures.to_owner - FEE
        );
    }
}

#[test]
fn the_pending_commitment_is_valid_before_the_peer_revokes_and_so_is_the_current_one() {
    for kind in ChannelType::ALL {
        for which in [Which::Current, Which::Pending] {
            let mut story = Story::open(kind);
            story
                .channel
                .add_htlc(NewHtlc::outgoing(20_000_000, 500))
                .expect("affordable");
            story.channel.their_commitment().expect("nothing is owed");
            story.peer_closes(which);
        }
    }
}

#[test]
fn every_alternative_signed_under_one_number_is_valid() {
    for kind in ChannelType::ALL {
        for index in [0, 1] {
            let mut story = Story::open(kind);
            let htlc = story
                .channel
                .add_htlc(NewHtlc::outgoing(20_000_000, 500))
                .expect("affordable");
            let first = story.channel.their_commitment().expect("nothing is owed");
            story.channel.forget_htlc(htlc.key).expect("the newest");
            let second = story.channel.their_commitment_again().expect("signed once");
            assert_eq!((first.number, first.htlcs.len()), (1, 1));
            assert_eq!((second.number, second.htlcs.len()), (1, 0));
            story.peer_closes(Which::Alternative { number: 1, index });
        }
    }
}

#[test]
fn our_alternatives_with_one_number_are_both_valid() {
    for kind in ChannelType::ALL {
        for index in [0, 1] {
            let mut story = Story::open(kind);
            story
                .channel
                .add_htlc(NewHtlc::incoming(20_000_000, 500))
                .expect("affordable");
            let first = story.channel.our_commitment();
            story.channel.set_feerate(1_000);
            let second = story.channel.our_commitment_again().expect("signed once");
            assert_eq!(first.number, second.number);
            assert_ne!(first.signature, second.signature);
            story.we_close(Which::Alternative { number: 1, index });
        }
    }
}

#[test]
fn a_revoked_commitment_is_valid_on_chain_and_its_delayed_output_can_be_punished() {
    for kind in ChannelType::ALL {
        let mut story = Story::open(kind);
        story.pay(50_000_000);
        story.peer_closes(Which::Number(0));
        let taken = story
            .channel
            .figures(Side::Peer, Which::Number(0))
            .expect("signed")
            .to_owner;
        story.confirm(
            &story
                .channel
                .punish_to_local(Side::Peer, Which::Number(0), FEE)
                .expect("there"),
        );
        assert_eq!(
            story.paid_to(&story.channel.wallet_script(Side::Us)),
            taken - FEE
        );
    }
}

#[test]
fn an_older_commitment_of_ours_is_valid_and_punished_by_the_peer() {
    for kind in ChannelType::ALL {
        let mut story = Story::open(kind);
        story.pay(50_000_000);
        story.we_close(Which::Number(1));
        story.confirm(
            &story
                .channel
                .punish_to_local(Side::Us, Which::Number(1), FEE)
                .expect("there"),
        );
    }
}

#[test]
fn a_peer_that_is_ahead_shows_our_own_secret_and_closes_with_a_state_we_never_saw() {
    for kind in ChannelType::ALL {
        let story = Story::open(kind);
        let loss = story.channel.data_loss(3).expect("nothing is owed");
        assert_eq!(loss.number, 3);
        let expected = Stands {
            next_commitment_number: 4,
            next_revocation_number: 3,
            last_secret: story.channel.our_per_commitment_secret(2),
        };
        let said = story.channel.peer_reestablish_with(Opened::V1, &expected);
        assert_eq!(loss.reestablish, said);
        story.confirm(&loss.transaction);
        let unknown = story.channel.peer_commitment_tx(Which::Number(3));
        let which = Which::Number(3);
        assert_eq!(
            unknown,
            Err(PartyError::NoSuchCommitment {
                owner: Side::Peer,
                which
            }),
            "the channel itself stays"
        );
    }
}

#[test]
fn a_legacy_close_pays_both_and_the_opener_pays_the_fee() {
    for opener in [Side::Us, Side::Peer] {
        let setup = ChannelSetup {
            opener,
            ..ChannelSetup::numbered(ChannelType::StaticRemotekey, 0)
        };
        let story = Story::with(setup);
        story.confirm(
            &story
                .channel
                .cooperative_close(&CooperativeClose::legacy(FEE))
                .expect("payable"),
        );
        let (us, peer) = match opener {
            Side::Us => (599_000, 400_000),
            Side::Peer => (600_000, 399_000),
        };
        assert_eq!(
            story
                .paid_to(&story.channel.setup().our_shutdown_script)
                .to_sat(),
            us
        );
        assert_eq!(
            story
                .paid_to(&story.channel.setup().peer_shutdown_script)
                .to_sat(),
            peer
        );
    }
}

#[test]
fn a_simple_close_is_replaced_by_a_dearer_one_of_the_other_closer() {
    for kind in ChannelType::ALL {
        let story = Story::open(kind);
        let close = |closer, fee| {
            let close = CooperativeClose::simple(closer, Amount::from_sat(fee));
            story.channel.cooperative_close(&close).expect("payable")
        };
        let (cheap, dear) = (close(Side::Us, 500), close(Side::Peer, 5_000));
        story.chain.submit(&cheap).expect("accepted");
        story.confirm(&dear);
        assert!(story.chain.transaction(cheap.compute_txid()).is_none());
        assert_eq!(
            story
                .paid_to(&story.channel.setup().our_shutdown_script)
                .to_sat(),
            600_000
        );
    }
}

#[test]
fn every_variant_of_a_simple_close_is_valid() {
    for (outputs, count) in [
        (ClosingOutputs::Both, 2),
        (ClosingOutputs::CloserOnly, 1),
        (ClosingOutputs::CloseeOnly, 1),
    ] {
        let story = Story::open(ChannelType::AnchorsZeroFeeHtlc);
        let kind = Closing::Simple {
            closer: Side::Peer,
            lock_time: story.chain.tip().height,
            outputs,
        };
        let close = CooperativeClose {
            kind,
            ..CooperativeClose::legacy(FEE)
        };
        let transaction = story.channel.cooperative_close(&close).expect("payable");
        assert_eq!(transaction.output.len(), count);
        story.confirm(&transaction);
    }
}

#[test]
fn no_cooperative_close_while_an_htlc_is_live_or_the_fee_is_not_affordable() {
    let mut story = Story::open(ChannelType::StaticRemotekey);
    let dear = CooperativeClose::legacy(Amount::from_sat(600_001));
    assert!(matches!(
        story.channel.cooperative_close(&dear),
        Err(PartyError::Unaffordable {
            payer: Side::Us,
            ..
        })
    ));
    let htlc = story
        .channel
        .add_htlc(NewHtlc::incoming(1_000, 500))
        .expect("affordable");
    let close = CooperativeClose::legacy(FEE);
    assert_eq!(
        story.channel.cooperative_close(&close),
        Err(PartyError::HtlcLive(htlc.key))
    );
}

#[test]
fn an_unknown_spend_that_both_signed_is_valid() {
    for kind in ChannelType::ALL {
        let story = Story::open(kind);
        let script = ScriptBuf::new_p2sh(&bitcoin::hashes::Hash::hash(b"nobody knows this script"));
        let strange = TxOut {
            value: Amount::from_sat(499_000),
            script_pubkey: script,
        };
        let data = TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::new_op_return([7; 20]),
        };
        let outputs = vec![data, strange.clone(), strange];
        story.confirm(&story.channel.unknown_spend(outputs));
    }
}

#[test]
fn a_spoiled_signature_is_refused() {
    for kind in ChannelType::ALL {
        let story = Story::open(kind);
        let mut transaction = story
            .channel
            .peer_commitment_tx(Which::Current)
            .expect("signed");
        let last = transaction.output.last_mut().expect("it pays both");
        last.value -= Amount::from_sat(1);
        let text = story.refusal(&transaction);
        assert!(text.contains("script-verify-flag-failed"), "{text}");
    }
}

#[test]
fn the_second_close_of_a_channel_is_refused() {
    let story = Story::open(ChannelType::StaticRemotekey);
    let ours = story
        .channel
        .our_commitment_tx(Which::Current)
        .expect("signed");
    story
        .chain
        .submit(
            &story
                .channel
                .peer_commitment_tx(Which::Current)
                .expect("signed"),
        )
        .expect("accepted");
    let text = story.refusal(&ours);
    // A commitment's sequence allows its replacement, but not by one that pays the same.
    assert!(
        text.contains("insufficient fee, rejecting replacement"),
        "{text}"
    );
    story.chain.mine(1);
    let text = story.refusal(&ours);
    assert!(text.contains("bad-txns-inputs-missingorspent"), "{text}");
}

#[test]
fn a_commitment_needs_its_funding_transaction() {
    let chain = MemoryChain::new();
    let setup = ChannelSetup::numbered(ChannelType::AnchorsZeroFeeHtlc, 0);
    let mut channel = Channel::prepare(&chain, setup).expect("consistent");
    channel.commit_both().expect("the first");
    let story = Story { chain, channel };
    let transaction = story
        .channel
        .peer_commitment_tx(Which::Current)
        .expect("signed");
    let text = story.refusal(&transaction);
    assert!(text.contains("bad-txns-inputs-missingorspent"), "{text}");
    story.confirm(story.channel.funding_tx());
    story.confirm(&transaction);
}

/// What is left of `sat` after the opener – we – paid for a commitment without HTLCs at 500 sat/kw.
fn our_share(kind: ChannelType, sat: u64) -> Amount {
    let due = match kind {
        ChannelType::StaticRemotekey => 724 / 2,
        ChannelType::AnchorsZeroFeeHtlc => 1124 / 2 + 660,
    };
    Amount::from_sat(sat - due)
}
