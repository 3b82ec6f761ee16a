//! `option_anchors` with zero-fee HTLC transactions: each side has a small output through which it can raise the
//! commitment's fee, second-level transactions get their fee from inputs added later, and to keep
//! unconfirmed commitments bumpable through the anchors alone, every other output waits for one block.

use bitcoin::absolute::LockTime;
use bitcoin::opcodes::all::{OP_CHECKSIG, OP_CHECKSIGVERIFY, OP_CSV, OP_ENDIF, OP_IFDUP, OP_NOTIF};
use bitcoin::script::Builder;
use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, EcdsaSighashType, Sequence, Weight};

use super::shared::{self, HtlcRules, REPLACEABLE, SIGNATURE};
use super::{
    Anchors, ContractOutput, Element, Format, OutputScript, SpendPath, SpendTemplate, Spender,
};
use crate::protocol::keys::{CommitmentKeys, KeyRole};
use crate::protocol::primitives::{HtlcKind, PaymentHash};
use crate::protocol::scripts::{self, HtlcDelay};

/// BOLT 3, appendix A: a commitment with both anchors and without HTLC outputs.
const COMMITMENT_BASE_WEIGHT: u64 = 1124;
/// BOLT 3: what an anchor holds – the dust threshold of P2WSH.
const ANCHOR_VALUE: Amount = Amount::from_sat(330);
/// BOLT 3: from this depth on anyone can sweep an anchor, so that they do not stay in the UTXO set.
const ANCHOR_DELAY: u16 = 16;
/// BOLT 3: the delay of everything but anchors and revocation.
const ONE_BLOCK: Sequence = Sequence(1);

const HTLC_RULES: HtlcRules = HtlcRules {
    second_level_sequence: ONE_BLOCK,
    direct_sequence: ONE_BLOCK,
    // BOLT 3: the counterparty signs one input and one output, so that the owner can add the fee later.
    peer_sighash: EcdsaSighashType::SinglePlusAnyoneCanPay,
};

pub(super) struct AnchorsZeroFeeHtlc;

impl Format for AnchorsZeroFeeHtlc {
    fn to_local(&self, keys: &CommitmentKeys, to_self_delay: u16) -> OutputScript {
        OutputScript::p2wsh(scripts::revocable_delayed(keys, to_self_delay))
    }

    fn to_remote(&self, keys: &CommitmentKeys) -> OutputScript {
        let script = Builder::new()
            .push_slice(keys.to_remote.serialize())
            .push_opcode(OP_CHECKSIGVERIFY)
            .push_int(1)
            .push_opcode(OP_CSV);
        OutputScript::p2wsh(script.into_script())
    }

    fn anchors(&self, keys: &CommitmentKeys) -> Option<Anchors> {
        Some(Anchors {
            owner: anchor(&keys.owner_funding),
            counterparty: anchor(&keys.counterparty_funding),
            value: ANCHOR_VALUE,
        })
    }

    fn htlc(
        &self,
        kind: HtlcKind,
        payment_hash: &PaymentHash,
        cltv_expiry: u32,
        keys: &CommitmentKeys,
    ) -> OutputScript {
        OutputScript::p2wsh(scripts::htlc(
            kind,
            payment_hash,
            cltv_expiry,
            keys,
            HtlcDelay::OneBlock,
        ))
    }

    fn second_level_output(&self, keys: &CommitmentKeys, to_self_delay: u16) -> OutputScript {
        OutputScript::p2wsh(scripts::revocable_delayed(keys, to_self_delay))
    }

    fn commitment_weight(&self, untrimmed_htlcs: usize) -> Weight {
        shared::commitment_weight(COMMITMENT_BASE_WEIGHT, untrimmed_htlcs)
    }

    fn anchors_cost(&self) -> Amount {
        ANCHOR_VALUE + ANCHOR_VALUE
    }

    fn second_level_fee(&self, kind: HtlcKind, _feerate_per_kw: u32) -> Amount {
        match kind {
            // BOLT 3: with zero-fee HTLC transactions the fee is zero whatever the feerate.
            HtlcKind::Offered | HtlcKind::Received => Amount::ZERO,
        }
    }

    fn second_level_sequence(&self) -> Sequence {
        HTLC_RULES.second_level_sequence
    }

    fn peer_sighash(&self) -> EcdsaSighashType {
        HTLC_RULES.peer_sighash
    }

    fn spends(
        &self,
        output: &ContractOutput,
        keys: &CommitmentKeys,
        to_self_delay: u16,
    ) -> Vec<SpendTemplate> {
        let Some(script) = self.script(output, keys, to_self_delay) else {
            return Vec::new();
        };
        match *output {
            ContractOutput::ToLocal => shared::revocable_spends(
                &script,
                SpendPath::ToLocalDelayed,
                SpendPath::ToLocalRevoked,
                keys,
                to_self_delay,
            ),
            ContractOutput::SecondLevel => shared::revocable_spends(
                &script,
                SpendPath::SecondLevelDelayed,
                SpendPath::SecondLevelRevoked,
                keys,
                to_self_delay,
            ),
            ContractOutput::Htlc {
                kind,
                payment_hash,
                cltv_expiry,
            } => shared::htlc_spends(&script, kind, payment_hash, cltv_expiry, keys, &HTLC_RULES),
            ContractOutput::ToRemote => vec![SpendTemplate {
                path: SpendPath::ToRemote,
                spender: Spender::Counterparty,
                output: script,
                sequence: ONE_BLOCK,
                lock_time: LockTime::ZERO,
                signing_key: shared::key(KeyRole::Payment, keys.to_remote),
                elements: vec![SIGNATURE, Element::WitnessScript],
            }],
            ContractOutput::OwnerAnchor => {
                anchor_spends(&script, Spender::Owner, keys.owner_funding)
            }
            ContractOutput::CounterpartyAnchor => {
                anchor_spends(&script, Spender::Counterparty, keys.counterparty_funding)
            }
        }
    }
}

/// To the funding key at once, to anyone after [`ANCHOR_DELAY`].
fn anchor(funding: &PublicKey) -> OutputScript {
    let script = Builder::new()
        .push_slice(funding.serialize())
        .push_opcode(OP_CHECKSIG)
        .push_opcode(OP_IFDUP)
        .push_opcode(OP_NOTIF)
        .push_int(i64::from(ANCHOR_DELAY))
        .push_opcode(OP_CSV)
        .push_opcode(OP_ENDIF);
    OutputScript::p2wsh(script.into_script())
}

fn anchor_spends(script: &OutputScript, side: Spender, funding: PublicKey) -> Vec<SpendTemplate> {
    vec![
        SpendTemplate {
            path: SpendPath::AnchorOwner,
            spender: side,
            output: script.clone(),
            sequence: REPLACEABLE,
            lock_time: LockTime::ZERO,
            signing_key: shared::key(KeyRole::Funding, funding),
            elements: vec![SIGNATURE, Element::WitnessScript],
        },
        SpendTemplate {
            path: SpendPath::AnchorAnyone,
            spender: Spender::Anyone,
            output: script.clone(),
            sequence: Sequence::from_height(ANCHOR_DELAY),
            lock_time: LockTime::ZERO,
            signing_key: None,
            elements: vec![Element::Empty, Element::WitnessScript],
        },
    ]
}
