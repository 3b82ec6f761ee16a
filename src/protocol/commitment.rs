//! Commitment transactions: what one follows from, what it consists of, and the signatures on it (BOLT 3).
//!
//! How the one becomes the other is in `build`.

mod build;

use bitcoin::secp256k1::{ecdsa, Message, PublicKey};
use bitcoin::{Amount, OutPoint, Transaction, Weight};

use super::error::{ProtocolError, SignatureOf};
use super::format::{ChannelType, ContractOutput, OutputScript};
use super::funding::Funding;
use super::htlc::SecondLevel;
use super::keys::CommitmentKeys;
use super::obscured::ObscuringFactor;
use super::primitives::{CommitmentNumber, HtlcKind, PaymentHash};

/// Marker and flag of a transaction with witnesses: two weight units that the unsigned one lacks.
pub(crate) const SEGWIT_MARKER: Weight = Weight::from_wu(2);

/// An HTLC in a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Htlc {
    /// Direction, as the commitment's owner sees it.
    pub kind: HtlcKind,
    /// Amount in millisatoshi.
    pub amount_msat: u64,
    /// The hash it is locked to.
    pub payment_hash: PaymentHash,
    /// Height from which on its offerer may take it back.
    pub cltv_expiry: u32,
}

impl Htlc {
    /// What an output of a commitment can hold of it: whole satoshis, rounded down.
    pub fn value(&self) -> Amount {
        // BOLT 3: amounts are rounded down, and the rest is the miners'.
        Amount::from_sat(self.amount_msat / 1000)
    }

    /// Its output, as the format sees it.
    pub fn contract(&self) -> ContractOutput {
        ContractOutput::Htlc {
            kind: self.kind,
            payment_hash: self.payment_hash,
            cltv_expiry: self.cltv_expiry,
        }
    }
}

/// Which of the two opened the channel, and so pays the fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opener {
    /// The commitment's owner.
    Owner,
    /// The owner's counterparty.
    Counterparty,
}

/// Everything a commitment transaction follows from. All is as its owner sees it.
#[derive(Clone, Copy, Debug)]
pub struct CommitmentSpec<'a> {
    /// The output it spends.
    pub funding: OutPoint,
    /// Value of that output.
    pub capacity: Amount,
    /// The rules.
    pub channel_type: ChannelType,
    /// The keys of this commitment.
    pub keys: &'a CommitmentKeys,
    /// What the channel's commitment numbers are hidden with.
    pub obscuring: ObscuringFactor,
    /// Which commitment of this owner.
    pub number: CommitmentNumber,
    /// Who pays.
    pub opener: Opener,
    /// The owner's `dust_limit_satoshis`.
    pub dust_limit: Amount,
    /// The delay on the owner's outputs, in blocks; its counterparty asked for it.
    pub to_self_delay: u16,
    /// Satoshi per 1000 weight.
    pub feerate_per_kw: u32,
    /// The owner's balance, before fees and anchors.
    pub to_owner_msat: u64,
    /// The counterparty's balance, before fees and anchors.
    pub to_counterparty_msat: u64,
    /// All HTLCs, trimmed ones included.
    pub htlcs: &'a [Htlc],
}

/// What an output of a commitment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputRole {
    /// The owner's balance.
    ToLocal,
    /// The counterparty's balance.
    ToRemote,
    /// The owner's anchor.
    OwnerAnchor,
    /// The counterparty's anchor.
    CounterpartyAnchor,
    /// The HTLC at this position of [`CommitmentSpec::htlcs`].
    Htlc(usize),
}

/// An output of a commitment, with what it takes to spend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentOutput {
    /// What it is.
    pub role: OutputRole,
    /// What it is to the format, for [`Format::spends`](super::Format::spends).
    pub contract: ContractOutput,
    /// Its script.
    pub script: OutputScript,
    /// Its value.
    pub value: Amount,
}

/// A commitment transaction, unsigned, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The transaction; its witness is empty.
    pub tx: Transaction,
    /// One for each output of `tx`, in the same order.
    pub outputs: Vec<CommitmentOutput>,
    /// Positions of the HTLCs that got no output.
    pub trimmed: Vec<usize>,
    /// The base fee. What the miners get is this, whatever was trimmed, and what was rounded off; less where the opener
    /// cannot pay it all.
    pub fee: Amount,
    /// What it spends; the owner's key first.
    pub funding: Funding,
}

impl CommitmentSpec<'_> {
    /// The second-level transactions of a commitment built from this, in the order of its HTLC outputs, which is the
    /// order of the signatures in `commitment_signed`.
    ///
    /// Errors: [`ProtocolError::NotAnHtlcOutput`] if the commitment was built from something else.
    pub fn second_levels(
        &self,
        commitment: &Commitment,
    ) -> Result<Vec<SecondLevel>, ProtocolError> {
        let txid = commitment.tx.compute_txid();
        commitment
            .htlc_outputs()
            .map(|(vout, index)| {
                let htlc = self
                    .htlcs
                    .get(index)
                    .ok_or(ProtocolError::NotAnHtlcOutput { vout })?;
                SecondLevel::new(
                    self.channel_type,
                    OutPoint { txid, vout },
                    htlc,
                    self.keys,
                    self.to_self_delay,
                    self.feerate_per_kw,
                )
            })
            .collect()
    }

    /// Checks what the counterparty sent with `commitment_signed`: its signature, and one for each HTLC output.
    ///
    /// Errors: [`ProtocolError::WrongSignature`], which names the HTLC by its position in [`Self::htlcs`];
    /// [`ProtocolError::HtlcSignatureCount`].
    pub fn verify(
        &self,
        commitment: &Commitment,
        signature: &ecdsa::Signature,
        htlc_signatures: &[ecdsa::Signature],
    ) -> Result<(), ProtocolError> {
        commitment.verify_signature(signature, &self.keys.counterparty_funding)?;
        let second_levels = self.second_levels(commitment)?;
        if second_levels.len() != htlc_signatures.len() {
            let (expected, got) = (second_levels.len(), htlc_signatures.len());
            return Err(ProtocolError::HtlcSignatureCount { expected, got });
        }
        let signed = second_levels
            .iter()
            .zip(htlc_signatures)
            .zip(commitment.htlc_outputs());
        signed
            .into_iter()
            .try_for_each(|((second_level, signature), (_, position))| {
                second_level.verify_peer_signature(
                    signature,
                    &self.keys.counterparty_htlc,
                    position,
                )
            })
    }
}

impl Commitment {
    /// What both sides sign.
    pub fn sighash(&self) -> Result<Message, ProtocolError> {
        self.funding.sighash(&self.tx, 0)
    }

    /// Checks one side's signature. Error: [`ProtocolError::WrongSignature`].
    pub fn verify_signature(
        &self,
        signature: &ecdsa::Signature,
        funding_key: &PublicKey,
    ) -> Result<(), ProtocolError> {
        self.funding
            .verify(&self.tx, 0, signature, funding_key, SignatureOf::Commitment)
    }

    /// The transaction with the signatures of its owner and of the owner's counterparty; they are not checked.
    pub fn signed(&self, owner: &ecdsa::Signature, counterparty: &ecdsa::Signature) -> Transaction {
        let mut tx = self.tx.clone();
        for input in &mut tx.input {
            input.witness = self.funding.witness([owner, counterparty]);
        }
        tx
    }

    /// Output index and position in [`CommitmentSpec::htlcs`] of every HTLC that has an output, in output order.
    pub fn htlc_outputs(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        (0u32..)
            .zip(&self.outputs)
            .filter_map(|(vout, output)| match output.role {
                OutputRole::Htlc(index) => Some((vout, index)),
                OutputRole::ToLocal | OutputRole::ToRemote => None,
                OutputRole::OwnerAnchor | OutputRole::CounterpartyAnchor => None,
            })
    }

    /// What the signed transaction weighs at most.
    pub fn weight(&self) -> Weight {
        self.tx.weight() + SEGWIT_MARKER + self.funding.witness_weight()
    }

    /// What the miners get.
    pub fn actual_fee(&self) -> Amount {
        let spent: Amount = self.outputs.iter().map(|output| output.value).sum();
        self.funding
            .capacity
            .checked_sub(spent)
            .unwrap_or(Amount::ZERO)
    }
}

#[cfg(test)]
mod tests;
