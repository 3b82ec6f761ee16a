//! Every fault that can be ordered from the gateway strikes as described, and nothing else changes.

mod common;

use std::net::TcpStream;
use std::thread;

use bitcoin::constants::genesis_block;
use bitcoin::Network;
use common::http::{get, try_get};
use common::{server, Server};
use testkit::gateway::{Fault, Gateway, Lie, Paths, Scope, Told};

const TIP: &str = "/blocks/tip/height";

fn height(gateway: &Gateway) -> u32 {
    get(&gateway.url(), TIP).text().parse().unwrap()
}

#[test]
fn a_status_is_given_in_place_of_the_answer() {
    let Server { gateway, .. } = server();
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
    let Server { gateway, .. } = server();
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
    let Server { gateway, .. } = server();
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
    let Server { gateway, .. } = server();
    gateway.order(Scope::all(), Fault::WrongJson);
    gateway.behave();
    height(&gateway);
}

#[test]
fn a_delayed_answer_is_still_the_answer() {
    let Server { chain, gateway, .. } = server();
    gateway.order(Scope::all(), Fault::Delay { millis: 1 });
    assert_eq!(height(&gateway), chain.tip().height);
}

#[test]
fn a_delay_holds_up_its_own_request_only() {
    let Server { gateway, .. } = server();
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
    let Server { gateway, .. } = server();
    gateway.order(Scope::all(), Fault::CutBody);
    let answer = get(&gateway.url(), TIP);
    let announced: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!((answer.text().as_str(), announced), ("120", 103));
}

#[test]
fn a_connection_can_end_without_an_answer() {
    let Server { gateway, .. } = server();
    gateway.order(Scope::all().next(1), Fault::HangUp);
    assert!(try_get(&gateway.url(), TIP).is_none());
    assert!(try_get(&gateway.url(), TIP).is_some());
}

#[test]
fn wrong_json_is_json_of_another_shape() {
    let Server { gateway, .. } = server();
    gateway.order(Scope::all(), Fault::WrongJson);
    assert_eq!(
        get(&gateway.url(), "/fee-estimates").text(),
        r#"{"wrong":[1,2,3]}"#
    );
}

#[test]
fn a_huge_body_comes_without_announcing_its_length() {
    let Server { gateway, .. } = server();
    gateway.order(Scope::all(), Fault::HugeBody { bytes: 1 << 20 });
    let answer = get(&gateway.url(), TIP);
    assert_eq!(answer.header("content-length"), None);
    assert!(answer.body.len() > 1 << 20);
}

#[test]
fn held_requests_are_answered_in_groups() {
    let Server { gateway, .. } = server();
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
