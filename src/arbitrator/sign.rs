//! Signatures asked for, and transactions sent: what a tick does, and `force_close` as well.

use std::collections::BTreeSet;

use bitcoin::{Address, OutPoint, Transaction, Txid};

use super::core::Core;
use crate::chain::Budget;
use crate::court::{self, is_due, Case, Dossier, Input, Outcome, Permit};
use crate::error::ArbitratorError;
use crate::store::ChannelRow;
use crate::sweep;
use crate::wallet::WalletError;

/// What became of the transactions of ours that were offered to the network.
#[derive(Default)]
pub(super) struct Offers {
    /// Each is offered once.
    offered: BTreeSet<Txid>,
    /// Those that the server could not be reached with, and their channels.
    pub(super) unreached: Vec<(OutPoint, Txid)>,
    /// One with coins of the wallet's is called a conflict: it may be one of them that is gone.
    pub(super) has_lost_coins: bool,
}

impl Offers {
    fn take(&mut self, case: &Case, channel: OutPoint, txid: Txid, outcome: &Outcome) {
        self.offered.insert(txid);
        match outcome {
            Outcome::Unreachable => self.unreached.push((channel, txid)),
            Outcome::Conflict(_) => {
                let mut held = case.broadcasts.iter().filter(|held| held.txid == txid);
                self.has_lost_coins |= held.any(|held| !held.coins.is_empty());
            }
            Outcome::Accepted | Outcome::AlreadyKnown | Outcome::FeeTooLow | Outcome::Other(_) => {}
        }
    }
}

impl Core {
    /// Our newest commitment, signed by both: only where the court permits it.
    pub(super) async fn sign_commitment(
        &self,
        dossier: &Dossier,
        permit: Permit,
    ) -> Result<Transaction, ArbitratorError> {
        let channel = permit.channel();
        let nothing = || court::CourtError::NothingToBroadcast { channel };
        let candidate = dossier.local_commitment().ok_or_else(nothing)?;
        let (theirs, _) = candidate.signatures.as_ref().ok_or_else(nothing)?;
        let commitment = candidate.build(&dossier.terms, &dossier.htlcs)?;
        let request = sweep::commitment_request(&dossier.terms, candidate, &commitment)?;
        let asked = request.clone();
        let signatures = self
            .ask_signer(channel, move |signer| signer.sign(&asked))
            .await?;
        let refused = || ArbitratorError::SignatureRefused { channel };
        sweep::verify(&request, &signatures).map_err(|_| refused())?;
        let ours = signatures.first().ok_or_else(refused)?;
        Ok(commitment.signed(ours, theirs))
    }

    /// The script that a channel's sweeps pay: asked for once, kept before it is used.
    pub(super) async fn sweep_script(
        &self,
        row: ChannelRow,
    ) -> Result<bitcoin::ScriptBuf, ArbitratorError> {
        if let Some(script) = self.store.sweep_script(row)? {
            return Ok(script);
        }
        let script = self.ask_wallet(|wallet| wallet.sweep_script()).await?;
        // Kept for good once it is kept: a script that nobody can be paid to would bury the money.
        if Address::from_script(&script, self.network).is_err() {
            let refused = WalletError(format!("{script:?} is no address that can be paid to"));
            return Err(refused.into());
        }
        if let Some(reserve) = &self.reserve {
            self.store.put_revealed(reserve.revealed())?;
        }
        self.store.keep_sweep_script(row, &script)?;
        // Another command may have kept one while the wallet was asked.
        Ok(self.store.sweep_script(row)?.unwrap_or(script))
    }

    /// Broadcasts what is due of one channel and was not offered yet, and stores each outcome.
    pub(super) async fn broadcast_due(
        &self,
        row: ChannelRow,
        channel: OutPoint,
        tip: u32,
        budget: &Budget,
        offers: &mut Offers,
    ) -> Result<(), ArbitratorError> {
        let mut case = self.store.case(row)?;
        let due: Vec<Txid> = court::offers(&case).iter().map(|held| held.txid).collect();
        if due.is_empty() {
            return Ok(());
        }
        let (dossier, _) = self.dossier(row)?;
        for txid in due {
            // Read anew after every await: a proof of data loss may have come in while the server was asked.
            case = self.store.case_again(row, case)?;
            let mut held = case.broadcasts.iter();
            let held = held.find(|held| held.txid == txid);
            // A child goes with its parent.
            let held = held.filter(|held| is_due(&case, held) && !offers.offered.contains(&txid));
            let Some(held) = held else {
                continue;
            };
            for (txid, outcome) in self.offer(&case, held, budget).await? {
                log::info!("channel {channel}: {txid}: {outcome:?}");
                offers.take(&case, channel, txid, &outcome);
                let input = Input::Broadcast { txid, outcome, tip };
                (case, _) = self.apply_to(row, case, &dossier, &input)?;
            }
        }
        Ok(())
    }
}
