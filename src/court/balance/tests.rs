//! Whatever becomes of the outputs of a close: every satoshi of the channel stands in one sum.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::transaction::Version;
use bitcoin::{BlockHash, OutPoint, ScriptBuf, Sequence, TxIn, TxOut, Txid, Weight, Witness};
use proptest::prelude::*;

use super::*;
use crate::court::{
    Block, Broadcast, BroadcastPurpose, CloseKind, Coin, ContractRole, Progress, Reason, Resolution,
};
use crate::protocol::{ContractOutput, Party};

const CLOSE: u8 = 1;
const CLAIM: u8 = 2;
const ANOTHER: u8 = 3;

fn txid(byte: u8) -> Txid {
    Txid::from_byte_array([byte; 32])
}

fn block() -> Block {
    Block {
        height: 100,
        hash: BlockHash::all_zeros(),
    }
}

fn pays(inputs: &[OutPoint], values: &[u64]) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: inputs
            .iter()
            .map(|outpoint| TxIn {
                previous_output: *outpoint,
                script_sig: ScriptBuf::new(),
                sequence: Sequence::MAX,
                witness: Witness::new(),
            })
            .collect(),
        output: values
            .iter()
            .map(|value| TxOut {
                value: Amount::from_sat(*value),
                script_pubkey: ScriptBuf::new(),
            })
            .collect(),
    }
}

fn contract(vout: u32, value_sat: u64, role: ContractRole, progress: Progress) -> Contract {
    let secret = SecretKey::from_slice(&[7; 32]).expect("a key");
    Contract {
        outpoint: OutPoint::new(txid(CLOSE), vout),
        value_sat,
        owner: match role {
            ContractRole::Breach => Party::Remote,
            ContractRole::CommitSweep
            | ContractRole::OutgoingContest
            | ContractRole::OutgoingTimeout
            | ContractRole::IncomingContest
            | ContractRole::IncomingSuccess
            | ContractRole::Anchor => Party::Local,
        },
        per_commitment_point: PublicKey::from_secret_key(SECP256K1, &secret),
        output: ContractOutput::ToLocal,
        htlc: None,
        version: None,
        parent: None,
        created: None,
        role,
        progress,
    }
}

/// A close of these contracts, which stand in its first outputs; then what it pays us, and the peer.
fn case(contracts: Vec<Contract>, paid_to_us_sat: u64, peers: u64) -> Case {
    let of_close = contracts.iter().filter(|it| it.parent.is_none());
    let values: Vec<u64> = of_close
        .map(|contract| contract.value_sat)
        .chain([paid_to_us_sat, peers])
        .collect();
    Case {
        close: Some(Close {
            kind: CloseKind::Local { number: 1 },
            txid: txid(CLOSE),
            transaction: pays(&[], &values),
            block: block(),
            paid_to_us_sat,
            settled: false,
        }),
        contracts,
        ..Case::default()
    }
}

/// A claim of ours that took every output which is said to be claimed, for this fee.
fn with_claim(mut case: Case, fee: u64) -> Case {
    let is_claimed = |contract: &&Contract| {
        contract.progress.resolution() == Some(Resolution::Claimed { txid: txid(CLAIM) })
    };
    let taken: Vec<&Contract> = case.contracts.iter().filter(is_claimed).collect();
    let value: u64 = taken.iter().map(|contract| contract.value_sat).sum();
    let outpoints: Vec<OutPoint> = taken.iter().map(|contract| contract.outpoint).collect();
    if let Some(first) = outpoints.first() {
        case.broadcasts.push(Broadcast {
            txid: txid(CLAIM),
            purpose: BroadcastPurpose::Sweep(*first),
            transaction: pays(&outpoints, &[value.saturating_sub(fee)]),
            since: 100,
            outcome: None,
            coins: Vec::new(),
        });
    }
    case
}

fn resolutions() -> impl Strategy<Value = Resolution> {
    prop_oneof![
        Just(Resolution::Claimed { txid: txid(CLAIM) }),
        Just(Resolution::Claimed {
            txid: txid(ANOTHER)
        }),
        Just(Resolution::Fulfilled {
            txid: txid(ANOTHER)
        }),
        Just(Resolution::TimedOut {
            txid: txid(ANOTHER)
        }),
        Just(Resolution::SweptByAnother {
            txid: txid(ANOTHER)
        }),
    ]
}

fn reasons() -> impl Strategy<Value = Reason> {
    prop_oneof![
        any::<u32>().prop_map(|fee| Reason::FeeAboveValue {
            fee_sat: fee.into()
        }),
        Just(Reason::AnchorAlone),
        Just(Reason::NoPeerSignature),
        Just(Reason::NotOurs),
    ]
}

fn progresses() -> impl Strategy<Value = Progress> {
    prop_oneof![
        any::<u32>().prop_map(|until| Progress::Contested { until }),
        any::<u32>().prop_map(|claimable_at| Progress::Maturing { claimable_at }),
        Just(Progress::Claimable),
        reasons().prop_map(|reason| Progress::Uneconomic { reason }),
        reasons().prop_map(|reason| Progress::GivenUp { reason }),
        (resolutions(), any::<bool>()).prop_map(|(resolution, settled)| Progress::Spent {
            resolution,
            block: block(),
            settled,
        }),
        resolutions().prop_map(|resolution| Progress::Resolved { resolution }),
    ]
}

fn roles() -> impl Strategy<Value = ContractRole> {
    prop_oneof![
        Just(ContractRole::CommitSweep),
        Just(ContractRole::OutgoingContest),
        Just(ContractRole::OutgoingTimeout),
        Just(ContractRole::IncomingContest),
        Just(ContractRole::IncomingSuccess),
        Just(ContractRole::Anchor),
        Just(ContractRole::Breach),
    ]
}

/// Value, role, how far it is; and what a second-level spend of it left, in percent of its value, and how far that is.
type Drawn = (u64, ContractRole, Progress, Option<(u64, Progress)>);

fn drawn() -> impl Strategy<Value = Drawn> {
    let child = proptest::option::of((0..=100u64, progresses()));
    (0..50_000_000u64, roles(), progresses(), child)
}

/// The contracts drawn, and their children.
fn contracts(drawn: Vec<Drawn>) -> Vec<Contract> {
    let mut children = Vec::new();
    let parents = (0u32..)
        .zip(drawn)
        .map(|(vout, (value, role, progress, child))| {
            let parent = contract(vout, value, role, progress);
            children.extend(child.map(|(percent, progress)| Contract {
                outpoint: OutPoint::new(txid(ANOTHER), vout),
                parent: Some(parent.outpoint),
                ..contract(vout, value * percent / 100, role, progress)
            }));
            parent
        });
    let mut all: Vec<Contract> = parents.collect();
    all.extend(children);
    all
}

proptest! {
    #[test]
    fn the_sums_are_the_capacity(
        drawn in proptest::collection::vec(drawn(), 0..20),
        paid_to_us in 0..10_000_000u64, peers in 0..10_000_000u64, closing_fee in 0..100_000u64, claim_fee in 0..1_000_000u64,
    ) {
        let case = with_claim(case(contracts(drawn), paid_to_us, peers), claim_fee);
        let close = case.close.as_ref().expect("there is one");
        let capacity = paid_out(&close.transaction) + Amount::from_sat(closing_fee);
        let balance = ClosingBalance::of(&case, capacity);
        prop_assert_eq!(balance.total(), capacity, "{:?}", balance);
        prop_assert_eq!(balance.closing_fee, Amount::from_sat(closing_fee));
    }

    #[test]
    fn the_sums_of_several_channels_are_their_capacities(values in proptest::collection::vec(drawn(), 2..9)) {
        let cases: Vec<Case> = values.into_iter().map(|drawn| case(contracts(vec![drawn]), 1, 2)).collect();
        let capacity = |case: &Case| paid_out(&case.close.as_ref().expect("there is one").transaction);
        let all = cases.iter().map(|case| ClosingBalance::of(case, capacity(case)));
        let sum = all.fold(ClosingBalance::default(), ClosingBalance::plus);
        prop_assert_eq!(sum.total(), cases.iter().map(capacity).sum());
    }
}

fn sat(amount: Amount) -> u64 {
    amount.to_sat()
}

#[test]
fn the_fee_of_a_claim_is_divided_by_value_to_the_last_satoshi() {
    let resolution = Resolution::Claimed { txid: txid(CLAIM) };
    let claimed = |vout, value| {
        let progress = Progress::Resolved { resolution };
        contract(vout, value, ContractRole::Breach, progress)
    };
    let all = vec![claimed(0, 1_000), claimed(1, 1_000), claimed(2, 1_000)];
    let case = with_claim(case(all, 0, 0), 100);
    let books = Books::of(&case);
    let fees: Vec<u64> = case
        .contracts
        .iter()
        .map(|contract| books.money(contract).fees_sat)
        .collect();
    assert_eq!(fees, [33, 33, 34]);
    let balance = ClosingBalance::of(&case, Amount::from_sat(3_000));
    assert_eq!(
        (sat(balance.settled), sat(balance.sweep_fees)),
        (2_900, 100)
    );
}

#[test]
fn what_the_wallets_coins_pay_is_counted_beside_the_capacity() {
    let resolution = Resolution::Claimed { txid: txid(CLAIM) };
    let progress = Progress::Resolved { resolution };
    let htlc = contract(0, 20_000, ContractRole::OutgoingTimeout, progress);
    // Its second level has no fee of its own: a coin of 5,000 sat pays 400, and the rest is change.
    let left = Contract {
        outpoint: OutPoint::new(txid(CLAIM), 0),
        parent: Some(htlc.outpoint),
        ..contract(0, 20_000, ContractRole::CommitSweep, Progress::Claimable)
    };
    let outpoint = htlc.outpoint;
    let mut case = case(vec![htlc, left], 0, 0);
    case.broadcasts.push(Broadcast {
        txid: txid(CLAIM),
        purpose: BroadcastPurpose::Sweep(outpoint),
        transaction: pays(&[outpoint], &[20_000, 4_600]),
        since: 100,
        outcome: None,
        coins: vec![Coin {
            outpoint: OutPoint::new(txid(ANOTHER), 7),
            output: TxOut {
                value: Amount::from_sat(5_000),
                script_pubkey: ScriptBuf::new(),
            },
            witness_weight: Weight::from_wu(108),
        }],
    });
    let balance = ClosingBalance::of(&case, Amount::from_sat(20_000));
    assert_eq!(
        (sat(balance.wallet_fees), sat(balance.sweep_fees)),
        (400, 0)
    );
    assert_eq!(
        (sat(balance.claimable), sat(balance.total())),
        (20_000, 20_000)
    );
}

#[test]
fn each_progress_stands_in_one_sum() {
    let spent = |resolution| Progress::Spent {
        resolution,
        block: block(),
        settled: false,
    };
    let other = txid(ANOTHER);
    type Sum = fn(&ClosingBalance) -> u64;
    let table: [(ContractRole, Progress, Sum); 10] = [
        (
            ContractRole::OutgoingContest,
            Progress::Contested { until: 9 },
            |all| sat(all.contested),
        ),
        (
            ContractRole::CommitSweep,
            Progress::Maturing { claimable_at: 9 },
            |all| all.maturing.get(&9).copied().map_or(0, sat),
        ),
        (ContractRole::CommitSweep, Progress::Claimable, |all| {
            sat(all.claimable)
        }),
        (
            ContractRole::Anchor,
            Progress::Uneconomic {
                reason: Reason::AnchorAlone,
            },
            |all| sat(all.uneconomic),
        ),
        (
            ContractRole::OutgoingTimeout,
            Progress::GivenUp {
                reason: Reason::NoPeerSignature,
            },
            |all| sat(all.given_up),
        ),
        (
            ContractRole::IncomingContest,
            Progress::GivenUp {
                reason: Reason::NotOurs,
            },
            |all| sat(all.others),
        ),
        (
            ContractRole::CommitSweep,
            spent(Resolution::Claimed { txid: other }),
            |all| sat(all.settled),
        ),
        (
            ContractRole::OutgoingContest,
            spent(Resolution::Fulfilled { txid: other }),
            |all| sat(all.others),
        ),
        (
            ContractRole::IncomingContest,
            spent(Resolution::TimedOut { txid: other }),
            |all| sat(all.others),
        ),
        (
            ContractRole::Breach,
            spent(Resolution::SweptByAnother { txid: other }),
            |all| sat(all.lost),
        ),
    ];
    for (role, progress, sum) in table {
        let case = case(vec![contract(0, 1_000, role, progress)], 0, 0);
        let balance = ClosingBalance::of(&case, Amount::from_sat(1_000));
        assert_eq!(sum(&balance), 1_000, "{role:?} {progress:?}: {balance:?}");
    }
}

#[test]
fn an_anchor_that_anyone_took_was_not_worth_its_fee_and_is_no_loss() {
    let resolution = Resolution::SweptByAnother {
        txid: txid(ANOTHER),
    };
    let progress = Progress::Resolved { resolution };
    let anchor = contract(0, 330, ContractRole::Anchor, progress);
    let balance = ClosingBalance::of(&case(vec![anchor], 0, 0), Amount::from_sat(330));
    assert_eq!((sat(balance.uneconomic), sat(balance.lost)), (330, 0));
}

#[test]
fn without_a_proven_close_there_is_nothing_to_count() {
    let balance = ClosingBalance::of(&Case::default(), Amount::from_sat(1_000));
    assert_eq!(balance, ClosingBalance::default());
}
