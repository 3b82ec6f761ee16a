//! What a server cannot make us believe.

use super::build::{funding, mine_header, spend_of, spend_of_64_bytes};
use super::fake::Lie;
use super::world::{watch, World};
use crate::chain::proof::{check_merkle, check_size, WorkRules};
use crate::chain::*;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, CompactTarget, Network, TxMerkleNode};

#[test]
fn a_proven_spend_is_not_withdrawn_by_a_later_unspent() {
    let (world, output) = World::with_output();
    world.chain.mine_with(&[&spend_of(output.outpoint, 1)]);
    world.tick(std::slice::from_ref(&output));
    world.chain.lie(Lie::NothingIsSpent);
    world.chain.mine(1);
    world.look_into_mempool(std::slice::from_ref(&output));
    assert_eq!(world.spend_depth(&output), 2);
}

#[test]
fn an_omitted_spend_is_found_when_the_server_tells_of_it_later() {
    let (world, output) = World::with_output();
    world.chain.lie(Lie::NothingIsSpent);
    world.chain.mine_with(&[&spend_of(output.outpoint, 1)]);
    world.tick(std::slice::from_ref(&output));
    world.chain.be_honest();
    world.chain.mine(1);
    world.tick(std::slice::from_ref(&output));
    assert_eq!(world.spend_depth(&output), 2);
}

#[test]
fn a_confirmation_with_a_wrong_merkle_path_is_refused_and_reported() {
    let (world, output) = World::with_output();
    world.chain.mine_with(&[&spend_of(output.outpoint, 1)]);
    world.chain.lie(Lie::WrongMerklePath);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert!(!outcome.complete);
    assert!(matches!(
        outcome.failures.as_slice(),
        [SyncFailure { subject: Subject::Output(subject), error: ChainError::Proof(_) }]
            if *subject == output.outpoint
    ));
    assert_eq!(
        world.facts(&output).spend.unwrap().block(),
        None,
        "a hint is all it is"
    );
}

#[test]
fn a_spend_that_the_server_cannot_show_is_refused() {
    let (world, output) = World::with_output();
    world.chain.lie(Lie::InventsSpend(
        output.outpoint,
        funding(9).compute_txid(),
    ));
    world.chain.mine(1);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert_eq!(outcome.failures.len(), 1);
    assert_eq!(world.facts(&output).spend, None);
}

#[test]
fn a_transaction_that_does_not_spend_the_output_is_refused() {
    let (world, output) = World::with_output();
    world.chain.mine_with(&[&funding(9)]);
    world.chain.lie(Lie::InventsSpend(
        output.outpoint,
        funding(9).compute_txid(),
    ));
    let outcome = world.tick(std::slice::from_ref(&output));
    assert!(matches!(
        outcome.failures.as_slice(),
        [SyncFailure {
            error: ChainError::Proof(ProofError::DoesNotSpend { .. }),
            ..
        }]
    ));
    assert_eq!(world.facts(&output).spend, None);
}

#[test]
fn headers_without_work_move_nothing() {
    let (world, output) = World::with_output();
    let before = world.view();
    world.chain.mine(2);
    world.chain.lie(Lie::NoWork);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert!(
        matches!(outcome.stopped, Some(ChainError::Proof(_))),
        "{outcome:?}"
    );
    assert_eq!(world.view(), before);
}

#[test]
fn a_spender_of_64_bytes_is_refused() {
    let (world, output) = World::with_output();
    world
        .chain
        .mine_with(&[&spend_of_64_bytes(output.outpoint)]);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert!(matches!(
        outcome.failures.as_slice(),
        [SyncFailure {
            error: ChainError::Proof(ProofError::SixtyFourBytes { .. }),
            ..
        }]
    ));
    assert_eq!(world.facts(&output).spend, None);
}

#[test]
fn a_server_that_forgot_our_tip_but_shows_a_longer_branch_on_it_is_followed() {
    let (world, output) = World::with_output();
    world.chain.mine(50);
    world.chain.lie(Lie::ForgetsBlocks);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert_eq!(outcome.server, ServerStanding::Current);
    assert_eq!(world.facts(&output).unspent_at, Some(world.chain.tip()));
}

#[test]
fn one_output_that_cannot_be_asked_about_does_not_stop_the_others() {
    let (world, outputs) = World::with_outputs(3);
    world.chain.mine(1);
    world.chain.lie(Lie::Silent(outputs[1].outpoint));
    let outcome = world.tick(&outputs);
    assert_eq!((outcome.failures.len(), outcome.complete), (1, false));
    let at_tip = outputs
        .iter()
        .filter(|output| world.facts(output).unspent_at == Some(world.chain.tip()));
    assert_eq!(at_tip.count(), 2);
}

#[test]
fn unspent_does_not_count_when_the_tip_moves_between_question_and_second_look() {
    let (world, outputs) = World::with_outputs(2);
    world.chain.mine(1);
    let seen_first = world.chain.tip();
    world.chain.mine_after_outspends(1);
    assert!(world.tick(&outputs).complete);
    for output in &outputs {
        let counted = world.facts(output).unspent_at.unwrap();
        assert_ne!(counted, seen_first);
        assert_eq!(counted, world.chain.tip());
    }
}

#[test]
fn on_mainnet_a_block_of_regtest_difficulty_is_implausible() {
    let header = mine_header(BlockHash::all_zeros(), TxMerkleNode::all_zeros(), 0);
    let placed = PlacedHeader {
        height: BlockHeight::new(900_001),
        header,
    };
    let rules = |network| WorkRules {
        network,
        known: None,
    };
    assert_eq!(rules(Network::Regtest).check_work(&placed), Ok(()));
    assert!(matches!(
        rules(Network::Bitcoin).check_work(&placed),
        Err(ProofError::ImplausibleTarget { .. })
    ));
}

#[test]
fn a_target_written_in_an_overflowing_form_is_implausible() {
    let mut header = mine_header(BlockHash::all_zeros(), TxMerkleNode::all_zeros(), 0);
    // The exponent lies beyond 256 bits; expanded carelessly it wraps around to a tiny or huge target.
    header.bits = CompactTarget::from_consensus(0xff00_ffff);
    let placed = PlacedHeader {
        height: BlockHeight::new(1),
        header,
    };
    let rules = WorkRules {
        network: Network::Regtest,
        known: None,
    };
    assert!(rules.check_work(&placed).is_err());
}

#[test]
fn a_merkle_path_proves_only_its_own_transaction_position_and_height() {
    let transaction = funding(1);
    let txid = transaction.compute_txid();
    let header = mine_header(
        BlockHash::all_zeros(),
        TxMerkleNode::from_raw_hash(txid.to_raw_hash()),
        5,
    );
    let block = PlacedHeader {
        height: BlockHeight::new(5),
        header,
    };
    let proof = |height, position| MerkleProof {
        height: BlockHeight::new(height),
        position,
        path: Vec::new(),
    };
    assert_eq!(check_merkle(txid, &proof(5, 0), &block), Ok(()));
    assert!(matches!(
        check_merkle(txid, &proof(5, 1), &block),
        Err(ProofError::MerklePath { .. })
    ));
    assert!(matches!(
        check_merkle(txid, &proof(6, 0), &block),
        Err(ProofError::MerkleRoot { .. })
    ));
    let other = funding(2).compute_txid();
    assert!(matches!(
        check_merkle(other, &proof(5, 0), &block),
        Err(ProofError::MerkleRoot { .. })
    ));
    let too_long = MerkleProof {
        path: vec![TxMerkleNode::all_zeros(); 33],
        ..proof(5, 0)
    };
    assert!(matches!(
        check_merkle(txid, &too_long, &block),
        Err(ProofError::MerklePath { .. })
    ));
}

#[test]
fn only_64_bytes_are_refused() {
    let txid = funding(1).compute_txid();
    assert!(check_size(txid, 64).is_err());
    assert!(check_size(txid, 63).is_ok() && check_size(txid, 65).is_ok());
    let short = spend_of_64_bytes(watch(&funding(1)).outpoint);
    assert!(WatchTx::new(&short).is_err());
}

#[test]
fn a_server_of_another_network_is_refused_before_anything_of_it_is_kept() {
    let world = World::new(20);
    world.chain.lie(Lie::OtherNetwork);
    let outcome = world.tick(&[]);
    assert!(
        matches!(outcome.stopped, Some(ChainError::WrongNetwork { network }) if network == Network::Regtest),
        "{outcome:?}"
    );
    assert_eq!(world.view(), ChainView::default());
}

#[test]
fn a_branch_of_another_network_is_refused_whatever_its_work() {
    let (world, output) = World::with_output();
    let before = world.view();
    // Nothing that we hold is on it, and it is longer.
    world.chain.drop_blocks(26);
    world.chain.mine(40);
    world.chain.lie(Lie::OtherNetwork);
    let outcome = world.tick(std::slice::from_ref(&output));
    assert!(
        matches!(outcome.stopped, Some(ChainError::WrongNetwork { .. })),
        "{outcome:?}"
    );
    assert_eq!(world.view(), before);
}
