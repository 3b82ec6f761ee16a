//! The commitment number as it stands in a commitment transaction: obscured, in sequence and lock time (BOLT 3).
//!
//! The two sides find the number again; to everyone else it looks random.

use bitcoin::absolute::LockTime;
use bitcoin::hashes::{sha256, Hash, HashEngine};
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Sequence, Transaction};

use super::primitives::CommitmentNumber;

/// Upper byte of a commitment's lock time: a time long past, so that the transaction is always final.
const LOCK_TIME_TAG: u32 = 0x20;
/// Upper byte of a commitment's sequence: relative locks switched off.
const SEQUENCE_TAG: u32 = 0x80;
/// Half of the obscured number.
const LOW_24_BITS: u64 = 0xff_ffff;

/// What a channel's commitment numbers are XORed with; 48 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObscuringFactor(u64);

impl ObscuringFactor {
    /// From the payment basepoints, the opener's first.
    pub fn new(opener_payment: &PublicKey, accepter_payment: &PublicKey) -> Self {
        let mut engine = sha256::Hash::engine();
        engine.input(&opener_payment.serialize());
        engine.input(&accepter_payment.serialize());
        // BOLT 3: the lower 48 bits of the hash, read as a big-endian number.
        let [.., a, b, c, d, e, f] = sha256::Hash::from_engine(engine).to_byte_array();
        Self(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }

    /// The 48 bits as a number.
    pub fn get(self) -> u64 {
        self.0
    }

    /// Sequence of the input and lock time of the commitment with this number.
    pub(crate) fn tags(self, number: CommitmentNumber) -> (Sequence, LockTime) {
        let obscured = number.get() ^ self.0;
        let upper = low_24_bits(obscured >> 24);
        let lower = low_24_bits(obscured);
        // BOLT 3: the upper half goes into the sequence, the lower into the lock time.
        (
            Sequence(SEQUENCE_TAG << 24 | upper),
            LockTime::from_consensus(LOCK_TIME_TAG << 24 | lower),
        )
    }
}

/// The number of a commitment transaction; `None` if it does not carry the marks of one.
pub fn state_number(tx: &Transaction, obscuring: ObscuringFactor) -> Option<CommitmentNumber> {
    let [input] = tx.input.as_slice() else {
        return None;
    };
    let sequence = input.sequence.to_consensus_u32();
    let lock_time = tx.lock_time.to_consensus_u32();
    if sequence >> 24 != SEQUENCE_TAG || lock_time >> 24 != LOCK_TIME_TAG {
        return None;
    }
    let obscured = (u64::from(sequence) & LOW_24_BITS) << 24 | u64::from(lock_time) & LOW_24_BITS;
    CommitmentNumber::new(obscured ^ obscuring.0).ok()
}

fn low_24_bits(number: u64) -> u32 {
    u32::try_from(number & LOW_24_BITS).expect("24 bits fit into 32")
}

#[cfg(test)]
mod tests {
    use bitcoin::transaction::Version;
    use bitcoin::{OutPoint, TxIn};

    use super::*;

    const FACTOR: ObscuringFactor = ObscuringFactor(0x2bb0_3852_1914);

    fn tagged(sequence: Sequence, lock_time: LockTime) -> Transaction {
        let input = TxIn {
            previous_output: OutPoint::null(),
            sequence,
            ..TxIn::default()
        };
        Transaction {
            version: Version::TWO,
            lock_time,
            input: vec![input],
            output: Vec::new(),
        }
    }

    #[test]
    fn the_number_is_found_again_up_to_the_last_of_48_bits() {
        for number in [0, 1, 42, 0xff_ffff, 0x100_0000, (1 << 48) - 1] {
            let number = CommitmentNumber::new(number).unwrap();
            let (sequence, lock_time) = FACTOR.tags(number);
            assert_eq!(
                state_number(&tagged(sequence, lock_time), FACTOR),
                Some(number)
            );
        }
    }

    #[test]
    fn a_transaction_with_either_tag_missing_has_no_number() {
        let (sequence, lock_time) = FACTOR.tags(CommitmentNumber::ZERO);
        assert_eq!(
            state_number(&tagged(Sequence::MAX, lock_time), FACTOR),
            None
        );
        assert_eq!(
            state_number(&tagged(Sequence::ENABLE_RBF_NO_LOCKTIME, lock_time), FACTOR),
            None
        );
        assert_eq!(
            state_number(&tagged(sequence, LockTime::ZERO), FACTOR),
            None
        );
    }

    #[test]
    fn a_transaction_with_another_count_of_inputs_has_no_number() {
        let (sequence, lock_time) = FACTOR.tags(CommitmentNumber::ZERO);
        let mut tx = tagged(sequence, lock_time);
        tx.input.push(tx.input[0].clone());
        assert_eq!(state_number(&tx, FACTOR), None);
        tx.input.clear();
        assert_eq!(state_number(&tx, FACTOR), None);
    }
}
