//! The JSON objects of the Esplora API, with the fields that servers give.

use bitcoin::hashes::sha256;
use bitcoin::{
    Address, Block, BlockHash, Network, OutPoint, Script, Transaction, TxMerkleNode, TxOut, Txid,
};
use serde::Serialize;

use super::view::View;
use crate::chain::{BlockRef, KnownBlock, KnownTransaction, Spend};

#[derive(Serialize)]
pub(crate) struct Status {
    confirmed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<BlockHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_time: Option<u32>,
}

impl Status {
    pub(crate) fn of(view: &View<'_>, block: Option<BlockRef>) -> Self {
        let time = block
            .and_then(|place| view.block(place.hash))
            .map(|known| known.block.header.time);
        Status {
            confirmed: block.is_some(),
            block_height: block.map(|place| place.height),
            block_hash: block.map(|place| place.hash),
            block_time: time,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct OutSpend {
    spent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<Txid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vin: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

impl OutSpend {
    /// An unknown output is told apart from an unspent one by nothing: both are `{"spent":false}`, as on real servers.
    pub(crate) fn of(view: &View<'_>, outpoint: OutPoint) -> Self {
        match view.outspend(outpoint) {
            None => OutSpend {
                spent: false,
                txid: None,
                vin: None,
                status: None,
            },
            Some(Spend { txid, vin, block }) => OutSpend {
                spent: true,
                txid: Some(txid),
                vin: Some(vin),
                status: Some(Status::of(view, block)),
            },
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Output {
    scriptpubkey: String,
    scriptpubkey_asm: String,
    scriptpubkey_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scriptpubkey_address: Option<String>,
    value: u64,
}

impl Output {
    fn of(output: &TxOut) -> Self {
        let script = &output.script_pubkey;
        Output {
            scriptpubkey: script.to_hex_string(),
            scriptpubkey_asm: script.to_asm_string(),
            scriptpubkey_type: script_type(script),
            scriptpubkey_address: Address::from_script(script, Network::Regtest)
                .ok()
                .map(|address| address.to_string()),
            value: output.value.to_sat(),
        }
    }
}

fn script_type(script: &Script) -> &'static str {
    match script {
        script if script.is_p2wpkh() => "v0_p2wpkh",
        script if script.is_p2wsh() => "v0_p2wsh",
        script if script.is_p2tr() => "v1_p2tr",
        script if script.is_p2pkh() => "p2pkh",
        script if script.is_p2sh() => "p2sh",
        script if script.is_op_return() => "op_return",
        _ => "unknown",
    }
}

#[derive(Serialize)]
pub(crate) struct Input {
    txid: Txid,
    vout: u32,
    prevout: Option<Output>,
    scriptsig: String,
    scriptsig_asm: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witness: Vec<String>,
    is_coinbase: bool,
    sequence: u32,
}

#[derive(Serialize)]
pub(crate) struct Tx {
    txid: Txid,
    version: i32,
    locktime: u32,
    vin: Vec<Input>,
    vout: Vec<Output>,
    size: usize,
    weight: u64,
    fee: u64,
    status: Status,
}

impl Tx {
    pub(crate) fn of(view: &View<'_>, known: &KnownTransaction) -> Self {
        let transaction = &known.transaction;
        let is_coinbase = transaction.is_coinbase();
        let vin = transaction.input.iter().map(|input| Input {
            txid: input.previous_output.txid,
            vout: input.previous_output.vout,
            prevout: view.output(input.previous_output).as_ref().map(Output::of),
            scriptsig: input.script_sig.to_hex_string(),
            scriptsig_asm: input.script_sig.to_asm_string(),
            witness: input
                .witness
                .iter()
                .map(hex_conservative::DisplayHex::to_lower_hex_string)
                .collect(),
            is_coinbase,
            sequence: input.sequence.to_consensus_u32(),
        });
        Tx {
            txid: transaction.compute_txid(),
            version: transaction.version.0,
            locktime: transaction.lock_time.to_consensus_u32(),
            vin: vin.collect(),
            vout: transaction.output.iter().map(Output::of).collect(),
            size: transaction.total_size(),
            weight: transaction.weight().to_wu(),
            fee: fee(view, transaction),
            status: Status::of(view, known.block),
        }
    }
}

/// The fee in sat; zero for a coinbase and for what spends outputs nobody knows.
pub(crate) fn fee(view: &View<'_>, transaction: &Transaction) -> u64 {
    let spent = transaction
        .input
        .iter()
        .map(|input| view.output(input.previous_output));
    let paid_in: u64 = spent
        .map(|output| output.map_or(0, |output| output.value.to_sat()))
        .sum();
    let paid_out: u64 = transaction
        .output
        .iter()
        .map(|output| output.value.to_sat())
        .sum();
    paid_in.saturating_sub(paid_out)
}

#[derive(Serialize)]
pub(crate) struct BlockInfo {
    id: BlockHash,
    height: u32,
    version: i32,
    timestamp: u32,
    tx_count: usize,
    size: usize,
    weight: u64,
    merkle_root: TxMerkleNode,
    previousblockhash: Option<BlockHash>,
    mediantime: u32,
    nonce: u32,
    bits: u32,
    difficulty: f64,
}

impl BlockInfo {
    pub(crate) fn of(view: &View<'_>, known: &KnownBlock) -> Self {
        let Block { txdata, .. } = &known.block;
        let header = view.header(&known.block);
        BlockInfo {
            // The id fits the header that is shown, as it would if a liar had made the block.
            id: header.block_hash(),
            height: known.height,
            version: header.version.to_consensus(),
            timestamp: header.time,
            tx_count: txdata.len(),
            size: known.block.total_size(),
            weight: known.block.weight().to_wu(),
            merkle_root: header.merkle_root,
            previousblockhash: (known.height > 0).then_some(header.prev_blockhash),
            mediantime: median_time(view, known),
            nonce: header.nonce,
            bits: header.bits.to_consensus(),
            difficulty: header.difficulty_float(),
        }
    }
}

/// The median of the times of the block and the ten before it.
fn median_time(view: &View<'_>, known: &KnownBlock) -> u32 {
    let mut times = Vec::new();
    let mut block = Some(known.block.clone());
    while let Some(header) = block.map(|block| block.header).filter(|_| times.len() < 11) {
        times.push(header.time);
        block = view.block(header.prev_blockhash).map(|parent| parent.block);
    }
    times.sort_unstable();
    times[times.len() / 2]
}

#[derive(Serialize)]
pub(crate) struct BlockStatus {
    pub(crate) in_best_chain: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_best: Option<BlockHash>,
}

#[derive(Serialize)]
pub(crate) struct MerkleProof {
    pub(crate) block_height: u32,
    pub(crate) merkle: Vec<Txid>,
    pub(crate) pos: usize,
}

#[derive(Serialize)]
pub(crate) struct Utxo {
    pub(crate) txid: Txid,
    pub(crate) vout: u32,
    pub(crate) status: Status,
    pub(crate) value: u64,
}

/// What `/address/:address` and `/scripthash/:hash` give besides their key.
#[derive(Serialize)]
pub(crate) struct ScriptStats {
    pub(crate) chain_stats: TxsSummary,
    pub(crate) mempool_stats: TxsSummary,
}

#[derive(Default, Serialize)]
pub(crate) struct TxsSummary {
    pub(crate) funded_txo_count: u32,
    pub(crate) funded_txo_sum: u64,
    pub(crate) spent_txo_count: u32,
    pub(crate) spent_txo_sum: u64,
    pub(crate) tx_count: u32,
}

#[derive(Serialize)]
pub(crate) struct AddressStats {
    pub(crate) address: String,
    #[serde(flatten)]
    pub(crate) stats: ScriptStats,
}

#[derive(Serialize)]
pub(crate) struct ScriptHashStats {
    pub(crate) scripthash: sha256::Hash,
    #[serde(flatten)]
    pub(crate) stats: ScriptStats,
}

#[derive(Serialize)]
pub(crate) struct MempoolStats {
    pub(crate) count: usize,
    pub(crate) vsize: u64,
    pub(crate) total_fee: u64,
    /// Pairs of a rate in sat/vB and the virtual bytes that pay at least that.
    pub(crate) fee_histogram: Vec<(f64, u64)>,
}

#[derive(Serialize)]
pub(crate) struct MempoolRecent {
    pub(crate) txid: Txid,
    pub(crate) fee: u64,
    pub(crate) vsize: u64,
    pub(crate) value: u64,
}
