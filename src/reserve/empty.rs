//! Everything that is free to one address: nobody's money is caught in the reserve.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, FeeRate, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut};

use crate::court::Coin;
use crate::protocol::SEGWIT_MARKER;
use crate::sweep::fee_at;

/// There are no coins, or they are worth less than their fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NothingToSend {
    /// What the coins hold.
    pub held: Amount,
    /// What spending them would cost.
    pub fee: Amount,
}

/// The transaction that pays all these coins to `script`, unsigned, with what each input spends. Replaceable: a second one
/// at a higher feerate takes its place.
///
/// # Errors
/// [`NothingToSend`].
pub(crate) fn empty(
    coins: &[Coin],
    script: ScriptBuf,
    feerate: FeeRate,
) -> Result<Psbt, NothingToSend> {
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
        return Err(NothingToSend { held, fee });
    };
    output.value = left;
    let mut psbt = Psbt::from_unsigned_tx(transaction).map_err(|_| NothingToSend { held, fee })?;
    for (input, coin) in psbt.inputs.iter_mut().zip(coins) {
        input.witness_utxo = Some(coin.output.clone());
    }
    Ok(psbt)
}
