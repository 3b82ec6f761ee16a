use super::*;

#[test]
fn commitment_numbers_have_48_bits() {
    assert_eq!(
        CommitmentNumber::new((1 << 48) - 1),
        Ok(CommitmentNumber::MAX)
    );
    assert_eq!(
        CommitmentNumber::new(1 << 48),
        Err(ProtocolError::CommitmentNumberTooLarge(1 << 48))
    );
    assert_eq!(
        CommitmentNumber::new(u64::MAX),
        Err(ProtocolError::CommitmentNumberTooLarge(u64::MAX))
    );
}

#[test]
fn no_commitment_number_follows_the_last() {
    assert_eq!(CommitmentNumber::ZERO.next(), CommitmentNumber::new(1));
    assert_eq!(
        CommitmentNumber::MAX.next(),
        Err(ProtocolError::CommitmentNumberTooLarge(1 << 48))
    );
}

#[test]
fn secret_indexes_count_down_from_the_last_number() {
    assert_eq!(CommitmentNumber::ZERO.index(), (1 << 48) - 1);
    assert_eq!(CommitmentNumber::MAX.index(), 0);
    for number in [
        CommitmentNumber::ZERO,
        CommitmentNumber(1),
        CommitmentNumber::MAX,
    ] {
        assert_eq!(CommitmentNumber::from_index(number.index()), Ok(number));
    }
    assert_eq!(
        CommitmentNumber::from_index(1 << 48),
        Err(ProtocolError::CommitmentNumberTooLarge(1 << 48))
    );
}

#[test]
fn a_number_that_is_too_large_cannot_be_read_from_storage() {
    assert_eq!(
        serde_json::from_str::<CommitmentNumber>("42").unwrap(),
        CommitmentNumber(42)
    );
    assert!(serde_json::from_str::<CommitmentNumber>("281474976710656").is_err());
}

#[test]
fn a_payment_hash_is_written_as_hex_and_read_back() {
    let hash = Preimage::new([1; 32]).hash();
    let text = serde_json::to_string(&hash).unwrap();
    assert_eq!(text, format!("\"{hash}\""));
    assert_eq!(serde_json::from_str::<PaymentHash>(&text).unwrap(), hash);
    assert!(serde_json::from_str::<PaymentHash>("\"00\"").is_err());
}

#[test]
fn a_preimage_is_not_printed() {
    assert_eq!(format!("{:?}", Preimage::new([0xab; 32])), "Preimage(..)");
}

#[test]
fn an_htlc_changes_its_direction_on_the_other_sides_commitment() {
    assert_eq!(HtlcKind::Offered.mirrored(), HtlcKind::Received);
    assert_eq!(HtlcKind::Received.mirrored(), HtlcKind::Offered);
    assert_eq!(Party::Local.other(), Party::Remote);
    assert_eq!(Party::Remote.other(), Party::Local);
}
