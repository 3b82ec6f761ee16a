//! What the gateway answers, read by `esplora-client` as the main library does, and in plain text where the text counts.

mod common;

use std::sync::Arc;

use bitcoin::hashes::{sha256, Hash};
use bitcoin::{BlockHash, OutPoint, Txid};
use common::http::{get, post};
use common::{key, paying, plain_script, Coin, Spending, VALUE};
use esplora_client::{AsyncClient, Builder};
use testkit::chain::{Chain, Orphaned};
use testkit::gateway::{Flavour, Gateway, KeepAlive};
use testkit::memory::MemoryChain;

struct Server {
    chain: Arc<dyn Chain>,
    gateway: Gateway,
    client: AsyncClient,
}

fn server() -> Server {
    let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
    let gateway = Gateway::start(Arc::clone(&chain)).unwrap();
    let client = Builder::new(&gateway.url())
        .max_retries(0)
        .build_async()
        .unwrap();
    Server {
        chain,
        gateway,
        client,
    }
}

const NOBODY: [u8; 32] = [7; 32];

#[tokio::test]
async fn the_tip_is_told_as_hash_and_height() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    assert_eq!(client.get_tip_hash().await.unwrap(), chain.tip().hash);
    assert_eq!(client.get_height().await.unwrap(), chain.tip().height);
    assert_eq!(
        client.get_block_hash(5).await.unwrap(),
        chain.block_hash(5).unwrap()
    );
}

#[tokio::test]
async fn a_block_is_told_whole_and_in_parts() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    let tip = chain.tip();
    let block = chain.block(tip.hash).unwrap().block;
    let coinbase = block.txdata[0].compute_txid();
    assert_eq!(
        client.get_block_by_hash(&tip.hash).await.unwrap().as_ref(),
        Some(&block)
    );
    assert_eq!(
        client.get_header_by_hash(&tip.hash).await.unwrap(),
        block.header
    );
    assert_eq!(client.get_block_txids(&tip.hash).await.unwrap(), [coinbase]);
    assert_eq!(
        client.get_txid_at_block_index(&tip.hash, 0).await.unwrap(),
        Some(coinbase)
    );
    assert_eq!(
        client.get_txid_at_block_index(&tip.hash, 1).await.unwrap(),
        None
    );
    assert_eq!(
        client.get_block_txs(&tip.hash, None).await.unwrap()[0].txid,
        coinbase
    );
    let info = client.get_block_info(&tip.hash).await.unwrap();
    assert_eq!(
        (info.height, info.timestamp),
        (tip.height, u64::from(block.header.time))
    );
    assert_eq!(info.mediantime, u64::from(block.header.time) - 5 * 600);
}

#[tokio::test]
async fn blocks_come_ten_to_a_page() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    let heights = |blocks: Vec<esplora_client::BlockInfo>| -> Vec<u32> {
        blocks.iter().map(|block| block.height).collect()
    };
    let tip = chain.tip().height;
    assert_eq!(
        heights(client.get_block_infos(None).await.unwrap()),
        (tip - 9..=tip).rev().collect::<Vec<_>>()
    );
    assert_eq!(
        heights(client.get_block_infos(Some(3)).await.unwrap()),
        [3, 2, 1, 0]
    );
}

#[tokio::test]
async fn a_block_that_was_left_is_no_longer_in_the_best_chain() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    let left = chain.mine(1)[0];
    let new = chain.reorg(1, 2, Orphaned::Keep).unwrap();
    let status = client.get_block_status(&left).await.unwrap();
    assert_eq!(
        (status.in_best_chain, status.height, status.next_best),
        (false, None, None)
    );
    let status = client.get_block_status(&new[0]).await.unwrap();
    assert_eq!(
        (status.in_best_chain, status.next_best),
        (true, Some(new[1]))
    );
    client.get_header_by_hash(&left).await.unwrap();
}

#[tokio::test]
async fn a_transaction_is_told_before_and_after_its_confirmation() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    let coin = Coin::plain(&*chain);
    let spend = coin.spend(paying(1_000));
    let txid = spend.compute_txid();
    client.broadcast(&spend).await.unwrap();
    assert_eq!(client.get_tx(&txid).await.unwrap().as_ref(), Some(&spend));
    assert!(!client.get_tx_status(&txid).await.unwrap().confirmed);
    assert_eq!(client.get_merkle_proof(&txid).await.unwrap(), None);
    let out = client
        .get_output_status(&coin.outpoint.txid, 0)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((out.spent, out.txid, out.vin), (true, Some(txid), Some(0)));
    assert_eq!(client.get_mempool_txids().await.unwrap(), [txid]);
    assert_eq!(client.get_mempool_stats().await.unwrap().count, 1);
    assert_eq!(client.get_mempool_recent_txs().await.unwrap()[0].txid, txid);

    let block = chain.mine(1)[0];
    let info = client.get_tx_info(&txid).await.unwrap().unwrap();
    assert_eq!((info.fee.to_sat(), info.to_tx()), (1_000, spend));
    assert_eq!(
        (info.status.block_hash, info.status.block_height),
        (Some(block), Some(chain.tip().height))
    );
    let out = client.get_tx_outspends(&coin.outpoint.txid).await.unwrap();
    assert_eq!(out[0].status.as_ref().unwrap().block_hash, Some(block));
}

#[tokio::test]
async fn a_merkle_proof_leads_to_the_root_of_its_block() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    let spends = [1_000, 2_000, 3_000, 4_000].map(|fee| Coin::plain(&*chain).spend(paying(fee)));
    let block = chain.mine_txs(&spends).unwrap();
    let root = chain.block(block).unwrap().block.header.merkle_root;
    for (spend, pos) in spends.iter().zip(1..) {
        let txid = spend.compute_txid();
        let proof = client.get_merkle_proof(&txid).await.unwrap().unwrap();
        assert_eq!((proof.pos, proof.block_height), (pos, chain.tip().height));
        assert_eq!(common::root_of(txid, proof.pos, &proof.merkle), root);
        let proof = client.get_merkle_block(&txid).await.unwrap().unwrap();
        let (mut matches, mut indexes) = (Vec::new(), Vec::new());
        proof.extract_matches(&mut matches, &mut indexes).unwrap();
        assert_eq!((matches, proof.header.merkle_root), (vec![txid], root));
    }
}

#[tokio::test]
async fn a_script_is_told_with_its_history_and_its_coins() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    let script = plain_script().to_p2wsh();
    let (spent, kept) = (Coin::plain(&*chain), Coin::plain(&*chain));
    let spend = spent.spend(paying(1_000));
    chain.submit(&spend).unwrap();
    let utxos = client.get_scripthash_utxos(&script).await.unwrap();
    let found: Vec<(OutPoint, bool)> = utxos
        .iter()
        .map(|utxo| (OutPoint::new(utxo.txid, utxo.vout), utxo.status.confirmed))
        .collect();
    assert_eq!(
        found,
        [
            (kept.outpoint, true),
            (Coin::made_by(&spend).outpoint, false)
        ]
    );
    let history: Vec<Txid> = client
        .get_scripthash_txs(&script, None)
        .await
        .unwrap()
        .iter()
        .map(|tx| tx.txid)
        .collect();
    assert_eq!(
        history,
        [
            spend.compute_txid(),
            kept.outpoint.txid,
            spent.outpoint.txid
        ]
    );
    let stats = client.get_scripthash_stats(&script).await.unwrap();
    assert_eq!(
        (
            stats.chain_stats.funded_txo_sum,
            stats.mempool_stats.spent_txo_sum
        ),
        (VALUE * 2, VALUE)
    );
    let address = bitcoin::Address::from_script(&script, bitcoin::Network::Regtest).unwrap();
    assert_eq!(client.get_address_utxos(&address).await.unwrap().len(), 2);
}

#[tokio::test]
async fn fee_estimates_are_empty_until_they_are_set() {
    let Server {
        chain,
        client,
        gateway: _running,
    } = server();
    assert!(client.get_fee_estimates().await.unwrap().is_empty());
    chain.set_fee_estimates([(1, 20.5), (6, 8.0)].into());
    assert_eq!(client.get_fee_estimates().await.unwrap().len(), 2);
}

#[test]
fn what_nobody_knows_is_answered_as_real_servers_do() {
    let Server { gateway, .. } = server();
    let (txid, block) = (
        Txid::from_byte_array(NOBODY),
        BlockHash::from_byte_array(NOBODY),
    );
    let cases = [
        (format!("/tx/{txid}"), 404, "Transaction not found"),
        (format!("/tx/{txid}/raw"), 404, "Transaction not found"),
        (format!("/tx/{txid}/hex"), 404, "Transaction not found"),
        (
            format!("/tx/{txid}/outspends"),
            404,
            "Transaction not found",
        ),
        (
            format!("/tx/{txid}/merkle-proof"),
            404,
            "Transaction not found or is unconfirmed",
        ),
        (format!("/tx/{txid}/status"), 200, r#"{"confirmed":false}"#),
        (format!("/tx/{txid}/outspend/0"), 200, r#"{"spent":false}"#),
        (format!("/block/{block}/header"), 404, "Block not found"),
        (
            format!("/block/{block}/status"),
            200,
            r#"{"in_best_chain":false}"#,
        ),
        ("/block-height/1000000".into(), 404, "Block not found"),
        ("/fee-estimates".into(), 200, "{}"),
        ("/tx/nonsense".into(), 400, "Invalid hex string"),
        (
            "/nonsense".into(),
            404,
            r#"endpoint does not exist "/nonsense""#,
        ),
    ];
    for (path, status, body) in cases {
        let answer = get(&gateway.url(), &path);
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (status, body),
            "{path}"
        );
    }
}

#[test]
fn a_refused_broadcast_is_told_in_the_words_of_the_node() {
    let Server { chain, gateway, .. } = server();
    let forged = Coin::plain(&*chain).spend(Spending {
        signed_by: key(2),
        ..paying(1_000)
    });
    let hex = bitcoin::consensus::encode::serialize_hex(&forged);
    let answer = post(&gateway.url(), "/tx", &hex);
    assert_eq!(answer.status, 400);
    let told = r#"sendrawtransaction RPC error: {"code":-26,"message":"mandatory-script-verify-flag-failed"#;
    assert!(answer.text().starts_with(told), "{}", answer.text());
    gateway.set_flavour(Flavour::Blockstream);
    let answer = post(&gateway.url(), "/tx", &hex).text();
    assert!(
        answer.starts_with("sendrawtransaction RPC error -26: mandatory-script"),
        "{answer}"
    );
    assert_eq!(
        post(&gateway.url(), "/tx", "no hex").text(),
        "Invalid hex string"
    );
}

#[test]
fn many_outspends_at_once_are_told_by_one_kind_of_server_only() {
    let Server { chain, gateway, .. } = server();
    let (coin, nobody) = (Coin::plain(&*chain), Txid::from_byte_array(NOBODY));
    let path = format!("/txs/outspends?txids={},{nobody}", coin.outpoint.txid);
    assert_eq!(get(&gateway.url(), &path).status, 404);
    gateway.set_flavour(Flavour::Mempool);
    assert_eq!(
        get(&gateway.url(), &path).text(),
        r#"[[{"spent":false},{"spent":false}],[]]"#
    );
}

#[tokio::test]
async fn a_package_is_taken_by_one_kind_of_server_only() {
    let Server {
        chain,
        gateway,
        client,
    } = server();
    let parent = Coin::plain(&*chain).spend(paying(1_000));
    let child = Coin::made_by(&parent).spend(paying(1_000));
    let package = [parent, child];
    client
        .submit_package(&package, None, None)
        .await
        .unwrap_err();
    gateway.set_flavour(Flavour::Blockstream);
    let result = client.submit_package(&package, None, None).await.unwrap();
    assert_eq!(
        (result.package_msg.as_str(), result.tx_results.len()),
        ("success", 2)
    );
}

#[test]
fn keep_alive_is_announced_or_not() {
    let Server { gateway, .. } = server();
    assert_eq!(
        get(&gateway.url(), "/blocks/tip/hash").header("connection"),
        Some("keep-alive")
    );
    gateway.set_keep_alive(KeepAlive::Silent);
    assert_eq!(
        get(&gateway.url(), "/blocks/tip/hash").header("connection"),
        None
    );
}

#[test]
fn requests_are_counted() {
    let Server { gateway, .. } = server();
    get(&gateway.url(), "/blocks/tip/hash");
    get(&gateway.url(), "/blocks/tip/height");
    get(&gateway.url(), "/mempool/txids");
    assert_eq!((gateway.count(), gateway.count_of("/blocks/")), (3, 2));
    assert_eq!(gateway.paths()[0], "GET /blocks/tip/hash");
    gateway.reset();
    assert_eq!(gateway.count(), 0);
}

#[test]
fn a_script_hash_is_the_plain_sha256_of_the_script() {
    let Server { chain, gateway, .. } = server();
    let coin = Coin::plain(&*chain);
    let hash = sha256::Hash::hash(plain_script().to_p2wsh().as_bytes());
    let utxos = get(&gateway.url(), &format!("/scripthash/{hash}/utxo")).text();
    assert!(utxos.contains(&coin.outpoint.txid.to_string()), "{utxos}");
}
