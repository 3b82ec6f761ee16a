use bitcoin::hashes::Hash;
use bitcoin::{PubkeyHash, ScriptHash, Txid, WPubkeyHash, WScriptHash};

use super::*;
use crate::protocol::fixtures::{commitment_keys, spec};
use crate::protocol::ChannelType;

const DUST_LIMIT: Amount = Amount::from_sat(546);
const FEE: Amount = Amount::from_sat(1_000);

fn funding() -> Funding {
    let outpoint = OutPoint {
        txid: Txid::from_byte_array([7; 32]),
        vout: 0,
    };
    let keys = commitment_keys();
    Funding {
        outpoint,
        capacity: Amount::from_sat(1_000_000),
        keys: [keys.owner_funding, keys.counterparty_funding],
    }
}

fn p2wpkh(byte: u8) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&WPubkeyHash::from_byte_array([byte; 20]))
}

fn side(byte: u8, balance_msat: u64) -> ClosingSide {
    ClosingSide {
        script_pubkey: p2wpkh(byte),
        balance_msat,
    }
}

fn data(script: &[u8]) -> ScriptBuf {
    ScriptBuf::from(script.to_vec())
}

fn legacy(
    opener: &ClosingSide,
    accepter: &ClosingSide,
    outputs: ClosingOutputs,
) -> Result<Transaction, ProtocolError> {
    let funding = &funding();
    LegacyClosing {
        funding,
        opener,
        accepter,
        fee: FEE,
        dust_limit: DUST_LIMIT,
        outputs,
    }
    .build()
}

fn simple(
    closer: &ClosingSide,
    closee: &ClosingSide,
    outputs: ClosingOutputs,
) -> Result<Transaction, ProtocolError> {
    let (funding, lock_time) = (&funding(), LockTime::from_consensus(800_000));
    SimpleClosing {
        funding,
        closer,
        closee,
        fee: FEE,
        lock_time,
        outputs,
    }
    .build()
}

/// Value and first byte of the script's hash of every output.
fn paid(tx: &Transaction) -> Vec<(u64, u8)> {
    tx.output
        .iter()
        .map(|output| (output.value.to_sat(), output.script_pubkey.as_bytes()[2]))
        .collect()
}

mod legacy_close {
    use super::*;

    #[test]
    fn it_is_final_has_no_lock_time_and_the_opener_pays() {
        let tx = legacy(
            &side(1, 600_000_999),
            &side(2, 399_999_001),
            ClosingOutputs::Both,
        )
        .unwrap();
        assert_eq!((tx.version, tx.lock_time), (Version::TWO, LockTime::ZERO));
        assert_eq!(
            (tx.input[0].previous_output, tx.input[0].sequence),
            (funding().outpoint, Sequence::MAX)
        );
        assert_eq!(paid(&tx), [(399_999, 2), (599_000, 1)]);
    }

    #[test]
    fn an_output_below_the_dust_limit_is_left_out() {
        let tx = |accepter_msat| {
            legacy(
                &side(1, 900_000_000),
                &side(2, accepter_msat),
                ClosingOutputs::Both,
            )
            .unwrap()
        };
        assert_eq!(paid(&tx(546_000)), [(546, 2), (899_000, 1)]);
        assert_eq!(paid(&tx(545_999)), [(899_000, 1)]);
    }

    #[test]
    fn a_side_may_leave_out_its_own_output() {
        let tx = |outputs| legacy(&side(1, 600_000_000), &side(2, 400_000_000), outputs).unwrap();
        assert_eq!(paid(&tx(ClosingOutputs::PayerOnly)), [(599_000, 1)]);
        assert_eq!(paid(&tx(ClosingOutputs::OtherOnly)), [(400_000, 2)]);
    }

    #[test]
    fn outputs_of_equal_value_are_ordered_by_their_script() {
        let tx = legacy(
            &side(2, 301_000_000),
            &side(1, 300_000_000),
            ClosingOutputs::Both,
        )
        .unwrap();
        assert_eq!(paid(&tx), [(300_000, 1), (300_000, 2)]);
    }

    #[test]
    fn a_fee_above_the_openers_balance_is_refused() {
        let result = legacy(
            &side(1, 999_999),
            &side(2, 500_000_000),
            ClosingOutputs::Both,
        );
        let balance = Amount::from_sat(999);
        assert_eq!(
            result,
            Err(ProtocolError::ClosingFeeTooHigh { fee: FEE, balance })
        );
    }

    #[test]
    fn balances_above_the_capacity_are_refused() {
        let build = |one, other| legacy(&side(1, one), &side(2, other), ClosingOutputs::Both);
        let above = |field| {
            Err(ProtocolError::AboveCapacity {
                field,
                capacity: funding().capacity,
            })
        };
        assert_eq!(build(1_000_000_001, 0), above(Field::FeePayer));
        assert_eq!(build(u64::MAX, u64::MAX), above(Field::FeePayer));
        assert_eq!(build(600_000_000, 400_000_001), above(Field::OtherSide));
    }

    #[test]
    fn a_close_without_outputs_is_none() {
        let result = legacy(&side(1, 1_100_000), &side(2, 100_000), ClosingOutputs::Both);
        assert_eq!(result, Err(ProtocolError::NoOutputs));
    }
}

mod simple_close {
    use super::*;

    #[test]
    fn it_can_be_replaced_has_the_lock_time_named_and_the_closer_pays() {
        let tx = simple(
            &side(1, 600_000_999),
            &side(2, 399_999_001),
            ClosingOutputs::Both,
        )
        .unwrap();
        assert_eq!(
            (tx.version, tx.lock_time.to_consensus_u32()),
            (Version::TWO, 800_000)
        );
        assert_eq!(tx.input[0].sequence.to_consensus_u32(), 0xffff_fffd);
        assert_eq!(paid(&tx), [(399_999, 2), (599_000, 1)]);
    }

    #[test]
    fn either_output_can_be_left_out() {
        let tx = |outputs| simple(&side(1, 600_000_000), &side(2, 400_000_000), outputs).unwrap();
        assert_eq!(paid(&tx(ClosingOutputs::PayerOnly)), [(599_000, 1)]);
        assert_eq!(paid(&tx(ClosingOutputs::OtherOnly)), [(400_000, 2)]);
    }

    #[test]
    fn an_op_return_output_holds_nothing() {
        let mut closer = side(1, 600_000_000);
        closer.script_pubkey = data(&[0x6a, 6, 1, 2, 3, 4, 5, 6]);
        let tx = simple(&closer, &side(2, 400_000_000), ClosingOutputs::Both).unwrap();
        assert_eq!(
            tx.output[0],
            TxOut {
                value: Amount::ZERO,
                script_pubkey: closer.script_pubkey
            }
        );
        assert_eq!(tx.output[1].value.to_sat(), 400_000);
    }

    #[test]
    fn dust_is_refused_instead_of_left_out() {
        let result = |closee_msat| {
            simple(
                &side(1, 900_000_000),
                &side(2, closee_msat),
                ClosingOutputs::Both,
            )
        };
        assert!(result(294_000).is_ok());
        assert_eq!(
            result(293_999),
            Err(ProtocolError::DustOutput {
                value: Amount::from_sat(293)
            })
        );
    }
}

mod recognition {
    use super::*;

    fn is_cooperative(tx: &Transaction) -> bool {
        is_cooperative_close(tx, funding().outpoint, |script| {
            *script == *p2wpkh(1) || *script == *p2wpkh(2)
        })
    }

    #[test]
    fn both_kinds_of_close_are_recognised_with_one_output_or_two() {
        let (one, other) = (side(1, 600_000_000), side(2, 400_000_000));
        for outputs in [
            ClosingOutputs::Both,
            ClosingOutputs::PayerOnly,
            ClosingOutputs::OtherOnly,
        ] {
            assert!(is_cooperative(&legacy(&one, &other, outputs).unwrap()));
            assert!(is_cooperative(&simple(&one, &other, outputs).unwrap()));
        }
    }

    #[test]
    fn a_transaction_with_an_output_to_someone_else_is_not_a_close() {
        let tx = legacy(
            &side(1, 600_000_000),
            &side(3, 400_000_000),
            ClosingOutputs::Both,
        )
        .unwrap();
        assert!(!is_cooperative(&tx));
    }

    #[test]
    fn a_transaction_with_another_sequence_input_or_no_output_is_not_a_close() {
        let close = legacy(
            &side(1, 600_000_000),
            &side(2, 400_000_000),
            ClosingOutputs::Both,
        )
        .unwrap();
        let changed = |change: fn(&mut Transaction)| {
            let mut tx = close.clone();
            change(&mut tx);
            is_cooperative(&tx)
        };
        assert!(!changed(
            |tx| tx.input[0].sequence = Sequence::ENABLE_LOCKTIME_NO_RBF
        ));
        assert!(!changed(|tx| tx.input[0].previous_output.vout = 1));
        assert!(!changed(|tx| tx.input.push(TxIn::default())));
        assert!(!changed(|tx| tx.output.clear()));
    }

    #[test]
    fn a_commitment_is_not_a_close_even_if_every_script_is_known() {
        let keys = commitment_keys();
        let tx = spec(ChannelType::StaticRemotekey, &keys)
            .build()
            .unwrap()
            .tx;
        assert!(!is_cooperative_close(
            &tx,
            tx.input[0].previous_output,
            |_| true
        ));
    }
}

#[test]
fn the_forms_of_shutdown_scripts_are_told_apart() {
    let push = |opcode: u8, prefix: &[u8], length: u8| {
        let head = [&[opcode], prefix, &[length]].concat();
        data(&[head, vec![1; usize::from(length)]].concat())
    };
    let forms = [
        (p2wpkh(1), Some(ShutdownForm::SegwitV0)),
        (
            ScriptBuf::new_p2wsh(&WScriptHash::from_byte_array([1; 32])),
            Some(ShutdownForm::SegwitV0),
        ),
        (
            ScriptBuf::new_p2pkh(&PubkeyHash::from_byte_array([1; 20])),
            Some(ShutdownForm::BeforeSegwit),
        ),
        (
            ScriptBuf::new_p2sh(&ScriptHash::from_byte_array([1; 20])),
            Some(ShutdownForm::BeforeSegwit),
        ),
        (push(0x51, &[], 32), Some(ShutdownForm::LaterSegwit)),
        (push(0x60, &[], 2), Some(ShutdownForm::LaterSegwit)),
        (push(0x51, &[], 40), Some(ShutdownForm::LaterSegwit)),
        (push(0x51, &[], 1), None),
        (push(0x51, &[], 41), None),
        (push(0x00, &[], 21), None),
        (push(0x6a, &[], 5), None),
        (push(0x6a, &[], 6), Some(ShutdownForm::Data)),
        (push(0x6a, &[], 75), Some(ShutdownForm::Data)),
        (push(0x6a, &[76], 75), None),
        (push(0x6a, &[76], 76), Some(ShutdownForm::Data)),
        (push(0x6a, &[76], 80), Some(ShutdownForm::Data)),
        (push(0x6a, &[76], 81), None),
        (data(&[0x6a, 6, 1]), None),
        (data(&[]), None),
    ];
    for (script, form) in forms {
        assert_eq!(shutdown_form(&script), form, "{script}");
    }
}
