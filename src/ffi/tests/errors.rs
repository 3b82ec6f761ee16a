use std::collections::HashSet;

use bitcoin::hashes::Hash;
use bitcoin::{Amount, Txid};

use super::*;
use crate::channel::{self, Refusal as CoreRefusal, UpdateError};
use crate::protocol::{self, ProtocolError};

/// One of each.
fn update_errors() -> Vec<UpdateError> {
    let channel = bitcoin::OutPoint::new(Txid::all_zeros(), 3);
    let party = protocol::Party::Remote;
    let capacity = Amount::from_sat(5);
    let (number, expected, claimed_msat) = (7, 8, 9);
    let htlc = channel::HtlcKey {
        direction: channel::Direction::Incoming,
        id: 4,
    };
    let (field, reason) = ("a field", "a reason");
    vec![
        UpdateError::Terms {
            channel,
            field,
            reason: reason.into(),
        },
        UpdateError::TermsDiffer { channel, field },
        UpdateError::OutOfOrder {
            channel,
            party,
            number,
            expected,
        },
        UpdateError::AlreadyRevoked {
            channel,
            party,
            number,
        },
        UpdateError::AboveCapacity {
            channel,
            claimed_msat,
            capacity,
        },
        UpdateError::Unbalanced {
            channel,
            claimed_msat,
            capacity,
        },
        UpdateError::Htlc {
            channel,
            htlc,
            field,
            reason,
        },
        UpdateError::FundingSignatures {
            channel,
            funding: channel,
            reason,
        },
        UpdateError::CommitmentSignature { channel, number },
        UpdateError::HtlcSignatureCount {
            channel,
            given: 1,
            expected: 2,
        },
        UpdateError::HtlcSignature {
            channel,
            index: 1,
            htlc,
        },
        UpdateError::PerCommitmentPoint { channel, number },
        UpdateError::WrongSecret { channel, number },
        UpdateError::UnknownHtlc { channel, htlc },
        UpdateError::ShortChannelIdTaken {
            channel,
            id: protocol::ShortChannelId::from_u64(1),
            taken_by: channel,
        },
        UpdateError::Closing {
            channel,
            reason: CoreRefusal::Ended,
        },
        UpdateError::ClosingTransaction { channel, reason },
        UpdateError::BehindPeer {
            channel,
            ours: 1,
            peers: 2,
        },
        UpdateError::ReestablishSecret { channel, number },
        UpdateError::Protocol {
            channel,
            source: ProtocolError::NoOutputs,
        },
    ]
}

#[test]
fn every_reason_to_refuse_an_update_is_a_case_of_its_own() {
    let errors = update_errors();
    let cases: HashSet<_> = errors
        .iter()
        .map(|error| std::mem::discriminant(&ArbitratorError::from(error.clone())))
        .collect();
    assert_eq!(cases.len(), errors.len());
}

#[test]
fn every_refusal_says_in_a_sentence_which_channel_it_is_about() {
    for error in update_errors() {
        let text = ArbitratorError::from(error.clone()).to_string();
        let channel = format!("{}:3", "00".repeat(32));
        assert!(text.starts_with(&format!("channel {channel}: ")), "{text}");
        assert!(text.len() > channel.len() + 15, "{text}");
    }
}

#[test]
fn an_error_carries_its_data() {
    let error = UpdateError::HtlcSignature {
        channel: bitcoin::OutPoint::new(Txid::all_zeros(), 3),
        index: 2,
        htlc: channel::HtlcKey {
            direction: channel::Direction::Outgoing,
            id: 5,
        },
    };
    assert_eq!(
        ArbitratorError::from(error),
        ArbitratorError::HtlcSignature {
            channel: OutPoint {
                txid: "00".repeat(32),
                vout: 3
            },
            index: 2,
            htlc: HtlcKey {
                direction: Direction::Outgoing,
                id: 5
            },
        }
    );
}

#[test]
fn a_refused_update_of_several_is_named_and_keeps_its_reason() {
    let source = update_errors().remove(2);
    let alone = ArbitratorError::from(source.clone());
    let index = 1;
    let refused = ArbitratorError::from(crate::error::ArbitratorError::UpdateAt { index, source });
    assert_eq!(
        refused.to_string(),
        format!("update 1 of the call: {alone}")
    );
    let (index, refusal) = (1, Box::new(alone));
    assert_eq!(refused, ArbitratorError::UpdateRefused { index, refusal });
}

#[test]
fn a_callback_that_is_late_is_told_from_one_that_failed() {
    let callback = |source| {
        ArbitratorError::from(crate::error::ArbitratorError::Callback {
            callback: "Signer",
            source,
        })
    };
    use crate::error::CalloutError;
    assert_eq!(
        callback(CalloutError::TimedOut {
            limit: std::time::Duration::from_secs(30)
        })
        .to_string(),
        "Signer: no answer within 30000 ms"
    );
    assert_eq!(
        callback(CalloutError::Panicked).to_string(),
        "Signer: it panicked"
    );
}
