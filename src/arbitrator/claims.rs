//! Claims: what a court's want needs from the store, the wallet and the signer to become a transaction.

use std::collections::BTreeMap;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::{Amount, FeeRate, OutPoint, Transaction};

use super::core::Core;
use crate::channel::Candidate;
use crate::court::{
    is_second_level, BroadcastPurpose, Case, Claim, CloseKind, Contract, ContractRole, Dossier,
    Input, Reason,
};
use crate::error::ArbitratorError;
use crate::protocol::{CommitmentNumber, CommitmentSecret, Party};
use crate::store::{ChannelRow, Unreadable};
use crate::sweep::{self, Bid, ClaimInput, NotNow, Schedule, Unsigned};

impl Core {
    /// Makes the transaction of a claim, and has it signed. Gives what the court is to be told of it: the transaction,
    /// and which outputs are left for now.
    pub(super) async fn make_claim(
        &self,
        row: ChannelRow,
        case: &Case,
        dossier: &Dossier,
        claim: &Claim,
        estimates: &BTreeMap<u16, FeeRate>,
        tip: u32,
    ) -> Result<Vec<Input>, ArbitratorError> {
        let terms = &dossier.terms;
        let script = self.sweep_script(row).await?;
        let raised = claim.raise.as_ref();
        let bid = Bid {
            estimates,
            schedule: Schedule {
                tip,
                since: claim.since,
                deadline: claim.deadline,
            },
            raise: raised.map(|raise| (raise, case.spent_by(raise.held()))),
            policy: &self.policy,
        };
        let inputs = self.inputs(row, case, dossier, &claim.contracts)?;
        let worth = sweep::worthwhile(terms, inputs, &bid)?;
        let mut told: Vec<Input> = worth
            .left
            .into_iter()
            .map(|(outpoint, fee)| left_for_now(vec![outpoint], fee, tip))
            .collect();
        let contracts = worth.taken.iter().map(|input| &input.contract);
        let outpoints: Vec<OutPoint> = contracts.map(|contract| contract.outpoint).collect();
        let Some(first) = worth.taken.first().map(|input| input.contract.clone()) else {
            return Ok(told);
        };
        let made = if is_second_level(&first) {
            let feerate = confirmed(case, dossier).map_or(0, |it| it.feerate_per_kw);
            let taken = worth.taken;
            let with = |coins| {
                sweep::second_level(terms, taken.clone(), feerate, coins, script.clone(), &bid)
            };
            match self.with_coins(raised, &[], with).await? {
                Some(made) => made,
                None => return Ok(told),
            }
        } else {
            sweep::claim(terms, worth.taken, script, &bid)?
        };
        told.push(match made {
            Ok(unsigned) => {
                let purpose = BroadcastPurpose::Sweep(first.outpoint);
                self.signed(dossier.channel(), purpose, unsigned, tip)
                    .await?
            }
            Err(NotNow::HighEnough) => return Ok(told),
            Err(NotNow::Uneconomic(uneconomic)) => left_for_now(outpoints, uneconomic.fee, tip),
            Err(NotNow::ReserveNeeded { fee }) => without_coins(outpoints, fee, tip),
        });
        Ok(told)
    }

    /// What only the store holds of each way to spend. Without the secret of a revoked commitment its penalties are left out,
    /// and what is ours without it is claimed all the same.
    fn inputs(
        &self,
        row: ChannelRow,
        case: &Case,
        dossier: &Dossier,
        contracts: &[Contract],
    ) -> Result<Vec<ClaimInput>, ArbitratorError> {
        let (secret, unreadable) = self.revealed_secret(row, case)?;
        let signatures = if contracts.iter().any(is_second_level) {
            peer_signatures(case, dossier)?
        } else {
            BTreeMap::new()
        };
        let is_penalty = |contract: &Contract| contract.role == ContractRole::Breach;
        if secret.is_none() && contracts.iter().all(is_penalty) {
            unreadable.or_refuse()?;
        }
        contracts
            .iter()
            .filter(|contract| secret.is_some() || !is_penalty(contract))
            .map(|contract| {
                let hash = contract.htlc_figures().map(|(_, hash, _)| hash);
                // A penalty needs no preimage: one that cannot be read is no reason to miss it.
                let hash = hash.filter(|_| !is_penalty(contract));
                Ok(ClaimInput {
                    preimage: hash
                        .map(|hash| self.store.preimage(&hash))
                        .transpose()?
                        .flatten(),
                    peer_signature: signatures.get(&contract.outpoint).copied(),
                    secret: secret.clone(),
                    contract: contract.clone(),
                })
            })
            .collect()
    }

    /// The secret of the revoked commitment that confirmed.
    fn revealed_secret(
        &self,
        row: ChannelRow,
        case: &Case,
    ) -> Result<(Option<CommitmentSecret>, Unreadable), ArbitratorError> {
        let mut unreadable = Unreadable::default();
        let number = match case.close.as_ref().map(|close| close.kind) {
            Some(CloseKind::Breach { number }) => CommitmentNumber::new(number),
            Some(
                CloseKind::Cooperative
                | CloseKind::Local { .. }
                | CloseKind::LocalOther { .. }
                | CloseKind::Remote { .. }
                | CloseKind::RemotePending { .. }
                | CloseKind::RemoteFuture { .. }
                | CloseKind::Unknown,
            )
            | None => return Ok((None, unreadable)),
        };
        let Ok(number) = number else {
            return Ok((None, unreadable));
        };
        let secret = self.store.secret(row, number, &mut unreadable)?;
        Ok((secret, unreadable))
    }

    /// What the court is told of a transaction once it is signed.
    pub(super) async fn signed(
        &self,
        channel: OutPoint,
        purpose: BroadcastPurpose,
        unsigned: Unsigned,
        tip: u32,
    ) -> Result<Input, ArbitratorError> {
        Ok(Input::Signed {
            purpose,
            coins: unsigned.coins.clone(),
            transaction: self.sign_claim(channel, unsigned).await?,
            tip,
        })
    }

    async fn sign_claim(
        &self,
        channel: OutPoint,
        unsigned: Unsigned,
    ) -> Result<Transaction, ArbitratorError> {
        let asked = unsigned.request.clone();
        let signatures = self
            .ask_signer(channel, move |signer| signer.sign(&asked))
            .await?;
        let ours = unsigned.request.inputs.len();
        let all = unsigned.request.psbt.inputs.len();
        let coins = if ours < all {
            let psbt = unsigned.request.psbt.clone();
            let asked: Vec<usize> = (ours..all).collect();
            self.ask_wallet(move |wallet| wallet.sign_coins(&psbt, &asked))
                .await?
        } else {
            Vec::new()
        };
        unsigned
            .complete(&signatures, coins)
            .map_err(|_| ArbitratorError::SignatureRefused { channel })
    }
}

/// Outputs that wait for a coin of the wallet's.
pub(super) fn without_coins(outpoints: Vec<OutPoint>, fee: Amount, tip: u32) -> Input {
    let reason = Reason::ReserveNeeded {
        fee_sat: fee.to_sat(),
    };
    Input::NotClaimed {
        outpoints,
        reason,
        tip,
    }
}

/// Outputs whose claim would cost more than it may.
fn left_for_now(outpoints: Vec<OutPoint>, fee: Amount, tip: u32) -> Input {
    let reason = Reason::FeeAboveValue {
        fee_sat: fee.to_sat(),
    };
    Input::NotClaimed {
        outpoints,
        reason,
        tip,
    }
}

/// The commitment of ours that confirmed.
fn confirmed<'a>(case: &Case, dossier: &'a Dossier) -> Option<&'a Candidate> {
    let closing = case.close.as_ref().map(|close| close.txid)?;
    let mut ours = dossier.candidates.iter();
    ours.find(|candidate| candidate.owner == Party::Local && candidate.txid == closing)
}

/// The peer's signatures of the second level, where our own commitment confirmed, by the HTLC's output.
fn peer_signatures(
    case: &Case,
    dossier: &Dossier,
) -> Result<BTreeMap<OutPoint, Signature>, ArbitratorError> {
    let confirmed = confirmed(case, dossier);
    let Some((candidate, (_, signatures))) =
        confirmed.and_then(|candidate| Some((candidate, candidate.signatures.as_ref()?)))
    else {
        return Ok(BTreeMap::new());
    };
    let commitment = candidate.build(&dossier.terms, &dossier.htlcs)?;
    let outputs = commitment
        .htlc_outputs()
        .map(|(vout, _)| OutPoint::new(candidate.txid, vout));
    Ok(outputs.zip(signatures.iter().copied()).collect())
}
