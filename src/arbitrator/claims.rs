//! Claims: what a court's want needs from the store, the wallet and the signer to become a transaction.

use std::collections::BTreeMap;

use bitcoin::{FeeRate, OutPoint, Transaction};

use super::core::Core;
use crate::court::{
    is_second_level, BroadcastPurpose, Case, Claim, CloseKind, Contract, ContractRole, Dossier,
    Input, Reason,
};
use crate::error::ArbitratorError;
use crate::protocol::{CommitmentNumber, CommitmentSecret};
use crate::store::{ChannelRow, Unreadable};
use crate::sweep::{self, Bid, ClaimInput, Unsigned};

/// A transaction to be signed, and what it is for.
pub(super) struct Draft {
    pub purpose: BroadcastPurpose,
    pub unsigned: Unsigned,
}

/// What became of a want before anybody has signed.
#[derive(Default)]
pub(super) struct Built {
    /// `None`: there is nothing to sign now.
    pub draft: Option<Draft>,
    pub left: Vec<Left>,
}

/// Outputs that are left for now, and why.
pub(super) struct Left {
    pub outpoints: Vec<OutPoint>,
    pub reason: Reason,
}

impl Left {
    /// What the court is to be told of it.
    pub(super) fn told(self, tip: u32) -> Input {
        let Left { outpoints, reason } = self;
        Input::NotClaimed {
            outpoints,
            reason,
            tip,
        }
    }
}

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
        let bid = Bid::of_claim(claim, case, tip, estimates, &self.policy);
        let built = self.build_claim(row, case, dossier, claim, &bid).await?;
        self.told_of(dossier.channel(), built, tip).await
    }

    /// What the court is to be told of what was built: which outputs are left for now, and the transaction, signed.
    pub(super) async fn told_of(
        &self,
        channel: OutPoint,
        built: Built,
        tip: u32,
    ) -> Result<Vec<Input>, ArbitratorError> {
        let left = built.left.into_iter();
        let mut told: Vec<Input> = left.map(|left| left.told(tip)).collect();
        if let Some(draft) = built.draft {
            told.push(self.signed(channel, draft, tip).await?);
        }
        Ok(told)
    }

    /// Makes the transaction of a claim.
    pub(super) async fn build_claim(
        &self,
        row: ChannelRow,
        case: &Case,
        dossier: &Dossier,
        claim: &Claim,
        bid: &Bid<'_>,
    ) -> Result<Built, ArbitratorError> {
        let script = self.sweep_script(row).await?;
        let inputs = self.inputs(row, case, dossier, &claim.contracts)?;
        let worth = sweep::worthwhile(&dossier.terms, inputs, bid)?;
        let mut built = Built {
            draft: None,
            left: worth
                .left
                .into_iter()
                .map(|(outpoint, fee)| Left {
                    outpoints: vec![outpoint],
                    reason: sweep::fee_above_value(fee),
                })
                .collect(),
        };
        let contracts = worth.taken.iter().map(|input| &input.contract);
        let outpoints: Vec<OutPoint> = contracts.map(|contract| contract.outpoint).collect();
        let Some(first) = worth.taken.first().map(|input| input.contract.clone()) else {
            return Ok(built);
        };
        let with = |coins| {
            let (taken, script) = (worth.taken.clone(), script.clone());
            sweep::transaction(case, dossier, taken, coins, script, bid)
        };
        let made = if is_second_level(&first) {
            match self.with_coins(claim.raise.as_ref(), &[], with).await? {
                Some(made) => made,
                None => return Ok(built),
            }
        } else {
            with(Vec::new())?
        };
        match made {
            Ok(unsigned) => {
                let purpose = BroadcastPurpose::Sweep(first.outpoint);
                built.draft = Some(Draft { purpose, unsigned });
            }
            Err(not_now) => {
                let reason = not_now.reason();
                built
                    .left
                    .extend(reason.map(|reason| Left { outpoints, reason }));
            }
        }
        Ok(built)
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
            sweep::peer_signatures(case, dossier)?
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
        Draft { purpose, unsigned }: Draft,
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
