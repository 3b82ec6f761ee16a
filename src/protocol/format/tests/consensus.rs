//! Bitcoin's own consensus code as the judge of every template. Needs the testkit's in-memory chain.

use testkit::chain::Chain;
use testkit::memory::MemoryChain;

use super::*;
use crate::protocol::Htlc;

/// A height the tests mine up to.
const EXPIRY: u32 = 260;

/// Every way to spend every output, with HTLCs that expire within reach.
fn spends_within_reach(channel_type: ChannelType) -> Vec<SpendTemplate> {
    let keys = commitment_keys();
    let soon = |kind| {
        Htlc {
            cltv_expiry: EXPIRY,
            ..htlc(kind, 0)
        }
        .contract()
    };
    contracts()
        .into_iter()
        .map(|contract| match contract {
            ContractOutput::Htlc { kind, .. } => soon(kind),
            ContractOutput::ToLocal | ContractOutput::ToRemote | ContractOutput::SecondLevel => {
                contract
            }
            ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor => contract,
        })
        .flat_map(|contract| channel_type.format().spends(&contract, &keys, DELAY))
        .collect()
}

/// Pays the template's output on chain and spends it again, with the lock time and sequence given.
fn signed_spend(
    chain: &MemoryChain,
    template: &SpendTemplate,
    lock_time: LockTime,
    sequence: Sequence,
) -> Transaction {
    let mut tx = spending(template);
    tx.input[0].previous_output = chain.fund(&template.output.script_pubkey, VALUE);
    (tx.lock_time, tx.input[0].sequence) = (lock_time, sequence);
    let (signature, peer_signature) = (sign(template, &tx), sign_as_peer(template, &tx));
    let parts = WitnessParts {
        signature,
        peer_signature,
        preimage: Some(&preimage()),
    };
    tx.input[0].witness = template.witness(&parts).unwrap();
    tx
}

/// Blocks that must be mined on top of the funded output before its spend can be.
fn blocks_to_wait(chain: &MemoryChain, template: &SpendTemplate) -> u32 {
    let relative = match template.sequence.to_relative_lock_time() {
        Some(_) => template.sequence.to_consensus_u32().saturating_sub(1),
        None => 0,
    };
    let absolute = template
        .lock_time
        .to_consensus_u32()
        .saturating_sub(chain.tip().height);
    relative.max(absolute)
}

#[test]
fn every_path_is_valid_from_the_block_on_that_its_template_names_and_not_before() {
    for channel_type in ChannelType::ALL {
        let templates = spends_within_reach(channel_type);
        let chain = MemoryChain::new();
        for template in &templates {
            let tx = signed_spend(&chain, template, template.lock_time, template.sequence);
            let wait = blocks_to_wait(&chain, template);
            if let Some(almost) = wait.checked_sub(1) {
                chain.mine_empty(almost);
                let early = chain.mine_txs(std::slice::from_ref(&tx));
                assert!(
                    early.is_err(),
                    "{channel_type:?} {:?} a block early",
                    template.path
                );
                chain.mine_empty(1);
            }
            let mined = chain.mine_txs(std::slice::from_ref(&tx));
            assert!(
                mined.is_ok(),
                "{channel_type:?} {:?}: {mined:?}",
                template.path
            );
        }
    }
}

/// The lock times and sequences just below the template's, where its script is what asks for them.
fn too_short(template: &SpendTemplate) -> Vec<(LockTime, Sequence)> {
    let lock_time = template.lock_time.to_consensus_u32();
    let sequence = template.sequence.to_consensus_u32();
    let mut shorter = Vec::new();
    // That HTLC-timeout waits is not in the script: the counterparty's signature covers its lock time.
    if lock_time > 0 && template.path != SpendPath::HtlcTimeoutSecondLevel {
        shorter.push((LockTime::from_consensus(lock_time - 1), template.sequence));
    }
    if template.sequence.is_relative_lock_time() && sequence > 0 {
        shorter.push((template.lock_time, Sequence(sequence - 1)));
    }
    shorter
}

#[test]
fn a_template_waits_no_shorter_than_its_script_asks_for() {
    let mut refused = 0;
    for channel_type in ChannelType::ALL {
        let chain = MemoryChain::new();
        chain.mine_empty(EXPIRY);
        for template in spends_within_reach(channel_type) {
            for (lock_time, sequence) in too_short(&template) {
                let tx = signed_spend(&chain, &template, lock_time, sequence);
                chain.mine_empty(u32::from(DELAY));
                let mined = chain.mine_txs(&[tx]);
                assert!(mined.is_err(), "{channel_type:?} {:?}", template.path);
                refused += 1;
            }
        }
    }
    // Both formats: two delays and an expiry. Anchors besides: both anchors, and five paths that wait for one block.
    assert_eq!(refused, 2 * 3 + 2 + 5);
}
