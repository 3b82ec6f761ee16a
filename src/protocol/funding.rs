//! The funding output: a 2-of-2 that commitment and closing transactions spend.

use bitcoin::hashes::Hash;
use bitcoin::secp256k1::{ecdsa, Message, PublicKey, SECP256K1};
use bitcoin::sighash::SighashCache;
use bitcoin::{
    Amount, EcdsaSighashType, OutPoint, ScriptBuf, Transaction, VarInt, Weight, Witness,
};

use super::error::{ProtocolError, SignatureOf};
use super::format::MAX_SIGNATURE_LENGTH;
use super::scripts;

/// One funding output of a channel: where it is, what it holds, and the two keys that spend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Funding {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it holds.
    pub capacity: Amount,
    /// Funding keys of both sides, in either order.
    pub keys: [PublicKey; 2],
}

impl Funding {
    /// The 2-of-2 witness script.
    pub fn witness_script(&self) -> ScriptBuf {
        scripts::funding_script(&self.keys[0], &self.keys[1])
    }

    /// What stands in the funding transaction.
    pub fn script_pubkey(&self) -> ScriptBuf {
        scripts::p2wsh(&self.witness_script())
    }

    /// What both sides sign to spend it with the given input.
    pub fn sighash(&self, tx: &Transaction, input: usize) -> Result<Message, ProtocolError> {
        self.sighash_of_type(tx, input, EcdsaSighashType::All)
    }

    /// Checks one side's signature. Errors: [`ProtocolError::WrongSignature`] of `what`, [`ProtocolError::NoSuchInput`].
    pub fn verify(
        &self,
        tx: &Transaction,
        input: usize,
        signature: &ecdsa::Signature,
        key: &PublicKey,
        what: SignatureOf,
    ) -> Result<(), ProtocolError> {
        SECP256K1
            .verify_ecdsa(&self.sighash(tx, input)?, signature, key)
            .map_err(|_| ProtocolError::WrongSignature(what))
    }

    /// The witness, from the signatures in the order of [`Self::keys`].
    pub fn witness(&self, signatures: [&ecdsa::Signature; 2]) -> Witness {
        let [one, other] =
            signatures.map(|signature| bitcoin::ecdsa::Signature::sighash_all(*signature).to_vec());
        // BOLT 3: the signatures stand in the order of the keys in the script.
        let in_order = scripts::in_script_order(&self.keys[0], &self.keys[1]).0 == &self.keys[0];
        let (first, second) = if in_order { (one, other) } else { (other, one) };
        Witness::from_slice(&[
            Vec::new(),
            first,
            second,
            self.witness_script().into_bytes(),
        ])
    }

    /// What [`Self::witness`] weighs at most, its element count included.
    pub fn witness_weight(&self) -> Weight {
        let elements = [
            0,
            MAX_SIGNATURE_LENGTH,
            MAX_SIGNATURE_LENGTH,
            self.witness_script().len(),
        ];
        let with_prefix = elements.map(|length| VarInt::from(length).size() + length);
        let count = VarInt::from(elements.len()).size();
        Weight::from_wu_usize(count + with_prefix.iter().sum::<usize>())
    }

    /// Whether this input of the transaction really spends the funding with the signatures of both keys: what
    /// makes a transaction that is in no block yet worth looking at.
    pub fn is_spent_by(&self, tx: &Transaction, input: usize) -> bool {
        let Some(txin) = tx
            .input
            .get(input)
            .filter(|txin| txin.previous_output == self.outpoint)
        else {
            return false;
        };
        let stack: Vec<&[u8]> = txin.witness.iter().collect();
        let [empty, first, second, script] = stack[..] else {
            return false;
        };
        let (first_key, second_key) = scripts::in_script_order(&self.keys[0], &self.keys[1]);
        empty.is_empty()
            && script == self.witness_script().as_bytes()
            && self.is_signed_by(tx, input, first, first_key)
            && self.is_signed_by(tx, input, second, second_key)
    }

    fn is_signed_by(
        &self,
        tx: &Transaction,
        input: usize,
        signature: &[u8],
        key: &PublicKey,
    ) -> bool {
        let Ok(signature) = bitcoin::ecdsa::Signature::from_slice(signature) else {
            return false;
        };
        self.sighash_of_type(tx, input, signature.sighash_type)
            .is_ok_and(|message| {
                SECP256K1
                    .verify_ecdsa(&message, &signature.signature, key)
                    .is_ok()
            })
    }

    fn sighash_of_type(
        &self,
        tx: &Transaction,
        input: usize,
        sighash_type: EcdsaSighashType,
    ) -> Result<Message, ProtocolError> {
        SighashCache::new(tx)
            .p2wsh_signature_hash(input, &self.witness_script(), self.capacity, sighash_type)
            .map(|sighash| Message::from_digest(sighash.to_byte_array()))
            .map_err(|_| ProtocolError::NoSuchInput { input })
    }
}

#[cfg(test)]
mod tests;
