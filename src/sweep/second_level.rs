//! HTLC-timeout and HTLC-success of our own commitment: as the peer signed them, or, where its signatures allow it,
//! several in one transaction with a coin of the wallet's for the fee.

use std::collections::BTreeMap;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::transaction::Version;
use bitcoin::{Amount, EcdsaSighashType, OutPoint, ScriptBuf, Transaction, TxOut};

use super::build::{ClaimInput, Spending, Unsigned};
use super::claim::lock_time;
use super::coins::pay;
use super::fees::Bid;
use super::not_now::NotNow;
use crate::channel::{Candidate, ChannelTerms, UpdateError};
use crate::court::{Case, Coin, Dossier};
use crate::protocol::{Party, ProtocolError};

/// The second-level transaction of these HTLC outputs of our commitment, which was built at `feerate_per_kw`. `coins`
/// are the wallet's, any number, in the order in which they are taken until the fee is paid. Their change goes to `change`.
///
/// # Errors
/// The keys cannot be derived, or an output has no such path: the stored terms are damaged.
pub fn second_level(
    terms: &ChannelTerms,
    inputs: Vec<ClaimInput>,
    feerate_per_kw: u32,
    coins: Vec<Coin>,
    change: ScriptBuf,
    bid: &Bid<'_>,
) -> Result<Result<Unsigned, NotNow>, ProtocolError> {
    let format = terms.channel_type.format();
    let mut spendings = Vec::new();
    let mut outputs = Vec::new();
    for input in inputs {
        let contract = &input.contract;
        let keys = terms.commitment_keys(contract.owner, &contract.per_commitment_point)?;
        let delay = terms.party(contract.owner).to_self_delay;
        let kind = match contract.output {
            crate::protocol::ContractOutput::Htlc { kind, .. } => kind,
            crate::protocol::ContractOutput::ToLocal
            | crate::protocol::ContractOutput::ToRemote
            | crate::protocol::ContractOutput::OwnerAnchor
            | crate::protocol::ContractOutput::CounterpartyAnchor
            | crate::protocol::ContractOutput::SecondLevel => {
                return Err(ProtocolError::NotAnHtlcOutput {
                    vout: contract.outpoint.vout,
                })
            }
        };
        // BOLT 3: the amount minus the fee, which is the same as when the peer signed it.
        let fee = format.second_level_fee(kind, feerate_per_kw);
        let vout = contract.outpoint.vout;
        let left = Amount::from_sat(contract.value_sat)
            .checked_sub(fee)
            .ok_or(ProtocolError::HtlcBelowFee { vout, fee })?;
        outputs.push(TxOut {
            value: left,
            script_pubkey: format.second_level_output(&keys, delay).script_pubkey,
        });
        spendings.push(Spending::new(terms, input)?);
    }
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: lock_time(&spendings),
        input: spendings.iter().map(Spending::tx_in).collect(),
        output: outputs,
    };
    let mut taken = Vec::new();
    if format.peer_sighash() != EcdsaSighashType::All {
        let value = spendings.iter().map(Spending::value).sum();
        let fee = |weight| bid.fee(weight, value, value);
        // What an HTLC holds goes on to its output, all of it.
        let surplus = Amount::ZERO;
        match pay(&mut transaction, &spendings, surplus, coins, change, fee) {
            Ok(coins) => taken = coins,
            Err(not_now) => return Ok(Err(not_now)),
        }
    }
    Unsigned::new(terms, spendings, taken, transaction).map(Ok)
}

/// The commitment of ours that confirmed.
pub(super) fn confirmed<'a>(case: &Case, dossier: &'a Dossier) -> Option<&'a Candidate> {
    let closing = case.close.as_ref().map(|close| close.txid)?;
    let mut ours = dossier.candidates.iter();
    ours.find(|candidate| candidate.owner == Party::Local && candidate.txid == closing)
}

/// The peer's signatures of the second level, where our own commitment confirmed, by the HTLC's output.
///
/// # Errors
/// The commitment cannot be built again: what is stored of it is damaged.
pub fn peer_signatures(
    case: &Case,
    dossier: &Dossier,
) -> Result<BTreeMap<OutPoint, Signature>, UpdateError> {
    let confirmed = confirmed(case, dossier);
    let Some((candidate, (_, signatures))) =
        confirmed.and_then(|candidate| Some((candidate, candidate.signatures.as_ref()?)))
    else {
        return Ok(BTreeMap::new());
    };
    let commitment = candidate.build(&dossier.terms, &dossier.htlcs)?;
    let outputs = commitment
        .htlc_outputs()
        .map(|(vout, _)| OutPoint::new(candidate.txid, vout));
    Ok(outputs.zip(signatures.iter().copied()).collect())
}
