//! Claims: outputs of a close, paid to a script of the wallet's.

use bitcoin::absolute::LockTime;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxOut};

use super::build::{signed_weight, ClaimInput, Spending, Unsigned};
use super::fees::Bid;
use super::not_now::{NotNow, Uneconomic};
use super::second_level::{confirmed, second_level};
use crate::channel::ChannelTerms;
use crate::court::{is_second_level, Case, Coin, Dossier};
use crate::protocol::ProtocolError;

/// Inputs that are worth what they add to a fee, and what those that are not would cost.
#[derive(Debug)]
pub struct Worth {
    pub taken: Vec<ClaimInput>,
    pub left: Vec<(OutPoint, Amount)>,
}

/// Leaves out of a claim for several outputs those that would cost more than they may. A single one is judged when its
/// transaction is made.
///
/// # Errors
/// The keys cannot be derived, or an output has no such path: the stored terms are damaged.
pub fn worthwhile(
    terms: &ChannelTerms,
    inputs: Vec<ClaimInput>,
    bid: &Bid<'_>,
) -> Result<Worth, ProtocolError> {
    let mut worth = Worth {
        taken: Vec::new(),
        left: Vec::new(),
    };
    if inputs.len() < 2 {
        worth.taken = inputs;
        return Ok(worth);
    }
    for input in inputs {
        let spending = Spending::new(terms, input.clone())?;
        let fee = bid.least_fee(spending.template.input_weight());
        if fee > bid.worth(spending.value()) {
            worth.left.push((input.contract.outpoint, fee));
        } else {
            worth.taken.push(input);
        }
    }
    Ok(worth)
}

/// The transaction that claims outputs which go together: through the second level of our commitment, or directly.
///
/// # Errors
/// The keys cannot be derived, or an output has no such path: the stored terms are damaged.
pub fn transaction(
    case: &Case,
    dossier: &Dossier,
    inputs: Vec<ClaimInput>,
    coins: Vec<Coin>,
    script: ScriptBuf,
    bid: &Bid<'_>,
) -> Result<Result<Unsigned, NotNow>, ProtocolError> {
    let terms = &dossier.terms;
    let mut contracts = inputs.iter().map(|input| &input.contract);
    if contracts.any(is_second_level) {
        let feerate = confirmed(case, dossier).map_or(0, |it| it.feerate_per_kw);
        second_level(terms, inputs, feerate, coins, script, bid)
    } else {
        claim(terms, inputs, script, bid)
    }
}

/// The claim of outputs that are ours directly, all in one transaction with one output to `script`.
///
/// # Errors
/// The keys cannot be derived, or an output has no such path: the stored terms are damaged.
pub fn claim(
    terms: &ChannelTerms,
    inputs: Vec<ClaimInput>,
    script: ScriptBuf,
    bid: &Bid<'_>,
) -> Result<Result<Unsigned, NotNow>, ProtocolError> {
    let spendings: Vec<Spending> = inputs
        .into_iter()
        .map(|input| Spending::new(terms, input))
        .collect::<Result<_, _>>()?;
    let value = spendings.iter().map(Spending::value).sum();
    let mut transaction = Transaction {
        version: Version::TWO,
        lock_time: lock_time(&spendings),
        input: spendings.iter().map(Spending::tx_in).collect(),
        output: vec![TxOut {
            value,
            script_pubkey: script.clone(),
        }],
    };
    let weight = signed_weight(&transaction, &spendings);
    let dust = script.minimal_non_dust();
    let most = value.checked_sub(dust).unwrap_or(Amount::ZERO);
    let fee = match bid.fee(weight, value, most) {
        Ok(fee) => fee,
        Err(not_now) => return Ok(Err(not_now)),
    };
    let left = value.checked_sub(fee);
    match (left, transaction.output.first_mut()) {
        (Some(left), Some(output)) if left >= dust => {
            output.value = left;
        }
        (Some(_) | None, Some(_) | None) => {
            return Ok(Err(NotNow::Uneconomic(Uneconomic { value, fee })))
        }
    }
    Unsigned::new(terms, spendings, Vec::new(), transaction).map(Ok)
}

/// The highest lock time that an input asks for: those that share a transaction ask for the same.
pub(super) fn lock_time(spendings: &[Spending]) -> LockTime {
    spendings
        .iter()
        .map(|spending| spending.template.lock_time)
        .max_by_key(|lock_time| lock_time.to_consensus_u32())
        .unwrap_or(LockTime::ZERO)
}
