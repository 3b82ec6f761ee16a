//! Every fault that can be ordered from the gateway strikes as described, and nothing else changes.

mod common;

use std::net::TcpStream;
use std::sync::Arc;
use std::thread;

use bitcoin::consensus::encode;
use bitcoin::constants::genesis_block;
use bitcoin::{block::Header, Network, Target, Transaction, Txid};
use common::http::{get, try_get};
use common::{paying, root_of, Coin};
use testkit::chain::Chain;
use testkit::gateway::{Fault, Gateway, Lie, Paths, Scope, Told};
use testkit::memory::MemoryChain;

const TIP: &str = "/blocks/tip/height";

fn server() -> (Arc<dyn Chain>, Gateway) {
    let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
    let gateway = Gateway::start(Arc::clone(&chain)).unwrap();
    (chain, gateway)
}

fn lying(lie: Lie) -> (Arc<dyn Chain>, Gateway) {
    let (chain, gateway) = server();
    gateway.order(Scope::all(), Fault::Lie(lie));
    (chain, gateway)
}

fn height(gateway: &Gateway) -> u32 {
    get(&gateway.url(), TIP).text().parse().unwrap()
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
fn a_status_is_given_in_place_of_the_answer() {
    let (_, gateway) = server();
    gateway.order(
        Scope::all(),
        Fault::Status {
            code: 429,
            body: "slow down".into(),
        },
    );
    let answer = get(&gateway.url(), TIP);
    assert_eq!((answer.status, answer.text().as_str()), (429, "slow down"));
}

#[test]
fn a_fault_strikes_only_the_paths_it_was_ordered_for() {
    let (_, gateway) = server();
    gateway.order(
        Scope::under("/tx/"),
        Fault::Status {
            code: 503,
            body: String::new(),
        },
    );
    gateway.order(
        Scope::containing("/status"),
        Fault::Status {
            code: 500,
            body: String::new(),
        },
    );
    let status = |path: &str| get(&gateway.url(), path).status;
    let tip = gateway.chain().tip().hash;
    assert_eq!(status("/tx/00"), 503);
    assert_eq!(status(&format!("/block/{tip}/status")), 500);
    assert_eq!(status(TIP), 200);
}

#[test]
fn a_fault_strikes_only_as_often_as_it_was_ordered() {
    let (_, gateway) = server();
    gateway.order(
        Scope::all().next(2),
        Fault::Status {
            code: 500,
            body: String::new(),
        },
    );
    let statuses = [TIP; 3].map(|path| get(&gateway.url(), path).status);
    assert_eq!(statuses, [500, 500, 200]);
}

#[test]
fn the_gateway_behaves_when_told_to() {
    let (_, gateway) = server();
    gateway.order(Scope::all(), Fault::WrongJson);
    gateway.behave();
    height(&gateway);
}

#[test]
fn a_delayed_answer_is_still_the_answer() {
    let (chain, gateway) = server();
    gateway.order(Scope::all(), Fault::Delay { millis: 1 });
    assert_eq!(height(&gateway), chain.tip().height);
}

/// Needs no clock: while one request is delayed for an hour, another is answered.
#[test]
fn a_delay_holds_up_its_own_request_only() {
    let (_, gateway) = server();
    gateway.order(Scope::all().next(1), Fault::Delay { millis: 3_600_000 });
    let mut delayed = TcpStream::connect(gateway.url().strip_prefix("http://").unwrap()).unwrap();
    std::io::Write::write_all(&mut delayed, b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
    while gateway.count() == 0 {
        thread::yield_now();
    }
    height(&gateway);
    delayed.set_nonblocking(true).unwrap();
    let unanswered = std::io::Read::read(&mut delayed, &mut [0]).unwrap_err();
    assert_eq!(unanswered.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn a_cut_body_is_shorter_than_announced() {
    let (_, gateway) = server();
    gateway.order(Scope::all(), Fault::CutBody);
    let answer = get(&gateway.url(), TIP);
    let announced: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!((answer.text().as_str(), announced), ("120", 103));
}

#[test]
fn a_connection_can_end_without_an_answer() {
    let (_, gateway) = server();
    gateway.order(Scope::all().next(1), Fault::HangUp);
    assert!(try_get(&gateway.url(), TIP).is_none());
    assert!(try_get(&gateway.url(), TIP).is_some());
}

#[test]
fn wrong_json_is_json_of_another_shape() {
    let (_, gateway) = server();
    gateway.order(Scope::all(), Fault::WrongJson);
    assert_eq!(
        get(&gateway.url(), "/fee-estimates").text(),
        r#"{"wrong":[1,2,3]}"#
    );
}

#[test]
fn a_huge_body_comes_without_announcing_its_length() {
    let (_, gateway) = server();
    gateway.order(Scope::all(), Fault::HugeBody { bytes: 1 << 20 });
    let answer = get(&gateway.url(), TIP);
    assert_eq!(answer.header("content-length"), None);
    assert!(answer.body.len() > 1 << 20);
}

#[test]
fn a_stale_server_has_never_heard_of_later_blocks() {
    let (chain, gateway) = server();
    let coin = Coin::plain(&*chain);
    let before = chain.tip();
    let spend = coin.spend(paying(1_000));
    chain.mine_txs(&[spend.clone()]).unwrap();
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
    let (chain, gateway) = server();
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
    let (chain, gateway) = server();
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
    let (chain, gateway) = server();
    let coin = Coin::plain(&*chain);
    let txid = coin.outpoint.txid;
    gateway.order(Scope::all(), Fault::Lie(Lie::HideTransaction { txid }));
    assert_eq!(get(&gateway.url(), &format!("/tx/{txid}/raw")).status, 404);
    assert_eq!(outspend(&gateway, &coin)["spent"], false);
}

/// A server that tells of a spend that never was.
fn inventing(told: Told) -> (Gateway, Coin, Transaction, serde_json::Value) {
    let (chain, gateway) = server();
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
    let (chain, gateway) = server();
    let spend = Coin::plain(&*chain).spend(paying(1_000));
    let alone = chain
        .block(chain.block_hash(1).unwrap())
        .unwrap()
        .block
        .txdata[0]
        .compute_txid();
    chain.mine_txs(&[spend.clone()]).unwrap();
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
    let (chain, gateway) = server();
    let hash = chain.tip().hash.to_string();
    assert!(does_work(&header(&gateway, &hash)));
    gateway.order(Scope::all(), Fault::Lie(Lie::BadPow));
    assert!(!does_work(&header(&gateway, &hash)));
}

#[test]
fn a_server_can_be_of_another_network() {
    let (_, gateway) = lying(Lie::WrongNetwork);
    let told = get(&gateway.url(), "/block-height/0").text();
    let genesis = genesis_block(Network::Bitcoin);
    assert_eq!(told, genesis.block_hash().to_string());
    assert_eq!(header(&gateway, &told), genesis.header);
}

#[test]
fn held_requests_are_answered_in_groups() {
    let (_, gateway) = server();
    gateway.hold_groups(Paths::Prefix("/block-height/".into()), 11);
    let url = gateway.url();
    let clients = (0..11).map(|height| {
        let url = url.clone();
        thread::spawn(move || get(&url, &format!("/block-height/{height}")).status)
    });
    let statuses: Vec<u16> = clients
        .collect::<Vec<_>>()
        .into_iter()
        .map(|client| client.join().unwrap())
        .collect();
    assert_eq!(statuses, [200; 11]);
    assert_eq!(gateway.groups(), 2);
}

#[test]
fn faults_can_be_written_as_json() {
    let faults = [
        Fault::Delay { millis: 5 },
        Fault::HangUp,
        Fault::Lie(Lie::InventSpend {
            transaction: genesis_block(Network::Regtest).txdata[0].clone(),
            told: Told::InTip,
        }),
    ];
    let scope = Scope::under("/tx/").next(3);
    let json = serde_json::to_string(&(&scope, &faults)).unwrap();
    assert!(json.contains(r#"{"delay":{"millis":5}}"#), "{json}");
    assert_eq!(
        serde_json::from_str::<(Scope, [Fault; 3])>(&json).unwrap(),
        (scope, faults)
    );
}
