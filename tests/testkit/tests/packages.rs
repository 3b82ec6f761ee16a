//! A parent and its child, offered together: both chains must answer alike.

#[macro_use]
mod common;

use bitcoin::Transaction;
use common::{paying, Coin};
use testkit::chain::{Chain, Submitted};

promises! {
    a_child_lifts_its_parent_over_the_minimum_of_a_full_mempool
    two_that_together_pay_too_little_are_refused
    what_is_relayed_at_all_each_has_to_pay_alone
    a_parent_that_is_good_alone_needs_no_child
    a_parent_that_is_wrong_is_refused_and_its_child_with_it
    together_they_replace_what_one_of_them_conflicts_with
    a_child_is_replaced_by_another
    two_that_are_no_family_are_no_package
}

/// Just above what is relayed at all, for a size of 122 virtual bytes.
const LITTLE: u64 = 130;

fn family(coin: &Coin, parents_fee: u64, childs_fee: u64) -> (Transaction, Transaction) {
    let parent = coin.spend(paying(parents_fee));
    let child = Coin::made_by(&parent).spend(paying(childs_fee));
    (parent, child)
}

fn submit(chain: &dyn Chain, family: &(Transaction, Transaction)) -> Submitted {
    let (parent, child) = family;
    chain.submit_package(parent, child).expect("a family")
}

fn assert_waiting(chain: &dyn Chain, expected: &[&Transaction]) {
    let expected: Vec<_> = expected.iter().map(|it| it.compute_txid()).collect();
    assert_eq!(chain.mempool(), expected);
}

fn a_child_lifts_its_parent_over_the_minimum_of_a_full_mempool(chain: &dyn Chain) {
    chain.set_min_fee(5_000);
    let family = family(&Coin::plain(chain), LITTLE, 2_000);
    chain.submit(&family.0).unwrap_err();
    let Submitted { parent, child } = submit(chain, &family);
    assert_eq!(parent, Ok(family.0.compute_txid()));
    assert_eq!(child, Ok(family.1.compute_txid()));
    assert_waiting(chain, &[&family.0, &family.1]);
    chain.mine(1);
    assert_waiting(chain, &[]);
}

fn two_that_together_pay_too_little_are_refused(chain: &dyn Chain) {
    chain.set_min_fee(5_000);
    let family = family(&Coin::plain(chain), LITTLE, 1_000);
    let Submitted { parent, child } = submit(chain, &family);
    assert!(parent.unwrap_err().text.contains("mempool min fee not met"));
    assert!(child.unwrap_err().text.contains("mempool min fee not met"));
    assert_waiting(chain, &[]);
}

fn what_is_relayed_at_all_each_has_to_pay_alone(chain: &dyn Chain) {
    let family = family(&Coin::plain(chain), 20, 9_000);
    let Submitted { parent, child } = submit(chain, &family);
    assert!(parent.unwrap_err().text.contains("min relay fee not met"));
    let text = child.unwrap_err().text;
    assert_eq!(text, "bad-txns-inputs-missingorspent");
    assert_waiting(chain, &[]);
}

fn a_parent_that_is_good_alone_needs_no_child(chain: &dyn Chain) {
    let family = family(&Coin::plain(chain), 1_000, 20);
    let Submitted { parent, child } = submit(chain, &family);
    assert_eq!(parent, Ok(family.0.compute_txid()));
    assert!(child.unwrap_err().text.contains("min relay fee not met"));
    assert_waiting(chain, &[&family.0]);
}

fn a_parent_that_is_wrong_is_refused_and_its_child_with_it(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    chain.mine_txs(&[coin.spend(paying(5_000))]).unwrap();
    let Submitted { parent, child } = submit(chain, &family(&coin, LITTLE, 9_000));
    assert_eq!(parent.unwrap_err().text, "bad-txns-inputs-missingorspent");
    assert!(child.is_err());
}

fn together_they_replace_what_one_of_them_conflicts_with(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let before = coin.spend(paying(500));
    chain.submit(&before).unwrap();
    let poor = submit(chain, &family(&coin, LITTLE, 600));
    assert!(poor.child.is_err());
    assert_waiting(chain, &[&before]);
    let rich = family(&coin, LITTLE, 9_000);
    assert!(submit(chain, &rich).child.is_ok());
    assert_waiting(chain, &[&rich.0, &rich.1]);
}

fn a_child_is_replaced_by_another(chain: &dyn Chain) {
    let coin = Coin::plain(chain);
    let (parent, first) = family(&coin, LITTLE, 1_000);
    submit(chain, &(parent.clone(), first.clone()))
        .child
        .unwrap();
    let (_, second) = family(&coin, LITTLE, 1_050);
    let refused = submit(chain, &(parent.clone(), second)).child.unwrap_err();
    assert!(refused.text.contains("insufficient fee"), "{refused}");
    let (_, third) = family(&coin, LITTLE, 2_000);
    submit(chain, &(parent.clone(), third.clone()))
        .child
        .unwrap();
    assert_waiting(chain, &[&parent, &third]);
}

fn two_that_are_no_family_are_no_package(chain: &dyn Chain) {
    let [one, other] = [(); 2].map(|()| Coin::plain(chain).spend(paying(1_000)));
    chain.submit_package(&one, &other).unwrap_err();
}
