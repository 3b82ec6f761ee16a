//! Second-level transactions: HTLC-timeout and HTLC-success, by which a commitment's owner moves an HTLC under its delay
//! before the other side can have it (BOLT 3).

use bitcoin::secp256k1::{ecdsa, Message, PublicKey, SECP256K1};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Witness};

use super::commitment::Htlc;
use super::error::{ProtocolError, SignatureOf};
use super::format::{ChannelType, OutputScript, SpendPath, SpendTemplate, WitnessParts};
use super::keys::CommitmentKeys;
use super::primitives::{HtlcKind, Preimage};

/// HTLC-timeout or HTLC-success, unsigned.
///
/// With anchors its fee is zero: it is broadcast with inputs and outputs added behind its own, which the
/// counterparty's signature allows. Sign the larger transaction through [`Self::spend`] then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondLevel {
    /// The transaction; its witness is empty.
    pub tx: Transaction,
    /// How it spends the commitment's output.
    pub spend: SpendTemplate,
    /// Value of the commitment's output.
    pub value: Amount,
    /// Its own output, delayed and revocable.
    pub output: OutputScript,
}

impl SecondLevel {
    /// The transaction for the HTLC in this output of a commitment; `keys`, `to_self_delay` and `feerate_per_kw` are the
    /// commitment's.
    ///
    /// Errors: [`ProtocolError::HtlcBelowFee`] if the HTLC cannot have had an output at this feerate.
    pub fn new(
        channel_type: ChannelType,
        commitment_output: OutPoint,
        htlc: &Htlc,
        keys: &CommitmentKeys,
        to_self_delay: u16,
        feerate_per_kw: u32,
    ) -> Result<Self, ProtocolError> {
        let format = channel_type.format();
        let vout = commitment_output.vout;
        let path = match htlc.kind {
            HtlcKind::Offered => SpendPath::HtlcTimeoutSecondLevel,
            HtlcKind::Received => SpendPath::HtlcSuccessSecondLevel,
        };
        let spend = format
            .spend(&htlc.contract(), path, keys, to_self_delay)
            .ok_or(ProtocolError::NotAnHtlcOutput { vout })?;
        let output = format.second_level_output(keys, to_self_delay);
        // BOLT 3: the amount, rounded down, minus the fee.
        let fee = format.second_level_fee(htlc.kind, feerate_per_kw);
        let left = htlc
            .value()
            .checked_sub(fee)
            .ok_or(ProtocolError::HtlcBelowFee { vout, fee })?;
        let tx = Transaction {
            version: Version::TWO,
            lock_time: spend.lock_time,
            input: vec![TxIn {
                previous_output: commitment_output,
                script_sig: ScriptBuf::new(),
                sequence: spend.sequence,
                witness: Witness::new(),
            }],
            output: vec![TxOut {
                value: left,
                script_pubkey: output.script_pubkey.clone(),
            }],
        };
        Ok(Self {
            tx,
            spend,
            value: htlc.value(),
            output,
        })
    }

    /// What the counterparty signs.
    pub fn peer_sighash(&self) -> Result<Message, ProtocolError> {
        self.spend.peer_sighash(&self.tx, 0, self.value)
    }

    /// What the commitment's owner signs, if nothing is added to the transaction.
    pub fn sighash(&self) -> Result<Message, ProtocolError> {
        self.spend.sighash(&self.tx, 0, self.value)
    }

    /// Checks the counterparty's signature, made with its HTLC key.
    ///
    /// Error: [`ProtocolError::WrongSignature`], naming the HTLC by `position`, its place in the commitment's list.
    pub fn verify_peer_signature(
        &self,
        signature: &ecdsa::Signature,
        counterparty_htlc_key: &PublicKey,
        position: usize,
    ) -> Result<(), ProtocolError> {
        SECP256K1
            .verify_ecdsa(&self.peer_sighash()?, signature, counterparty_htlc_key)
            .map_err(|_| ProtocolError::WrongSignature(SignatureOf::Htlc(position)))
    }

    /// The transaction with both signatures, and the preimage for HTLC-success; signatures are not checked.
    ///
    /// Errors: [`ProtocolError::WitnessIncomplete`] without a preimage where one is needed, [`ProtocolError::WrongPreimage`].
    pub fn signed(
        &self,
        peer: &ecdsa::Signature,
        own: &ecdsa::Signature,
        preimage: Option<&Preimage>,
    ) -> Result<Transaction, ProtocolError> {
        let parts = WitnessParts {
            signature: Some(*own),
            peer_signature: Some(*peer),
            preimage,
        };
        let witness = self.spend.witness(&parts)?;
        let mut tx = self.tx.clone();
        for input in &mut tx.input {
            input.witness = witness.clone();
        }
        Ok(tx)
    }
}
