//! The real node judges the in-memory chain: every block that the one makes must be valid to the other.

mod common;

use bitcoin::Sequence;
use common::{key, paying, taproot_spend, Coin, Spending};
use testkit::chain::{Chain, Orphaned};
use testkit::memory::MemoryChain;
use testkit::regtest::Bitcoind;

#[test]
fn a_real_node_accepts_every_block_of_the_in_memory_chain() {
    let node = match Bitcoind::start() {
        Ok(node) => node,
        Err(reason) => return reason.say(),
    };
    let memory = MemoryChain::new();
    let locked = Coin::locked_for(&memory, 3);
    let plain = Coin::plain(&memory).spend(paying(1_000));
    memory
        .mine_txs(&[plain.clone(), Coin::made_by(&plain).spend(paying(1_000))])
        .unwrap();
    memory.submit(&taproot_spend(&memory, key(1))).unwrap();
    let sequence = Sequence::from_height(3);
    memory
        .submit(&locked.spend(Spending {
            sequence,
            ..paying(5_000)
        }))
        .unwrap();
    memory.mine(1);
    memory.reorg(3, 4, Orphaned::Keep).unwrap();
    memory.mine(40);
    for height in 1..=memory.tip().height {
        let hash = memory.block_hash(height).unwrap();
        let block = memory.block(hash).unwrap().block;
        node.submit_block(&block)
            .unwrap_or_else(|reject| panic!("block {height}: {reject}"));
    }
    assert_eq!(node.tip(), memory.tip());
}
