//! Scenario 26: a server that fails or lies while a close is being watched. Nothing false is believed, nothing known is
//! lost, the report says what was wrong, and once the server is honest the story ends as if it had been silent.

use std::sync::OnceLock;

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{OutPoint, Transaction, TxIn};
use lightning_arbitrator::arbitrator::{ResumeOptions, ResumeReport};
use lightning_arbitrator::chain::Look;
use testkit::gateway::{Fault, Lie, Scope, Times, Told};
use testkit::party::{ChannelType, Which};

use crate::support::{paths_of, Ending, Nap, World, QUESTIONS};

/// More than the longest honest answer of these stories.
const MAX_BODY: usize = 64 << 10;

/// How far the story is; what has just happened on the chain is not known to the phone yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    Closed,
    Swept,
    Buried,
}

/// What is wrong with the server at one stage.
type Trouble<'t> = &'t dyn Fn(&World, Stage) -> Vec<(Scope, Fault)>;

/// What the phone says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    /// Nobody could know.
    Nothing,
    /// A tick is not complete, and the report has these words.
    Words(&'static str),
}

fn words(report: &ResumeReport) -> String {
    let mut words: Vec<&str> = report.stopped.iter().map(String::as_str).collect();
    words.extend(report.troubles.iter().map(|trouble| trouble.what.as_str()));
    if report.server_behind {
        words.push("behind");
    }
    words.join("; ")
}

/// The peer closes, our balance is swept, everything is buried. At each stage there is a tick with a troubled server, if
/// there is a trouble, and then an honest one. Gives what the troubled ticks said.
fn story(world: &mut World, trouble: Option<Trouble<'_>>) -> (Ending, Vec<ResumeReport>) {
    let mut said = Vec::new();
    world
        .phone
        .set(|config| config.chain_policy.max_body = MAX_BODY);
    world.phone.resume();
    let channel = world.outpoint();
    for stage in [Stage::Open, Stage::Closed, Stage::Swept, Stage::Buried] {
        match stage {
            Stage::Open | Stage::Swept => world.mine(1),
            // A server that showed the peer's own commitment too early had it: the phone has made it known since.
            Stage::Closed if world.chain.outspend(channel).is_some() => world.mine(1),
            Stage::Closed => drop(world.peer_closes(Which::Current)),
            Stage::Buried => world.mine(100),
        }
        let known = world.phone.report(channel).close;
        if let Some(trouble) = trouble {
            for (scope, fault) in trouble(world, stage) {
                world.gateway().order(scope, fault);
            }
            let report = world.phone.resume_with(ResumeOptions {
                look: Look::Mempool,
                ..ResumeOptions::default()
            });
            said.push(report.expect("a bad server is no error"));
            world.gateway().behave();
            let now = world.phone.report(channel).close;
            assert!(known.is_none() || known == now, "{stage:?}: a lost fact");
            let truth = world.channel.peer_commitment_tx(Which::Current);
            let truth = truth.expect("signed").compute_txid();
            assert!(
                now.is_none_or(|(_, txid)| stage != Stage::Open && txid == truth),
                "{stage:?}: a false close"
            );
        }
        world.mine(1);
        world.phone.resume();
        world.mine(1);
    }
    world.phone.resume();
    (world.ending(), said)
}

/// How the story ends when nothing goes wrong.
fn undisturbed(channel_type: ChannelType) -> &'static Ending {
    static STATIC_REMOTEKEY: OnceLock<Ending> = OnceLock::new();
    static ANCHORS: OnceLock<Ending> = OnceLock::new();
    let told_once = match channel_type {
        ChannelType::StaticRemotekey => &STATIC_REMOTEKEY,
        ChannelType::AnchorsZeroFeeHtlc => &ANCHORS,
    };
    let ending = told_once.get_or_init(|| story(&mut World::new(channel_type, Nap::Never), None).0);
    assert!(ending.swept_sat > 0, "{ending:?}");
    ending
}

/// Tells the story with the trouble, on every channel type, once restarted before every step.
fn survives(trouble: Trouble<'_>, notice: Notice) {
    for (channel_type, nap) in [
        (ChannelType::StaticRemotekey, Nap::Never),
        (ChannelType::AnchorsZeroFeeHtlc, Nap::BeforeEveryStep),
    ] {
        let (ending, said) = story(&mut World::new(channel_type, nap), Some(trouble));
        assert_eq!(&ending, undisturbed(channel_type), "{nap:?}: {said:#?}");
        match notice {
            Notice::Nothing => assert!(said.iter().all(|it| it.complete), "{said:#?}"),
            Notice::Words(expected) => {
                let noticed = said.iter().filter(|report| !report.complete);
                let noticed: Vec<_> = noticed.map(words).collect();
                assert!(!noticed.is_empty(), "{said:#?}");
                for words in noticed {
                    assert!(words.contains(expected), "{words}");
                }
            }
        }
    }
}

macro_rules! survived {
    ($($name:ident: $trouble:expr => $notice:expr;)*) => {$(
        #[test]
        fn $name() {
            survives(&$trouble, $notice);
        }
    )*};
}

fn always(fault: Fault) -> Vec<(Scope, Fault)> {
    vec![(Scope::all(), fault)]
}

/// Every request for this question.
fn at(question: &str) -> Scope {
    Scope {
        paths: paths_of(question),
        times: Times::Always,
    }
}

fn lie(lie: Lie) -> Vec<(Scope, Fault)> {
    always(Fault::Lie(lie))
}

fn status(code: u16) -> Fault {
    let body = "not now".to_owned();
    Fault::Status { code, body }
}

fn tip(world: &World) -> u32 {
    world.chain.tip().height
}

fn close(world: &World) -> Transaction {
    let close = world.channel.peer_commitment_tx(Which::Current);
    close.expect("signed")
}

/// Where the peer's commitment pays us.
fn to_remote(world: &World) -> OutPoint {
    let close = close(world);
    let most = (0u32..)
        .zip(&close.output)
        .max_by_key(|(_, output)| output.value);
    OutPoint::new(close.compute_txid(), most.expect("outputs").0)
}

/// A transaction that spends the funding output and was signed by nobody.
fn unsigned_spend(world: &World) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: world.outpoint(),
            ..TxIn::default()
        }],
        output: close(world).output,
    }
}

fn invented(transaction: Transaction, told: Told) -> Vec<(Scope, Fault)> {
    lie(Lie::InventSpend { transaction, told })
}

/// Before the peer closes.
fn while_open(stage: Stage, faults: Vec<(Scope, Fault)>) -> Vec<(Scope, Fault)> {
    match stage {
        Stage::Open => faults,
        Stage::Closed | Stage::Swept | Stage::Buried => Vec::new(),
    }
}

survived! {
    a_slow_server: |_, _| always(Fault::Delay { millis: 1 }) => Notice::Nothing;
    a_server_that_asks_to_slow_down: |_, _| always(status(429)) => Notice::Words("status 429");
    a_server_in_trouble: |_, _| always(status(503)) => Notice::Words("status 503");
    a_server_that_cuts_its_answers: |_, _| always(Fault::CutBody) => Notice::Words("cut off");
    a_server_that_hangs_up: |_, _| always(Fault::HangUp) => Notice::Words("cut off");
    a_server_that_answers_with_other_json: |_, _| always(Fault::WrongJson) => Notice::Words("malformed");
    a_server_that_never_ends_its_answers:
        |_, _| always(Fault::HugeBody { bytes: 1 << 20 }) => Notice::Words("longer than");
    a_server_that_recovers_within_the_tick: |_, _| vec![
        (Scope::all().next(1), status(429)),
        (Scope::all().next(2), Fault::HangUp),
        (Scope::all().next(3), Fault::CutBody),
    ] => Notice::Nothing;

    a_server_that_is_an_hour_behind:
        |world, _| lie(Lie::Stale { height: tip(world) - 6 }) => Notice::Words("behind");
    a_server_whose_tip_goes_back_by_one:
        |world, _| lie(Lie::Stale { height: tip(world) - 2 }) => Notice::Words("behind");
    a_server_whose_tip_stands_still:
        |world, _| lie(Lie::Stale { height: tip(world) - 1 }) => Notice::Nothing;
    a_server_from_before_the_channel:
        |_, _| lie(Lie::Stale { height: 100 }) => Notice::Words("behind");
    a_server_whose_index_lags: |_, _| lie(Lie::IndexLag { blocks: 2 }) => Notice::Words("behind");
    a_server_whose_index_lags_behind_its_own_tip: |_, _| vec![
        (Scope::under("/tx/"), Fault::Lie(Lie::IndexLag { blocks: 1 })),
    ] => Notice::Nothing;
    a_server_whose_tip_lags_behind_its_own_index: |_, _| vec![
        (Scope::under("/blocks"), Fault::Lie(Lie::IndexLag { blocks: 1 })),
    ] => Notice::Words("above its own tip");

    a_server_that_hides_the_close:
        |world, _| lie(Lie::HideSpend { outpoint: world.outpoint() }) => Notice::Nothing;
    a_server_that_hides_the_sweep:
        |world, _| lie(Lie::HideSpend { outpoint: to_remote(world) }) => Notice::Nothing;
    a_server_that_never_heard_of_the_close:
        |world, _| lie(Lie::HideTransaction { txid: close(world).compute_txid() }) => Notice::Nothing;
    a_server_that_cannot_show_the_close: |world, _| vec![(
        Scope::containing("/raw"),
        Fault::Lie(Lie::HideTransaction { txid: close(world).compute_txid() }),
    )] => Notice::Words("shows no transaction");
    a_server_that_cannot_prove_the_close: |world, _| vec![(
        Scope::containing("/merkle-proof"),
        Fault::Lie(Lie::HideTransaction { txid: close(world).compute_txid() }),
    )] => Notice::Words("shows no merkle proof");

    a_server_that_invents_an_unconfirmed_spend: |world, stage| {
        while_open(stage, invented(unsigned_spend(world), Told::Unconfirmed))
    } => Notice::Nothing;
    a_server_that_invents_a_spend_in_its_tip: |world, stage| {
        while_open(stage, invented(unsigned_spend(world), Told::InTip))
    } => Notice::Words("merkle path");
    a_server_that_invents_a_spend_in_a_block_without_work: |world, stage| {
        while_open(stage, invented(unsigned_spend(world), Told::InUnminedBlock))
    } => Notice::Words("does not meet its own target");
    a_server_that_tells_of_a_real_commitment_too_early: |world, stage| {
        while_open(stage, invented(close(world), Told::Unconfirmed))
    } => Notice::Nothing;
    a_server_that_puts_a_real_commitment_into_its_tip: |world, stage| {
        while_open(stage, invented(close(world), Told::InTip))
    } => Notice::Words("merkle path");
    a_server_that_puts_a_real_commitment_into_a_block_without_work: |world, stage| {
        while_open(stage, invented(close(world), Told::InUnminedBlock))
    } => Notice::Words("does not meet its own target");

    a_server_with_bad_merkle_proofs: |_, _| lie(Lie::BadMerkle) => Notice::Words("merkle path");
    a_server_with_headers_that_did_no_work:
        |_, _| lie(Lie::BadPow) => Notice::Words("does not meet its own target");
}

#[test]
fn a_server_that_fails_at_one_question() {
    let faults = [
        (status(500), "500"),
        (Fault::CutBody, "cut off"),
        (Fault::WrongJson, "malformed"),
    ];
    for question in QUESTIONS {
        for (fault, expected) in &faults {
            let mut world = World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never);
            let failing = |_: &World, _| vec![(at(question), fault.clone())];
            let (ending, said) = story(&mut world, Some(&failing));
            assert_eq!(
                &ending,
                undisturbed(ChannelType::AnchorsZeroFeeHtlc),
                "{question} {expected}"
            );
            let said: Vec<String> = said.iter().map(words).collect();
            let expected = match question {
                "/tx" => "could not be handed to the server",
                _ => expected,
            };
            assert!(
                said.iter().any(|words| words.contains(expected)),
                "{question} {expected}: {said:?}"
            );
        }
    }
}
