//! The order of a transaction's outputs, which both sides must agree on without talking about it (BIP 69, BOLT 3).

use std::cmp::Ordering;

use bitcoin::{Amount, Script};

/// By value, then by script – a shorter one before those that begin with it.
pub(crate) fn bip69(one: (Amount, &Script), other: (Amount, &Script)) -> Ordering {
    (one.0, one.1.as_bytes()).cmp(&(other.0, other.1.as_bytes()))
}

#[cfg(test)]
mod tests {
    use bitcoin::ScriptBuf;

    use super::*;

    fn sorted(mut outputs: Vec<(u64, &[u8])>) -> Vec<(u64, &[u8])> {
        outputs.sort_by(|one, other| {
            let (a, b) = (
                ScriptBuf::from(one.1.to_vec()),
                ScriptBuf::from(other.1.to_vec()),
            );
            bip69(
                (Amount::from_sat(one.0), &a),
                (Amount::from_sat(other.0), &b),
            )
        });
        outputs
    }

    #[test]
    fn the_lesser_value_comes_first_whatever_the_script() {
        assert_eq!(
            sorted(vec![(2, b"a"), (1, b"b")]),
            vec![(1, &b"b"[..]), (2, b"a")]
        );
    }

    #[test]
    fn equal_values_are_ordered_by_the_bytes_of_the_script_and_then_by_its_length() {
        assert_eq!(
            sorted(vec![(1, b"b"), (1, b"ab"), (1, b"a")]),
            vec![(1, &b"a"[..]), (1, b"ab"), (1, b"b")]
        );
    }
}
