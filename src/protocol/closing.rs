//! Cooperative closing transactions, old (`closing_signed`) and new (`option_simple_close`), and how one is recognised.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Script, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Witness};

use super::error::{Field, ProtocolError};
use super::funding::Funding;
use super::ordering::bip69;
use super::scripts::minimal_dust;

/// BOLT 3: the input of a transaction agreed on through `closing_signed` is final.
const LEGACY_SEQUENCE: Sequence = Sequence::MAX;
/// BOLT 3: with `option_simple_close` it can be replaced.
const SIMPLE_SEQUENCE: Sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;

/// What one side gets in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosingSide {
    /// From its `shutdown` message.
    pub script_pubkey: ScriptBuf,
    /// Its balance, in millisatoshi.
    pub balance_msat: u64,
}

/// Which sides have an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClosingOutputs {
    /// Both.
    Both,
    /// Only the one that pays the fee: the opener, or with `option_simple_close` the closer.
    PayerOnly,
    /// Only the other one.
    OtherOnly,
}

/// A closing transaction as `closing_signed` negotiates it: the opener pays.
#[derive(Clone, Debug)]
pub struct LegacyClosing<'a> {
    /// The output it spends.
    pub funding: &'a Funding,
    /// The side that opened the channel.
    pub opener: &'a ClosingSide,
    /// The other side.
    pub accepter: &'a ClosingSide,
    /// `fee_satoshis`.
    pub fee: Amount,
    /// `dust_limit_satoshis` of the side whose signature is made or checked.
    pub dust_limit: Amount,
    /// A side may leave out its own output.
    pub outputs: ClosingOutputs,
}

/// A closing transaction of `option_simple_close`: the closer pays, and can replace it with one that pays more.
#[derive(Clone, Debug)]
pub struct SimpleClosing<'a> {
    /// The output it spends.
    pub funding: &'a Funding,
    /// The side that sent `closing_complete`.
    pub closer: &'a ClosingSide,
    /// The other side.
    pub closee: &'a ClosingSide,
    /// `fee_satoshis`.
    pub fee: Amount,
    /// `locktime`.
    pub lock_time: LockTime,
    /// Which of the signatures in the message.
    pub outputs: ClosingOutputs,
}

/// The scripts BOLT 2 allows in `shutdown`, by what has to be negotiated for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShutdownForm {
    /// P2WPKH and P2WSH: always.
    SegwitV0,
    /// Later witness programs, P2TR among them: with `option_shutdown_anysegwit`.
    LaterSegwit,
    /// OP_RETURN with one push of 6 to 80 bytes: with `option_simple_close`; such an output holds nothing.
    Data,
    /// P2PKH and P2SH: no more, but channels of old may have committed to one.
    BeforeSegwit,
}

/// The form of a shutdown script; `None` if BOLT 2 has never allowed it.
pub fn shutdown_form(script_pubkey: &Script) -> Option<ShutdownForm> {
    if script_pubkey.is_p2wpkh() || script_pubkey.is_p2wsh() {
        Some(ShutdownForm::SegwitV0)
    } else if script_pubkey
        .witness_version()
        .is_some_and(|version| version.to_num() > 0)
    {
        Some(ShutdownForm::LaterSegwit)
    } else if is_data(script_pubkey.as_bytes()) {
        Some(ShutdownForm::Data)
    } else if script_pubkey.is_p2pkh() || script_pubkey.is_p2sh() {
        Some(ShutdownForm::BeforeSegwit)
    } else {
        None
    }
}

/// BOLT 2: OP_RETURN, then 6 to 75 bytes pushed by their length, or 76 to 80 by OP_PUSHDATA1.
fn is_data(script: &[u8]) -> bool {
    const OP_RETURN: u8 = 0x6a;
    const OP_PUSHDATA1: u8 = 76;
    match script {
        [OP_RETURN, OP_PUSHDATA1, length, data @ ..] => {
            (76..=80).contains(length) && data.len() == usize::from(*length)
        }
        [OP_RETURN, length, data @ ..] => {
            (6..=75).contains(length) && data.len() == usize::from(*length)
        }
        _ => false,
    }
}

/// Whether a spend of the funding output is a cooperative close: final or replaceable, and every output goes to a script
/// for which `is_known` answers true – the shutdown scripts of both sides, and the addresses of our wallet.
///
/// To be asked only of transactions that carry no commitment number.
pub fn is_cooperative_close(
    tx: &Transaction,
    funding: OutPoint,
    is_known: impl Fn(&Script) -> bool,
) -> bool {
    let [input] = tx.input.as_slice() else {
        return false;
    };
    input.previous_output == funding
        && matches!(input.sequence, LEGACY_SEQUENCE | SIMPLE_SEQUENCE)
        && !tx.output.is_empty()
        && tx
            .output
            .iter()
            .all(|output| is_known(&output.script_pubkey))
}

impl ClosingSide {
    /// Balance in whole satoshis.
    fn balance(&self) -> Amount {
        // BOLT 3: rounded down.
        Amount::from_sat(self.balance_msat / 1000)
    }
}

impl LegacyClosing<'_> {
    /// The unsigned transaction. An output below the dust limit is left out.
    ///
    /// Errors: [`ProtocolError::AboveCapacity`], [`ProtocolError::ClosingFeeTooHigh`], [`ProtocolError::NoOutputs`].
    pub fn build(&self) -> Result<Transaction, ProtocolError> {
        let values = values(self.funding, self.opener, self.accepter, self.fee)?;
        let outputs = chosen(self.outputs, self.opener, self.accepter, values)
            // BOLT 3: each side removes what is below its own dust limit.
            .filter(|output| output.value >= self.dust_limit)
            .collect();
        // BOLT 3: lock time 0.
        closing(self.funding, LEGACY_SEQUENCE, LockTime::ZERO, outputs)
    }
}

impl SimpleClosing<'_> {
    /// The unsigned transaction.
    ///
    /// Errors: as [`LegacyClosing::build`], and [`ProtocolError::DustOutput`]: here dust is left out by choosing
    /// [`Self::outputs`], never silently.
    pub fn build(&self) -> Result<Transaction, ProtocolError> {
        let values = values(self.funding, self.closer, self.closee, self.fee)?;
        let outputs: Vec<_> = chosen(self.outputs, self.closer, self.closee, values)
            .map(burn_if_data)
            .collect();
        match outputs
            .iter()
            .find(|output| output.value < minimal_dust(&output.script_pubkey))
        {
            Some(dust) => Err(ProtocolError::DustOutput { value: dust.value }),
            None => closing(self.funding, SIMPLE_SEQUENCE, self.lock_time, outputs),
        }
    }
}

/// What payer and other get.
fn values(
    funding: &Funding,
    payer: &ClosingSide,
    other: &ClosingSide,
    fee: Amount,
) -> Result<(Amount, Amount), ProtocolError> {
    let capacity = funding.capacity;
    let above = |field| ProtocolError::AboveCapacity { field, capacity };
    let capacity_msat = capacity
        .to_sat()
        .checked_mul(1000)
        .ok_or(above(Field::Capacity))?;
    capacity_msat
        .checked_sub(payer.balance_msat)
        .ok_or(above(Field::FeePayer))?
        .checked_sub(other.balance_msat)
        .ok_or(above(Field::OtherSide))?;
    let balance = payer.balance();
    // BOLT 2: who pays the fee cannot offer more than it has.
    let left = balance
        .checked_sub(fee)
        .ok_or(ProtocolError::ClosingFeeTooHigh { fee, balance })?;
    Ok((left, other.balance()))
}

/// The outputs of the sides that are to have one.
fn chosen(
    outputs: ClosingOutputs,
    payer: &ClosingSide,
    other: &ClosingSide,
    (to_payer, to_other): (Amount, Amount),
) -> impl Iterator<Item = TxOut> {
    let payer = TxOut {
        value: to_payer,
        script_pubkey: payer.script_pubkey.clone(),
    };
    let other = TxOut {
        value: to_other,
        script_pubkey: other.script_pubkey.clone(),
    };
    let (payer, other) = match outputs {
        ClosingOutputs::Both => (Some(payer), Some(other)),
        ClosingOutputs::PayerOnly => (Some(payer), None),
        ClosingOutputs::OtherOnly => (None, Some(other)),
    };
    payer.into_iter().chain(other)
}

/// BOLT 3: an OP_RETURN output holds nothing; what its side had goes to the miners.
fn burn_if_data(output: TxOut) -> TxOut {
    if output.script_pubkey.is_op_return() {
        return TxOut {
            value: Amount::ZERO,
            ..output
        };
    }
    output
}

fn closing(
    funding: &Funding,
    sequence: Sequence,
    lock_time: LockTime,
    mut output: Vec<TxOut>,
) -> Result<Transaction, ProtocolError> {
    if output.is_empty() {
        return Err(ProtocolError::NoOutputs);
    }
    output.sort_by(|one, other| {
        bip69(
            (one.value, &one.script_pubkey),
            (other.value, &other.script_pubkey),
        )
    });
    let input = TxIn {
        previous_output: funding.outpoint,
        script_sig: ScriptBuf::new(),
        sequence,
        witness: Witness::new(),
    };
    Ok(Transaction {
        version: Version::TWO,
        lock_time,
        input: vec![input],
        output,
    })
}

#[cfg(test)]
mod tests;
