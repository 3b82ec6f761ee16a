//! The rules of the cursor by themselves: rows in, a change out.

use bitcoin::hashes::{sha256d, Hash};
use bitcoin::{BlockHash, Network, OutPoint, TxMerkleNode};

use super::build::{funding, mine_header, output_of, spend_of};
use crate::chain::proof::WorkRules;
use crate::chain::*;

const RULES: WorkRules = WorkRules {
    network: Network::Regtest,
    known: None,
};

/// Headers at the heights `from..=to` on top of `below`; `branch` tells two of them apart.
fn branch(below: BlockHash, from: u32, to: u32, branch: u8) -> Vec<PlacedHeader> {
    let root = TxMerkleNode::from_raw_hash(sha256d::Hash::from_byte_array([branch; 32]));
    let mut previous = below;
    let mut headers = Vec::new();
    for height in from..=to {
        let header = mine_header(previous, root, height);
        previous = header.block_hash();
        headers.push(PlacedHeader {
            height: BlockHeight::new(height),
            header,
        });
    }
    headers
}

fn chain_of(height: u32) -> Vec<PlacedHeader> {
    branch(BlockHash::all_zeros(), 0, height, 1)
}

/// A view that holds these headers, the last of them as its tip.
fn holding(headers: &[PlacedHeader]) -> ChainView {
    let rows = headers
        .iter()
        .map(|placed| (placed.height, Row::Put(placed.header)))
        .collect();
    let tip = headers.last().map(PlacedHeader::block);
    ChainView::from_rows(&ChainChange {
        tip,
        headers: rows,
        ..Default::default()
    })
}

fn with_output(mut view: ChainView, facts: OutputFacts) -> ChainView {
    let outputs = [(the_output(), Row::Put(facts))].into();
    view.merge(&ChainChange {
        outputs,
        ..Default::default()
    });
    view
}

fn the_output() -> OutPoint {
    output_of(&funding(1))
}

fn at(placed: &PlacedHeader) -> Option<TxPosition> {
    Some(TxPosition {
        block: placed.block(),
        index: 0,
        proven_depth: Depth::UNCONFIRMED,
    })
}

/// The facts of the output after a change.
fn after(view: &ChainView, change: &ChainChange) -> OutputFacts {
    let mut view = view.clone();
    view.merge(change);
    view.output(&the_output()).cloned().unwrap_or_default()
}

#[test]
fn the_depth_of_a_block_counts_the_unbroken_headers_from_it_on() {
    let chain = chain_of(20);
    let view = holding(&chain);
    let depth = |height: usize| view.depth(&at(&chain[height]).unwrap()).to_u32();
    assert_eq!((depth(20), depth(19), depth(0)), (1, 2, 21));
    let gap = holding(&[&chain[..5], &chain[10..]].concat());
    assert_eq!(gap.depth(&at(&chain[2]).unwrap()).to_u32(), 3);
}

#[test]
fn a_block_that_is_not_on_our_branch_has_no_depth() {
    let other = branch(BlockHash::all_zeros(), 0, 5, 2);
    assert_eq!(
        holding(&chain_of(20)).depth(&at(&other[5]).unwrap()),
        Depth::UNCONFIRMED
    );
}

#[test]
fn a_proven_spend_gives_way_to_no_other_claim() {
    let chain = chain_of(5);
    let (first, second) = (spend_of(the_output(), 1), spend_of(the_output(), 2));
    let spend = Spend {
        txid: first.compute_txid(),
        vin: 0,
        tx: first,
        position: at(&chain[5]),
    };
    let facts = OutputFacts {
        confirmed: at(&chain[1]),
        spend: Some(spend),
        ..Default::default()
    };
    let view = with_output(holding(&chain), facts.clone());
    assert_eq!(
        after(&view, &view.spender_seen(the_output(), &second)),
        facts
    );
    assert_eq!(
        after(&view, &view.unspent_said(the_output(), view.tip().unwrap())),
        facts
    );
    assert_eq!(after(&view, &view.hint_denied(the_output())), facts);
}

#[test]
fn what_was_said_counts_only_while_the_creation_is_proven() {
    let chain = chain_of(5);
    let tip = chain[5].block();
    let said = |confirmed| OutputFacts {
        confirmed,
        unspent_said: Some(tip),
        ..Default::default()
    };
    let proven = with_output(holding(&chain), said(at(&chain[1])));
    assert_eq!(
        after(&proven, &proven.unspent_counts(tip)).unspent_at,
        Some(tip)
    );
    let unproven = with_output(holding(&chain), said(None));
    assert_eq!(
        after(&unproven, &unproven.unspent_counts(tip)).unspent_at,
        None
    );
}

#[test]
fn what_was_said_at_another_tip_does_not_count() {
    let chain = chain_of(5);
    let said_before = Some(chain[4].block());
    let facts = OutputFacts {
        confirmed: at(&chain[1]),
        unspent_said: said_before,
        ..Default::default()
    };
    let view = with_output(holding(&chain), facts);
    assert!(view.unspent_counts(chain[5].block()).is_empty());
}

#[test]
fn after_a_reorg_an_output_is_unspent_up_to_the_fork() {
    let chain = chain_of(9);
    let (fork, better) = (
        chain[6].block(),
        branch(chain[6].header.block_hash(), 7, 10, 2),
    );
    let unspent_at = Some(chain[9].block());
    let facts = OutputFacts {
        confirmed: at(&chain[2]),
        unspent_at,
        ..Default::default()
    };
    let view = with_output(holding(&chain), facts);
    assert_eq!(
        after(&view, &view.reorganised(fork, &better)).unspent_at,
        Some(fork)
    );
}

#[test]
fn headers_below_ours_must_carry_ours() {
    let chain = chain_of(20);
    let view = holding(&chain[10..]);
    assert!(view.deepened(&chain[..10], &RULES).is_ok());
    let other = branch(BlockHash::all_zeros(), 0, 9, 2);
    assert!(matches!(
        view.deepened(&other, &RULES),
        Err(ProofError::Unlinked { .. })
    ));
}

#[test]
fn headers_that_contradict_the_row_up_to_our_tip_are_refused() {
    let chain = chain_of(20);
    let other = branch(BlockHash::all_zeros(), 8, 12, 2);
    assert!(matches!(
        holding(&chain[10..]).deepened(&other, &RULES),
        Err(ProofError::Unlinked { .. })
    ));
}

#[test]
fn an_older_row_that_our_branch_does_not_stand_on_goes_with_its_facts() {
    let chain = chain_of(30);
    let gone = branch(BlockHash::all_zeros(), 0, 9, 2);
    let mut held = gone.clone();
    held.extend_from_slice(&chain[20..]);
    let facts = OutputFacts {
        confirmed: at(&gone[5]),
        ..Default::default()
    };
    let view = with_output(holding(&held), facts);
    let change = view.deepened(&chain[10..20], &RULES).unwrap();
    assert_eq!(after(&view, &change).confirmed, None);
    assert_eq!(change.headers.get(&BlockHeight::new(9)), Some(&Row::Delete));
}

#[test]
fn pruning_keeps_the_last_hundred_headers_and_the_depth_that_older_ones_proved() {
    let chain = chain_of(150);
    let facts = OutputFacts {
        confirmed: at(&chain[10]),
        ..Default::default()
    };
    let mut view = with_output(holding(&chain), facts);
    view.merge(&view.pruned(Depth::new(100)));
    assert_eq!(view.lowest_linked(), Some(BlockHeight::new(51)));
    let position = view.output(&the_output()).unwrap().confirmed.unwrap();
    assert_eq!(view.depth(&position).to_u32(), 141);
}

#[test]
fn each_header_must_stand_on_the_one_before_at_the_next_height() {
    let chain = chain_of(3);
    assert_eq!(RULES.check_link(&chain[1], &chain[2]), Ok(()));
    assert!(matches!(
        RULES.check_link(&chain[1], &chain[3]),
        Err(ProofError::Unlinked { .. })
    ));
    let lifted = PlacedHeader {
        height: BlockHeight::new(3),
        ..chain[2]
    };
    assert!(matches!(
        RULES.check_link(&chain[1], &lifted),
        Err(ProofError::Unlinked { .. })
    ));
}

#[test]
fn a_header_must_meet_its_own_target() {
    let mut lazy = chain_of(0)[0];
    while lazy.header.target().is_met_by(lazy.header.block_hash()) {
        lazy.header.nonce += 1;
    }
    let hash = lazy.header.block_hash();
    assert_eq!(RULES.check_work(&lazy), Err(ProofError::Work { hash }));
}
