use proptest::prelude::*;

use super::*;

const SEED: [u8; 32] = [3; 32];

fn number(number: u64) -> CommitmentNumber {
    CommitmentNumber::new(number).unwrap()
}

/// The secrets of the first `count` commitments, stored in order.
fn stored(seed: &[u8; 32], count: u64) -> RevocationSecrets {
    let mut store = RevocationSecrets::empty();
    for number in (0..count).map(number) {
        store
            .insert(number, commitment_secret(seed, number))
            .unwrap();
    }
    store
}

/// The slots after all secrets down to `lowest`, made without storing the ones before.
fn slots_down_to(lowest: u64) -> Vec<SecretSlot> {
    let slots = (0..SLOTS).map_while(|slot| Some((slot, last_of(slot, lowest)?)));
    let secret = |index| commitment_secret(&SEED, CommitmentNumber::from_index(index).unwrap());
    slots
        .map(|(slot, index)| SecretSlot {
            slot,
            index,
            secret: secret(index),
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_inserted_in_order_can_all_be_had_again(seed: [u8; 32], count in 0u64..200) {
        let store = stored(&seed, count);
        for number in (0..count).map(number) {
            prop_assert_eq!(store.get(number), Some(commitment_secret(&seed, number)));
        }
        prop_assert_eq!(store.get(number(count)), None);
        prop_assert_eq!(store.next_number(), Some(number(count)));
    }

    #[test]
    fn the_slots_can_be_stored_one_by_one_and_read_back_in_any_order(
        seed: [u8; 32], count in 1u64..200, rotation: usize,
    ) {
        let mut rows = std::collections::BTreeMap::new();
        let mut store = RevocationSecrets::empty();
        for number in (0..count).map(number) {
            let changed = store.insert(number, commitment_secret(&seed, number)).unwrap();
            rows.insert(changed.slot, changed);
        }
        let mut rows: Vec<_> = rows.into_values().collect();
        let middle = rotation % rows.len();
        rows.rotate_left(middle);
        prop_assert_eq!(RevocationSecrets::from_slots(rows), Ok(store));
    }

    /// Only a secret that generates earlier ones can be found out: every second one, so `count` is odd.
    #[test]
    fn a_wrong_secret_is_refused_and_the_store_unchanged(
        seed: [u8; 32], half in 0u64..100, wrong: [u8; 32],
    ) {
        let next = number(2 * half + 1);
        let mut store = stored(&seed, next.get());
        let before = store.clone();
        prop_assume!(CommitmentSecret(wrong) != commitment_secret(&seed, next));
        let refused = store.insert(next, CommitmentSecret(wrong));
        let is_wrong_secret = matches!(refused, Err(ProtocolError::WrongSecret { .. }));
        prop_assert!(is_wrong_secret);
        prop_assert_eq!(&store, &before);
        prop_assert!(store.insert(next, commitment_secret(&seed, next)).is_ok());
    }

    #[test]
    fn a_secret_out_of_order_is_refused_and_the_store_unchanged(count in 0u64..50, other in 0u64..100) {
        prop_assume!(count != other);
        let mut store = stored(&SEED, count);
        let before = store.clone();
        let refused = store.insert(number(other), commitment_secret(&SEED, number(other)));
        let expected = number(count).index();
        prop_assert_eq!(refused, Err(ProtocolError::SecretOutOfOrder { expected, got: number(other).index() }));
        prop_assert_eq!(store, before);
    }

    #[test]
    fn any_revoked_secret_of_a_long_life_is_found(lowest in 0u64..1 << 48, back in 0u64..1 << 48) {
        let store = RevocationSecrets::from_slots(slots_down_to(lowest)).unwrap();
        let index = lowest.saturating_add(back).min(CommitmentNumber::ZERO.index());
        let number = CommitmentNumber::from_index(index).unwrap();
        prop_assert_eq!(store.get(number), Some(commitment_secret(&SEED, number)));
        prop_assert!(store.slots().count() <= 49);
    }

    #[test]
    fn without_one_slot_every_secret_is_found_that_another_one_generates(count in 1u64..200, which: usize) {
        let whole = stored(&SEED, count);
        let mut slots: Vec<_> = whole.slots().cloned().collect();
        let lost = slots.remove(which % slots.len());
        for number in (0..count).map(number) {
            match secret_from(&slots, number) {
                Some(secret) => prop_assert_eq!(Some(secret), whole.get(number)),
                None => prop_assert!(lost.covers(number.index())),
            }
        }
    }

    #[test]
    fn which_slot_generates_a_secret_is_known_without_opening_it(count in 1u64..200, at in 0u64..200) {
        let at = number(at % count);
        let whole = stored(&SEED, count);
        let wanted: Vec<_> = whole.slots().filter(|slot| secret_generates(slot.slot, slot.index, at)).cloned().collect();
        prop_assert!(!wanted.is_empty());
        prop_assert_eq!(secret_from(&wanted, at), whole.get(at));
    }

    /// Whoever opens it finds the damage.
    #[test]
    fn a_slot_that_cannot_be_is_not_ruled_out(slot in 49u8.., index in 0u64..1 << 48, at in 0u64..1 << 48) {
        prop_assert!(secret_generates(slot, index, number(at)));
    }

    /// The newest slot may be missing: that is the store as it was before.
    #[test]
    fn a_stored_slot_that_is_missing_doubled_or_altered_is_noticed(count in 4u64..200, which: usize) {
        let slots: Vec<_> = stored(&SEED, count).slots().cloned().collect();
        let older: Vec<_> = (0..slots.len()).filter(|slot| slots[*slot].index != number(count - 1).index()).collect();
        let which = older[which % older.len()];
        let (mut missing, mut doubled, mut misplaced) = (slots.clone(), slots.clone(), slots.clone());
        missing.remove(which);
        doubled.push(slots[which].clone());
        misplaced[which].index ^= 1 << misplaced[which].slot;
        for corrupt in [missing, doubled, misplaced] {
            let refused = RevocationSecrets::from_slots(corrupt);
            let is_corrupt = matches!(refused, Err(ProtocolError::CorruptSecrets { .. }));
            prop_assert!(is_corrupt);
        }
    }
}

#[test]
fn a_stored_secret_that_a_higher_slot_contradicts_is_noticed() {
    // After two secrets slot 1 generates slot 0.
    let mut slots: Vec<_> = stored(&SEED, 2).slots().cloned().collect();
    slots[0].secret = CommitmentSecret([8; 32]);
    assert_eq!(
        RevocationSecrets::from_slots(slots),
        Err(ProtocolError::CorruptSecrets { slot: 0 })
    );
}

#[test]
fn the_last_secret_of_all_fills_the_49th_slot_and_none_follows() {
    let mut store = RevocationSecrets::from_slots(slots_down_to(1)).unwrap();
    assert_eq!(store.next_number(), Some(CommitmentNumber::MAX));
    let last = commitment_secret(&SEED, CommitmentNumber::MAX);
    assert_eq!(
        store
            .insert(CommitmentNumber::MAX, last.clone())
            .unwrap()
            .slot,
        48
    );
    assert_eq!(store.slots().count(), 49);
    assert_eq!(store.next_number(), None);
    assert_eq!(
        store.insert(CommitmentNumber::MAX, last),
        Err(ProtocolError::SecretsExhausted)
    );
    assert_eq!(
        store.get(CommitmentNumber::ZERO),
        Some(commitment_secret(&SEED, CommitmentNumber::ZERO))
    );
}

#[test]
fn bytes_that_are_no_secret_key_have_no_point() {
    assert_eq!(
        CommitmentSecret([0; 32]).point(),
        Err(ProtocolError::InvalidSecret)
    );
    assert_eq!(
        CommitmentSecret([0xff; 32]).point(),
        Err(ProtocolError::InvalidSecret)
    );
}

#[test]
fn a_secret_is_not_printed_alone_or_in_a_slot() {
    let slot = SecretSlot {
        slot: 0,
        index: 1,
        secret: CommitmentSecret([0xab; 32]),
    };
    assert_eq!(
        format!("{slot:?}"),
        "SecretSlot { slot: 0, index: 1, secret: CommitmentSecret(..) }"
    );
}
