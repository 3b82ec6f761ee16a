//! Unsigned transactions and what has to be signed of them.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::SECP256K1;
use bitcoin::{
    Amount, EcdsaSighashType, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut,
    Weight, Witness,
};

use super::fees::{fee_at, Bid};
use crate::channel::{Candidate, ChannelTerms};
use crate::court::{Coin, Contract, Parent};
use crate::protocol::{
    Commitment, CommitmentSecret, KeyRole, Party, Preimage, ProtocolError, SpendTemplate,
    WitnessParts, SEGWIT_MARKER,
};
use crate::signer::{InputToSign, KeyDescriptor, KeyTweak, SignRequest};

/// One contract, with what only the store holds of the way to spend it.
#[derive(Clone, Debug)]
pub struct ClaimInput {
    pub contract: Contract,
    /// For an HTLC that we claim.
    pub preimage: Option<Preimage>,
    /// For the second level of our own commitment.
    pub peer_signature: Option<Signature>,
    /// For a breach: the secret of the revoked commitment.
    pub secret: Option<CommitmentSecret>,
}

/// An input of ours, and how it is spent.
#[derive(Clone, Debug)]
pub(super) struct Spending {
    input: ClaimInput,
    pub(super) template: SpendTemplate,
}

impl Spending {
    pub(super) fn new(terms: &ChannelTerms, input: ClaimInput) -> Result<Self, ProtocolError> {
        let contract = &input.contract;
        let keys = terms.commitment_keys(contract.owner, &contract.per_commitment_point)?;
        let delay = terms.party(contract.owner).to_self_delay;
        let template = terms
            .channel_type
            .format()
            .spend(&contract.output, contract.path(), &keys, delay)
            .ok_or(ProtocolError::NoSignatureNeeded)?;
        Ok(Spending { input, template })
    }

    pub(super) fn value(&self) -> Amount {
        Amount::from_sat(self.input.contract.value_sat)
    }

    pub(super) fn tx_in(&self) -> TxIn {
        tx_in(self.input.contract.outpoint, self.template.sequence)
    }

    fn key(&self, terms: &ChannelTerms) -> Result<KeyDescriptor, ProtocolError> {
        let key = self
            .template
            .signing_key
            .ok_or(ProtocolError::NoSignatureNeeded)?;
        let point = self.input.contract.per_commitment_point;
        Ok(KeyDescriptor {
            keys_id: terms.keys_id,
            role: key.role,
            tweak: match (key.role, &self.input.secret) {
                (KeyRole::Funding | KeyRole::Payment, _) => KeyTweak::None,
                (KeyRole::DelayedPayment | KeyRole::Htlc, _) => KeyTweak::Point(point),
                (KeyRole::Revocation, Some(secret)) => KeyTweak::Secret(secret.clone()),
                // Without the secret nobody has that key: the signature will not verify.
                (KeyRole::Revocation, None) => KeyTweak::None,
            },
            public_key: key.public_key,
        })
    }
}

/// What the transaction weighs at most when these inputs are signed.
pub(super) fn signed_weight(transaction: &Transaction, spendings: &[Spending]) -> Weight {
    let witnesses: Weight = spendings
        .iter()
        .map(|spending| spending.template.witness_weight())
        .sum();
    transaction.weight() + SEGWIT_MARKER + witnesses
}

pub(super) fn tx_in(outpoint: OutPoint, sequence: Sequence) -> TxIn {
    TxIn {
        previous_output: outpoint,
        script_sig: ScriptBuf::new(),
        sequence,
        witness: Witness::new(),
    }
}

/// A transaction and what to do with its signatures. The inputs that the signer signs come first, then the wallet's.
#[derive(Clone, Debug)]
pub struct Unsigned {
    pub request: SignRequest,
    /// The wallet's coins in it.
    pub coins: Vec<Coin>,
    spendings: Vec<Spending>,
    transaction: Transaction,
}

impl Unsigned {
    /// The transaction as it stands, with what each input spends and has to be signed with.
    ///
    /// # Errors
    /// [`ProtocolError`] when a sighash cannot be computed.
    pub(super) fn new(
        terms: &ChannelTerms,
        spendings: Vec<Spending>,
        coins: Vec<Coin>,
        transaction: Transaction,
    ) -> Result<Self, ProtocolError> {
        let mut psbt = psbt(&transaction);
        let mut inputs = Vec::new();
        for (index, spending) in spendings.iter().enumerate() {
            let output = &spending.template.output;
            if let Some(input) = psbt.inputs.get_mut(index) {
                input.witness_utxo = Some(TxOut {
                    value: spending.value(),
                    script_pubkey: output.script_pubkey.clone(),
                });
                input.witness_script = output.witness_script.clone();
                input.sighash_type = Some(EcdsaSighashType::All.into());
            }
            let template = &spending.template;
            inputs.push(InputToSign {
                index,
                key: spending.key(terms)?,
                sighash: template.sighash(&transaction, index, spending.value())?,
                sighash_type: EcdsaSighashType::All,
            });
        }
        for (input, coin) in psbt.inputs.iter_mut().skip(spendings.len()).zip(&coins) {
            input.witness_utxo = Some(coin.output.clone());
        }
        Ok(Unsigned {
            request: SignRequest {
                channel: terms.channel(),
                psbt,
                inputs,
            },
            coins,
            spendings,
            transaction,
        })
    }

    /// The transaction as it stands, without witnesses.
    #[cfg(test)]
    pub(super) fn transaction(&self) -> &Transaction {
        &self.transaction
    }

    /// What it weighs at most once it is signed: what its fee was reckoned with.
    pub(super) fn weight(&self) -> Weight {
        let coins = self.coins.iter().map(|coin| coin.witness_weight);
        signed_weight(&self.transaction, &self.spendings) + coins.sum()
    }

    /// What it leaves to its miner.
    pub fn fee(&self) -> Amount {
        let coins = self.coins.iter().map(|coin| coin.output.value);
        let held: Amount = self
            .spendings
            .iter()
            .map(Spending::value)
            .chain(coins)
            .sum();
        let paid: Amount = self.transaction.output.iter().map(|it| it.value).sum();
        held.checked_sub(paid).unwrap_or(Amount::ZERO)
    }

    /// What it would have to pay for the feerate that the app has asked for, if it pays less; a child pays for its parent too.
    pub fn lacks(&self, bid: &Bid<'_>, parent: Option<&Parent>) -> Option<Amount> {
        let nothing = (Weight::ZERO, Amount::ZERO);
        let (weight, paid) = parent.map_or(nothing, |parent| (parent.weight, parent.fee));
        let asked = bid.asked(|feerate| fee_at(feerate, self.weight() + weight))?;
        let asked = asked.checked_sub(paid).unwrap_or(Amount::ZERO);
        (self.fee() < asked).then_some(asked)
    }

    /// The transaction with the signer's signatures, which are verified first, and the wallet's witnesses, in the order
    /// of its coins.
    ///
    /// # Errors
    /// [`SignatureRefused`] when a signature is not one of the asked key over this transaction, or a witness is missing.
    pub fn complete(
        &self,
        signatures: &[Signature],
        coins: Vec<Witness>,
    ) -> Result<Transaction, SignatureRefused> {
        verify(&self.request, signatures)?;
        if coins.len() != self.coins.len() {
            return Err(SignatureRefused);
        }
        let assembled = self.assembled(signatures, coins);
        assembled.map_err(|_| SignatureRefused)
    }

    /// The transaction as it would be, with signatures that are none: for a preview, which asks nobody for any.
    ///
    /// # Errors
    /// [`ProtocolError::WitnessIncomplete`] when what the store holds for a witness is missing.
    pub(super) fn imagined(&self) -> Result<Transaction, ProtocolError> {
        let signatures = vec![imagined_signature(); self.spendings.len()];
        let coins = self.coins.iter().map(|_| Witness::new());
        self.assembled(&signatures, coins.collect())
    }

    fn assembled(
        &self,
        signatures: &[Signature],
        coins: Vec<Witness>,
    ) -> Result<Transaction, ProtocolError> {
        let mut transaction = self.transaction.clone();
        let mut witnesses = Vec::new();
        for (spending, signature) in self.spendings.iter().zip(signatures) {
            let parts = WitnessParts {
                signature: Some(*signature),
                peer_signature: spending.input.peer_signature,
                preimage: spending.input.preimage.as_ref(),
            };
            let witness = spending.template.witness(&parts)?;
            debug_assert!(
                Weight::from_wu_usize(witness.size()) <= spending.template.witness_weight(),
                "the fee was reckoned with the template's weight"
            );
            witnesses.push(witness);
        }
        witnesses.extend(coins);
        for (input, witness) in transaction.input.iter_mut().zip(witnesses) {
            input.witness = witness;
        }
        Ok(transaction)
    }
}

/// A signature that no key has made.
pub(super) fn imagined_signature() -> Signature {
    Signature::from_compact(&[1; 64]).expect("two numbers below the order")
}

/// A signature that is none of the asked key over the asked digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify under the key it was asked from")]
pub struct SignatureRefused;

/// Checks one signature per input of a request.
pub(crate) fn verify(
    request: &SignRequest,
    signatures: &[Signature],
) -> Result<(), SignatureRefused> {
    if request.inputs.len() != signatures.len() {
        return Err(SignatureRefused);
    }
    for (input, signature) in request.inputs.iter().zip(signatures) {
        SECP256K1
            .verify_ecdsa(&input.sighash, signature, &input.key.public_key)
            .map_err(|_| SignatureRefused)?;
    }
    Ok(())
}

/// Our commitment, and the request for our signature of it.
///
/// # Errors
/// [`ProtocolError`] when the sighash cannot be computed.
pub fn commitment_request(
    terms: &ChannelTerms,
    candidate: &Candidate,
    commitment: &Commitment,
) -> Result<SignRequest, ProtocolError> {
    debug_assert_eq!(candidate.owner, Party::Local);
    let sighash = commitment.sighash()?;
    let mut psbt = psbt(&commitment.tx);
    if let Some(input) = psbt.inputs.first_mut() {
        input.witness_utxo = Some(TxOut {
            value: terms.funding.capacity,
            script_pubkey: terms.funding_output().script_pubkey(),
        });
        input.witness_script = Some(terms.funding_output().witness_script());
        input.sighash_type = Some(EcdsaSighashType::All.into());
    }
    Ok(SignRequest {
        channel: terms.channel(),
        psbt,
        inputs: vec![InputToSign {
            index: 0,
            key: KeyDescriptor {
                keys_id: terms.keys_id,
                role: KeyRole::Funding,
                tweak: KeyTweak::None,
                public_key: terms.local.keys.funding,
            },
            sighash,
            sighash_type: EcdsaSighashType::All,
        }],
    })
}

fn psbt(transaction: &Transaction) -> Psbt {
    Psbt::from_unsigned_tx(transaction.clone())
        .expect("a transaction without scriptSigs and witnesses makes a PSBT")
}
