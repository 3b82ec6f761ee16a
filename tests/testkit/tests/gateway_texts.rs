//! What the gateway answers word by word, and how it resembles one server or another.

mod common;

use std::sync::Arc;

use bitcoin::consensus::encode;
use bitcoin::hashes::{sha256, Hash};
use bitcoin::{BlockHash, Txid};
use common::http::{get, post};
use common::{key, paying, plain_script, server, Coin, Server, Spending};
use testkit::chain::Chain;
use testkit::gateway::{Flavour, Gateway, KeepAlive};
use testkit::regtest::Bitcoind;

const NOBODY: [u8; 32] = [7; 32];

#[test]
fn the_gateway_answers_over_a_real_node_too() {
    let node = match Bitcoind::start() {
        Ok(node) => Arc::new(node),
        Err(reason) => return reason.say(),
    };
    let gateway = Gateway::start(node.clone()).unwrap();
    let coin = Coin::plain(&*node);
    let spend = coin.spend(paying(1_000));
    let sent = post(&gateway.url(), "/tx", &encode::serialize_hex(&spend)).text();
    assert_eq!(sent, spend.compute_txid().to_string());
    let refused = post(
        &gateway.url(),
        "/tx",
        &encode::serialize_hex(&coin.spend(paying(900))),
    )
    .text();
    assert!(
        refused.starts_with(r#"sendrawtransaction RPC error: {"code":-26,"#),
        "{refused}"
    );
    node.mine(1);
    let told = get(
        &gateway.url(),
        &format!("/tx/{}/outspend/0", coin.outpoint.txid),
    )
    .json();
    assert_eq!(told["status"]["block_hash"], node.tip().hash.to_string());
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
    let hex = encode::serialize_hex(&forged);
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
