//! The control interface as another language sees it: JSON over HTTP and nothing else.

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::hashes::Hash;
use bitcoin::hex::DisplayHex;
use bitcoin::Txid;
use serde_json::{json, Value};
use testkit::control;
use testkit::gateway::Gateway;
use testkit::memory::MemoryChain;
use testkit::regtest::Bitcoind;

use common::http;

/// A server and its address.
struct Server {
    url: String,
    running: Running,
}

enum Running {
    /// On threads of this process.
    Here(Gateway),
    /// As other languages start it.
    Spawned(Child),
}

impl Server {
    fn start() -> Self {
        let gateway =
            Gateway::start_with(Arc::new(MemoryChain::new()), 0, control::routes).expect("a port");
        Server {
            url: gateway.url(),
            running: Running::Here(gateway),
        }
    }

    fn spawn(chain: &str) -> Self {
        let mut server: Child = Command::new(env!("CARGO_BIN_EXE_testkit-server"))
            .args(["--chain", chain, "--port", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary was built for this test");
        let mut line = String::new();
        BufReader::new(server.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("one line");
        let url = line
            .strip_prefix("listening ")
            .expect("it says so")
            .trim()
            .to_owned();
        Server {
            url,
            running: Running::Spawned(server),
        }
    }

    /// Waits until the process has ended by itself, because its input ended.
    fn end(self) {
        match self.running {
            Running::Here(gateway) => drop(gateway),
            Running::Spawned(mut server) => {
                drop(server.stdin.take());
                assert!(server.wait().expect("its status").success());
            }
        }
    }

    /// The answer to a request that must succeed.
    #[track_caller]
    fn post(&self, path: &str, body: Value) -> Value {
        let answer = http::post(&self.url, path, &body.to_string());
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    #[track_caller]
    fn get(&self, path: &str) -> Value {
        let answer = http::get(&self.url, path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Status and sentence of a request that must fail.
    #[track_caller]
    fn refused(&self, path: &str, body: Value) -> (u16, String) {
        let answer = http::post(&self.url, path, &body.to_string());
        assert_ne!(answer.status, 200, "{path}: {}", answer.text());
        (answer.status, text(&answer.json()["error"]))
    }

    fn confirmed(&self, script: &str) -> u64 {
        self.get(&format!("/control/address/{script}"))["confirmed_sat"]
            .as_u64()
            .expect("a sum")
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn a_whole_story_open_pay_sleep_the_peer_closes_blocks_pass_the_money_arrives() {
    whole_story(&Server::start());
}

fn whole_story(server: &Server) {
    let opened = server.post("/control/channels", json!({}));
    assert_eq!(
        (&opened["id"], &opened["round"]["local"]["number"]),
        (&json!(0), &json!(0))
    );

    let add = json!([{ "direction": "outgoing", "amount_msat": 50_000_000, "cltv_expiry": 500 }]);
    let paid = server.post("/control/channels/0/update", json!({ "add": add }));
    assert_eq!(
        paid["remote"]["htlcs"][0]["payment_hash"],
        paid["added"][0]["payment_hash"]
    );
    assert_eq!(
        (&paid["revocation"]["number"], &paid["local"]["number"]),
        (&json!(0), &json!(1))
    );
    let settle = json!([{ "direction": "outgoing", "id": 0, "how": "fulfil" }]);
    let settled = server.post("/control/channels/0/update", json!({ "settle": settle }));
    assert_eq!(settled["local"]["to_us_msat"], 550_000_000);

    let closed = server.post("/control/channels/0/peer-closes", json!({}));
    server.post("/control/mine", json!({ "blocks": 6 }));
    let status = server.get(&format!("/tx/{}/status", text(&closed["txid"])));
    assert_eq!(status["confirmed"], true);

    // What the app's library would do by itself; the testkit has the same secrets.
    let sweep = json!({ "claim": "to_remote", "owner": "peer", "fee_sat": 1_000 });
    server.post("/control/channels/0/claim", sweep);
    server.post("/control/mine", json!({ "blocks": 1 }));
    let script = text(&opened["terms"]["our_shutdown_script"]);
    assert_eq!(server.confirmed(&script), 550_000 - 562 - 660 - 1_000);
}

#[test]
fn an_app_gives_its_own_keys_and_terms() {
    let server = Server::start();
    let ours = testkit::party::Secrets::from_seed(b"the app's");
    let setup = json!({
        "ours": ours, "channel_type": "static_remotekey", "opener": "peer", "capacity_sat": 2_000_000,
        "initial_to_us_msat": 7_000, "our_delay": 1_000,
    });
    let opened = server.post("/control/channels", json!({ "setup": setup }));
    let terms = &opened["terms"];
    assert_eq!(terms["our_keys"], json!(ours.public()));
    assert_eq!(
        (&terms["opener"], &terms["our_delay"]),
        (&json!("peer"), &json!(1_000))
    );
    assert_eq!(terms["initial_to_peer_msat"], 2_000_000_000_u64 - 7_000);
    assert_eq!(opened["our_secrets"], json!(ours));
}

#[test]
fn a_channel_can_be_registered_before_its_funding_is_broadcast() {
    let server = Server::start();
    let opened = server.post("/control/channels", json!({ "funding": "withheld" }));
    let outpoint = text(&opened["terms"]["funding"]);
    let txid = outpoint.split(':').next().expect("txid:vout");
    assert_eq!(http::get(&server.url, &format!("/tx/{txid}")).status, 404);
    server.post("/control/channels/0/broadcast-funding", json!({}));
    server.post("/control/mine", json!({ "blocks": 1 }));
    assert_eq!(server.get(&format!("/tx/{txid}/status"))["confirmed"], true);
}

#[test]
fn the_peer_can_be_stopped_between_its_pending_commitment_and_its_revocation() {
    let server = Server::start();
    server.post("/control/channels", json!({}));
    let pending = server.post(
        "/control/channels/0/update",
        json!({ "feerate_per_kw": 600, "commit": "theirs" }),
    );
    assert_eq!(
        (&pending["remote"]["number"], &pending["local"]),
        (&json!(1), &Value::Null)
    );
    let again = server.post(
        "/control/channels/0/update",
        json!({ "feerate_per_kw": 700, "commit": "theirs_again" }),
    );
    assert_eq!(again["remote"]["number"], 1);
    let (status, _) = server.refused("/control/channels/0/update", json!({ "commit": "theirs" }));
    assert_eq!(status, 400);
    let first = json!({ "which": { "alternative": { "number": 1, "index": 0 } }, "send": "keep" });
    let second = json!({ "which": "pending", "send": "keep" });
    let kept = [first, second]
        .map(|which| server.post("/control/channels/0/peer-closes", which)["txid"].clone());
    assert_ne!(kept[0], kept[1]);
    assert_eq!(
        server.post("/control/channels/0/revoke", json!({}))["number"],
        0
    );
    server.post("/control/channels/0/update", json!({ "commit": "ours" }));
}

#[test]
fn the_peer_answers_our_channel_ready_with_its_own_and_refuses_what_is_none() {
    let server = Server::start();
    let opened = server.post("/control/channels", json!({}));
    let outpoint = text(&opened["terms"]["funding"]);
    let txid: Txid = outpoint
        .split(':')
        .next()
        .expect("txid")
        .parse()
        .expect("txid");
    // BOLT 2: the funding's txid as on the wire, for output 0.
    assert!(outpoint.ends_with(":0"), "{outpoint}");
    let id = txid.to_byte_array().to_lower_hex_string();
    let ours = text(&opened["terms"]["our_first_points"][1]);
    let theirs = text(&opened["terms"]["peer_first_points"][1]);
    let says = |message: String| json!({ "message": message, "our_node": ours });
    let path = "/control/channels/0/peer-hears";
    let heard = server.post(path, says(format!("0024{id}{ours}")));
    assert_eq!(heard["answer"], format!("0024{id}{theirs}"));
    for wrong in [
        format!("0024{id}{theirs}"),
        format!("0103{id}"),
        "00".into(),
    ] {
        assert_eq!(server.refused(path, says(wrong)).0, 400);
    }
}

#[test]
fn a_peer_that_is_there_again_says_where_it_stands() {
    let server = Server::start();
    server.post("/control/channels", json!({}));
    server.post("/control/channels/0/update", json!({}));
    let path = "/control/channels/0/peer-reconnects";
    let numbers = |message: &Value| text(message)[68..100].to_string();
    let honest = server.post(path, json!({}));
    assert_eq!(
        numbers(&honest["message"]),
        format!("{:016x}{:016x}", 2, 1),
        "{honest}"
    );
    let secret = "ab".repeat(32);
    let says = json!({ "next_commitment_number": 9, "last_secret": secret });
    let lie = server.post(path, says);
    assert_eq!(
        numbers(&lie["message"]),
        format!("{:016x}{:016x}", 9, 1),
        "{lie}"
    );
    assert_eq!(text(&lie["message"])[100..164], secret);
}

#[test]
fn every_kind_of_close_can_be_ordered() {
    let closes = [
        ("peer-closes", json!({ "which": { "number": 0 } })),
        ("our-closes", json!({ "which": { "number": 0 } })),
        ("data-loss", json!({ "rounds": 2 })),
        ("coop", json!({})),
        (
            "coop",
            json!({ "close": { "kind": { "simple": { "closer": "peer", "lock_time": 0, "outputs": "both" } }, "fee_sat": 900 } }),
        ),
        (
            "unknown-spend",
            json!({ "outputs": [{ "script": "a914000000000000000000000000000000000000000087", "value_sat": 990_000 }] }),
        ),
    ];
    let server = Server::start();
    for (id, (close, body)) in closes.into_iter().enumerate() {
        server.post("/control/channels", json!({}));
        server.post(&format!("/control/channels/{id}/update"), json!({}));
        let before = server.get("/control/state")["mempool"]
            .as_array()
            .map(Vec::len);
        server.post(&format!("/control/channels/{id}/{close}"), body);
        let after = server.get("/control/state")["mempool"]
            .as_array()
            .map(Vec::len);
        assert_eq!((before, after), (Some(id), Some(id + 1)), "{close}");
    }
    server.post("/control/mine", json!({ "blocks": 1 }));
    assert_eq!(server.get("/control/state")["mempool"], json!([]));
}

#[test]
fn a_reorg_takes_a_close_away_and_the_server_says_so() {
    let server = Server::start();
    server.post("/control/channels", json!({}));
    let closed = server.post("/control/channels/0/peer-closes", json!({ "send": "mine" }));
    let path = format!("/tx/{}/status", text(&closed["txid"]));
    assert_eq!(server.get(&path)["confirmed"], true);
    server.post(
        "/control/reorg",
        json!({ "depth": 1, "blocks": 2, "orphaned": "drop" }),
    );
    assert_eq!(server.get(&path)["confirmed"], false);
    let ours = server.post("/control/channels/0/our-closes", json!({ "send": "keep" }));
    server.post(
        "/control/reorg",
        json!({ "depth": 1, "blocks": 2, "orphaned": { "replace": [ours["tx"]] } }),
    );
    assert_eq!(
        server.get(&format!("/tx/{}/status", text(&ours["txid"])))["confirmed"],
        true
    );
    let (status, _) = server.refused("/control/reorg", json!({ "depth": 2, "blocks": 2 }));
    assert_eq!(status, 400);
}

#[test]
fn a_refused_request_changes_nothing() {
    let server = Server::start();
    server.post("/control/channels", json!({}));
    let before = server.get("/control/channels/0");
    let add = |amount_msat: u64| json!({ "direction": "outgoing", "amount_msat": amount_msat, "cltv_expiry": 500 });
    let (status, text) = server.refused(
        "/control/channels/0/update",
        json!({ "add": [add(1_000), add(600_000_000)] }),
    );
    assert_eq!(
        (status, text.as_str()),
        (400, "Us would pay 600000000 msat and has 599999000 msat")
    );
    let (status, text) = server.refused("/control/channels/0/update", json!({ "ad": [] }));
    assert_eq!(status, 400);
    assert!(text.contains("unknown field `ad`"), "{text}");
    assert_eq!(
        server.refused("/control/channels/1/update", json!({})).0,
        404
    );
    server.post("/control/channels/0/peer-closes", json!({ "send": "mine" }));
    assert_eq!(
        server
            .refused("/control/channels/0/our-closes", json!({}))
            .0,
        409
    );
    assert_eq!(server.get("/control/channels/0"), before);
}

#[test]
fn faults_strike_the_esplora_side_only_and_are_taken_back() {
    let server = Server::start();
    let fault = json!({ "status": { "code": 503, "body": "busy" } });
    server.post("/control/faults", json!({ "fault": fault }));
    assert_eq!(http::get(&server.url, "/blocks/tip/height").status, 503);
    assert_eq!(
        server.get("/control/requests")["lines"],
        json!(["GET /blocks/tip/height"])
    );
    server.post("/control/requests/reset", json!({}));
    server.post("/control/behave", json!({}));
    assert_eq!(http::get(&server.url, "/blocks/tip/height").status, 200);
    assert_eq!(server.get("/control/requests")["count"], 1);
}

#[test]
fn payments_and_fees_are_ordered_over_http() {
    let server = Server::start();
    let script = "00140000000000000000000000000000000000000007";
    server.post(
        "/control/fund",
        json!({ "script": script, "value_sat": 12_345 }),
    );
    assert_eq!(server.confirmed(script), 12_345);
    server.post(
        "/control/fees",
        json!({ "estimates": { "6": 2.5 }, "min_sat_per_kvb": 3_000 }),
    );
    assert_eq!(server.get("/fee-estimates"), json!({ "6": 2.5 }));
    server.post("/control/channels", json!({}));
    let (status, text) = server.refused("/control/channels/0/peer-closes", json!({}));
    assert_eq!(status, 409);
    assert!(text.contains("mempool min fee not met"), "{text}");
}

#[test]
fn the_server_prints_where_it_listens_and_ends_with_its_input() {
    let server = Server::spawn("memory");
    whole_story(&server);
    server.end();
}

#[test]
fn the_server_runs_a_node_and_takes_it_along_when_it_ends() {
    if let Err(reason) = Bitcoind::start() {
        reason.say();
        return;
    }
    let server = Server::spawn("bitcoind");
    whole_story(&server);
    let node = text(&server.get("/control/state")["node_rpc"]);
    let mut connection = TcpStream::connect(&node).expect("the node is there");
    // Far less than the node's own patience with an idle connection.
    connection
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("not zero");
    server.end();
    let heard = connection.read(&mut [0]);
    let gone = heard.as_ref().map_or_else(
        |error| error.kind() == ErrorKind::ConnectionReset,
        |length| *length == 0,
    );
    assert!(gone, "the node closed the connection by ending: {heard:?}");
}
