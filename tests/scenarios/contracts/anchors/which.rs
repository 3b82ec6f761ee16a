//! Which of several commitments is raised, and what becomes of a child whose parent does not need it any more.

use bitcoin::absolute::LockTime;
use bitcoin::opcodes::all::{OP_CHECKSIG, OP_CSV, OP_ENDIF, OP_IFDUP, OP_NOTIF};
use bitcoin::script::Builder;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};
use lightning_arbitrator::court::{CloseKind, EventKind, Progress, Resolution};
use testkit::party::{ChannelType, Which};

use super::{Family, ANCHOR, HTLC_SAT, MARKET};
use crate::contracts::{with_anchors, On, SETTLE_DEPTH};
use crate::support::{Nap, World};

with_anchors!(
    while_theirs_waits_it_is_raised_and_not_ours,
    a_commitment_that_confirms_alone_gives_the_child_back,
    when_theirs_confirms_the_child_of_ours_is_void,
    a_child_that_confirms_is_what_became_of_the_anchor,
    after_sixteen_blocks_anybody_sweeps_the_anchors,
);

fn while_theirs_waits_it_is_raised_and_not_ours(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    let close = world.channel.peer_commitment_tx(Which::Current);
    let close = close.expect("signed");
    world.submit(&close);
    // Ours goes out at its deadline all the same, and is refused.
    world.chain.mine_empty(1);
    let margin = lightning_arbitrator::Policy::default().fulfil_margin;
    let blocks = received.cltv_expiry - margin - world.chain.tip().height;
    world.chain.mine_empty(blocks);
    world.phone.resume();
    world.phone.resume();
    let family = world.family();
    assert_eq!(family.commitment, close);
    world.assert_market(&family, MARKET);
}

fn mined_alone(world: &World, family: &Family) {
    let alone = [family.commitment.clone()];
    world.chain.mine_txs(&alone).expect("it is valid");
}

pub fn a_commitment_that_confirms_alone_gives_the_child_back(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let family = world.family();
    let coin = family.child.input[1].previous_output;
    mined_alone(&world, &family);
    world.chain.evict(family.child.compute_txid());
    world.phone.resume();
    // The child is not offered any more, and the only coin pays for the HTLC's claim.
    let claim = world.claim_in_mempool(&received, On::Ours).expect("made");
    assert_eq!(claim.input[1].previous_output, coin);
    assert_eq!(world.chain.mempool(), [claim.compute_txid()]);
    world.comes_to_an_end();
}

fn when_theirs_confirms_the_child_of_ours_is_void(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let child = world.family().child.compute_txid();
    let theirs = world.channel.peer_commitment_tx(Which::Current);
    world
        .chain
        .mine_txs(&[theirs.expect("signed")])
        .expect("valid");
    world.phone.resume();
    assert!(world.claim_in_mempool(&received, On::Theirs).is_some());
    assert!(!world.chain.mempool().contains(&child));
    world.comes_to_an_end();
    assert_eq!(world.phone.wallet.paid_out(), Amount::ZERO);
}

fn a_child_that_confirms_is_what_became_of_the_anchor(mut world: World) {
    world.fees_are(10.0);
    let received = world.is_owed(HTLC_SAT);
    world.wakes_in_time_for(&received);
    let Family { child, .. } = world.family();
    let (txid, fee) = (child.compute_txid(), world.paid_by(&child));
    let anchor = child.input[0].previous_output;
    world.with_reserve();
    world.wakes_after(SETTLE_DEPTH);
    let resolution = Resolution::Claimed { txid };
    let contract = world.contract(anchor).expect("ours");
    assert_eq!(contract.progress.resolution(), Some(resolution));
    // The change is the wallet's own money, and no news of the channel's.
    let is_news = |kind: &EventKind| matches!(kind, EventKind::FundsRecovered { txid: of, .. } if *of == txid);
    assert!(!world.phone.told().iter().any(is_news));
    let channel = world.outpoint();
    let file = futures::executor::block_on(world.phone.on().case_file(channel));
    let outputs = file.expect("readable").outputs;
    let of_anchor = outputs
        .iter()
        .find(|it| it.outpoint == anchor)
        .expect("it is there");
    assert_eq!(of_anchor.money.wallet_fees_sat, fee);
    world.comes_to_an_end();
}

/// The script of an anchor (BOLT 3).
fn anchor_script(world: &World, ours: bool) -> ScriptBuf {
    let setup = world.channel.setup();
    let secrets = if ours { &setup.ours } else { &setup.peer };
    Builder::new()
        .push_slice(secrets.public().funding_pubkey.serialize())
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_IFDUP)
        .push_opcode(OP_NOTIF)
        .push_int(16)
        .push_opcode(OP_CSV)
        .push_opcode(OP_ENDIF)
        .into_script()
}

/// Both anchors, spent by a stranger without a signature.
fn swept_by_a_stranger(world: &World, commitment: &Transaction) -> Transaction {
    let txid = commitment.compute_txid();
    let mut input = Vec::new();
    for script in [true, false].map(|ours| anchor_script(world, ours)) {
        let output = |output: &TxOut| output.script_pubkey == script.to_p2wsh();
        let vout = commitment
            .output
            .iter()
            .position(output)
            .expect("an anchor");
        input.push(TxIn {
            previous_output: OutPoint::new(txid, vout as u32),
            sequence: Sequence::from_height(16),
            witness: Witness::from_slice(&[&[][..], script.as_bytes()]),
            ..TxIn::default()
        });
    }
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input,
        output: vec![TxOut {
            value: Amount::ZERO,
            script_pubkey: ScriptBuf::new_op_return([7; 32]),
        }],
    }
}

pub fn after_sixteen_blocks_anybody_sweeps_the_anchors(mut world: World) {
    world.phone.resume();
    let channel = world.outpoint();
    world.phone.force_close(channel).expect("a commitment");
    let commitment = world.known(world.chain.mempool()[0]);
    world.mine(1);
    world.phone.resume();
    world.mine(15);
    let stranger = swept_by_a_stranger(&world, &commitment);
    world.submit(&stranger);
    world.wakes_after(1);
    let report = world.phone.report(channel);
    let anchor = report
        .contracts
        .iter()
        .find(|it| it.value_sat == ANCHOR.to_sat());
    let txid = stranger.compute_txid();
    let resolution = Resolution::SweptByAnother { txid };
    let Progress::Spent {
        resolution: found, ..
    } = anchor.expect("ours").progress
    else {
        panic!("{anchor:?}");
    };
    assert_eq!(found, resolution);
    world.comes_to_an_end();
}

/// Without anchors there is nothing to raise a commitment with.
#[test]
fn without_anchors_nothing_of_the_kind_happens() {
    for nap in [Nap::Never, Nap::BeforeEveryStep] {
        let mut world = World::new(ChannelType::StaticRemotekey, nap);
        world.fees_are(10.0);
        let received = world.is_owed(HTLC_SAT);
        world.wakes_in_time_for(&received);
        world.assert_alone();
        world.chain.mine_empty(3);
        world.phone.resume();
        world.assert_alone();
        let is_needed = |kind: &EventKind| matches!(kind, EventKind::ReserveNeeded { .. });
        assert!(!world.phone.told().iter().any(is_needed));
        world.mine(1);
        world.comes_to_an_end();
        assert_eq!(world.phone.wallet.paid_out(), Amount::ZERO);
        let close = world.phone.report(world.outpoint()).close;
        assert!(matches!(close, Some((CloseKind::Local { .. }, _))));
    }
}
