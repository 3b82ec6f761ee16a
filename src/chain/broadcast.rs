//! What became of a transaction that was offered to the network.

use bitcoin::Txid;
use serde::{Deserialize, Serialize};

/// What a server answered to a broadcast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BroadcastOutcome {
    /// Taken into the mempool.
    Accepted,
    /// Already in the mempool or in a block.
    AlreadyKnown,
    /// Another transaction spends one of its inputs, or an input does not exist (any more).
    Conflicts {
        /// The other transaction, if the server names it.
        with: Option<Txid>,
        /// What the server said.
        text: String,
    },
    /// It pays less than the mempool, or a replacement, demands.
    FeeTooLow {
        /// What the server said.
        text: String,
    },
    /// No answer was had; it may or may not have been taken.
    Unreachable {
        /// What the connection said.
        text: String,
    },
    /// Refused for a reason of its own.
    Other {
        /// What the server said.
        text: String,
    },
}

/// Words of a refusal by Bitcoin Core (and its derivatives), which servers hand on as text, and what they mean. The first
/// that occurs decides. Source: the reject reasons of `validation.cpp` and `policy/rbf.cpp`, and the errors of
/// `sendrawtransaction`.
const REASONS: [(&str, Reason); 21] = [
    ("txn-already-in-mempool", Reason::Known),
    ("txn-already-known", Reason::Known),
    ("txn-same-nonwitness-data-in-mempool", Reason::Known),
    ("already in block chain", Reason::Known),
    ("outputs already in utxo set", Reason::Known),
    // A replacement that pays too little names the fee first, and conflicts second.
    ("insufficient fee", Reason::Fee),
    ("min relay fee not met", Reason::Fee),
    ("mempool min fee not met", Reason::Fee),
    ("mempool full", Reason::Fee),
    ("insufficient feerate", Reason::Fee),
    ("fee-too-low", Reason::Fee),
    ("txn-mempool-conflict", Reason::Conflict),
    ("bad-txns-inputs-missingorspent", Reason::Conflict),
    ("missing inputs", Reason::Conflict),
    ("missing-inputs", Reason::Conflict),
    ("bad-txns-spends-conflicting-tx", Reason::Conflict),
    ("replacement-adds-unconfirmed", Reason::Conflict),
    ("too many potential replacements", Reason::Conflict),
    ("bip125-replacement-disallowed", Reason::Conflict),
    ("inputs-spent", Reason::Conflict),
    // Of a package: its parent was refused, and so is not there to be spent.
    ("package-not-validated", Reason::Conflict),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    Known,
    Fee,
    Conflict,
}

impl BroadcastOutcome {
    /// Reads a server's answer to a broadcast: its status code and the text that came with it.
    pub fn from_answer(status: u16, text: &str) -> Self {
        if (200..300).contains(&status) {
            return Self::Accepted;
        }
        match Self::refused(text) {
            // A server in trouble, or one that wants us to slow down, has not looked at the transaction.
            Self::Other { text } if status == 429 || status >= 500 => Self::Unreachable { text },
            outcome @ (Self::Accepted
            | Self::AlreadyKnown
            | Self::Conflicts { .. }
            | Self::FeeTooLow { .. }
            | Self::Unreachable { .. }
            | Self::Other { .. }) => outcome,
        }
    }

    /// Reads a node's reason for a refusal.
    pub(super) fn refused(text: &str) -> Self {
        let lower = text.to_lowercase();
        let reason = REASONS
            .iter()
            .find(|(words, _)| lower.contains(words))
            .map(|(_, reason)| reason);
        let text = text.to_owned();
        match reason {
            Some(Reason::Known) => Self::AlreadyKnown,
            Some(Reason::Fee) => Self::FeeTooLow { text },
            Some(Reason::Conflict) => Self::Conflicts {
                with: named_transaction(&lower),
                text,
            },
            None => Self::Other { text },
        }
    }
}

/// A transaction id that stands in the text.
fn named_transaction(text: &str) -> Option<Txid> {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .filter(|word| word.len() == 64)
        .find_map(|word| word.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(message: &str) -> BroadcastOutcome {
        let text = format!(r#"sendrawtransaction RPC error: {{"code":-26,"message":"{message}"}}"#);
        BroadcastOutcome::from_answer(400, &text)
    }

    #[test]
    fn a_success_is_accepted() {
        assert_eq!(
            BroadcastOutcome::from_answer(200, "any id"),
            BroadcastOutcome::Accepted
        );
    }

    #[test]
    fn what_the_network_has_already_is_known_in_the_mempool_and_in_a_block() {
        for message in [
            "txn-already-in-mempool",
            "txn-already-known",
            "Transaction outputs already in utxo set",
        ] {
            assert_eq!(
                refusal(message),
                BroadcastOutcome::AlreadyKnown,
                "{message}"
            );
        }
    }

    #[test]
    fn a_spent_or_missing_input_is_a_conflict() {
        for message in [
            "txn-mempool-conflict",
            "bad-txns-inputs-missingorspent",
            "Missing inputs",
        ] {
            assert!(
                matches!(refusal(message), BroadcastOutcome::Conflicts { .. }),
                "{message}"
            );
        }
    }

    #[test]
    fn a_conflict_names_the_other_transaction_when_the_server_does() {
        let other = "ab".repeat(32);
        let outcome = refusal(&format!(
            "bad-txns-spends-conflicting-tx, spends conflicting transaction {other}"
        ));
        let expected = other.parse().unwrap();
        assert!(
            matches!(outcome, BroadcastOutcome::Conflicts { with: Some(with), .. } if with == expected)
        );
    }

    #[test]
    fn too_low_a_fee_is_told_apart_from_a_conflict_also_for_a_replacement() {
        let replacement = format!(
            "insufficient fee, rejecting replacement {}; new feerate too low",
            "cd".repeat(32)
        );
        for message in [
            "min relay fee not met, 100 < 141",
            "mempool min fee not met",
            &replacement,
        ] {
            assert!(
                matches!(refusal(message), BroadcastOutcome::FeeTooLow { .. }),
                "{message}"
            );
        }
    }

    #[test]
    fn a_server_in_trouble_has_not_looked_at_the_transaction() {
        for status in [429, 500, 502, 503] {
            let outcome = BroadcastOutcome::from_answer(status, "try later");
            assert!(
                matches!(outcome, BroadcastOutcome::Unreachable { .. }),
                "{status}"
            );
        }
    }

    #[test]
    fn any_other_refusal_keeps_its_text() {
        let expected = "non-BIP68-final";
        assert!(
            matches!(refusal(expected), BroadcastOutcome::Other { text } if text.contains(expected))
        );
    }
}
