//! What the gateway answers, read by `esplora-client` as the main library does.

mod common;

use bitcoin::{OutPoint, Txid};
use common::{paying, plain_script, server, Coin, Server, VALUE};
use testkit::chain::Orphaned;

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
