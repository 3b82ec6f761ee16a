//! What the wallet should have ready in case channels go to the chain: the very transactions are made, with a coin that nobody
//! has, and what they take of it is added up.

use std::collections::BTreeMap;

use bitcoin::hashes::Hash;
use bitcoin::{Amount, FeeRate, OutPoint, ScriptBuf, TxOut, WScriptHash};

use super::build::{ClaimInput, Unsigned};
use super::{anchor, second_level, Bid, NotNow, Schedule};
use crate::channel::ChannelTerms;
use crate::config::Policy;
use crate::court::{Coin, Contract, Forecast};
use crate::protocol::ProtocolError;

/// What a wallet needs for a force close of each open channel at some feerate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReserveNeeded {
    /// What each transaction that has no fee of its own takes, the largest first: each is to find a coin of at least this
    /// size, because what is left of one comes back only when its transaction is buried.
    pub coins: Vec<Amount>,
}

impl ReserveNeeded {
    /// All of it.
    pub fn total(&self) -> Amount {
        let mut total = Amount::ZERO;
        for coin in &self.coins {
            total = total.checked_add(*coin).unwrap_or(Amount::MAX_MONEY);
        }
        total
    }

    /// Adds a channel with anchors: what its force close takes at this feerate, or the policy's floor, of which all channels
    /// together keep no more than its cap.
    ///
    /// # Errors
    /// The keys cannot be derived: the stored terms are damaged.
    pub fn add(
        &mut self,
        terms: &ChannelTerms,
        forecast: &Forecast,
        feerate: FeeRate,
        policy: &Policy,
    ) -> Result<(), ProtocolError> {
        let taken = taken(terms, forecast, feerate, policy)?;
        let claims: Amount = taken.htlcs.iter().copied().sum();
        let room = policy.reserve_floor_cap.checked_sub(self.total());
        let floor = policy.reserve_floor.min(room.unwrap_or(Amount::ZERO));
        let rest = floor.checked_sub(claims).unwrap_or(Amount::ZERO);
        let commitment = taken.child.max(rest);
        let coins = taken.htlcs.into_iter().chain([commitment]);
        self.coins.extend(coins.filter(|coin| *coin > Amount::ZERO));
        self.coins.sort_by(|a, b| b.cmp(a));
        Ok(())
    }
}

/// What the transactions of one force close take of the wallet.
struct Taken {
    child: Amount,
    htlcs: Vec<Amount>,
}

fn taken(
    terms: &ChannelTerms,
    forecast: &Forecast,
    feerate: FeeRate,
    policy: &Policy,
) -> Result<Taken, ProtocolError> {
    let estimates = BTreeMap::from([(1, feerate)]);
    let bid = Bid {
        estimates: &estimates,
        // A deadline that no climb is near of: the market's price, and the margin above it.
        schedule: Schedule {
            tip: 0,
            since: None,
            deadline: Some(u32::MAX),
        },
        floor: None,
        raise: None,
        policy,
    };
    let coins = || vec![nobodys_coin()];
    let child = anchor(terms, &forecast.child, coins(), change(), &bid)?;
    let mut htlcs = Vec::new();
    for contract in &forecast.htlcs {
        let inputs = vec![alone(contract)];
        let rate = forecast.feerate_per_kw;
        let made = second_level(terms, inputs, rate, coins(), change(), &bid)?;
        htlcs.push(taken_by(made));
    }
    // They take coins in any order: each is to find one that is large enough for any of them.
    let largest = htlcs.iter().max().copied().unwrap_or(Amount::ZERO);
    for htlc in htlcs.iter_mut().filter(|taken| **taken > Amount::ZERO) {
        *htlc = largest;
    }
    Ok(Taken {
        child: taken_by(child),
        htlcs,
    })
}

/// What a transaction takes of its coin, and the least that has to be left of that.
fn taken_by(made: Result<Unsigned, NotNow>) -> Amount {
    let Ok(unsigned) = made else {
        // It pays enough without, or is not worth it at this feerate.
        return Amount::ZERO;
    };
    let held: Amount = unsigned.coins.iter().map(|coin| coin.output.value).sum();
    let outputs = &unsigned.request.psbt.unsigned_tx.output;
    let left = outputs.last().map_or(Amount::ZERO, |output| output.value);
    let dust = change().minimal_non_dust();
    held.checked_sub(left).unwrap_or(Amount::ZERO) + dust
}

/// An HTLC that is claimed by itself: others may share its transaction and its coin, which then takes less.
fn alone(contract: &Contract) -> ClaimInput {
    ClaimInput {
        contract: contract.clone(),
        preimage: None,
        peer_signature: None,
        secret: None,
    }
}

/// Large enough for any fee.
fn nobodys_coin() -> Coin {
    Coin {
        outpoint: OutPoint::null(),
        output: TxOut {
            value: Amount::from_int_btc(1_000_000),
            script_pubkey: change(),
        },
        witness_weight: Coin::P2WPKH_WITNESS,
    }
}

/// The longest script that wallets are paid to.
fn change() -> ScriptBuf {
    ScriptBuf::new_p2wsh(&WScriptHash::all_zeros())
}

#[cfg(test)]
mod tests;
