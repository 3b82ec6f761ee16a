//! The elements of a witness, each with the four things that can be asked of it: its bytes, the most of them, whether
//! given bytes are it, and what they reveal.

use bitcoin::secp256k1::{ecdsa, PublicKey};
use bitcoin::EcdsaSighashType;

use super::OutputScript;
use crate::protocol::error::ProtocolError;
use crate::protocol::primitives::{PaymentHash, Preimage};

/// BOLT 3 expects 73 bytes for a signature with its sighash byte. Those with a low S, the only ones that nodes relay and
/// that verification here accepts, have at most 72.
pub(in crate::protocol) const MAX_SIGNATURE_LENGTH: usize = 72;

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

impl Element {
    pub(super) fn spender_sighash(&self) -> Option<EcdsaSighashType> {
        match self {
            Self::Signature(sighash_type) => Some(*sighash_type),
            Self::PeerSignature(_) | Self::Preimage(_) | Self::NoPreimage | Self::PublicKey(_) => {
                None
            }
            Self::True | Self::False | Self::Empty | Self::WitnessScript => None,
        }
    }

    pub(super) fn peer_sighash(&self) -> Option<EcdsaSighashType> {
        match self {
            Self::PeerSignature(sighash_type) => Some(*sighash_type),
            Self::Signature(_) | Self::Preimage(_) | Self::NoPreimage | Self::PublicKey(_) => None,
            Self::True | Self::False | Self::Empty | Self::WitnessScript => None,
        }
    }

    /// The bytes on the stack.
    pub(super) fn bytes(
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
    pub(super) fn max_length(&self, output: &OutputScript) -> usize {
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
    pub(super) fn fits(&self, bytes: &[u8], output: &OutputScript) -> bool {
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
    pub(super) fn preimage(&self, bytes: &[u8]) -> Option<Preimage> {
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

/// What Script takes for true: any byte that is not zero, except for a negative zero.
fn is_true(bytes: &[u8]) -> bool {
    match bytes.split_last() {
        None => false,
        Some((last, rest)) => rest.iter().any(|byte| *byte != 0) || !matches!(last, 0 | 0x80),
    }
}
