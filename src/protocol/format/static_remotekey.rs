//! `option_static_remotekey`: the balance of the other side lies under its payment basepoint, spendable at once,
//! and every transaction carries its fee from the moment it is signed.

use bitcoin::absolute::LockTime;
use bitcoin::{Amount, CompressedPublicKey, EcdsaSighashType, ScriptBuf, Sequence, Weight};

use super::shared::{self, HtlcRules, REPLACEABLE, SIGNATURE};
use super::{
    Anchors, ContractOutput, Element, Format, OutputScript, SpendPath, SpendTemplate, Spender,
};
use crate::protocol::keys::{CommitmentKeys, KeyRole};
use crate::protocol::primitives::{HtlcKind, PaymentHash};
use crate::protocol::scripts::{self, HtlcDelay};

/// BOLT 3, appendix A: a commitment without HTLC outputs.
const COMMITMENT_BASE_WEIGHT: u64 = 724;
/// BOLT 3, appendix A: HTLC-timeout.
const HTLC_TIMEOUT_WEIGHT: Weight = Weight::from_wu(663);
/// BOLT 3, appendix A: HTLC-success.
const HTLC_SUCCESS_WEIGHT: Weight = Weight::from_wu(703);

const HTLC_RULES: HtlcRules = HtlcRules {
    // BOLT 3: the input of an HTLC transaction has sequence 0.
    second_level_sequence: Sequence::ZERO,
    direct_sequence: REPLACEABLE,
    peer_sighash: EcdsaSighashType::All,
};

pub(super) struct StaticRemotekey;

impl Format for StaticRemotekey {
    fn to_local(&self, keys: &CommitmentKeys, to_self_delay: u16) -> OutputScript {
        OutputScript::p2wsh(scripts::revocable_delayed(keys, to_self_delay))
    }

    fn to_remote(&self, keys: &CommitmentKeys) -> OutputScript {
        let key = CompressedPublicKey(keys.to_remote);
        OutputScript {
            script_pubkey: ScriptBuf::new_p2wpkh(&key.wpubkey_hash()),
            witness_script: None,
        }
    }

    fn anchors(&self, _keys: &CommitmentKeys) -> Option<Anchors> {
        None
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
            HtlcDelay::None,
        ))
    }

    fn second_level_output(&self, keys: &CommitmentKeys, to_self_delay: u16) -> OutputScript {
        OutputScript::p2wsh(scripts::revocable_delayed(keys, to_self_delay))
    }

    fn commitment_weight(&self, untrimmed_htlcs: usize) -> Weight {
        shared::commitment_weight(COMMITMENT_BASE_WEIGHT, untrimmed_htlcs)
    }

    fn anchors_cost(&self) -> Amount {
        Amount::ZERO
    }

    fn second_level_fee(&self, kind: HtlcKind, feerate_per_kw: u32) -> Amount {
        match kind {
            HtlcKind::Offered => shared::fee(HTLC_TIMEOUT_WEIGHT, feerate_per_kw),
            HtlcKind::Received => shared::fee(HTLC_SUCCESS_WEIGHT, feerate_per_kw),
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
                sequence: REPLACEABLE,
                lock_time: LockTime::ZERO,
                signing_key: shared::key(KeyRole::Payment, keys.to_remote),
                elements: vec![SIGNATURE, Element::PublicKey(keys.to_remote)],
            }],
            ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor => Vec::new(),
        }
    }
}
