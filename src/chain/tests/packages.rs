//! A parent and its child: offered together where the server takes them so, one after the other where it does not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitcoin::Transaction;
use futures::future::LocalBoxFuture;
use futures::FutureExt;

use super::build::funding;
use super::world::block_on;
use crate::chain::*;

type Exchange = Result<HttpResponse, HttpError>;

/// Gives prepared answers in order, and remembers what was asked.
struct Script {
    answers: Mutex<Vec<Exchange>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl HttpTransport for Script {
    fn exchange(&self, request: HttpRequest) -> LocalBoxFuture<'_, Exchange> {
        self.asked.lock().unwrap().push(request.path);
        let answer = self.answers.lock().unwrap().remove(0);
        async move { answer }.boxed_local()
    }
}

/// A server with these answers, and a parent and a child to offer to it.
struct World {
    source: EsploraSource,
    asked: Arc<Mutex<Vec<String>>>,
    parent: Transaction,
    child: Transaction,
}

impl World {
    fn new(answers: impl FnOnce(&Transaction, &Transaction) -> Vec<Exchange>) -> Self {
        let (parent, child) = (funding(1), funding(2));
        let asked = Arc::default();
        let transport = Script {
            answers: Mutex::new(answers(&parent, &child)),
            asked: Arc::clone(&asked),
        };
        let policy = ChainPolicy {
            backoff: Duration::ZERO,
            ..ChainPolicy::default()
        };
        World {
            source: EsploraSource::over(Box::new(transport), policy),
            asked,
            parent,
            child,
        }
    }

    fn offer(&self) -> PackageOutcome {
        let package = Package {
            parent: &self.parent,
            child: &self.child,
        };
        let budget = Budget::unlimited();
        block_on(self.source.broadcast_package(package, &budget)).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn status(status: u16, body: impl Into<Vec<u8>>) -> Exchange {
    Ok(HttpResponse {
        status,
        body: body.into(),
        retry_after: None,
    })
}

/// A node's `submitpackage`, with what it says of each.
fn said(results: &[(&Transaction, &str)]) -> Exchange {
    let results = results.iter().map(|(transaction, more)| {
        let (wtxid, txid) = (transaction.compute_wtxid(), transaction.compute_txid());
        format!(r#""{wtxid}":{{"txid":"{txid}"{more}}}"#)
    });
    let results = results.collect::<Vec<_>>().join(",");
    let body = format!(
        r#"{{"package_msg":"whatever","tx-results":{{{results}}},"replaced-transactions":[]}}"#
    );
    status(200, body)
}

const TAKEN: &str = r#","vsize":200,"fees":{"base":0.00001}"#;

fn taken(transaction: &Transaction) -> Exchange {
    status(200, transaction.compute_txid().to_string())
}

#[test]
fn the_answer_tells_of_each_what_became_of_it() {
    let low = r#","error":"min relay fee not met, 253 < 900""#;
    let alone = r#","error":"package-not-validated""#;
    for (parent, child, is_expected) in [
        (
            TAKEN,
            TAKEN,
            (|it| it.parent == BroadcastOutcome::Accepted && it.child == BroadcastOutcome::Accepted)
                as fn(&PackageOutcome) -> bool,
        ),
        (low, low, |it| {
            let is_low = |it: &_| matches!(it, BroadcastOutcome::FeeTooLow { .. });
            is_low(&it.parent) && is_low(&it.child)
        }),
        (low, alone, |it| {
            matches!(it.child, BroadcastOutcome::Conflicts { with: None, .. })
        }),
    ] {
        let world = World::new(|p, c| vec![said(&[(p, parent), (c, child)])]);
        let outcome = world.offer();
        assert!(is_expected(&outcome), "{outcome:?}");
        assert_eq!(world.asked(), ["/txs/package"]);
    }
}

#[test]
fn a_server_without_packages_is_asked_for_them_once() {
    for code in [404, 405] {
        let none = || status(code, "endpoint does not exist");
        let world = World::new(|p, c| vec![none(), taken(p), taken(c), taken(p), taken(c)]);
        let expected = PackageOutcome {
            parent: BroadcastOutcome::Accepted,
            child: BroadcastOutcome::Accepted,
        };
        assert_eq!(world.offer(), expected);
        assert_eq!(world.asked(), ["/txs/package", "/tx", "/tx"]);
        assert_eq!(world.offer(), expected);
        assert_eq!(world.asked(), ["/tx", "/tx"]);
    }
}

#[test]
fn where_the_answer_says_nothing_of_them_each_is_offered_alone() {
    let answers: [fn(&Transaction) -> Exchange; 3] = [
        |_| status(200, "not JSON"),
        |p| said(&[(p, TAKEN)]),
        |_| status(400, "submitpackage RPC error"),
    ];
    for answer in answers {
        let world = World::new(|p, c| vec![answer(p), taken(p), taken(c)]);
        assert_eq!(world.offer().child, BroadcastOutcome::Accepted);
        assert_eq!(world.asked(), ["/txs/package", "/tx", "/tx"]);
    }
}

#[test]
fn a_server_that_does_not_answer_is_not_asked_for_each_alone() {
    let broken = || Err(HttpError::Connection("refused".to_owned()));
    let world = World::new(|_, _| (0..4).map(|_| broken()).collect());
    let PackageOutcome { parent, child } = world.offer();
    assert!(matches!(parent, BroadcastOutcome::Unreachable { .. }));
    assert!(matches!(child, BroadcastOutcome::Unreachable { .. }));
}

#[test]
fn our_own_limits_are_an_error() {
    let world = World::new(|_, _| Vec::new());
    let package = Package {
        parent: &world.parent,
        child: &world.child,
    };
    let budget = Budget::unlimited().with_max_requests(0);
    let outcome = block_on(world.source.broadcast_package(package, &budget));
    let limit = BudgetLimit::Requests;
    assert!(matches!(outcome, Err(ChainError::BudgetExhausted(reached)) if reached == limit));
}
