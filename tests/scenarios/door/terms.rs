//! The terms of a channel: possible ones only, once and for all, under keys that the signer has.

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, OutPoint, ScriptBuf, Witness};
use lightning_arbitrator::channel::{ChannelTerms, KeysId, UpdateError};
use lightning_arbitrator::protocol::{ChannelType, Party};
use lightning_arbitrator::ArbitratorError;

use crate::support::{retold, Told, World};

twins!(
    impossible_terms_are_refused_and_name_the_field,
    keys_that_are_not_the_signers_are_refused,
    keys_that_the_signer_has_never_heard_of_are_refused,
    the_terms_of_a_registered_channel_never_change,
    the_funding_transaction_may_be_told_later,
);

/// What can be done to terms.
type Change<'a> = &'a dyn Fn(&mut ChannelTerms);

fn told(terms: &ChannelTerms, change: Change<'_>) -> Told {
    let mut lie = terms.clone();
    change(&mut lie);
    Told::Terms(Box::new(lie))
}

fn some_key(terms: &ChannelTerms) -> PublicKey {
    terms.remote.keys.basepoints.htlc
}

fn change_funding_transaction(
    terms: &mut ChannelTerms,
    change: impl FnOnce(&mut bitcoin::Transaction),
) {
    let transaction = terms.funding.transaction.as_mut().expect("it is ours");
    change(transaction);
    terms.funding.outpoint.txid = transaction.compute_txid();
}

fn impossible_terms_are_refused_and_name_the_field(mut world: World) {
    let terms: ChannelTerms = retold(&world.unregistered_channel(1));
    let lies: [(&str, Change<'_>); 15] = [
        ("capacity", &|terms| terms.funding.capacity = Amount::ZERO),
        ("capacity", &|terms| {
            terms.funding.capacity = Amount::MAX_MONEY + Amount::from_sat(1)
        }),
        ("initial_balance_msat", &|terms| {
            terms.local.initial_balance_msat += 1
        }),
        ("initial_balance_msat", &|terms| {
            terms.remote.initial_balance_msat -= 1
        }),
        ("initial_balance_msat", &|terms| {
            terms.local.initial_balance_msat = u64::MAX
        }),
        ("local.dust_limit", &|terms| {
            terms.local.dust_limit = Amount::MAX_MONEY
        }),
        ("remote.dust_limit", &|terms| {
            terms.remote.dust_limit = Amount::MAX_MONEY
        }),
        ("local.reserve", &|terms| {
            terms.local.reserve = Amount::MAX_MONEY
        }),
        ("remote.reserve", &|terms| {
            terms.remote.reserve = Amount::MAX_MONEY
        }),
        ("keys.funding", &|terms| {
            terms.remote.keys.funding = terms.local.keys.funding
        }),
        // The funding transaction: another one, without that output, of another value, to other keys.
        ("funding.transaction", &|terms| {
            terms.funding.outpoint.txid = bitcoin::Txid::all_zeros()
        }),
        ("funding.transaction", &|terms| {
            terms.funding.outpoint.vout = 9
        }),
        ("funding.transaction", &|terms| {
            terms.funding.outpoint.vout = u32::MAX
        }),
        ("funding.transaction", &|terms| {
            change_funding_transaction(terms, |tx| tx.output[0].value -= Amount::from_sat(1))
        }),
        ("funding.transaction", &|terms| {
            change_funding_transaction(terms, |tx| tx.output[0].script_pubkey = ScriptBuf::new())
        }),
    ];
    for (expected, change) in lies {
        match world.refusal(told(&terms, change)) {
            UpdateError::Terms { field, .. } => assert_eq!(field, expected),
            other => panic!("{other}"),
        }
    }
    world.tell(told(&terms, &|_| {}));
}

fn keys_that_are_not_the_signers_are_refused(mut world: World) {
    let terms: ChannelTerms = retold(&world.unregistered_channel(1));
    let lies: [Change<'_>; 5] = [
        &|terms| terms.local.keys.basepoints.revocation = some_key(terms),
        &|terms| terms.local.keys.basepoints.payment = some_key(terms),
        &|terms| terms.local.keys.basepoints.delayed_payment = some_key(terms),
        &|terms| terms.local.keys.basepoints.htlc = some_key(terms),
        &|terms| {
            terms.local.keys.funding = some_key(terms);
            // Or it would be found that the funding pays other keys.
            terms.funding.transaction = None;
        },
    ];
    for change in lies {
        match world.refusal(told(&terms, change)) {
            UpdateError::Terms { field, .. } => assert_eq!(field, "local.keys"),
            other => panic!("{other}"),
        }
    }
}

fn keys_that_the_signer_has_never_heard_of_are_refused(mut world: World) {
    let terms: ChannelTerms = retold(&world.unregistered_channel(1));
    let mut lie = terms.clone();
    lie.keys_id = KeysId([1; 32]);
    let before = world.phone.tables();
    let refused = world
        .phone
        .tell(terms.channel(), Told::Terms(Box::new(lie)));
    // The signer derives keys for any name it was not given secrets for: they are other keys, or none.
    assert!(matches!(
        refused,
        Err(ArbitratorError::Update(UpdateError::Terms {
            field: "local.keys",
            ..
        }) | ArbitratorError::Signer { .. })
    ));
    world.phone.tables().assert_are(&before);
}

fn the_terms_of_a_registered_channel_never_change(mut world: World) {
    let terms: ChannelTerms = retold(&world.channel);
    let moved = KeysId([2; 32]);
    world.phone.know_as(moved, &world.channel);
    let lies: [(&str, Change<'_>); 9] = [
        ("capacity", &|terms| {
            terms.funding.transaction = None;
            terms.funding.capacity += Amount::from_sat(1);
            terms.local.initial_balance_msat += 1_000;
        }),
        ("channel_type", &|terms| {
            terms.channel_type = match terms.channel_type {
                ChannelType::StaticRemotekey => ChannelType::AnchorsZeroFeeHtlc,
                ChannelType::AnchorsZeroFeeHtlc => ChannelType::StaticRemotekey,
            }
        }),
        ("peer", &|terms| terms.peer = some_key(terms)),
        ("opener", &|terms| terms.opener = Party::Remote),
        ("keys_id", &|terms| terms.keys_id = moved),
        ("local", &|terms| terms.local.to_self_delay += 1),
        ("local", &|terms| terms.local.shutdown_script = None),
        ("remote", &|terms| {
            terms.remote.keys.basepoints.payment = some_key(terms)
        }),
        ("funding.transaction", &|terms| {
            let transaction = terms.funding.transaction.as_mut().expect("it is ours");
            transaction.input[0].witness = Witness::from_slice(&[[1u8]]);
        }),
    ];
    let channel = world.outpoint();
    for (field, change) in lies {
        let expected = UpdateError::TermsDiffer { channel, field };
        assert_eq!(world.refusal(told(&terms, change)), expected);
    }
    world.repeats(told(&terms, &|_| {}));
    // Told once is enough.
    world.repeats(told(&terms, &|terms| terms.funding.transaction = None));
}

fn the_funding_transaction_may_be_told_later(mut world: World) {
    let terms: ChannelTerms = retold(&world.unregistered_channel(1));
    let without = told(&terms, &|terms| terms.funding.transaction = None);
    let with = told(&terms, &|_| {});
    world.tell(without.clone());
    let before = world.phone.tables();
    world.tell(with.clone());
    assert!(world.phone.tables() != before);
    world.repeats(with);
    world.repeats(without);
    let other = told(&terms, &|terms| {
        terms.funding.outpoint = OutPoint::null();
    });
    assert!(matches!(world.refusal(other), UpdateError::Terms { .. }));
}
