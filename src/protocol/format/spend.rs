//! Spend templates: one descriptor for each way an output can be spent.
//!
//! A template lists the witness element by element. Its weight, its sighash, the witness that we make and the
//! recognition of a witness that somebody else made are all read off that one list.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::{ecdsa, Message, PublicKey};
use bitcoin::sighash::SighashCache;
use bitcoin::{Amount, EcdsaSighashType, Sequence, Transaction, VarInt, Weight, Witness};
use serde::{Deserialize, Serialize};

use super::OutputScript;
use crate::protocol::error::ProtocolError;
use crate::protocol::keys::KeyRole;
use crate::protocol::primitives::{PaymentHash, Preimage};

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

/// One element of a witness, in the order of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// The spender's signature.
    Signature(EcdsaSighashType),
    /// The other side's signature, received with the commitment.
    PeerSignature(EcdsaSighashType),
    /// The 32 bytes with this hash.
    Preimage(PaymentHash),
    /// Where a preimage could stand and none does.
    NoPreimage,
    /// A public key that the output commits to by its hash.
    PublicKey(PublicKey),
    /// Chooses the branch after OP_IF.
    True,
    /// Chooses the branch after OP_ELSE.
    False,
    /// Empty by consensus: what OP_CHECKMULTISIG takes too many, or an OP_CHECKSIG that is to fail.
    Empty,
    /// The script that the output commits to by its hash.
    WitnessScript,
}

/// What only the spender can supply to a witness. What a template does not ask for is passed over.
#[derive(Clone, Copy, Debug, Default)]
pub struct WitnessParts<'a> {
    /// The spender's signature.
    pub signature: Option<ecdsa::Signature>,
    /// The other side's signature.
    pub peer_signature: Option<ecdsa::Signature>,
    /// The preimage.
    pub preimage: Option<&'a Preimage>,
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

/// BOLT 3 expects 73 bytes for a signature with its sighash byte. Those with a low S, the only ones that nodes relay and
/// that verification here accepts, have at most 72.
const MAX_SIGNATURE_LENGTH: usize = 72;
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

impl Element {
    fn spender_sighash(&self) -> Option<EcdsaSighashType> {
        match self {
            Self::Signature(sighash_type) => Some(*sighash_type),
            Self::PeerSignature(_) | Self::Preimage(_) | Self::NoPreimage | Self::PublicKey(_) => {
                None
            }
            Self::True | Self::False | Self::Empty | Self::WitnessScript => None,
        }
    }

    fn peer_sighash(&self) -> Option<EcdsaSighashType> {
        match self {
            Self::PeerSignature(sighash_type) => Some(*sighash_type),
            Self::Signature(_) | Self::Preimage(_) | Self::NoPreimage | Self::PublicKey(_) => None,
            Self::True | Self::False | Self::Empty | Self::WitnessScript => None,
        }
    }

    /// The bytes on the stack.
    fn bytes(
        &self,
        parts: &WitnessParts<'_>,
        output: &OutputScript,
    ) -> Result<Vec<u8>, ProtocolError> {
        match self {
            Self::Signature(sighash_type) => der(parts.signature, *sighash_type, "a signature"),
            Self::PeerSignature(sighash_type) => der(
                parts.peer_signature,
                *sighash_type,
                "the other side's signature",
            ),
            Self::Preimage(hash) => match parts.preimage {
                Some(preimage) if preimage.hash() == *hash => Ok(preimage.as_bytes().to_vec()),
                Some(_) => Err(ProtocolError::WrongPreimage),
                None => Err(ProtocolError::WitnessIncomplete("the preimage")),
            },
            Self::PublicKey(key) => Ok(key.serialize().to_vec()),
            Self::True => Ok(vec![1]),
            Self::False | Self::NoPreimage | Self::Empty => Ok(Vec::new()),
            Self::WitnessScript => {
                let script = output.witness_script.as_ref();
                Ok(script
                    .ok_or(ProtocolError::WitnessIncomplete("a witness script"))?
                    .to_bytes())
            }
        }
    }

    /// The most bytes that [`Self::bytes`] gives.
    fn max_length(&self, output: &OutputScript) -> usize {
        match self {
            Self::Signature(_) | Self::PeerSignature(_) => MAX_SIGNATURE_LENGTH,
            Self::Preimage(_) => 32,
            Self::PublicKey(_) => 33,
            Self::True => 1,
            Self::False | Self::NoPreimage | Self::Empty => 0,
            Self::WitnessScript => output
                .witness_script
                .as_ref()
                .map_or(0, |script| script.len()),
        }
    }

    /// Whether these bytes, found at this position in a valid witness, can only have meant this element.
    fn fits(&self, bytes: &[u8], output: &OutputScript) -> bool {
        match self {
            // Strict DER is consensus (BIP 66); low S and known sighash types are only policy.
            Self::Signature(_) | Self::PeerSignature(_) => {
                (9..=73).contains(&bytes.len()) && bytes.first() == Some(&0x30)
            }
            Self::Preimage(hash) => {
                <[u8; 32]>::try_from(bytes).is_ok_and(|bytes| Preimage::new(bytes).hash() == *hash)
            }
            // The script asks for the length alone, so this can be anything that is no preimage.
            Self::NoPreimage => bytes.len() != 32,
            Self::PublicKey(key) => bytes == key.serialize(),
            // That OP_IF takes nothing but 1 or the empty string is policy.
            Self::True => is_true(bytes),
            Self::False => !is_true(bytes),
            Self::Empty => bytes.is_empty(),
            Self::WitnessScript => output
                .witness_script
                .as_ref()
                .is_some_and(|script| script.as_bytes() == bytes),
        }
    }

    /// The preimage in bytes that fit.
    fn preimage(&self, bytes: &[u8]) -> Option<Preimage> {
        match self {
            Self::Preimage(_) => <[u8; 32]>::try_from(bytes).ok().map(Preimage::new),
            Self::Signature(_) | Self::PeerSignature(_) | Self::NoPreimage | Self::PublicKey(_) => {
                None
            }
            Self::True | Self::False | Self::Empty | Self::WitnessScript => None,
        }
    }
}

fn der(
    signature: Option<ecdsa::Signature>,
    sighash_type: EcdsaSighashType,
    what: &'static str,
) -> Result<Vec<u8>, ProtocolError> {
    let signature = signature.ok_or(ProtocolError::WitnessIncomplete(what))?;
    Ok(bitcoin::ecdsa::Signature {
        signature,
        sighash_type,
    }
    .to_vec())
}

fn with_length_prefix(length: usize) -> usize {
    VarInt::from(length).size() + length
}

/// What Script takes for true: any byte that is not zero, except for a negative zero.
fn is_true(bytes: &[u8]) -> bool {
    match bytes.split_last() {
        None => false,
        Some((last, rest)) => rest.iter().any(|byte| *byte != 0) || !matches!(last, 0 | 0x80),
    }
}
