//! `chain` over HTTP: the built-in Esplora client against the testkit's gateway, over the in-memory chain.

use std::sync::Arc;
use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, Network, ScriptBuf, Transaction, TxIn, TxOut};
use lightning_arbitrator::chain::{
    Budget, ChainError, ChainPolicy, ChainStore, EsploraSource, Expected, Look, MemoryChainStore,
    Observer, OutputFacts, ProofError, ServerStanding, SyncOutcome, Urgency, Watch,
};
use testkit::chain::{Chain, Orphaned};
use testkit::gateway::{Fault, Gateway, KeepAlive, Lie, Paths, Scope, Told};
use testkit::memory::MemoryChain;

/// A device, a gateway, and some outputs that it has proven unspent.
struct World {
    chain: Arc<dyn Chain>,
    gateway: Gateway,
    store: MemoryChainStore,
    outputs: Vec<Watch>,
}

impl World {
    fn with_outputs(count: u64) -> Self {
        let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
        let script = ScriptBuf::new_p2wsh(&ScriptBuf::new().wscript_hash());
        let payments: Vec<_> = (0..count)
            .map(|n| (script.clone(), Amount::from_sat(100_000 + n)))
            .collect();
        let outpoints = chain.fund_all(&payments);
        chain.mine(5);
        let outputs = outpoints
            .into_iter()
            .zip(payments)
            .map(|(outpoint, (script_pubkey, value))| Watch {
                outpoint,
                expected: Expected::Exactly(TxOut {
                    value,
                    script_pubkey,
                }),
                urgency: Urgency::AtTip,
            })
            .collect();
        let gateway = Gateway::start(chain.clone()).unwrap();
        let world = Self {
            chain,
            gateway,
            store: MemoryChainStore::new(),
            outputs,
        };
        let outcome = world.tick();
        assert!(outcome.complete, "{outcome:?}");
        world.gateway.reset();
        world
    }

    /// One tick of a process that has just started.
    fn tick(&self) -> SyncOutcome {
        let policy = ChainPolicy {
            backoff: Duration::ZERO,
            ..ChainPolicy::default()
        };
        self.tick_with(&policy, &Budget::unlimited())
    }

    fn tick_with(&self, policy: &ChainPolicy, budget: &Budget) -> SyncOutcome {
        let source = EsploraSource::new(&self.gateway.url(), policy.clone()).unwrap();
        let mut observer =
            Observer::new(Network::Regtest, &source, &self.store, budget, policy).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime
            .block_on(observer.sync(&self.outputs, &[], Look::Tip))
            .unwrap()
    }

    fn facts(&self, output: &Watch) -> OutputFacts {
        self.store
            .load()
            .unwrap()
            .output(&output.outpoint)
            .cloned()
            .unwrap_or_default()
    }

    fn unspent_at_tip(&self) -> usize {
        let tip = self.chain.tip().hash;
        let at_tip = |output: &&Watch| {
            self.facts(output)
                .unspent_at
                .is_some_and(|at| at.hash == tip)
        };
        self.outputs.iter().filter(at_tip).count()
    }
}

#[test]
fn an_unchanged_tip_costs_one_request_after_a_restart() {
    let world = World::with_outputs(20);
    assert!(world.tick().complete);
    assert_eq!(world.gateway.paths(), ["GET /blocks/tip/hash"]);
}

#[test]
fn a_new_tip_costs_one_request_per_output_and_four_whatever_the_gap() {
    for blocks in [1, 11, 40] {
        let world = World::with_outputs(20);
        world.chain.mine(blocks);
        assert!(world.tick().complete);
        assert!(
            world.gateway.count() <= 20 + 4,
            "{} requests",
            world.gateway.count()
        );
        assert_eq!(world.unspent_at_tip(), 20);
    }
}

#[test]
fn outputs_are_asked_about_eight_at_a_time_over_eight_connections() {
    let world = World::with_outputs(20);
    world.chain.mine(1);
    world
        .gateway
        .hold_groups(Paths::Containing("/outspend/".to_owned()), 20);
    assert!(world.tick().complete);
    assert_eq!(world.gateway.groups(), 3);
}

#[test]
fn a_server_that_does_not_announce_keep_alive_is_as_good() {
    let world = World::with_outputs(20);
    world.gateway.set_keep_alive(KeepAlive::Silent);
    world.chain.mine(1);
    assert!(world.tick().complete);
    assert_eq!(world.unspent_at_tip(), 20);
}

#[test]
fn passing_troubles_are_ridden_out() {
    let slow_down = Fault::Status {
        code: 429,
        body: "slow down".to_owned(),
    };
    let internal = Fault::Status {
        code: 500,
        body: String::new(),
    };
    for trouble in [slow_down, internal, Fault::CutBody, Fault::HangUp] {
        let world = World::with_outputs(5);
        world.chain.mine(1);
        world.gateway.order(Scope::all().next(3), trouble.clone());
        let outcome = world.tick();
        assert!(outcome.complete, "{trouble:?}: {outcome:?}");
        assert_eq!(world.unspent_at_tip(), 5);
    }
}

#[test]
fn a_server_that_stays_in_trouble_ends_the_tick_with_its_error() {
    let world = World::with_outputs(2);
    world.gateway.order(
        Scope::all(),
        Fault::Status {
            code: 503,
            body: "down".to_owned(),
        },
    );
    let outcome = world.tick();
    assert!(matches!(
        outcome.stopped,
        Some(ChainError::Status { code: 503, .. })
    ));
    assert_eq!(outcome.server, ServerStanding::Unknown);
}

#[test]
fn an_answer_of_another_shape_or_endless_length_concerns_only_its_output() {
    for nonsense in [Fault::WrongJson, Fault::HugeBody { bytes: 20_000_000 }] {
        let world = World::with_outputs(4);
        world.chain.mine(1);
        let first = world.outputs[0].outpoint;
        let path = format!("/tx/{}/outspend/{}", first.txid, first.vout);
        world.gateway.order(Scope::under(&path), nonsense);
        let outcome = world.tick();
        assert_eq!(
            (outcome.failures.len(), outcome.complete),
            (1, false),
            "{outcome:?}"
        );
        assert_eq!(world.unspent_at_tip(), 3);
    }
}

#[test]
fn a_funding_that_a_reorg_takes_away_is_not_unspent_and_is_proven_again() {
    let world = World::with_outputs(2);
    world.chain.reorg(6, 7, Orphaned::Keep).unwrap();
    assert!(world.tick().complete);
    assert!(world
        .outputs
        .iter()
        .all(|output| world.facts(output).confirmed.is_none()));
    world.chain.mine(1);
    assert!(world.tick().complete);
    assert_eq!(world.unspent_at_tip(), 2);
}

#[test]
fn a_stale_server_moves_nothing() {
    let world = World::with_outputs(2);
    let before = world.store.load().unwrap();
    let height = world.chain.tip().height - 2;
    world
        .gateway
        .order(Scope::all(), Fault::Lie(Lie::Stale { height }));
    assert!(matches!(world.tick().server, ServerStanding::Behind { .. }));
    assert_eq!(world.store.load().unwrap(), before);
}

#[test]
fn a_spend_invented_in_a_block_without_work_moves_nothing() {
    let world = World::with_outputs(2);
    let before = world.store.load().unwrap();
    let transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: world.outputs[0].outpoint,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: Amount::from_sat(100_000),
            script_pubkey: ScriptBuf::new(),
        }],
    };
    let invented = Lie::InventSpend {
        transaction,
        told: Told::InUnminedBlock,
    };
    world.gateway.order(Scope::all(), Fault::Lie(invented));
    let outcome = world.tick();
    assert!(
        matches!(
            outcome.stopped,
            Some(ChainError::Proof(ProofError::Work { .. }))
        ),
        "{outcome:?}"
    );
    assert_eq!(world.store.load().unwrap(), before);
}

#[test]
fn a_merkle_proof_that_leads_elsewhere_proves_nothing() {
    let world = World::with_outputs(2);
    world.chain.reorg(6, 7, Orphaned::Keep).unwrap();
    world.chain.mine(1);
    world
        .gateway
        .order(Scope::all(), Fault::Lie(Lie::BadMerkle));
    let outcome = world.tick();
    assert!(!outcome.complete && !outcome.failures.is_empty());
    assert!(world
        .outputs
        .iter()
        .all(|output| world.facts(output).confirmed.is_none()));
}
