//! Spend templates: one descriptor for each way an output can be spent.
//!
//! A template lists the witness element by element. Its weight, its sighash, the witness that we make and the
//! recognition of a witness that somebody else made are all read off that one list.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::sighash::SighashCache;
use bitcoin::{Amount, EcdsaSighashType, Sequence, Transaction, VarInt, Weight, Witness};
use serde::{Deserialize, Serialize};

use super::element::{Element, WitnessParts};
use super::OutputScript;
use crate::protocol::error::ProtocolError;
use crate::protocol::keys::KeyRole;
use crate::protocol::primitives::Preimage;

/// Every way an output of a channel can be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SpendPath {
    /// `to_local`, by its owner after the delay.
    ToLocalDelayed,
    /// `to_local` of a revoked commitment, by the counterparty.
    ToLocalRevoked,
    /// `to_remote`, by the counterparty.
    ToRemote,
    /// An anchor, by the side it belongs to.
    AnchorOwner,
    /// An anchor, by anyone once it is 16 blocks deep.
    AnchorAnyone,
    /// An HTLC the owner offered, taken back through HTLC-timeout.
    HtlcTimeoutSecondLevel,
    /// An HTLC the owner received, claimed through HTLC-success.
    HtlcSuccessSecondLevel,
    /// An HTLC the counterparty offered, taken back by it.
    HtlcTimeoutDirect,
    /// An HTLC the counterparty received, claimed by it.
    HtlcSuccessDirect,
    /// An HTLC of a revoked commitment, by the counterparty.
    HtlcRevoked,
    /// A second-level output, by the commitment's owner after the delay.
    SecondLevelDelayed,
    /// A second-level output of a revoked commitment, by the counterparty.
    SecondLevelRevoked,
}

/// Who can spend in a certain way, as seen from the commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Spender {
    /// The owner of the commitment.
    Owner,
    /// The owner's counterparty.
    Counterparty,
    /// Whoever comes first.
    Anyone,
}

/// The key that the spender signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SigningKey {
    /// How the spender derives its secret.
    pub role: KeyRole,
    /// What the signature verifies under.
    pub public_key: PublicKey,
}

/// How somebody spent an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecognisedSpend {
    /// The way taken.
    pub path: SpendPath,
    /// Who can have taken it.
    pub spender: Spender,
    /// The preimage revealed by it, checked against the payment hash.
    pub preimage: Option<Preimage>,
}

/// One way to spend one output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendTemplate {
    /// Which way.
    pub path: SpendPath,
    /// Who can take it.
    pub spender: Spender,
    /// The output spent.
    pub output: OutputScript,
    /// Sequence the input must have: its relative delay, or none but replaceable.
    pub sequence: Sequence,
    /// Least lock time the transaction must have; zero for none.
    pub lock_time: LockTime,
    /// The key the spender signs with; `None` where no signature is needed.
    pub signing_key: Option<SigningKey>,
    /// The witness, bottom of the stack first.
    pub elements: Vec<Element>,
}

/// Weight of an input apart from its witness: outpoint, empty script, sequence, four units a byte.
const INPUT_BASE_WEIGHT: Weight = Weight::from_wu(4 * (36 + 1 + 4));

impl SpendTemplate {
    /// What the spender signs with [`Self::signing_key`].
    ///
    /// Errors: [`ProtocolError::NoSuchInput`]; [`ProtocolError::NoSignatureNeeded`] on a path without one.
    pub fn sighash(
        &self,
        tx: &Transaction,
        input: usize,
        value: Amount,
    ) -> Result<Message, ProtocolError> {
        let sighash_type = self.elements.iter().find_map(Element::spender_sighash);
        self.message(
            tx,
            input,
            value,
            sighash_type.ok_or(ProtocolError::NoSignatureNeeded)?,
        )
    }

    /// What the other side signs, on the second-level paths. Errors as in [`Self::sighash`].
    pub fn peer_sighash(
        &self,
        tx: &Transaction,
        input: usize,
        value: Amount,
    ) -> Result<Message, ProtocolError> {
        let sighash_type = self.elements.iter().find_map(Element::peer_sighash);
        self.message(
            tx,
            input,
            value,
            sighash_type.ok_or(ProtocolError::NoSignatureNeeded)?,
        )
    }

    /// The witness, complete. Errors: [`ProtocolError::WitnessIncomplete`] names what is missing;
    /// [`ProtocolError::WrongPreimage`].
    pub fn witness(&self, parts: &WitnessParts<'_>) -> Result<Witness, ProtocolError> {
        let stack = self
            .elements
            .iter()
            .map(|element| element.bytes(parts, &self.output));
        Ok(Witness::from_slice(&stack.collect::<Result<Vec<_>, _>>()?))
    }

    /// Upper bound of the witness's weight, its element count included; a real one is one or, rarely, a few units
    /// less for each signature. The two units of a segwit transaction's marker are the transaction's.
    pub fn witness_weight(&self) -> Weight {
        let elements = self
            .elements
            .iter()
            .map(|element| with_length_prefix(element.max_length(&self.output)));
        Weight::from_wu_usize(VarInt::from(self.elements.len()).size() + elements.sum::<usize>())
    }

    /// Upper bound of the weight that spending this way adds to a transaction.
    pub fn input_weight(&self) -> Weight {
        INPUT_BASE_WEIGHT + self.witness_weight()
    }

    /// Whether a witness somebody else made takes this path, and what it reveals.
    ///
    /// Goes by position and by what consensus enforces, not by what nodes relay: a miner can include what no
    /// node forwards. Signatures are not checked; in a block they were.
    pub fn recognise(&self, witness: &Witness) -> Option<RecognisedSpend> {
        let fits = witness.len() == self.elements.len()
            && self
                .elements
                .iter()
                .zip(witness.iter())
                .all(|(element, bytes)| element.fits(bytes, &self.output));
        fits.then(|| RecognisedSpend {
            path: self.path,
            spender: self.spender,
            preimage: self
                .elements
                .iter()
                .zip(witness.iter())
                .find_map(|(element, bytes)| element.preimage(bytes)),
        })
    }

    fn message(
        &self,
        tx: &Transaction,
        input: usize,
        value: Amount,
        sighash_type: EcdsaSighashType,
    ) -> Result<Message, ProtocolError> {
        let mut cache = SighashCache::new(tx);
        let sighash = match &self.output.witness_script {
            Some(script) => cache
                .p2wsh_signature_hash(input, script, value, sighash_type)
                .ok(),
            None => cache
                .p2wpkh_signature_hash(input, &self.output.script_pubkey, value, sighash_type)
                .ok(),
        };
        sighash
            .map(Message::from)
            .ok_or(ProtocolError::NoSuchInput { input })
    }
}

fn with_length_prefix(length: usize) -> usize {
    VarInt::from(length).size() + length
}
