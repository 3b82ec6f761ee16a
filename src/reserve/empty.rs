//! Everything that is free to one address: nobody's money is caught in the reserve.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, FeeRate, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid};

use super::Emptying;
use crate::config::Policy;
use crate::court::Coin;
use crate::protocol::SEGWIT_MARKER;
use crate::sweep::{fee_at, replacement_fee};

/// Why the wallet's coins are not sent away. Nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmptyError {
    /// There are no coins, or they are worth less than their fee.
    #[error("the reserve: {held} are free, and the fee is {fee}")]
    NothingToSend {
        /// What the coins hold.
        held: Amount,
        /// What spending them would cost.
        fee: Amount,
    },
    /// It would have to replace a transaction that pays as much, or nearly (BIP 125).
    #[error("the reserve: {txid} is on its way; {fee} do not replace it, {needed} would")]
    FeeTooLow {
        /// What is on its way.
        txid: Txid,
        /// What the new one would pay.
        fee: Amount,
        /// What it has to pay.
        needed: Amount,
    },
}

/// The transaction that pays all these coins to `script`, unsigned, with what each input spends. Replaceable: a second one
/// at a higher feerate takes its place.
///
/// # Errors
/// [`EmptyError::NothingToSend`].
pub(crate) fn empty(
    coins: &[Coin],
    script: ScriptBuf,
    feerate: FeeRate,
) -> Result<Psbt, EmptyError> {
    let held: Amount = coins.iter().map(|coin| coin.output.value).sum();
    let dust = script.minimal_non_dust();
    let input = |coin: &Coin| TxIn {
        previous_output: coin.outpoint,
        sequence: Sequence::ENABLE_RBF_NO_LOCKTIME,
        ..TxIn::default()
    };
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: coins.iter().map(input).collect(),
        output: vec![TxOut {
            value: held,
            script_pubkey: script,
        }],
    };
    let witnesses = coins.iter().map(|coin| coin.witness_weight).sum();
    let fee = fee_at(feerate, transaction.weight() + SEGWIT_MARKER + witnesses);
    let left = held.checked_sub(fee).filter(|left| *left >= dust);
    let (Some(left), Some(output)) = (left, transaction.output.first_mut()) else {
        return Err(EmptyError::NothingToSend { held, fee });
    };
    output.value = left;
    let mut psbt =
        Psbt::from_unsigned_tx(transaction).map_err(|_| EmptyError::NothingToSend { held, fee })?;
    for (input, coin) in psbt.inputs.iter_mut().zip(coins) {
        input.witness_utxo = Some(coin.output.clone());
    }
    Ok(psbt)
}

/// What a new one would replace.
///
/// # Errors
/// [`EmptyError::FeeTooLow`].
pub(crate) fn replaced_by(
    new: &Emptying,
    waiting: &[Emptying],
    policy: &Policy,
) -> Result<Vec<Txid>, EmptyError> {
    let replaced: Vec<&Emptying> = waiting.iter().filter(|it| it.rules_out(new)).collect();
    let paid = replaced.iter().map(|it| (it.fee, it.transaction.weight()));
    let needed = replacement_fee(paid, new.transaction.weight(), policy);
    match replaced.first() {
        Some(old) if new.fee < needed => Err(EmptyError::FeeTooLow {
            txid: old.txid(),
            fee: new.fee,
            needed,
        }),
        Some(_) | None => Ok(replaced.iter().map(|it| it.txid()).collect()),
    }
}
