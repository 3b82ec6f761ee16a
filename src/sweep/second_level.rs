//! HTLC-timeout and HTLC-success of our own commitment: as the peer signed them, or, where its signatures allow it,
//! several in one transaction with a coin of the wallet's for the fee.

use bitcoin::transaction::Version;
use bitcoin::{Amount, EcdsaSighashType, ScriptBuf, Sequence, Transaction, TxOut, Weight};

use super::build::{tx_in, ClaimInput, Spending, Uneconomic, Unsigned, SEGWIT_MARKER};
use super::claim::lock_time;
use super::fees::Bid;
use crate::channel::ChannelTerms;
use crate::court::Coin;
use crate::protocol::ProtocolError;

/// Why there is no transaction now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    Uneconomic(Uneconomic),
    /// The one that waits for a block pays about as much.
    HighEnough,
    /// The wallet has no coins for the fee.
    ReserveNeeded {
        fee: Amount,
    },
}

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
        match pay(&spendings, &mut transaction, coins, change, bid) {
            Ok(coins) => taken = coins,
            Err(not_now) => return Ok(Err(not_now)),
        }
    }
    Unsigned::new(terms, spendings, taken, transaction).map(Ok)
}

/// Adds coins behind the HTLCs' inputs until the fee is paid, and gives the rest back. Gives the coins taken.
fn pay(
    spendings: &[Spending],
    transaction: &mut Transaction,
    coins: Vec<Coin>,
    change: ScriptBuf,
    bid: &Bid<'_>,
) -> Result<Vec<Coin>, NotNow> {
    let value: Amount = spendings.iter().map(Spending::value).sum();
    let witnesses: Weight = spendings
        .iter()
        .map(|spending| spending.template.witness_weight())
        .sum();
    let dust = change.minimal_non_dust();
    transaction.output.push(TxOut {
        value: dust,
        script_pubkey: change,
    });
    let mut weight = transaction.weight() + SEGWIT_MARKER + witnesses;
    let mut paid = Amount::ZERO;
    let mut taken = Vec::new();
    for coin in coins {
        let input = tx_in(coin.outpoint, Sequence::ENABLE_RBF_NO_LOCKTIME);
        weight += input.segwit_weight() + coin.witness_weight;
        transaction.input.push(input);
        paid += coin.output.value;
        taken.push(coin);
        let fee = bid.fee(weight, value)?;
        let left = paid.checked_sub(fee).filter(|left| *left >= dust);
        if let (Some(left), Some(output)) = (left, transaction.output.last_mut()) {
            output.value = left;
            return Ok(taken);
        }
    }
    let fee = bid.fee(weight, value)?;
    Err(NotNow::ReserveNeeded { fee })
}
