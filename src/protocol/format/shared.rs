//! What the formats with segwit version 0 scripts have in common: two outputs, and the ways to spend them.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, EcdsaSighashType, Sequence, Weight};

use super::element::Element;
use super::spend::{SigningKey, SpendPath, SpendTemplate, Spender};
use super::OutputScript;
use crate::protocol::keys::{CommitmentKeys, KeyRole};
use crate::protocol::primitives::{HtlcKind, PaymentHash};

/// No relative delay, replaceable, and lock times count.
pub(super) const REPLACEABLE: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// The spender's own signature always covers the whole transaction.
pub(super) const SIGNATURE: Element = Element::Signature(EcdsaSighashType::All);

/// Fee of a transaction of the expected weight (feerate in satoshi per 1000 weight).
pub(super) fn fee(weight: Weight, feerate_per_kw: u32) -> Amount {
    // BOLT 3: multiply, then divide by 1000, rounding down. Saturation is out of reach: a feerate has 32 bits.
    Amount::from_sat(weight.to_wu().saturating_mul(u64::from(feerate_per_kw)) / 1000)
}

/// Base weight plus this much for each HTLC output.
pub(super) fn commitment_weight(base: u64, untrimmed_htlcs: usize) -> Weight {
    // BOLT 3, appendix A: 43 bytes for an output, times 4.
    const PER_HTLC: u64 = 172;
    let htlcs = u64::try_from(untrimmed_htlcs).unwrap_or(u64::MAX);
    Weight::from_wu(base.saturating_add(htlcs.saturating_mul(PER_HTLC)))
}

/// How `to_local`, or a second-level output, is spent: by the owner after the delay, by the revocation key at once.
pub(super) fn revocable_spends(
    script: &OutputScript,
    delayed: SpendPath,
    revoked: SpendPath,
    keys: &CommitmentKeys,
    to_self_delay: u16,
) -> Vec<SpendTemplate> {
    vec![
        SpendTemplate {
            path: delayed,
            spender: Spender::Owner,
            output: script.clone(),
            sequence: Sequence::from_height(to_self_delay),
            lock_time: LockTime::ZERO,
            signing_key: key(KeyRole::DelayedPayment, keys.delayed_payment),
            elements: vec![SIGNATURE, Element::False, Element::WitnessScript],
        },
        SpendTemplate {
            path: revoked,
            spender: Spender::Counterparty,
            output: script.clone(),
            sequence: REPLACEABLE,
            lock_time: LockTime::ZERO,
            signing_key: key(KeyRole::Revocation, keys.revocation),
            elements: vec![SIGNATURE, Element::True, Element::WitnessScript],
        },
    ]
}

/// What differs between the formats in how an HTLC output is spent.
pub(super) struct HtlcRules {
    /// Sequence of HTLC-timeout and HTLC-success.
    pub second_level_sequence: Sequence,
    /// Sequence of the counterparty's direct spends without the revocation key.
    pub direct_sequence: Sequence,
    /// What the counterparty's signature on the second level covers.
    pub peer_sighash: EcdsaSighashType,
}

/// How an HTLC output is spent: by the owner through the second level, by the counterparty directly, by the revocation key.
pub(super) fn htlc_spends(
    script: &OutputScript,
    kind: HtlcKind,
    payment_hash: PaymentHash,
    cltv_expiry: u32,
    keys: &CommitmentKeys,
    rules: &HtlcRules,
) -> Vec<SpendTemplate> {
    // Who claims gives the preimage and has no time to wait for; who takes back waits for the expiry.
    let expiry = LockTime::from_consensus(cltv_expiry);
    let preimage = Element::Preimage(payment_hash);
    let (owner, counterparty) = match kind {
        HtlcKind::Offered => (
            (
                SpendPath::HtlcTimeoutSecondLevel,
                Element::NoPreimage,
                expiry,
            ),
            (SpendPath::HtlcSuccessDirect, preimage, LockTime::ZERO),
        ),
        HtlcKind::Received => (
            (SpendPath::HtlcSuccessSecondLevel, preimage, LockTime::ZERO),
            (SpendPath::HtlcTimeoutDirect, Element::NoPreimage, expiry),
        ),
    };
    let peer_signature = Element::PeerSignature(rules.peer_sighash);
    vec![
        // First, because what identifies it – the revocation key – would also pass for "no preimage".
        SpendTemplate {
            path: SpendPath::HtlcRevoked,
            spender: Spender::Counterparty,
            output: script.clone(),
            sequence: REPLACEABLE,
            lock_time: LockTime::ZERO,
            signing_key: key(KeyRole::Revocation, keys.revocation),
            elements: vec![
                SIGNATURE,
                Element::PublicKey(keys.revocation),
                Element::WitnessScript,
            ],
        },
        SpendTemplate {
            path: owner.0,
            spender: Spender::Owner,
            output: script.clone(),
            sequence: rules.second_level_sequence,
            lock_time: owner.2,
            signing_key: key(KeyRole::Htlc, keys.owner_htlc),
            elements: vec![
                Element::Empty,
                peer_signature,
                SIGNATURE,
                owner.1,
                Element::WitnessScript,
            ],
        },
        SpendTemplate {
            path: counterparty.0,
            spender: Spender::Counterparty,
            output: script.clone(),
            sequence: rules.direct_sequence,
            lock_time: counterparty.2,
            signing_key: key(KeyRole::Htlc, keys.counterparty_htlc),
            elements: vec![SIGNATURE, counterparty.1, Element::WitnessScript],
        },
    ]
}

/// The key that a template names.
pub(super) fn key(role: KeyRole, public_key: PublicKey) -> Option<SigningKey> {
    Some(SigningKey { role, public_key })
}
