//! Makes the blocks of the in-memory chain: a coinbase with height and witness commitment, real merkle root, real work.

use bitcoin::block::{Header, Version};
use bitcoin::hashes::Hash;
use bitcoin::script::Builder;
use bitcoin::{
    absolute, transaction, Amount, Block, CompactTarget, OutPoint, ScriptBuf, Sequence, Target,
    Transaction, TxIn, TxMerkleNode, TxOut, Witness,
};

use crate::chain::BlockRef;

/// Regtest's target, which about every second hash meets.
const REGTEST_BITS: u32 = 0x207f_ffff;
/// Regtest halves the subsidy every 150 blocks.
const HALVING_INTERVAL: u32 = 150;
/// BIP 141: what stands before the commitment in the coinbase's output.
const WITNESS_COMMITMENT_HEADER: [u8; 4] = [0xaa, 0x21, 0xa9, 0xed];
/// BIP 141: the coinbase's witness, a value reserved for later use.
const WITNESS_RESERVED: [u8; 32] = [0; 32];

/// What a block is made of.
pub(crate) struct Template<'a> {
    pub(crate) parent: BlockRef,
    /// The block's time in seconds since 1970.
    pub(crate) time: u32,
    pub(crate) transactions: &'a [Transaction],
    pub(crate) fees: Amount,
    /// Where the subsidy and the fees go.
    pub(crate) reward_to: ScriptBuf,
    /// Makes blocks of one height on two branches different.
    pub(crate) extra_nonce: u32,
}

/// Builds the block and finds its nonce.
pub(crate) fn mine(template: Template<'_>) -> Block {
    let mut block = assemble(&template);
    let target = Target::from_compact(block.header.bits);
    while block.header.validate_pow(target).is_err() {
        block.header.nonce += 1;
    }
    block
}

/// Builds the block; its nonce is whatever comes.
fn assemble(template: &Template<'_>) -> Block {
    let mut txdata = vec![coinbase(template)];
    txdata.extend_from_slice(template.transactions);
    let header = Header {
        version: Version::from_consensus(0x2000_0000),
        prev_blockhash: template.parent.hash,
        merkle_root: TxMerkleNode::all_zeros(),
        time: template.time,
        bits: CompactTarget::from_consensus(REGTEST_BITS),
        nonce: 0,
    };
    let mut block = Block { header, txdata };
    let witness_root = block.witness_root().expect("the block has a coinbase");
    let commitment = Block::compute_witness_commitment(&witness_root, &WITNESS_RESERVED);
    let mut bytes = WITNESS_COMMITMENT_HEADER.to_vec();
    bytes.extend_from_slice(&commitment.to_byte_array());
    let data: bitcoin::script::PushBytesBuf = bytes.try_into().expect("36 bytes are a small push");
    block.txdata[0].output.push(TxOut {
        value: Amount::ZERO,
        script_pubkey: ScriptBuf::new_op_return(data),
    });
    block.header.merkle_root = block
        .compute_merkle_root()
        .expect("the block has a coinbase");
    block
}

fn coinbase(template: &Template<'_>) -> Transaction {
    let height = template.parent.height + 1;
    // BIP 34: the height comes first in the script.
    let script_sig = Builder::new()
        .push_int(i64::from(height))
        .push_int(i64::from(template.extra_nonce))
        .into_script();
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            script_sig,
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[WITNESS_RESERVED]),
        }],
        output: vec![TxOut {
            value: subsidy(height) + template.fees,
            script_pubkey: template.reward_to.clone(),
        }],
    }
}

fn subsidy(height: u32) -> Amount {
    let halvings = height / HALVING_INTERVAL;
    Amount::from_sat(
        Amount::from_btc(50.0)
            .expect("a valid amount")
            .to_sat()
            .checked_shr(halvings)
            .unwrap_or(0),
    )
}
