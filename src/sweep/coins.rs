//! Coins of the wallet's, which pay the fee of a transaction that has none of its own.

use bitcoin::{Amount, ScriptBuf, Sequence, Transaction, TxOut, Weight};

use super::build::{signed_weight, tx_in, Spending};
use super::not_now::NotNow;
use crate::court::Coin;

/// Adds coins behind the inputs until the fee is paid, and gives the rest back. `surplus` is what the inputs hold above what
/// the outputs pay. Gives the coins taken.
///
/// # Errors
/// What `fee` says of a transaction of some weight; [`NotNow::ReserveNeeded`] when the coins do not suffice.
pub(super) fn pay(
    transaction: &mut Transaction,
    spendings: &[Spending],
    surplus: Amount,
    coins: Vec<Coin>,
    change: ScriptBuf,
    fee: impl Fn(Weight) -> Result<Amount, NotNow>,
) -> Result<Vec<Coin>, NotNow> {
    let dust = change.minimal_non_dust();
    transaction.output.push(TxOut {
        value: dust,
        script_pubkey: change,
    });
    let mut weight = signed_weight(transaction, spendings);
    let mut paid = surplus;
    let mut taken = Vec::new();
    for coin in coins {
        let input = tx_in(coin.outpoint, Sequence::ENABLE_RBF_NO_LOCKTIME);
        weight += input.legacy_weight() + coin.witness_weight;
        transaction.input.push(input);
        let more = paid.checked_add(coin.output.value);
        paid = more.unwrap_or(Amount::MAX_MONEY);
        taken.push(coin);
        let left = paid.checked_sub(fee(weight)?);
        let left = left.filter(|left| *left >= dust);
        if let (Some(left), Some(output)) = (left, transaction.output.last_mut()) {
            output.value = left;
            return Ok(taken);
        }
    }
    let fee = fee(weight)?;
    Err(NotNow::ReserveNeeded { fee })
}
