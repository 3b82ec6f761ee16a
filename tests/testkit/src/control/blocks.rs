//! Requests about the chain and the server: blocks, reorgs, payments, faults, balances.

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{Address, Amount, Network, OutPoint, ScriptBuf, Transaction, Txid};
use serde::{Deserialize, Serialize};

use crate::chain::{BlockRef, FeeEstimates, Orphaned};
use crate::gateway::{Fault, Scope};
use crate::party::hex;

use super::answer::{Nothing, Refusal};
use super::Control;

/// Body of `/control/mine`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mine {
    blocks: u32,
    #[serde(default)]
    mempool: Mempool,
}

/// What mining does with waiting transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mempool {
    /// The first block takes them.
    #[default]
    Take,
    /// They go on waiting.
    Leave,
}

/// Body of `/control/reorg`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorg {
    depth: u32,
    blocks: u32,
    #[serde(default)]
    orphaned: Orphans,
}

/// What becomes of the transactions of orphaned blocks.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orphans {
    /// They wait in the mempool again.
    #[default]
    Keep,
    /// They are forgotten.
    Drop,
    /// These are mined in their place.
    Replace(Vec<TransactionHex>),
}

/// A transaction in a list.
#[derive(Debug, Deserialize)]
pub struct TransactionHex(#[serde(with = "hex::transaction")] Transaction);

/// Answer of `/control/mine` and `/control/reorg`: the new best block.
#[derive(Debug, Serialize)]
pub struct Tip {
    tip: BlockRef,
}

/// Body of `/control/fund`: pays a script, in hex or as an address, confirmed at once.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fund {
    script: String,
    #[serde(rename = "value_sat", with = "bitcoin::amount::serde::as_sat")]
    value: Amount,
}

/// Answer of `/control/fund`.
#[derive(Debug, Serialize)]
pub struct Funded {
    outpoint: OutPoint,
}

/// Body of `/control/submit`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submit {
    #[serde(with = "hex::transaction")]
    tx: Transaction,
}

/// Answer of `/control/submit`.
#[derive(Debug, Serialize)]
pub struct Submitted {
    txid: Txid,
}

/// Body of `/control/evict`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evict {
    txid: Txid,
}

/// Body of `/control/fees`; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    estimates: Option<FeeEstimates>,
    min_sat_per_kvb: Option<u64>,
}

/// Body of `/control/faults`; without a scope it strikes every request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    #[serde(default = "Scope::all")]
    scope: Scope,
    fault: Fault,
}

/// Answer of `/control/requests`: what reached the Esplora side since the last reset.
#[derive(Debug, Serialize)]
pub struct Requests {
    count: usize,
    lines: Vec<String>,
}

/// Answer of `/control/address/…`, in satoshi.
#[derive(Debug, Default, Serialize)]
pub struct Balance {
    /// Everything confirmed that ever paid the script.
    received_sat: u64,
    /// Of that, what no confirmed or waiting transaction spends.
    confirmed_sat: u64,
    /// What waits in the mempool to pay the script.
    unconfirmed_sat: u64,
}

/// Answer of `/control/state`.
#[derive(Debug, Serialize)]
pub struct Overview {
    chain: String,
    tip: BlockRef,
    mempool: Vec<Txid>,
    /// `host:port` of the node's RPC interface; null in memory.
    node_rpc: Option<String>,
    /// How many channels were opened; their ids count from 0.
    channels: usize,
}

pub(super) fn mine(control: &Control, request: Mine) -> Result<Tip, Refusal> {
    match request.mempool {
        Mempool::Take => control.chain().mine(request.blocks),
        Mempool::Leave => control.chain().mine_empty(request.blocks),
    };
    Ok(Tip {
        tip: control.chain().tip(),
    })
}

pub(super) fn reorg(control: &Control, request: Reorg) -> Result<Tip, Refusal> {
    if request.blocks <= request.depth {
        return Err(Refusal::of_story(
            "a reorg needs more blocks than it takes away",
        ));
    }
    if control.chain().tip().height <= request.depth {
        return Err(Refusal::of_story("the chain is not longer than that"));
    }
    let orphaned = match request.orphaned {
        Orphans::Keep => Orphaned::Keep,
        Orphans::Drop => Orphaned::Drop,
        Orphans::Replace(transactions) => {
            Orphaned::Replace(transactions.into_iter().map(|one| one.0).collect())
        }
    };
    control
        .chain()
        .reorg(request.depth, request.blocks, orphaned)?;
    Ok(Tip {
        tip: control.chain().tip(),
    })
}

pub(super) fn fund(control: &Control, request: Fund) -> Result<Funded, Refusal> {
    Ok(Funded {
        outpoint: control
            .chain()
            .fund(&script(&request.script)?, request.value),
    })
}

pub(super) fn submit(control: &Control, request: Submit) -> Result<Submitted, Refusal> {
    Ok(Submitted {
        txid: control.chain().submit(&request.tx)?,
    })
}

pub(super) fn evict(control: &Control, request: Evict) -> Result<Nothing, Refusal> {
    control.chain().evict(request.txid);
    Ok(Nothing {})
}

pub(super) fn fees(control: &Control, request: Fees) -> Result<Nothing, Refusal> {
    request
        .estimates
        .into_iter()
        .for_each(|estimates| control.chain().set_fee_estimates(estimates));
    request
        .min_sat_per_kvb
        .into_iter()
        .for_each(|least| control.chain().set_min_fee(least));
    Ok(Nothing {})
}

pub(super) fn faults(control: &Control, request: Order) -> Result<Nothing, Refusal> {
    control.gateway.order(request.scope, request.fault);
    Ok(Nothing {})
}

pub(super) fn behave(control: &Control, Nothing {}: Nothing) -> Result<Nothing, Refusal> {
    control.gateway.behave();
    Ok(Nothing {})
}

pub(super) fn requests(control: &Control) -> Result<Requests, Refusal> {
    let lines = control.gateway.paths();
    Ok(Requests {
        count: lines.len(),
        lines,
    })
}

pub(super) fn reset_requests(control: &Control, Nothing {}: Nothing) -> Result<Nothing, Refusal> {
    control.gateway.reset();
    Ok(Nothing {})
}

pub(super) fn overview(control: &Control) -> Result<Overview, Refusal> {
    let chain = control.chain();
    Ok(Overview {
        chain: chain.kind().to_string(),
        tip: chain.tip(),
        mempool: chain.mempool(),
        node_rpc: chain.node().map(|node| node.rpc_address),
        channels: control.channels().len(),
    })
}

pub(super) fn balance(control: &Control, what: String) -> Result<Balance, Refusal> {
    let script = script(&what)?;
    let chain = control.chain();
    let mut balance = Balance::default();
    for outpoint in chain.outputs_paying(sha256::Hash::hash(script.as_bytes())) {
        // Gone since the list was made: a replacement, or a reorg by another request.
        let Some(known) = chain.transaction(outpoint.txid) else {
            continue;
        };
        let Some(output) = known.transaction.output.get(outpoint.vout as usize) else {
            continue;
        };
        let value = output.value.to_sat();
        match known.block {
            None => balance.unconfirmed_sat += value,
            Some(_) => {
                balance.received_sat += value;
                if chain.outspend(outpoint).is_none() {
                    balance.confirmed_sat += value;
                }
            }
        }
    }
    Ok(balance)
}

/// A script in hex, or a regtest address.
fn script(what: &str) -> Result<ScriptBuf, Refusal> {
    if let Ok(script) = ScriptBuf::from_hex(what) {
        return Ok(script);
    }
    let address: Address<_> = what
        .parse()
        .map_err(|_| Refusal::of_story("neither a script in hex nor an address"))?;
    Ok(address
        .require_network(Network::Regtest)
        .map_err(Refusal::of_story)?
        .script_pubkey())
}
