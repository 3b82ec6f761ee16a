//! The chain from an Esplora server, over HTTP.

use std::collections::BTreeMap;
use std::str::FromStr;

use bitcoin::block::Header;
use bitcoin::consensus::encode::{deserialize, serialize_hex};
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, FeeRate, OutPoint, Transaction, TxMerkleNode, Txid};
use esplora_client::api;
use futures::FutureExt;
use serde::de::DeserializeOwned;

use super::block::{BlockHeight, BlockRef};
use super::broadcast::BroadcastOutcome;
use super::budget::Budget;
use super::error::ChainError;
use super::http::{HttpMethod, HttpResponse, HttpTransport};
use super::policy::ChainPolicy;
use super::pool::EsploraPool;
use super::retry::{exchange, refused, text, Call};
use super::source::{Answer, BlockStatus, ChainSource, MerkleProof, Outspend, PlacedHeader};

/// Satoshis per 1,000 weight units in one satoshi per virtual byte.
const SAT_PER_KWU_IN_SAT_PER_VB: f64 = 250.0;

/// An estimate above this is a broken estimator, in satoshis per virtual byte.
const HIGHEST_ESTIMATE: f64 = 100_000.0;

/// An Esplora server.
pub struct EsploraSource {
    transport: Box<dyn HttpTransport>,
    policy: ChainPolicy,
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
        Self { transport, policy }
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
            let call = Call {
                method: HttpMethod::Post,
                path: "/tx",
                body,
            };
            match exchange(self.transport.as_ref(), &self.policy, budget, call).await {
                Ok(response) => Ok(read_broadcast(transaction, &response)),
                Err(error @ (ChainError::Cancelled | ChainError::BudgetExhausted(_))) => Err(error),
                Err(error) => Ok(BroadcastOutcome::Unreachable {
                    text: error.to_string(),
                }),
            }
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

fn fee_rate(sat_per_vb: f64) -> FeeRate {
    // Within 0 and 25 million after the check above, so that the cast only drops the fraction.
    FeeRate::from_sat_per_kwu((sat_per_vb * SAT_PER_KWU_IN_SAT_PER_VB).ceil() as u64)
}

fn read_outspend(path: &str, status: &api::OutputStatus) -> Result<Outspend, ChainError> {
    if !status.spent {
        return Ok(Outspend::Unspent);
    }
    let txid = status
        .txid
        .ok_or_else(|| malformed(path, "spent, but by nobody"))?;
    let block = match &status.status {
        Some(api::TxStatus {
            confirmed: true,
            block_height: Some(height),
            block_hash: Some(hash),
            ..
        }) => Some(BlockRef {
            height: BlockHeight::new(*height),
            hash: *hash,
        }),
        Some(api::TxStatus {
            confirmed: true, ..
        }) => {
            return Err(malformed(path, "confirmed, but in no block"));
        }
        Some(api::TxStatus {
            confirmed: false, ..
        })
        | None => None,
    };
    Ok(Outspend::Spent { txid, block })
}

fn read_merkle_proof(path: &str, proof: &api::MerkleProof) -> Result<MerkleProof, ChainError> {
    let position = u32::try_from(proof.pos).map_err(|error| malformed(path, error))?;
    // The siblings are written like transaction ids, but most of them are inner nodes.
    let sibling = |node: &Txid| TxMerkleNode::from_raw_hash(node.to_raw_hash());
    Ok(MerkleProof {
        height: BlockHeight::new(proof.block_height),
        position,
        path: proof.merkle.iter().map(sibling).collect(),
    })
}

/// The header that the fields of a block's description make up. Its hash must be the id the server gives it, so that a
/// field that is read wrongly is found here.
fn placed_header(path: &str, info: &api::BlockInfo) -> Result<PlacedHeader, ChainError> {
    let header = Header {
        version: info.version,
        prev_blockhash: info.previousblockhash.unwrap_or_else(BlockHash::all_zeros),
        merkle_root: info.merkle_root,
        time: u32::try_from(info.timestamp).map_err(|error| malformed(path, error))?,
        bits: info.bits,
        nonce: info.nonce,
    };
    if header.block_hash() != info.id {
        return Err(malformed(path, "a header that does not hash to its id"));
    }
    Ok(PlacedHeader {
        height: BlockHeight::new(info.height),
        header,
    })
}

fn malformed(path: &str, what: impl ToString) -> ChainError {
    ChainError::Malformed {
        endpoint: path.to_owned(),
        what: what.to_string(),
    }
}
