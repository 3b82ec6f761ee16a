//! What a look keeps, and that it writes nothing of what is known.

use std::sync::Arc;

use bitcoin::hashes::Hash;
use bitcoin::{Amount, Network, Txid};

use super::*;
use crate::store::Unsealed;

fn found(coins: &[u64]) -> ScriptCoins {
    let coin = |sat: &u64| {
        let txid = Txid::from_byte_array([7; 32]);
        let outpoint = OutPoint::new(txid, u32::try_from(*sat).expect("small"));
        (outpoint, Amount::from_sat(*sat))
    };
    ScriptCoins {
        was_used: true,
        coins: coins.iter().map(coin).collect(),
    }
}

#[test]
fn a_look_writes_what_is_new_and_nothing_of_what_is_known() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("channels.sqlite");
    let store = Store::open(&path, Network::Regtest, Arc::new(Unsealed)).expect("a new file");
    store.take_reserve([1; 4].into()).expect("writable");
    for (index, coins, is_new) in [
        (0, &[600][..], true),
        (0, &[600], false),
        (0, &[600, 700], true),
        // A coin that is not named again may only be spent: others say so.
        (0, &[], false),
        (1, &[], true),
        (1, &[], false),
    ] {
        let before = store.writes();
        let kept = store.keep_script_coins(index, &found(coins));
        kept.expect("writable");
        assert_eq!(store.writes() > before, is_new, "{index} {coins:?}");
    }
    store.put_receive(2).expect("writable");
    store.keep_script_coins(2, &found(&[])).expect("writable");
    let expected = ReserveRow {
        revealed: 3,
        receive: None,
        looked_at: None,
    };
    assert_eq!(store.reserve().expect("readable"), expected);
    let values = store.reserve_coins().expect("readable").into_iter();
    let values: Vec<u64> = values.map(|coin| coin.value.to_sat()).collect();
    assert_eq!(values, [600, 700]);
}
