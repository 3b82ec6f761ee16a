//! What the tests of the formats share: every output, every way to spend it, signed for real.

mod consensus;
mod recognition;
mod templates;
mod types;
mod weights;

use std::collections::BTreeSet;

use bitcoin::absolute::LockTime;
use bitcoin::secp256k1::{ecdsa, SECP256K1};
use bitcoin::transaction::Version;
use bitcoin::{OutPoint, Transaction, TxIn, TxOut};

use super::*;
use crate::protocol::fixtures::{
    bolt_constants, commitment_keys, htlc, preimage, signing_secret, spec, within, DELAY,
};
use crate::protocol::{CommitmentSpec, KeyRole, Preimage, ProtocolError};

const VALUE: Amount = Amount::from_sat(100_000);

/// Every output a commitment can leave.
fn contracts() -> Vec<ContractOutput> {
    vec![
        ContractOutput::ToLocal,
        ContractOutput::ToRemote,
        ContractOutput::OwnerAnchor,
        ContractOutput::CounterpartyAnchor,
        htlc(HtlcKind::Offered, 0).contract(),
        htlc(HtlcKind::Received, 0).contract(),
        ContractOutput::SecondLevel,
    ]
}

/// Every way to spend every output of a channel type.
fn all_spends(channel_type: ChannelType) -> Vec<(ContractOutput, SpendTemplate)> {
    let format = channel_type.format();
    let keys = commitment_keys();
    let spends = |contract| {
        format
            .spends(&contract, &keys, DELAY)
            .into_iter()
            .map(move |spend| (contract, spend))
    };
    contracts().into_iter().flat_map(spends).collect()
}

fn spend(channel_type: ChannelType, contract: ContractOutput, path: SpendPath) -> SpendTemplate {
    channel_type
        .format()
        .spend(&contract, path, &commitment_keys(), DELAY)
        .unwrap()
}

/// A transaction that spends something as the template wants it.
fn spending(template: &SpendTemplate) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: template.lock_time,
        input: vec![TxIn {
            previous_output: OutPoint::null(),
            sequence: template.sequence,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value: VALUE,
            script_pubkey: template.output.script_pubkey.clone(),
        }],
    }
}

fn sign(template: &SpendTemplate, tx: &Transaction) -> Option<ecdsa::Signature> {
    let role = template.signing_key?.role;
    let message = template.sighash(tx, 0, VALUE).unwrap();
    Some(SECP256K1.sign_ecdsa(&message, &signing_secret(template.spender, role)))
}

fn sign_as_peer(template: &SpendTemplate, tx: &Transaction) -> Option<ecdsa::Signature> {
    let message = template.peer_sighash(tx, 0, VALUE).ok()?;
    Some(SECP256K1.sign_ecdsa(
        &message,
        &signing_secret(Spender::Counterparty, KeyRole::Htlc),
    ))
}

/// The template's own witness, with real signatures.
fn witness(template: &SpendTemplate) -> Witness {
    let tx = spending(template);
    let (signature, peer_signature) = (sign(template, &tx), sign_as_peer(template, &tx));
    template
        .witness(&WitnessParts {
            signature,
            peer_signature,
            preimage: Some(&preimage()),
        })
        .unwrap()
}

/// A witness with one element replaced.
fn altered(witness: &Witness, position: usize, element: &[u8]) -> Witness {
    let mut stack = witness.to_vec();
    stack[position] = element.to_vec();
    Witness::from_slice(&stack)
}
