//! Claims: what a court's want needs from the store, the wallet and the signer to become a transaction.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{Amount, FeeRate, OutPoint, Transaction};

use super::core::Core;
use crate::court::{
    is_second_level, BroadcastPurpose, Case, Claim, CloseKind, Contract, ContractRole, Dossier,
};
use crate::error::ArbitratorError;
use crate::protocol::{CommitmentNumber, CommitmentSecret, Party};
use crate::store::{ChannelRow, Unreadable};
use crate::sweep::{self, Bid, ClaimInput, Coin, NotNow, Uneconomic, Unsigned};

/// What became of a claim.
pub(super) enum Made {
    Signed(BroadcastPurpose, Transaction),
    Uneconomic(Uneconomic),
    /// The wallet has no coin for the fee.
    ReserveNeeded(Amount),
}

impl Core {
    /// Makes the transaction of a claim, and has it signed.
    pub(super) async fn make_claim(
        &self,
        row: ChannelRow,
        case: &Case,
        dossier: &Dossier,
        claim: &Claim,
        estimates: &BTreeMap<u16, FeeRate>,
    ) -> Result<Option<Made>, ArbitratorError> {
        let channel = dossier.channel();
        let terms = &dossier.terms;
        let script = self.sweep_script(row).await?;
        let inputs = self.inputs(row, case, dossier, &claim.contracts)?;
        let Some(first) = inputs.first().map(|input| input.contract.clone()) else {
            return Ok(None);
        };

        let raised = claim.raise.as_ref();
        let raised = raised.map(|raise| (raise, spent_by(case, raise.transaction())));
        let bid = Bid {
            estimates,
            urgency: claim.urgency,
            raise: raised,
            policy: &self.policy,
        };
        let made = if is_second_level(&first) {
            let coins = self.free_coins().await?;
            let feerate = dossier
                .local_commitment()
                .map_or(0, |candidate| candidate.feerate_per_kw);
            sweep::second_level(terms, inputs, feerate, coins, script, &bid)?
        } else {
            sweep::claim(terms, inputs, script, &bid)?.map_err(NotNow::Uneconomic)
        };
        match made {
            Ok(unsigned) => Ok(Some(Made::Signed(
                BroadcastPurpose::Sweep(first.outpoint),
                self.sign_claim(channel, unsigned).await?,
            ))),
            Err(NotNow::Uneconomic(uneconomic)) => Ok(Some(Made::Uneconomic(uneconomic))),
            Err(NotNow::ReserveNeeded { fee }) => Ok(Some(Made::ReserveNeeded(fee))),
        }
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
        let signatures = peer_signatures(case, dossier)?;
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

    /// The wallet's coins that no transaction of ours uses already.
    async fn free_coins(&self) -> Result<Vec<Coin>, ArbitratorError> {
        let coins = self.ask_wallet(|wallet| wallet.coins()).await?;
        let mut used = BTreeSet::new();
        for row in self.store.broadcasting_channels()? {
            let case = self.store.case(row)?;
            for held in &case.broadcasts {
                used.extend(held.transaction.input.iter().map(|it| it.previous_output));
            }
        }
        Ok(coins
            .into_iter()
            .filter(|coin| !used.contains(&coin.outpoint))
            .collect())
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

/// The peer's signatures of the second level, where our own commitment confirmed, by the HTLC's output.
fn peer_signatures(
    case: &Case,
    dossier: &Dossier,
) -> Result<BTreeMap<OutPoint, bitcoin::secp256k1::ecdsa::Signature>, ArbitratorError> {
    let closing = case.close.as_ref().map(|close| close.txid);
    let confirmed = dossier
        .candidates
        .iter()
        .find(|candidate| candidate.owner == Party::Local && Some(candidate.txid) == closing);
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

/// What the inputs of a claim of ours held.
fn spent_by(case: &Case, transaction: &Transaction) -> Amount {
    let spends = |contract: &&Contract| {
        let mut inputs = transaction.input.iter();
        inputs.any(|input| input.previous_output == contract.outpoint)
    };
    case.contracts
        .iter()
        .filter(spends)
        .map(|contract| Amount::from_sat(contract.value_sat))
        .sum()
}
