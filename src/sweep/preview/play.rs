//! A close that is only imagined, block by block: the court decides, the builders build, and the next block holds it all.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::hashes::Hash;
use bitcoin::{
    Amount, BlockHash, FeeRate, OutPoint, ScriptBuf, Transaction, TxOut, Txid, WPubkeyHash,
};

use super::{Known, PreviewError};
use crate::channel::Candidate;
use crate::config::Policy;
use crate::court::case_file::CaseFile;
use crate::court::{
    advance, cpfp, is_second_level, next_height, wants, ArbitratorState, Block, BroadcastPurpose,
    Case, Claim, Coin, Dossier, Facts, FundingCoins, FundingFact, FundingState, Input, LogEntry,
    Outcome, PeerContact, Spend, SpendContext, Told, Want,
};
use crate::protocol::Party;
use crate::sweep::{
    anchor, fee_above_value, imagined_signature, peer_signatures, transaction, worthwhile, Bid,
    ClaimInput, Unsigned,
};

/// So many looks are more than any close takes: it is looked at once for each block in which something happens.
const MAX_LOOKS: usize = 10_000;

/// A close that was played through.
pub(super) struct Played {
    pub file: CaseFile,
    /// The tip at which the spend of an output was settled.
    pub settled_at: BTreeMap<OutPoint, u32>,
    /// The tip at which the close itself was.
    pub close_settled_at: Option<u32>,
}

/// A close that is being played.
pub(super) struct Playing<'a> {
    known: &'a Known,
    dossier: Dossier,
    estimates: BTreeMap<u16, FeeRate>,
    policy: &'a Policy,
    case: Case,
    log: Vec<LogEntry>,
    tip: u32,
    /// Who spends an output, and in the block of which height.
    spends: BTreeMap<OutPoint, (Txid, Transaction, u32)>,
    /// What the next block will hold.
    waiting: Vec<Transaction>,
    coins: u32,
    settled_at: BTreeMap<OutPoint, u32>,
    close_settled_at: Option<u32>,
}

impl<'a> Playing<'a> {
    /// The commitment is broadcast now; ours with its child, if it is to have one.
    pub fn begin(
        known: &'a Known,
        candidate: &Candidate,
        feerate: FeeRate,
        policy: &'a Policy,
    ) -> Result<Self, PreviewError> {
        let mut dossier = known.dossier.clone();
        // This is about the commitment, whatever is preferred to it.
        dossier.cooperative.clear();
        let funding = match known.case.funding {
            FundingState::Open(block) => block,
            FundingState::Pending | FundingState::Mismatch(_) => block(known.tip),
        };
        let mut playing = Playing {
            known,
            dossier,
            estimates: BTreeMap::from([(1, feerate)]),
            policy,
            case: Case {
                funding: FundingState::Open(funding),
                verdicts: known.case.verdicts.clone(),
                ..Case::default()
            },
            log: Vec::new(),
            tip: known.tip,
            spends: BTreeMap::new(),
            waiting: Vec::new(),
            coins: 0,
            settled_at: BTreeMap::new(),
            close_settled_at: None,
        };
        let commitment = candidate.build(&known.dossier.terms, &known.dossier.htlcs)?;
        let signature = imagined_signature();
        let transaction = commitment.signed(&signature, &signature);
        playing.waiting.push(transaction.clone());
        match candidate.owner {
            Party::Local => playing.goes_out(transaction)?,
            Party::Remote => {}
        }
        Ok(playing)
    }

    /// Block by block, until nothing of it is left to do.
    pub fn play(mut self) -> Result<Played, PreviewError> {
        for _ in 0..MAX_LOOKS {
            let next = if self.waiting.is_empty() {
                next_height(&self.case, &self.dossier, self.tip, self.policy)
            } else {
                Some(self.tip.saturating_add(1))
            };
            let Some(next) = next else { break };
            self.mine(next);
            while self.takes(&Input::Facts(Box::new(self.facts())))? {}
            self.take_note();
            for want in wants(&self.case, &self.dossier, self.tip, self.policy) {
                match want {
                    Want::Claim(claim) => self.claim(&claim)?,
                    // The commitment is in a block already.
                    Want::SignCommitment | Want::Cpfp(_) => {}
                }
            }
            if self.case.state == ArbitratorState::FullyResolved {
                break;
            }
        }
        let file = CaseFile::of(&self.case, &self.dossier, self.log, self.tip, self.policy);
        Ok(Played {
            file,
            settled_at: self.settled_at,
            close_settled_at: self.close_settled_at,
        })
    }

    /// One step of the court. `false`: it changed nothing.
    fn takes(&mut self, input: &Input) -> Result<bool, PreviewError> {
        let step = advance(&self.case, &self.dossier, input, self.policy)?;
        let is_empty = step.is_empty(&self.case);
        self.log.extend(step.log);
        self.case = step.case;
        Ok(!is_empty)
    }

    /// Our commitment is out, and its child where the market asks for one.
    fn goes_out(&mut self, commitment: Transaction) -> Result<(), PreviewError> {
        let tip = self.tip;
        let txid = commitment.compute_txid();
        self.takes(&Input::ForceClose { tip })?;
        self.takes(&Input::Signed {
            purpose: BroadcastPurpose::Commitment,
            transaction: commitment,
            coins: Vec::new(),
            tip,
        })?;
        let outcome = Outcome::Accepted;
        self.takes(&Input::Broadcast { txid, outcome, tip })?;
        let Some(child) = cpfp(&self.case, &self.dossier, tip, self.policy) else {
            return Ok(());
        };
        let bid = Bid::of_child(&child, &self.dossier, tip, &self.estimates, self.policy);
        let (coins, script) = (vec![self.coin()], self.known.script.clone());
        let made = anchor(&self.dossier.terms, &child, coins, script, &bid)?;
        match made {
            Ok(unsigned) => self.sends(BroadcastPurpose::Cpfp(child.anchor.outpoint), &unsigned),
            Err(_) => Ok(()),
        }
    }

    fn claim(&mut self, claim: &Claim) -> Result<(), PreviewError> {
        let tip = self.tip;
        let (case, estimates) = (self.case.clone(), self.estimates.clone());
        let bid = Bid::of_claim(claim, &case, tip, &estimates, self.policy);
        let worth = worthwhile(&self.dossier.terms, self.inputs(claim)?, &bid)?;
        let outpoints: Vec<OutPoint> = worth
            .taken
            .iter()
            .map(|input| input.contract.outpoint)
            .collect();
        let through = worth
            .taken
            .iter()
            .any(|input| is_second_level(&input.contract));
        let coins = through.then(|| self.coin()).into_iter().collect();
        let script = self.known.script.clone();
        let made = match outpoints.first() {
            Some(first) => Some((
                BroadcastPurpose::Sweep(*first),
                transaction(&case, &self.dossier, worth.taken, coins, script, &bid)?,
            )),
            None => None,
        };
        self.coins = self.coins.saturating_add(1);
        for (outpoint, fee) in worth.left {
            self.takes(&Input::NotClaimed {
                outpoints: vec![outpoint],
                reason: fee_above_value(fee),
                tip,
            })?;
        }
        match made {
            Some((purpose, Ok(unsigned))) => self.sends(purpose, &unsigned),
            Some((_, Err(not_now))) => {
                if let Some(reason) = not_now.reason() {
                    self.takes(&Input::NotClaimed {
                        outpoints,
                        reason,
                        tip,
                    })?;
                }
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn inputs(&self, claim: &Claim) -> Result<Vec<ClaimInput>, PreviewError> {
        let signatures = peer_signatures(&self.case, &self.dossier)?;
        let input = |contract: &crate::court::Contract| ClaimInput {
            preimage: contract
                .htlc_figures()
                .and_then(|(_, hash, _)| self.known.preimages.get(&hash))
                .cloned(),
            peer_signature: signatures.get(&contract.outpoint).copied(),
            secret: None,
            contract: contract.clone(),
        };
        Ok(claim.contracts.iter().map(input).collect())
    }

    fn sends(
        &mut self,
        purpose: BroadcastPurpose,
        unsigned: &Unsigned,
    ) -> Result<(), PreviewError> {
        let transaction = unsigned.imagined()?;
        self.waiting.push(transaction.clone());
        self.takes(&Input::Signed {
            purpose,
            transaction,
            coins: unsigned.coins.clone(),
            tip: self.tip,
        })?;
        Ok(())
    }

    /// A coin that no other transaction takes, and that pays whatever a fee may be.
    fn coin(&self) -> Coin {
        Coin {
            outpoint: OutPoint::new(Txid::all_zeros(), self.coins),
            output: TxOut {
                value: self.dossier.terms.funding.capacity + Amount::ONE_BTC,
                script_pubkey: ScriptBuf::new_p2wpkh(&WPubkeyHash::all_zeros()),
            },
            witness_weight: Coin::P2WPKH_WITNESS,
        }
    }

    fn mine(&mut self, height: u32) {
        self.tip = height;
        for transaction in std::mem::take(&mut self.waiting) {
            let txid = transaction.compute_txid();
            for input in &transaction.input {
                let spend = (txid, transaction.clone(), height);
                self.spends.insert(input.previous_output, spend);
            }
        }
    }

    fn facts(&self) -> Facts {
        let channel = self.dossier.channel();
        let contracts = self.case.contracts.iter().map(|it| it.outpoint);
        let watched: BTreeSet<OutPoint> = contracts.chain([channel]).collect();
        let spends = watched.iter().filter_map(|outpoint| {
            let (txid, transaction, height) = self.spends.get(outpoint)?;
            let depth = self.tip.saturating_sub(*height).saturating_add(1);
            let spend = Spend {
                txid: *txid,
                transaction: transaction.clone(),
                confirmed: Some((block(*height), depth)),
            };
            Some((*outpoint, spend))
        });
        Facts {
            tip: self.tip,
            funding: match self.case.funding {
                FundingState::Open(block) => FundingFact::Confirmed(block),
                FundingState::Mismatch(block) => FundingFact::WrongOutput(block),
                FundingState::Pending => FundingFact::Unconfirmed,
            },
            funding_coins: FundingCoins::Unknown,
            spends: spends.collect(),
            looked_at: watched,
            context: SpendContext::default(),
            preimages: self.known.preimages.clone(),
            peer: PeerContact::Unknown,
            told: Told::ToNobodyInParticular,
        }
    }

    fn take_note(&mut self) {
        for contract in &self.case.contracts {
            if contract.progress.settled().is_some() {
                self.settled_at.entry(contract.outpoint).or_insert(self.tip);
            }
        }
        let close = self.case.close.as_ref();
        if close.is_some_and(|close| close.settled) && self.close_settled_at.is_none() {
            self.close_settled_at = Some(self.tip);
        }
    }
}

/// The block of this height: there is one only.
fn block(height: u32) -> Block {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(height.to_le_bytes()) {
        *to = from;
    }
    Block {
        height,
        hash: BlockHash::from_byte_array(hash),
    }
}
