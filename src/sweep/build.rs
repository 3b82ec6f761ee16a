//! Unsigned transactions and what has to be signed of them.

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::SECP256K1;
use bitcoin::transaction::Version;
use bitcoin::{
    Amount, EcdsaSighashType, FeeRate, Psbt, ScriptBuf, Transaction, TxIn, TxOut, Weight, Witness,
};

use crate::channel::{Candidate, ChannelTerms};
use crate::config::Policy;
use crate::court::Contract;
use crate::protocol::{
    Commitment, KeyRole, Party, ProtocolError, SpendPath, SpendTemplate, WitnessParts,
};
use crate::signer::{InputToSign, KeyDescriptor, KeyTweak, SignRequest};

use super::fees::{feerate, feerate_of};

/// Marker and flag of a transaction with witnesses: two weight units that the unsigned one lacks.
const SEGWIT_MARKER: Weight = Weight::from_wu(2);

/// An output that is not worth its fee at the present feerate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uneconomic {
    pub value: Amount,
    pub fee: Amount,
}

/// A transaction and what to do with its signature.
#[derive(Clone, Debug)]
pub struct Unsigned {
    pub request: SignRequest,
    template: SpendTemplate,
    transaction: Transaction,
}

impl Unsigned {
    /// The signed transaction. The signature is verified first.
    ///
    /// # Errors
    /// [`ProtocolError`] when the signature is not one of the asked key over this transaction.
    pub fn complete(&self, signatures: &[Signature]) -> Result<Transaction, SignatureRefused> {
        let [signature] = verified(&self.request, signatures)?;
        let witness = self
            .template
            .witness(&WitnessParts {
                signature: Some(signature),
                ..WitnessParts::default()
            })
            .map_err(|_| SignatureRefused)?;
        let mut transaction = self.transaction.clone();
        for input in &mut transaction.input {
            input.witness = witness.clone();
        }
        Ok(transaction)
    }
}

/// A signature that is none of the asked key over the asked digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify under the key it was asked from")]
pub struct SignatureRefused;

/// Checks one signature per input of a request.
pub(crate) fn verified<const N: usize>(
    request: &SignRequest,
    signatures: &[Signature],
) -> Result<[Signature; N], SignatureRefused> {
    let signatures: [Signature; N] = signatures.try_into().map_err(|_| SignatureRefused)?;
    if request.inputs.len() != N {
        return Err(SignatureRefused);
    }
    for (input, signature) in request.inputs.iter().zip(&signatures) {
        SECP256K1
            .verify_ecdsa(&input.sighash, signature, &input.key.public_key)
            .map_err(|_| SignatureRefused)?;
    }
    Ok(signatures)
}

/// The sweep of one balance output to `script`.
///
/// # Errors
/// The keys cannot be derived, or the output has no such path: the stored terms are damaged.
pub fn sweep(
    terms: &ChannelTerms,
    contract: &Contract,
    script: ScriptBuf,
    estimates: &std::collections::BTreeMap<u16, FeeRate>,
    refused: Option<&Transaction>,
    policy: &Policy,
) -> Result<Result<Unsigned, Uneconomic>, ProtocolError> {
    let keys = terms.commitment_keys(contract.owner, &contract.per_commitment_point)?;
    let delay = terms.party(contract.owner).to_self_delay;
    let path = match contract.owner {
        Party::Local => SpendPath::ToLocalDelayed,
        Party::Remote => SpendPath::ToRemote,
    };
    let template = terms
        .channel_type
        .format()
        .spend(&contract.output, path, &keys, delay)
        .ok_or(ProtocolError::NoSignatureNeeded)?;
    let key = template
        .signing_key
        .ok_or(ProtocolError::NoSignatureNeeded)?;
    let value = Amount::from_sat(contract.value_sat);
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: template.lock_time,
        input: vec![TxIn {
            previous_output: contract.outpoint,
            script_sig: ScriptBuf::new(),
            sequence: template.sequence,
            witness: Witness::new(),
        }],
        output: vec![TxOut {
            value,
            script_pubkey: script,
        }],
    };
    debug_assert_eq!(template.lock_time, LockTime::ZERO);
    let weight = transaction.weight() + SEGWIT_MARKER + template.witness_weight();
    let refused = refused.map(|refused| feerate_of(refused, contract.value_sat));
    let bid = feerate(estimates, refused, policy);
    let fee = bid.fee_wu(weight).unwrap_or(Amount::MAX_MONEY);
    let budget = Amount::from_sat(
        contract
            .value_sat
            .saturating_mul(policy.budget_percent.into())
            / 100,
    );
    let left = value.checked_sub(fee);
    match (left, transaction.output.first_mut()) {
        (Some(left), Some(output))
            if fee <= budget && left >= output.script_pubkey.minimal_non_dust() =>
        {
            output.value = left;
        }
        (Some(_) | None, Some(_) | None) => return Ok(Err(Uneconomic { value, fee })),
    }
    let sighash = template.sighash(&transaction, 0, value)?;
    let request = SignRequest {
        channel: terms.channel(),
        psbt: psbt(
            &transaction,
            TxOut {
                value,
                script_pubkey: template.output.script_pubkey.clone(),
            },
            template.output.witness_script.clone(),
        ),
        inputs: vec![InputToSign {
            index: 0,
            key: KeyDescriptor {
                keys_id: terms.keys_id,
                role: key.role,
                tweak: tweak(key.role, contract),
                public_key: key.public_key,
            },
            sighash,
            sighash_type: EcdsaSighashType::All,
        }],
    };
    Ok(Ok(Unsigned {
        request,
        template,
        transaction,
    }))
}

fn tweak(role: KeyRole, contract: &Contract) -> KeyTweak {
    match role {
        KeyRole::Funding | KeyRole::Payment | KeyRole::Revocation => KeyTweak::None,
        KeyRole::DelayedPayment | KeyRole::Htlc => KeyTweak::Point(contract.per_commitment_point),
    }
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
    Ok(SignRequest {
        channel: terms.channel(),
        psbt: psbt(
            &commitment.tx,
            TxOut {
                value: terms.funding.capacity,
                script_pubkey: terms.funding_output().script_pubkey(),
            },
            Some(terms.funding_output().witness_script()),
        ),
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

fn psbt(transaction: &Transaction, spent: TxOut, witness_script: Option<ScriptBuf>) -> Psbt {
    let mut psbt = Psbt::from_unsigned_tx(transaction.clone())
        .expect("a transaction without scriptSigs and witnesses makes a PSBT");
    if let Some(input) = psbt.inputs.first_mut() {
        input.witness_utxo = Some(spent);
        input.witness_script = witness_script;
        input.sighash_type = Some(EcdsaSighashType::All.into());
    }
    psbt
}
