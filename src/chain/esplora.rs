//! The chain from an Esplora server, over HTTP.

mod answers;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use bitcoin::consensus::encode::{deserialize, serialize_hex};
use bitcoin::hashes::{sha256, Hash};
use bitcoin::{BlockHash, FeeRate, OutPoint, Script, Transaction, Txid};
use esplora_client::api;
use futures::FutureExt;
use serde::de::DeserializeOwned;

use super::block::BlockHeight;
use super::broadcast::BroadcastOutcome;
use super::budget::Budget;
use super::error::ChainError;
use super::http::{HttpMethod, HttpResponse, HttpTransport};
use super::package::{Package, PackageOutcome};
use super::policy::ChainPolicy;
use super::pool::EsploraPool;
use super::retry::{exchange, refused, text, Call};
use super::source::{
    Answer, BlockStatus, ChainSource, MerkleProof, Outspend, PlacedHeader, ScriptCoins,
};
use answers::{
    fee_rate, holds_coins, is_used, malformed, placed_header, read_merkle_proof, read_outspend,
};

/// An estimate above this is a broken estimator, in satoshis per virtual byte.
const HIGHEST_ESTIMATE: f64 = 100_000.0;

/// An Esplora server.
pub struct EsploraSource {
    transport: Box<dyn HttpTransport>,
    policy: ChainPolicy,
    /// The server has no endpoint for packages, as it said when it was asked.
    has_no_packages: AtomicBool,
}

impl EsploraSource {
    /// The server at `base_url`, over the built-in client.
    ///
    /// # Errors
    /// [`ChainError::Configuration`] when the URL is not one of a web server.
    pub fn new(base_url: &str, policy: ChainPolicy) -> Result<Self, ChainError> {
        let pool = EsploraPool::new(base_url, policy.parallelism)?;
        Ok(Self::over(Box::new(pool), policy))
    }

    /// A server behind a transport of the caller's.
    pub fn over(transport: Box<dyn HttpTransport>, policy: ChainPolicy) -> Self {
        Self {
            transport,
            policy,
            has_no_packages: AtomicBool::new(false),
        }
    }

    async fn post(
        &self,
        path: &str,
        body: Vec<u8>,
        budget: &Budget,
    ) -> Result<HttpResponse, ChainError> {
        let call = Call {
            method: HttpMethod::Post,
            path,
            body,
        };
        exchange(self.transport.as_ref(), &self.policy, budget, call).await
    }

    async fn get(&self, path: &str, budget: &Budget) -> Result<HttpResponse, ChainError> {
        let call = Call {
            method: HttpMethod::Get,
            path,
            body: Vec::new(),
        };
        exchange(self.transport.as_ref(), &self.policy, budget, call).await
    }

    /// The body of an answer; `None` when the server says that there is no such thing.
    async fn body(&self, path: &str, budget: &Budget) -> Result<Option<Vec<u8>>, ChainError> {
        let response = self.get(path, budget).await?;
        match response.status {
            200..=299 => Ok(Some(response.body)),
            404 => Ok(None),
            _ => Err(refused(path, &response)),
        }
    }

    async fn json<T: DeserializeOwned>(
        &self,
        path: &str,
        budget: &Budget,
    ) -> Result<Option<T>, ChainError> {
        let Some(body) = self.body(path, budget).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&body)
            .map(Some)
            .map_err(|error| malformed(path, error))
    }

    async fn headers(&self, path: &str, budget: &Budget) -> Result<Vec<PlacedHeader>, ChainError> {
        let page: Option<Vec<api::BlockInfo>> = self.json(path, budget).await?;
        page.unwrap_or_default()
            .iter()
            .map(|info| placed_header(path, info))
            .collect()
    }
}

impl ChainSource for EsploraSource {
    fn tip_hash<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BlockHash> {
        async move {
            let path = "/blocks/tip/hash";
            let body = self
                .body(path, budget)
                .await?
                .ok_or_else(|| malformed(path, "no tip"))?;
            let body = std::str::from_utf8(&body).map_err(|error| malformed(path, error))?;
            BlockHash::from_str(body.trim()).map_err(|error| malformed(path, error))
        }
        .boxed_local()
    }

    fn newest_headers<'a>(&'a self, budget: &'a Budget) -> Answer<'a, Vec<PlacedHeader>> {
        async move { self.headers("/blocks", budget).await }.boxed_local()
    }

    fn headers_ending_at<'a>(
        &'a self,
        height: BlockHeight,
        budget: &'a Budget,
    ) -> Answer<'a, Vec<PlacedHeader>> {
        async move { self.headers(&format!("/blocks/{height}"), budget).await }.boxed_local()
    }

    fn block_status<'a>(&'a self, block: BlockHash, budget: &'a Budget) -> Answer<'a, BlockStatus> {
        async move {
            let path = format!("/block/{block}/status");
            let status: Option<api::BlockStatus> = self.json(&path, budget).await?;
            match status {
                None => Ok(BlockStatus::Unknown),
                Some(api::BlockStatus {
                    in_best_chain: false,
                    ..
                }) => Ok(BlockStatus::Stale),
                Some(api::BlockStatus {
                    in_best_chain: true,
                    height: Some(height),
                    ..
                }) => Ok(BlockStatus::Best {
                    height: BlockHeight::new(height),
                }),
                Some(api::BlockStatus {
                    in_best_chain: true,
                    height: None,
                    ..
                }) => Err(malformed(&path, "in the best chain, but without a height")),
            }
        }
        .boxed_local()
    }

    fn outspend<'a>(&'a self, outpoint: OutPoint, budget: &'a Budget) -> Answer<'a, Outspend> {
        async move {
            let path = format!("/tx/{}/outspend/{}", outpoint.txid, outpoint.vout);
            match self.json(&path, budget).await? {
                // Some servers do not answer for transactions that they do not know, others say "unspent".
                None => Ok(Outspend::Unspent),
                Some(status) => read_outspend(&path, &status),
            }
        }
        .boxed_local()
    }

    fn transaction<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<Transaction>> {
        async move {
            let path = format!("/tx/{txid}/raw");
            let Some(body) = self.body(&path, budget).await? else {
                return Ok(None);
            };
            let transaction: Transaction =
                deserialize(&body).map_err(|error| malformed(&path, error))?;
            if transaction.compute_txid() != txid {
                return Err(malformed(&path, "another transaction"));
            }
            Ok(Some(transaction))
        }
        .boxed_local()
    }

    fn merkle_proof<'a>(
        &'a self,
        txid: Txid,
        budget: &'a Budget,
    ) -> Answer<'a, Option<MerkleProof>> {
        async move {
            let path = format!("/tx/{txid}/merkle-proof");
            let proof: Option<api::MerkleProof> = self.json(&path, budget).await?;
            proof
                .map(|proof| read_merkle_proof(&path, &proof))
                .transpose()
        }
        .boxed_local()
    }

    fn broadcast<'a>(
        &'a self,
        transaction: &'a Transaction,
        budget: &'a Budget,
    ) -> Answer<'a, BroadcastOutcome> {
        async move {
            let body = serialize_hex(transaction).into_bytes();
            match self.post("/tx", body, budget).await {
                Ok(response) => Ok(read_broadcast(transaction, &response)),
                Err(error @ (ChainError::Cancelled | ChainError::BudgetExhausted(_))) => Err(error),
                Err(error) => Ok(BroadcastOutcome::Unreachable {
                    text: error.to_string(),
                }),
            }
        }
        .boxed_local()
    }

    fn broadcast_package<'a>(
        &'a self,
        package: Package<'a>,
        budget: &'a Budget,
    ) -> Answer<'a, PackageOutcome> {
        async move {
            if self.has_no_packages.load(Ordering::Relaxed) {
                return package.one_by_one(self, budget).await;
            }
            match self.post("/txs/package", package.body(), budget).await {
                Ok(response) => {
                    if is_no_endpoint(&response) {
                        self.has_no_packages.store(true, Ordering::Relaxed);
                    }
                    match package.outcome(&response) {
                        Some(outcome) => Ok(outcome),
                        // Whatever the server means, each of them may be good alone.
                        None => package.one_by_one(self, budget).await,
                    }
                }
                Err(error @ (ChainError::Cancelled | ChainError::BudgetExhausted(_))) => Err(error),
                Err(error) => Ok(PackageOutcome::unreachable(&error.to_string())),
            }
        }
        .boxed_local()
    }

    fn script_coins<'a>(
        &'a self,
        script: &'a Script,
        budget: &'a Budget,
    ) -> Answer<'a, ScriptCoins> {
        async move {
            let path = format!("/scripthash/{}", sha256::Hash::hash(script.as_bytes()));
            let stats: Option<api::ScriptHashStats> = self.json(&path, budget).await?;
            let missing = || malformed(&path, "no such script");
            let stats = stats.ok_or_else(missing)?;
            let mut found = ScriptCoins {
                was_used: is_used(&stats),
                coins: Vec::new(),
            };
            if holds_coins(&stats) {
                let path = format!("{path}/utxo");
                let coins: Option<Vec<api::Utxo>> = self.json(&path, budget).await?;
                let coins = coins.unwrap_or_default().into_iter();
                found.coins = coins
                    .map(|coin| (OutPoint::new(coin.txid, coin.vout), coin.value))
                    .collect();
            }
            Ok(found)
        }
        .boxed_local()
    }

    fn fee_estimates<'a>(&'a self, budget: &'a Budget) -> Answer<'a, BTreeMap<u16, FeeRate>> {
        async move {
            let estimates: Option<BTreeMap<u16, f64>> = self.json("/fee-estimates", budget).await?;
            let usable = |rate: &f64| rate.is_finite() && (0.0..=HIGHEST_ESTIMATE).contains(rate);
            Ok(estimates
                .unwrap_or_default()
                .into_iter()
                .filter(|(_, rate)| usable(rate))
                .map(|(blocks, rate)| (blocks, fee_rate(rate)))
                .collect())
        }
        .boxed_local()
    }
}

/// Whether the server does not know what it was asked, whatever was asked of it.
fn is_no_endpoint(response: &HttpResponse) -> bool {
    matches!(response.status, 404 | 405 | 501)
}

fn read_broadcast(transaction: &Transaction, response: &HttpResponse) -> BroadcastOutcome {
    let text = text(response);
    let outcome = BroadcastOutcome::from_answer(response.status, &text);
    // A server that takes a transaction answers with its id; a page of some proxy's does not mean that it was taken.
    let names_it = text.contains(&transaction.compute_txid().to_string());
    if outcome == BroadcastOutcome::Accepted && !names_it {
        return BroadcastOutcome::Unreachable { text };
    }
    outcome
}
