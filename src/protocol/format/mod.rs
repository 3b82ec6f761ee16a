//! Channel formats: what a channel type makes of keys, amounts and HTLCs.
//!
//! One file per channel type implements [`Format`]; everything above asks the trait and never the type. A
//! format says which scripts the outputs have, what fees and weights come from them, and in which ways each
//! output can be spent. Those ways are [`SpendTemplate`]s, from which weight, sighash, witness and the
//! recognition of somebody else's witness all follow.

mod anchors;
mod element;
mod shared;
mod spend;
mod static_remotekey;

use bitcoin::{Amount, EcdsaSighashType, ScriptBuf, Sequence, Weight, Witness};
use serde::{Deserialize, Serialize};

use super::commitment::Htlc;
use super::keys::CommitmentKeys;
use super::primitives::{HtlcKind, PaymentHash};
use super::scripts;

pub(super) use element::MAX_SIGNATURE_LENGTH;
pub use element::{Element, WitnessParts};
pub use spend::{RecognisedSpend, SigningKey, SpendPath, SpendTemplate, Spender};

/// The channel type as negotiated at opening (BOLT 2, `channel_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChannelType {
    /// `option_static_remotekey`: fees fixed in the commitment, `to_remote` spendable at once.
    StaticRemotekey,
    /// `option_anchors` with zero-fee HTLC transactions: fees are added when the transactions are used.
    AnchorsZeroFeeHtlc,
}

impl ChannelType {
    /// Every type this library knows.
    pub const ALL: [Self; 2] = [Self::StaticRemotekey, Self::AnchorsZeroFeeHtlc];

    /// The rules of this type.
    pub fn format(self) -> &'static dyn Format {
        match self {
            Self::StaticRemotekey => &static_remotekey::StaticRemotekey,
            Self::AnchorsZeroFeeHtlc => &anchors::AnchorsZeroFeeHtlc,
        }
    }

    /// The (even, compulsory) feature bits that name this type in `channel_type`, ascending (BOLT 9).
    pub fn feature_bits(self) -> &'static [u16] {
        match self {
            Self::StaticRemotekey => &[12],
            Self::AnchorsZeroFeeHtlc => &[12, 22],
        }
    }

    /// The type with exactly these feature bits, in any order.
    ///
    /// `option_scid_alias` (46) and `option_zeroconf` (50) say nothing about transactions and are passed over.
    pub fn from_feature_bits(bits: &[u16]) -> Option<Self> {
        const NOT_ABOUT_TRANSACTIONS: [u16; 2] = [46, 50];
        let mut bits: Vec<u16> = bits
            .iter()
            .copied()
            .filter(|bit| !NOT_ABOUT_TRANSACTIONS.contains(bit))
            .collect();
        bits.sort_unstable();
        Self::ALL
            .into_iter()
            .find(|channel_type| channel_type.feature_bits() == bits)
    }
}

/// The script of an output, together with what has to be shown to spend it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputScript {
    /// What stands in the output.
    pub script_pubkey: ScriptBuf,
    /// The script hashed in it; `None` for P2WPKH.
    pub witness_script: Option<ScriptBuf>,
}

impl OutputScript {
    /// P2WSH of a witness script.
    pub(crate) fn p2wsh(witness_script: ScriptBuf) -> Self {
        Self {
            script_pubkey: scripts::p2wsh(&witness_script),
            witness_script: Some(witness_script),
        }
    }
}

/// The two anchor outputs of a commitment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// The anchor of the commitment's owner.
    pub owner: OutputScript,
    /// The anchor of the owner's counterparty.
    pub counterparty: OutputScript,
    /// What each of them holds.
    pub value: Amount,
}

/// An output that a channel can leave on chain, with everything its script depends on besides
/// the commitment's keys and delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContractOutput {
    /// The owner's balance, delayed and revocable.
    ToLocal,
    /// The counterparty's balance.
    ToRemote,
    /// The owner's anchor.
    OwnerAnchor,
    /// The counterparty's anchor.
    CounterpartyAnchor,
    /// An HTLC that was not trimmed.
    Htlc {
        /// Direction, as the commitment's owner sees it.
        kind: HtlcKind,
        /// The hash it is locked to.
        payment_hash: PaymentHash,
        /// Height from which on the offerer may take it back.
        cltv_expiry: u32,
    },
    /// The output of an HTLC-timeout or HTLC-success transaction, delayed and revocable.
    SecondLevel,
}

/// The rules of one channel type. `keys` and `to_self_delay` are those of the commitment's owner throughout.
pub trait Format: Sync {
    /// Script of `to_local`, delayed by `to_self_delay` blocks.
    fn to_local(&self, keys: &CommitmentKeys, to_self_delay: u16) -> OutputScript;

    /// Script of `to_remote`.
    fn to_remote(&self, keys: &CommitmentKeys) -> OutputScript;

    /// The anchors, where the format has them.
    fn anchors(&self, keys: &CommitmentKeys) -> Option<Anchors>;

    /// Script of an HTLC output.
    fn htlc(
        &self,
        kind: HtlcKind,
        payment_hash: &PaymentHash,
        cltv_expiry: u32,
        keys: &CommitmentKeys,
    ) -> OutputScript;

    /// Script of a second-level transaction's output.
    fn second_level_output(&self, keys: &CommitmentKeys, to_self_delay: u16) -> OutputScript;

    /// Weight that a commitment with so many HTLC outputs is taken to have (BOLT 3, appendix A).
    fn commitment_weight(&self, untrimmed_htlcs: usize) -> Weight;

    /// What the opener pays for both anchors, whether or not they are in the transaction.
    fn anchors_cost(&self) -> Amount;

    /// Fee of the second-level transaction at this feerate (satoshi per 1000 weight), rounded down.
    fn second_level_fee(&self, kind: HtlcKind, feerate_per_kw: u32) -> Amount;

    /// Sequence of a second-level transaction's input.
    fn second_level_sequence(&self) -> Sequence;

    /// How the counterparty signs the owner's second-level transactions.
    fn peer_sighash(&self) -> EcdsaSighashType;

    /// Every way the output can be spent; empty when the format has no such output.
    fn spends(
        &self,
        output: &ContractOutput,
        keys: &CommitmentKeys,
        to_self_delay: u16,
    ) -> Vec<SpendTemplate>;

    /// The script of any output; `None` when the format has no such output.
    fn script(
        &self,
        output: &ContractOutput,
        keys: &CommitmentKeys,
        to_self_delay: u16,
    ) -> Option<OutputScript> {
        match output {
            ContractOutput::ToLocal => Some(self.to_local(keys, to_self_delay)),
            ContractOutput::ToRemote => Some(self.to_remote(keys)),
            ContractOutput::OwnerAnchor => self.anchors(keys).map(|anchors| anchors.owner),
            ContractOutput::CounterpartyAnchor => {
                self.anchors(keys).map(|anchors| anchors.counterparty)
            }
            ContractOutput::Htlc {
                kind,
                payment_hash,
                cltv_expiry,
            } => Some(self.htlc(*kind, payment_hash, *cltv_expiry, keys)),
            ContractOutput::SecondLevel => Some(self.second_level_output(keys, to_self_delay)),
        }
    }

    /// One of [`Self::spends`].
    fn spend(
        &self,
        output: &ContractOutput,
        path: SpendPath,
        keys: &CommitmentKeys,
        to_self_delay: u16,
    ) -> Option<SpendTemplate> {
        self.spends(output, keys, to_self_delay)
            .into_iter()
            .find(|template| template.path == path)
    }

    /// In which of its ways the output was spent by an input with this witness; `None` if in none that is known.
    fn recognise(
        &self,
        output: &ContractOutput,
        keys: &CommitmentKeys,
        to_self_delay: u16,
        witness: &Witness,
    ) -> Option<RecognisedSpend> {
        self.spends(output, keys, to_self_delay)
            .iter()
            .find_map(|template| template.recognise(witness))
    }

    /// The opener's base fee: weight times feerate (satoshi per 1000 weight), rounded down.
    fn commitment_fee(&self, feerate_per_kw: u32, untrimmed_htlcs: usize) -> Amount {
        shared::fee(self.commitment_weight(untrimmed_htlcs), feerate_per_kw)
    }

    /// BOLT 3: an HTLC gets no output if what the second level would leave of it is below the owner's dust limit.
    fn is_trimmed(&self, htlc: &Htlc, feerate_per_kw: u32, dust_limit: Amount) -> bool {
        let fee = self.second_level_fee(htlc.kind, feerate_per_kw);
        let left = htlc.value().checked_sub(fee);
        left.is_none_or(|left| left < dust_limit)
    }
}

#[cfg(test)]
mod tests;
