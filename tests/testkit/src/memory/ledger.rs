//! The in-memory best chain with its unspent outputs: connects blocks that obey the rules, takes them off again.

use std::collections::{HashMap, HashSet};

use bitcoin::constants::genesis_block;
use bitcoin::{Block, Network, OutPoint, Transaction, Wtxid};

use super::rules::{self, Coin, Origin, Place};
use crate::chain::{BlockRef, Reject};
use crate::index::{inputs, ChainIndex};

/// The best chain and its unspent outputs.
pub(crate) struct Ledger {
    pub(crate) index: ChainIndex,
    coins: HashMap<OutPoint, Coin>,
    /// Per block of the best chain (but the genesis block) the coins that it spent, to give back when it is taken off.
    undo: Vec<Vec<(OutPoint, Coin)>>,
    /// Transactions whose scripts were found good; a script's outcome depends on nothing but the transaction.
    good_scripts: HashSet<Wtxid>,
}

/// A transaction with the coins that it spends, in the order of its inputs.
pub(crate) struct Resolved<'a> {
    pub(crate) transaction: &'a Transaction,
    pub(crate) coins: Vec<Coin>,
}

impl Ledger {
    /// The regtest genesis block.
    pub(crate) fn new() -> Self {
        Ledger {
            index: ChainIndex::new(genesis_block(Network::Regtest)),
            coins: HashMap::new(),
            undo: Vec::new(),
            good_scripts: HashSet::new(),
        }
    }

    pub(crate) fn coin(&self, outpoint: &OutPoint) -> Option<&Coin> {
        self.coins.get(outpoint)
    }

    /// Where the next block will stand.
    pub(crate) fn next_place(&self) -> Place {
        Place {
            height: self.index.tip().height + 1,
            median_time: self.median_time(self.index.tip().height),
        }
    }

    /// Median time of the block at `height` and the ten before it (BIP 113).
    fn median_time(&self, height: u32) -> u32 {
        let mut times: Vec<u32> = (height.saturating_sub(10)..=height)
            .filter_map(|height| self.index.block_at(height))
            .map(|block| block.header.time)
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    }

    /// The fee, if consensus allows the transaction in the next block.
    pub(crate) fn check(&mut self, resolved: &Resolved<'_>) -> Result<bitcoin::Amount, Reject> {
        let place = self.next_place();
        let Resolved { transaction, coins } = resolved;
        rules::check_form(transaction)?;
        rules::check_final(transaction, place)?;
        rules::check_sequence_locks(transaction, coins, place)?;
        let fee = rules::check_amounts(transaction, coins, place)?;
        let wtxid = transaction.compute_wtxid();
        if !self.good_scripts.contains(&wtxid) {
            rules::check_scripts(transaction, coins)?;
            self.good_scripts.insert(wtxid);
        }
        Ok(fee)
    }

    /// Checks that these transactions can be mined in this order in the next block, and returns their fees.
    pub(crate) fn check_all(
        &mut self,
        transactions: &[Transaction],
    ) -> Result<bitcoin::Amount, Reject> {
        let place = self.next_place();
        let mut fresh: HashMap<OutPoint, Coin> = HashMap::new();
        let mut spent: HashSet<OutPoint> = HashSet::new();
        let mut fees = bitcoin::Amount::ZERO;
        for transaction in transactions {
            let find = |outpoint: &OutPoint| {
                let coin = fresh.get(outpoint).or_else(|| self.coins.get(outpoint));
                coin.filter(|_| !spent.contains(outpoint)).cloned()
            };
            let resolved = resolve(transaction, find)?;
            fees += self.check(&resolved)?;
            spent.extend(transaction.input.iter().map(|input| input.previous_output));
            fresh.extend(new_coins(transaction, place));
        }
        Ok(fees)
    }

    /// Puts a block on the tip whose transactions were checked with [`Ledger::check_all`].
    pub(crate) fn connect(&mut self, block: Block) -> BlockRef {
        let place = self.next_place();
        let mut undo = Vec::new();
        for transaction in &block.txdata {
            for (_, input) in inputs(transaction) {
                let coin = self
                    .coins
                    .remove(&input)
                    .expect("the block was checked before");
                undo.push((input, coin));
            }
            self.coins.extend(new_coins(transaction, place));
        }
        self.undo.push(undo);
        self.index.connect(block)
    }

    /// Takes the tip off and returns it.
    pub(crate) fn disconnect_tip(&mut self) -> Block {
        let block = self.index.disconnect_tip();
        let undo = self
            .undo
            .pop()
            .expect("every block above the genesis block has its undo data");
        // Give back first, then take what the block made: what one of its transactions made for a later one ends gone.
        self.coins.extend(undo);
        for transaction in &block.txdata {
            let txid = transaction.compute_txid();
            for (vout, _) in (0..).zip(&transaction.output) {
                self.coins.remove(&OutPoint { txid, vout });
            }
        }
        block
    }
}

/// Finds the coin of every input.
pub(crate) fn resolve<'a>(
    transaction: &'a Transaction,
    find: impl Fn(&OutPoint) -> Option<Coin>,
) -> Result<Resolved<'a>, Reject> {
    let coins: Option<Vec<Coin>> = transaction
        .input
        .iter()
        .map(|input| find(&input.previous_output))
        .collect();
    match coins {
        Some(coins) => Ok(Resolved { transaction, coins }),
        None => Err(Reject {
            code: -25,
            text: "bad-txns-inputs-missingorspent".into(),
        }),
    }
}

/// The coins that a transaction makes when it stands at `place`.
pub(crate) fn new_coins(
    transaction: &Transaction,
    place: Place,
) -> impl Iterator<Item = (OutPoint, Coin)> + '_ {
    let txid = transaction.compute_txid();
    let origin = if transaction.is_coinbase() {
        Origin::Coinbase
    } else {
        Origin::Payment
    };
    (0..)
        .zip(&transaction.output)
        .filter(|(_, output)| !output.script_pubkey.is_op_return())
        .map(move |(vout, output)| {
            let coin = Coin {
                output: output.clone(),
                height: place.height,
                median_time_before: place.median_time,
                origin,
            };
            (OutPoint { txid, vout }, coin)
        })
}
