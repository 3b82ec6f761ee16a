//! The calls to bitcoind. A refusal of a transaction comes back as a value; anything else that goes wrong means that the node is
//! gone, and panics with the call's name.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use bitcoin::consensus::encode;
use bitcoin::{Address, Amount, Block, BlockHash, OutPoint, Transaction, Txid};
use corepc_node::client::client_sync::Error;
use corepc_node::{Conf, Node};
use serde::de::DeserializeOwned;
use serde_json::{json, Value};

use super::find::NotAvailable;
use super::MEMPOOL_EXPIRY_HOURS;
use crate::chain::{NodeAccess, Reject, Submitted};
use crate::miner::START_TIME;

/// bitcoind's code for a transaction that is in no mempool and no index.
const RPC_INVALID_ADDRESS_OR_KEY: i32 = -5;

/// A running node.
pub(super) struct Rpc {
    node: Node,
    /// Whether a call may have changed the best block since it was last asked for. Nobody else moves this node: it has no
    /// peers.
    moved: AtomicBool,
}

impl Rpc {
    pub(super) fn start(executable: &Path) -> Result<Self, NotAvailable> {
        let clock = format!("-mocktime={START_TIME}");
        let expiry = format!("-mempoolexpiry={MEMPOOL_EXPIRY_HOURS}");
        let mut conf = Conf::default();
        conf.args = vec![
            "-regtest",
            "-txindex=1",
            // The defaults have changed with version 30; both chains keep the old ones.
            "-minrelaytxfee=0.00001",
            "-incrementalrelayfee=0.00001",
            // Every transaction the mempool takes is mined too, whatever it pays.
            "-blockmintxfee=0",
            &clock,
            &expiry,
        ];
        if is_knots(executable) {
            conf.args.push("-corepolicy=1");
        }
        conf.wallet = None;
        let node = Node::with_conf(executable, &conf);
        let moved = AtomicBool::new(true);
        node.map(|node| Rpc { node, moved }).map_err(|error| {
            NotAvailable(format!(
                "{} does not start: {error:#}",
                executable.display()
            ))
        })
    }

    pub(super) fn access(&self) -> NodeAccess {
        let params = &self.node.params;
        let cookie = std::fs::read_to_string(&params.cookie_file)
            .expect("a running node has its cookie file");
        NodeAccess {
            rpc_address: params.rpc_socket.to_string(),
            cookie: cookie.trim().to_owned(),
            data_dir: self.node.workdir(),
        }
    }

    /// The best block, if it may be another one than when it was last asked for.
    pub(super) fn new_best_block_hash(&self) -> Option<BlockHash> {
        let moved = self.moved.swap(false, Ordering::AcqRel);
        moved.then(|| self.must("getbestblockhash", &[]))
    }

    pub(super) fn block_hash(&self, height: u32) -> BlockHash {
        self.must("getblockhash", &[json!(height)])
    }

    pub(super) fn block(&self, hash: BlockHash) -> Block {
        let hex: String = self.must("getblock", &[json!(hash), json!(0)]);
        encode::deserialize_hex(&hex).expect("bitcoind serialises blocks")
    }

    /// The mempool, parents before children.
    pub(super) fn mempool(&self) -> Vec<Txid> {
        let entries: serde_json::Map<String, Value> = self.must("getrawmempool", &[json!(true)]);
        let mut entries: Vec<(u64, u64, Txid)> = entries
            .into_iter()
            .map(|(txid, entry)| {
                let txid = txid
                    .parse()
                    .expect("bitcoind names transactions by their id");
                (
                    entry["ancestorcount"].as_u64().unwrap_or(0),
                    entry["time"].as_u64().unwrap_or(0),
                    txid,
                )
            })
            .collect();
        entries.sort_unstable();
        entries.into_iter().map(|(_, _, txid)| txid).collect()
    }

    pub(super) fn mempool_transaction(&self, txid: Txid) -> Option<Transaction> {
        match self.call::<Value>("getrawtransaction", &[json!(txid), json!(true)]) {
            // With its index the node also tells of transactions in blocks, even in blocks that were left.
            Ok(known) if known.get("blockhash").is_some() => None,
            Ok(known) => {
                let hex = known["hex"]
                    .as_str()
                    .expect("bitcoind gives the transaction's hex");
                Some(encode::deserialize_hex(hex).expect("bitcoind serialises transactions"))
            }
            Err(Reject {
                code: RPC_INVALID_ADDRESS_OR_KEY,
                ..
            }) => None,
            Err(reject) => panic!("bitcoind refused getrawtransaction: {reject}"),
        }
    }

    pub(super) fn mempool_spender(&self, outpoint: OutPoint) -> Option<Txid> {
        let output = json!([{ "txid": outpoint.txid, "vout": outpoint.vout }]);
        let found: Value = self.must("gettxspendingprevout", &[output]);
        let txid = found[0].get("spendingtxid")?;
        Some(
            txid.as_str()?
                .parse()
                .expect("bitcoind names transactions by their id"),
        )
    }

    pub(super) fn send(&self, transaction: &Transaction) -> Result<Txid, Reject> {
        // A maximum fee rate of 0 accepts any: whoever overpays in a test means it.
        self.call(
            "sendrawtransaction",
            &[json!(encode::serialize_hex(transaction)), json!(0)],
        )
    }

    /// # Errors
    /// The refusal of the package as a whole.
    pub(super) fn send_package(
        &self,
        parent: &Transaction,
        child: &Transaction,
    ) -> Result<Submitted, Reject> {
        let list = json!([parent, child].map(encode::serialize_hex));
        let said: Value = self.call("submitpackage", &[list, json!(0)])?;
        let of = |transaction: &Transaction| {
            let result = &said["tx-results"][transaction.compute_wtxid().to_string()];
            match result["error"].as_str() {
                Some(text) => Err(Reject::rules(text)),
                None => Ok(transaction.compute_txid()),
            }
        };
        Ok(Submitted {
            parent: of(parent),
            child: of(child),
        })
    }

    /// The fee of a transaction that the mempool would accept.
    pub(super) fn acceptable_fee(&self, transaction: &Transaction) -> Option<Amount> {
        let list = json!([encode::serialize_hex(transaction)]);
        let results: Value = self.must("testmempoolaccept", &[list, json!(0)]);
        let fee = results[0]["fees"]["base"].as_f64()?;
        Amount::from_btc(fee).ok()
    }

    /// Sets the node's clock, in seconds since 1970.
    pub(super) fn set_time(&self, time: u32) {
        self.must::<Value>("setmocktime", &[json!(time)]);
    }

    /// Mines one block of the mempool.
    pub(super) fn generate(&self, reward_to: &Address) -> BlockHash {
        let arguments = [json!(1), json!(reward_to)];
        let hashes: [BlockHash; 1] = self
            .moving("generatetoaddress", &arguments)
            .expect("the mempool can be mined");
        hashes[0]
    }

    /// Mines one block of exactly these transactions.
    pub(super) fn generate_block(
        &self,
        reward_to: &Address,
        transactions: &[Transaction],
    ) -> Result<BlockHash, Reject> {
        let list: Vec<String> = transactions.iter().map(encode::serialize_hex).collect();
        let mined: Value = self.moving("generateblock", &[json!(reward_to), json!(list)])?;
        let hash = mined["hash"]
            .as_str()
            .expect("bitcoind names the block it has mined");
        Ok(hash.parse().expect("bitcoind names blocks by their hash"))
    }

    /// # Errors
    /// The rule that the block breaks.
    pub(super) fn submit_block(&self, block: &Block) -> Result<(), Reject> {
        let refusal: Option<String> =
            self.moving("submitblock", &[json!(encode::serialize_hex(block))])?;
        match refusal.as_deref() {
            // "inconclusive": valid as far as it can be judged while its branch has less work.
            None | Some("inconclusive") => Ok(()),
            Some(refusal) => Err(Reject::rules(refusal)),
        }
    }

    pub(super) fn invalidate(&self, hash: BlockHash) {
        self.moving::<Value>("invalidateblock", &[json!(hash)])
            .expect("the node knows the block");
    }

    pub(super) fn reconsider(&self, hash: BlockHash) {
        self.moving::<Value>("reconsiderblock", &[json!(hash)])
            .expect("the node knows the block");
    }

    /// A call that may change the best block.
    fn moving<T: DeserializeOwned>(&self, method: &str, arguments: &[Value]) -> Result<T, Reject> {
        let answer = self.call(method, arguments);
        // Not before: who asks in between would see the old best block, and never ask again.
        self.moved.store(true, Ordering::Release);
        answer
    }

    fn must<T: DeserializeOwned>(&self, method: &str, arguments: &[Value]) -> T {
        self.call(method, arguments)
            .unwrap_or_else(|reject| panic!("bitcoind refused {method}: {reject}"))
    }

    /// # Errors
    /// The node's own refusal.
    fn call<T: DeserializeOwned>(&self, method: &str, arguments: &[Value]) -> Result<T, Reject> {
        self.node
            .client
            .call(method, arguments)
            .map_err(|error| match error {
                Error::JsonRpc(jsonrpc::Error::Rpc(refusal)) => Reject {
                    code: refusal.code,
                    text: refusal.message,
                },
                error => panic!("bitcoind does not answer {method}: {error}"),
            })
    }
}

/// Knots is Bitcoin Core with another policy by default; it is asked for Core's.
fn is_knots(executable: &Path) -> bool {
    let version = Command::new(executable).arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("Knots"))
}
