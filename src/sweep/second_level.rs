//! HTLC-timeout and HTLC-success of our own commitment: as the peer signed them, or, where its signatures allow it,
//! several in one transaction with a coin of the wallet's for the fee.

use bitcoin::transaction::Version;
use bitcoin::{Amount, EcdsaSighashType, ScriptBuf, Transaction, TxOut};

use super::build::{ClaimInput, Spending, Uneconomic, Unsigned};
use super::claim::lock_time;
use super::coins::pay;
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
        let value = spendings.iter().map(Spending::value).sum();
        let fee = |weight| bid.fee(weight, value);
        // What an HTLC holds goes on to its output, all of it.
        let surplus = Amount::ZERO;
        match pay(&mut transaction, &spendings, surplus, coins, change, fee) {
            Ok(coins) => taken = coins,
            Err(not_now) => return Ok(Err(not_now)),
        }
    }
    Unsigned::new(terms, spendings, taken, transaction).map(Ok)
}
