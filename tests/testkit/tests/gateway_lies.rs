//! Every lie that can be ordered from the gateway is told as described, and nothing else changes.

mod common;

use std::slice::from_ref;
use std::sync::Arc;

use bitcoin::consensus::encode;
use bitcoin::constants::genesis_block;
use bitcoin::{block::Header, Network, Target, Transaction, Txid};
use common::http::get;
use common::{paying, root_of, server, Coin, Server};
use testkit::chain::Chain;
use testkit::gateway::{Fault, Gateway, Lie, Scope, Told};

fn lying(lie: Lie) -> (Arc<dyn Chain>, Gateway) {
    let Server { chain, gateway, .. } = server();
    gateway.order(Scope::all(), Fault::Lie(lie));
    (chain, gateway)
}

fn height(gateway: &Gateway) -> u32 {
    get(&gateway.url(), "/blocks/tip/height")
        .text()
        .parse()
        .unwrap()
}

fn outspend(gateway: &Gateway, coin: &Coin) -> serde_json::Value {
    let (txid, vout) = (coin.outpoint.txid, coin.outpoint.vout);
    get(&gateway.url(), &format!("/tx/{txid}/outspend/{vout}")).json()
}

fn header(gateway: &Gateway, hash: &str) -> Header {
    encode::deserialize_hex(&get(&gateway.url(), &format!("/block/{hash}/header")).text()).unwrap()
}

fn proof_of(gateway: &Gateway, txid: Txid) -> (usize, Vec<Txid>) {
    let proof = get(&gateway.url(), &format!("/tx/{txid}/merkle-proof")).json();
    let siblings = serde_json::from_value(proof["merkle"].clone()).unwrap();
    (proof["pos"].as_u64().unwrap() as usize, siblings)
}

fn does_work(header: &Header) -> bool {
    header
        .validate_pow(Target::from_compact(header.bits))
        .is_ok()
}

#[test]
fn a_stale_server_has_never_heard_of_later_blocks() {
    let Server { chain, gateway, .. } = server();
    let coin = Coin::plain(&*chain);
    let before = chain.tip();
    let spend = coin.spend(paying(1_000));
    chain.mine_txs(from_ref(&spend)).unwrap();
    gateway.order(
        Scope::all(),
        Fault::Lie(Lie::Stale {
            height: before.height,
        }),
    );
    assert_eq!(height(&gateway), before.height);
    assert_eq!(
        get(
            &gateway.url(),
            &format!("/block-height/{}", before.height + 1)
        )
        .status,
        404
    );
    assert_eq!(outspend(&gateway, &coin)["spent"], false);
    assert_eq!(
        get(&gateway.url(), &format!("/tx/{}", spend.compute_txid())).status,
        404
    );
}

#[test]
fn a_server_that_lags_holds_new_confirmations_for_unconfirmed() {
    let (chain, gateway) = lying(Lie::IndexLag { blocks: 1 });
    let coin = Coin::plain(&*chain);
    chain.mine_txs(&[coin.spend(paying(1_000))]).unwrap();
    assert_eq!(height(&gateway), chain.tip().height - 1);
    assert_eq!(outspend(&gateway, &coin)["status"]["confirmed"], false);
    chain.mine_empty(1);
    assert_eq!(outspend(&gateway, &coin)["status"]["confirmed"], true);
}

#[test]
fn an_index_can_lag_behind_the_tip_of_the_same_server() {
    let Server { chain, gateway, .. } = server();
    let coin = Coin::plain(&*chain);
    gateway.order(
        Scope::under("/tx/"),
        Fault::Lie(Lie::Stale {
            height: chain.tip().height,
        }),
    );
    chain.mine_txs(&[coin.spend(paying(1_000))]).unwrap();
    assert_eq!(height(&gateway), chain.tip().height);
    assert_eq!(outspend(&gateway, &coin)["spent"], false);
}

#[test]
fn a_spend_can_be_hidden() {
    let Server { chain, gateway, .. } = server();
    let (hidden, shown) = (Coin::plain(&*chain), Coin::plain(&*chain));
    chain
        .mine_txs(&[hidden.spend(paying(1_000)), shown.spend(paying(1_000))])
        .unwrap();
    gateway.order(
        Scope::all(),
        Fault::Lie(Lie::HideSpend {
            outpoint: hidden.outpoint,
        }),
    );
    assert_eq!(outspend(&gateway, &hidden)["spent"], false);
    assert_eq!(outspend(&gateway, &shown)["spent"], true);
}

#[test]
fn a_transaction_can_be_hidden() {
    let Server { chain, gateway, .. } = server();
    let coin = Coin::plain(&*chain);
    let txid = coin.outpoint.txid;
    gateway.order(Scope::all(), Fault::Lie(Lie::HideTransaction { txid }));
    assert_eq!(get(&gateway.url(), &format!("/tx/{txid}/raw")).status, 404);
    assert_eq!(outspend(&gateway, &coin)["spent"], false);
}

fn inventing(told: Told) -> (Gateway, Coin, Transaction, serde_json::Value) {
    let Server { chain, gateway, .. } = server();
    let coin = Coin::plain(&*chain);
    let transaction = coin.spend(paying(5_000));
    let lie = Lie::InventSpend {
        transaction: transaction.clone(),
        told,
    };
    gateway.order(Scope::all(), Fault::Lie(lie));
    let spend = outspend(&gateway, &coin);
    assert_eq!(spend["txid"], transaction.compute_txid().to_string());
    let raw = get(
        &gateway.url(),
        &format!("/tx/{}/raw", transaction.compute_txid()),
    )
    .body;
    assert_eq!(raw, encode::serialize(&transaction));
    (gateway, coin, transaction, spend["status"].clone())
}

#[test]
fn a_spend_can_be_invented_in_the_mempool() {
    let (_, _, _, status) = inventing(Told::Unconfirmed);
    assert_eq!(status, serde_json::json!({ "confirmed": false }));
}

#[test]
fn a_spend_invented_in_the_tip_has_no_proof_that_fits() {
    let (gateway, _, transaction, status) = inventing(Told::InTip);
    let (pos, siblings) = proof_of(&gateway, transaction.compute_txid());
    let header = header(&gateway, status["block_hash"].as_str().unwrap());
    assert_eq!(header.block_hash(), gateway.chain().tip().hash);
    assert_ne!(
        root_of(transaction.compute_txid(), pos, &siblings),
        header.merkle_root
    );
}

#[test]
fn a_spend_invented_in_a_block_of_its_own_lacks_nothing_but_work() {
    let (gateway, _, transaction, status) = inventing(Told::InUnminedBlock);
    let hash = status["block_hash"].as_str().unwrap();
    let (pos, siblings) = proof_of(&gateway, transaction.compute_txid());
    let header = header(&gateway, hash);
    assert_eq!(
        root_of(transaction.compute_txid(), pos, &siblings),
        header.merkle_root
    );
    assert_eq!(header.prev_blockhash, gateway.chain().tip().hash);
    assert_eq!(header.block_hash().to_string(), hash);
    assert_eq!(get(&gateway.url(), "/blocks/tip/hash").text(), hash);
    assert_eq!(height(&gateway), gateway.chain().tip().height + 1);
    assert!(!does_work(&header));
}

#[test]
fn a_bad_merkle_proof_leads_elsewhere() {
    let Server { chain, gateway, .. } = server();
    let spend = Coin::plain(&*chain).spend(paying(1_000));
    let alone = chain
        .block(chain.block_hash(1).unwrap())
        .unwrap()
        .block
        .txdata[0]
        .compute_txid();
    chain.mine_txs(from_ref(&spend)).unwrap();
    let root = chain
        .block(chain.tip().hash)
        .unwrap()
        .block
        .header
        .merkle_root;
    gateway.order(Scope::all(), Fault::Lie(Lie::BadMerkle));
    let (pos, siblings) = proof_of(&gateway, spend.compute_txid());
    assert_ne!(root_of(spend.compute_txid(), pos, &siblings), root);
    let (pos, siblings) = proof_of(&gateway, alone);
    assert_ne!(
        root_of(alone, pos, &siblings).to_raw_hash(),
        alone.to_raw_hash()
    );
    let block = get(
        &gateway.url(),
        &format!("/tx/{}/merkleblock-proof", spend.compute_txid()),
    )
    .text();
    let block: bitcoin::MerkleBlock = encode::deserialize_hex(&block).unwrap();
    block
        .extract_matches(&mut Vec::new(), &mut Vec::new())
        .unwrap_err();
}

#[test]
fn a_bad_header_does_no_work() {
    let Server { chain, gateway, .. } = server();
    let hash = chain.tip().hash.to_string();
    assert!(does_work(&header(&gateway, &hash)));
    gateway.order(Scope::all(), Fault::Lie(Lie::BadPow));
    assert!(!does_work(&header(&gateway, &hash)));
}

#[test]
fn a_bad_header_is_shown_on_a_page_of_blocks_as_well_under_its_own_hash() {
    let Server { gateway, .. } = server();
    gateway.order(Scope::all(), Fault::Lie(Lie::BadPow));
    let page: Vec<esplora_client::api::BlockInfo> =
        serde_json::from_str(&get(&gateway.url(), "/blocks").text()).unwrap();
    for info in page {
        let header = bitcoin::block::Header {
            version: info.version,
            prev_blockhash: info.previousblockhash.unwrap(),
            merkle_root: info.merkle_root,
            time: info.timestamp.try_into().unwrap(),
            bits: info.bits,
            nonce: info.nonce,
        };
        assert_eq!(header.block_hash(), info.id);
        assert!(!does_work(&header));
    }
}

#[test]
fn a_server_can_be_of_another_network() {
    let (_, gateway) = lying(Lie::WrongNetwork);
    let told = get(&gateway.url(), "/block-height/0").text();
    let genesis = genesis_block(Network::Bitcoin);
    assert_eq!(told, genesis.block_hash().to_string());
    assert_eq!(header(&gateway, &told), genesis.header);
    let ours = genesis_block(Network::Regtest).block_hash();
    let status = get(&gateway.url(), &format!("/block/{ours}/status")).text();
    assert_eq!(status, r#"{"in_best_chain":false}"#);
}
