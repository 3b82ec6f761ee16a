//! Esplora over a scripted transport: what each answer means, what is asked again, and what a tick's limits do to it.

use std::sync::Mutex;
use std::time::Duration;

use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, OutPoint, TxMerkleNode};
use futures::future::LocalBoxFuture;
use futures::FutureExt;

use super::build::{funding, mine_header, output_of};
use super::world::block_on;
use crate::chain::*;

type Exchange = Result<HttpResponse, HttpError>;

/// Gives prepared answers in order, whatever is asked; fails when there are no more.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<Exchange>>,
}

impl HttpTransport for Script {
    fn exchange(&self, _: HttpRequest) -> LocalBoxFuture<'_, Exchange> {
        let answer = self.answers.lock().unwrap().remove(0);
        async move { answer }.boxed_local()
    }
}

/// A transport that never answers.
struct Silence;

impl HttpTransport for Silence {
    fn exchange(&self, _: HttpRequest) -> LocalBoxFuture<'_, Exchange> {
        std::future::pending().boxed_local()
    }
}

fn status(status: u16, body: impl Into<Vec<u8>>) -> Exchange {
    Ok(HttpResponse {
        status,
        body: body.into(),
        retry_after: None,
    })
}

fn ok(body: impl Into<Vec<u8>>) -> Exchange {
    status(200, body)
}

/// An Esplora server that gives these answers, and asks for no pause between attempts.
fn server(answers: Vec<Exchange>) -> EsploraSource {
    let policy = ChainPolicy {
        backoff: Duration::ZERO,
        ..ChainPolicy::default()
    };
    EsploraSource::over(
        Box::new(Script {
            answers: Mutex::new(answers),
        }),
        policy,
    )
}

fn outspend_of(answers: Vec<Exchange>) -> (Result<Outspend, ChainError>, u32) {
    let (source, budget) = (server(answers), Budget::unlimited());
    let said = block_on(source.outspend(OutPoint::null(), &budget));
    (said, budget.requests_made())
}

fn unspent() -> Exchange {
    ok(r#"{"spent":false}"#)
}

#[test]
fn connection_errors_rate_limits_and_troubled_servers_are_asked_again_and_each_attempt_counts() {
    for trouble in [
        Err(HttpError::Connection("reset".to_owned())),
        Err(HttpError::CutOff),
        status(429, "slow down"),
        status(500, ""),
        status(503, ""),
    ] {
        let (said, requests) = outspend_of(vec![trouble.clone(), trouble.clone(), unspent()]);
        assert_eq!(
            (said.unwrap(), requests),
            (Outspend::Unspent, 3),
            "{trouble:?}"
        );
    }
}

#[test]
fn patience_ends_after_four_attempts_with_the_last_error() {
    let broken = || Err(HttpError::Connection("refused".to_owned()));
    let (said, requests) = outspend_of((0..4).map(|_| broken()).collect());
    assert!(matches!(said, Err(ChainError::Unreachable { .. })) && requests == 4);
    let (said, requests) = outspend_of((0..4).map(|_| status(503, "maintenance")).collect());
    assert!(
        matches!(said, Err(ChainError::Status { code: 503, text, .. }) if text == "maintenance")
    );
    assert_eq!(requests, 4);
}

#[test]
fn a_refusal_a_timeout_and_an_overlong_answer_are_not_asked_again() {
    for (trouble, is_expected) in [
        (
            status(400, "no"),
            (|e| matches!(e, ChainError::Status { code: 400, .. })) as fn(&ChainError) -> bool,
        ),
        (Err(HttpError::Timeout), |e| {
            matches!(e, ChainError::Timeout { .. })
        }),
        (Err(HttpError::TooLarge), |e| {
            matches!(e, ChainError::TooLarge { .. })
        }),
    ] {
        let (said, requests) = outspend_of(vec![trouble]);
        assert!(is_expected(&said.unwrap_err()) && requests == 1);
    }
}

#[test]
fn a_pause_that_outlasts_the_tick_ends_it() {
    let hour = Some(Duration::from_secs(3_600));
    let busy = Ok(HttpResponse {
        status: 429,
        body: Vec::new(),
        retry_after: hour,
    });
    let budget = Budget::unlimited().with_max_duration(Duration::from_secs(5));
    let said = block_on(server(vec![busy]).tip_hash(&budget));
    assert!(matches!(
        said,
        Err(ChainError::BudgetExhausted(BudgetLimit::Duration))
    ));
}

#[test]
fn cancelling_interrupts_an_exchange_under_way() {
    let source = EsploraSource::over(Box::new(Silence), ChainPolicy::default());
    let budget = Budget::unlimited();
    let cancel = async { budget.cancel() };
    let (said, ()) = block_on(async { futures::join!(source.tip_hash(&budget), cancel) });
    assert!(matches!(said, Err(ChainError::Cancelled)));
}

#[test]
fn a_spend_names_its_block_only_when_it_is_confirmed() {
    let txid = funding(1).compute_txid();
    let (hash, place) = (BlockHash::all_zeros(), BlockHeight::new(7));
    let pooled =
        format!(r#"{{"spent":true,"txid":"{txid}","vin":0,"status":{{"confirmed":false}}}}"#);
    assert_eq!(
        outspend_of(vec![ok(pooled)]).0.unwrap(),
        Outspend::Spent { txid, block: None }
    );
    let mined = format!(
        r#"{{"spent":true,"txid":"{txid}","vin":0,
            "status":{{"confirmed":true,"block_height":7,"block_hash":"{hash}","block_time":1}}}}"#
    );
    let block = Some(BlockRef {
        height: place,
        hash,
    });
    assert_eq!(
        outspend_of(vec![ok(mined)]).0.unwrap(),
        Outspend::Spent { txid, block }
    );
}

#[test]
fn an_answer_of_another_shape_is_malformed() {
    for body in [
        "",
        "null",
        "[]",
        "<html>",
        r#"{"spent":true}"#,
        r#"{"spent":"yes"}"#,
    ] {
        let (said, _) = outspend_of(vec![ok(body)]);
        assert!(matches!(said, Err(ChainError::Malformed { .. })), "{body}");
    }
}

#[test]
fn another_transaction_than_asked_for_is_malformed() {
    let body = bitcoin::consensus::serialize(&funding(1));
    let budget = Budget::unlimited();
    let asked = |txid| block_on(server(vec![ok(body.clone())]).transaction(txid, &budget));
    assert_eq!(asked(funding(1).compute_txid()).unwrap(), Some(funding(1)));
    assert!(matches!(
        asked(funding(2).compute_txid()),
        Err(ChainError::Malformed { .. })
    ));
}

#[test]
fn an_unknown_transaction_is_none_and_has_no_proof() {
    let (budget, txid) = (Budget::unlimited(), output_of(&funding(1)).txid);
    let missing = || server(vec![status(404, "Transaction not found")]);
    assert_eq!(
        block_on(missing().transaction(txid, &budget)).unwrap(),
        None
    );
    assert_eq!(
        block_on(missing().merkle_proof(txid, &budget)).unwrap(),
        None
    );
}

#[test]
fn a_header_is_rebuilt_from_its_fields_and_must_hash_to_its_id() {
    let header = mine_header(BlockHash::all_zeros(), TxMerkleNode::all_zeros(), 3);
    let page = |nonce: u32| {
        format!(
            r#"[{{"id":"{}","height":3,"version":{},"timestamp":{},"tx_count":1,"size":1,"weight":4,
                "merkle_root":"{}","previousblockhash":"{}","mediantime":0,"nonce":{nonce},"bits":{},
                "difficulty":0.0}}]"#,
            header.block_hash(),
            header.version.to_consensus(),
            header.time,
            header.merkle_root,
            header.prev_blockhash,
            header.bits.to_consensus(),
        )
    };
    let budget = Budget::unlimited();
    let read = |page: String| block_on(server(vec![ok(page)]).newest_headers(&budget));
    let placed = PlacedHeader {
        height: BlockHeight::new(3),
        header,
    };
    assert_eq!(read(page(header.nonce)).unwrap(), [placed]);
    assert!(matches!(
        read(page(header.nonce + 1)),
        Err(ChainError::Malformed { .. })
    ));
}

#[test]
fn a_merkle_path_is_read_from_the_leaf_upwards() {
    let sibling = funding(2).compute_txid();
    let body = format!(r#"{{"block_height":9,"merkle":["{sibling}"],"pos":1}}"#);
    let txid = funding(1).compute_txid();
    let proof = block_on(server(vec![ok(body)]).merkle_proof(txid, &Budget::unlimited()))
        .unwrap()
        .unwrap();
    let path = vec![TxMerkleNode::from_raw_hash(sibling.to_raw_hash())];
    assert_eq!(
        proof,
        MerkleProof {
            height: BlockHeight::new(9),
            position: 1,
            path
        }
    );
}

#[test]
fn a_block_is_best_stale_or_unknown() {
    let read = |answer| {
        block_on(server(vec![answer]).block_status(BlockHash::all_zeros(), &Budget::unlimited()))
            .unwrap()
    };
    let best = r#"{"in_best_chain":true,"height":4,"next_best":null}"#;
    assert_eq!(
        read(ok(best)),
        BlockStatus::Best {
            height: BlockHeight::new(4)
        }
    );
    assert_eq!(read(ok(r#"{"in_best_chain":false}"#)), BlockStatus::Stale);
    assert_eq!(read(status(404, "Block not found")), BlockStatus::Unknown);
}

#[test]
fn fee_estimates_may_be_empty_and_nonsense_among_them_is_dropped() {
    let read = |body| block_on(server(vec![ok(body)]).fee_estimates(&Budget::unlimited())).unwrap();
    assert!(read("{}").is_empty());
    let estimates = read(r#"{"1":87.882,"6":1.0,"144":-3.0,"1008":1e300}"#);
    let rates: Vec<_> = estimates
        .iter()
        .map(|(blocks, rate)| (*blocks, rate.to_sat_per_kwu()))
        .collect();
    assert_eq!(rates, [(1, 21_971), (6, 250)]);
}

#[test]
fn a_broadcast_that_gets_no_answer_is_unreachable_and_never_an_error() {
    let broken = (0..4)
        .map(|_| Err(HttpError::Connection("refused".to_owned())))
        .collect();
    let outcome = block_on(server(broken).broadcast(&funding(1), &Budget::unlimited())).unwrap();
    assert!(matches!(outcome, BroadcastOutcome::Unreachable { .. }));
}

#[test]
fn a_broadcast_that_our_own_limits_prevent_is_an_error() {
    let budget = Budget::unlimited().with_max_requests(0);
    let outcome = block_on(server(Vec::new()).broadcast(&funding(1), &budget));
    assert!(matches!(
        outcome,
        Err(ChainError::BudgetExhausted(BudgetLimit::Requests))
    ));
}
