//! Building a commitment transaction, step by step in the order of BOLT 3: which HTLCs are worth an output, the base
//! fee that follows from their number, who pays it, which other outputs are worth having, and their order.

use bitcoin::absolute::LOCK_TIME_THRESHOLD;
use bitcoin::transaction::Version;
use bitcoin::{Amount, ScriptBuf, Transaction, TxIn, TxOut, Witness};

use super::{Commitment, CommitmentOutput, CommitmentSpec, Htlc, Opener, OutputRole};
use crate::protocol::error::{Field, ProtocolError};
use crate::protocol::format::ContractOutput;
use crate::protocol::funding::Funding;
use crate::protocol::ordering::bip69;
use crate::protocol::primitives::HtlcKind;

/// BOLT 2: the most HTLCs one side may offer, so that a commitment transaction stays within standard size.
const MAX_HTLCS_PER_DIRECTION: usize = 483;

/// HTLCs with their position in the list given.
type NumberedHtlcs<'a> = Vec<(usize, &'a Htlc)>;

impl CommitmentSpec<'_> {
    /// The transaction.
    ///
    /// An opener that cannot pay the whole fee pays what it has, and has no output (BOLT 3).
    ///
    /// Errors: [`ProtocolError::AboveCapacity`], [`ProtocolError::TooManyHtlcs`],
    /// [`ProtocolError::ExpiryIsNoHeight`], [`ProtocolError::NoOutputs`].
    pub fn build(&self) -> Result<Commitment, ProtocolError> {
        self.check_counts()?;
        self.check_amounts()?;
        self.check_expiries()?;
        let (trimmed, untrimmed): (NumberedHtlcs, NumberedHtlcs) = self
            .htlcs
            .iter()
            .enumerate()
            .partition(|(_, htlc)| self.is_trimmed(htlc));
        // BOLT 3: the base fee counts the HTLCs that have an output, and always both balances.
        let fee = self
            .channel_type
            .format()
            .commitment_fee(self.feerate_per_kw, untrimmed.len());
        let outputs = self.outputs(fee, &untrimmed);
        self.check_outputs(&outputs)?;
        Ok(Commitment {
            tx: self.transaction(&outputs),
            outputs,
            trimmed: trimmed.into_iter().map(|(position, _)| position).collect(),
            fee,
            funding: Funding {
                outpoint: self.funding,
                capacity: self.capacity,
                keys: [self.keys.owner_funding, self.keys.counterparty_funding],
            },
        })
    }

    fn check_counts(&self) -> Result<(), ProtocolError> {
        [HtlcKind::Offered, HtlcKind::Received]
            .into_iter()
            .try_for_each(|kind| {
                let count = self.htlcs.iter().filter(|htlc| htlc.kind == kind).count();
                if count > MAX_HTLCS_PER_DIRECTION {
                    return Err(ProtocolError::TooManyHtlcs { kind, count });
                }
                Ok(())
            })
    }

    fn check_amounts(&self) -> Result<(), ProtocolError> {
        let above = |field| ProtocolError::AboveCapacity {
            field,
            capacity: self.capacity,
        };
        let capacity_msat = self
            .capacity
            .to_sat()
            .checked_mul(1000)
            .ok_or(above(Field::Capacity))?;
        let balances = [
            (Field::ToOwner, self.to_owner_msat),
            (Field::ToCounterparty, self.to_counterparty_msat),
        ];
        let htlcs = self.htlcs.iter().enumerate();
        let htlcs = htlcs.map(|(position, htlc)| (Field::HtlcAmount(position), htlc.amount_msat));
        balances
            .into_iter()
            .chain(htlcs)
            .try_fold(capacity_msat, |left, (field, amount)| {
                left.checked_sub(amount).ok_or(above(field))
            })
            .map(|_| ())
    }

    fn check_expiries(&self) -> Result<(), ProtocolError> {
        // BOLT 2: from 500,000,000 on Bitcoin would take the expiry for a time.
        let no_height = self
            .htlcs
            .iter()
            .enumerate()
            .find(|(_, htlc)| htlc.cltv_expiry >= LOCK_TIME_THRESHOLD);
        match no_height {
            Some((position, Htlc { cltv_expiry, .. })) => Err(ProtocolError::ExpiryIsNoHeight {
                htlc: position,
                cltv_expiry: *cltv_expiry,
            }),
            None => Ok(()),
        }
    }

    /// What Bitcoin would not accept.
    fn check_outputs(&self, outputs: &[CommitmentOutput]) -> Result<(), ProtocolError> {
        if outputs.is_empty() {
            return Err(ProtocolError::NoOutputs);
        }
        // Balances and HTLCs fit, so only anchors that the opener cannot pay for can be too much.
        let spent = outputs
            .iter()
            .try_fold(Amount::ZERO, |sum, output| sum.checked_add(output.value));
        match spent {
            Some(spent) if spent <= self.capacity => Ok(()),
            Some(_) | None => Err(ProtocolError::AboveCapacity {
                field: Field::Anchors,
                capacity: self.capacity,
            }),
        }
    }

    fn is_trimmed(&self, htlc: &Htlc) -> bool {
        let format = self.channel_type.format();
        format.is_trimmed(htlc, self.feerate_per_kw, self.dust_limit)
    }

    /// All outputs in their final order.
    fn outputs(&self, fee: Amount, untrimmed: &[(usize, &Htlc)]) -> Vec<CommitmentOutput> {
        let (to_owner, to_counterparty) = self.balances(fee);
        let mut wanted = Vec::new();
        // BOLT 3: a balance below the owner's dust limit gets no output.
        let has_to_local = to_owner >= self.dust_limit;
        let has_to_remote = to_counterparty >= self.dust_limit;
        if has_to_local {
            wanted.push((OutputRole::ToLocal, ContractOutput::ToLocal, to_owner));
        }
        if has_to_remote {
            wanted.push((
                OutputRole::ToRemote,
                ContractOutput::ToRemote,
                to_counterparty,
            ));
        }
        if let Some(anchors) = self.channel_type.format().anchors(self.keys) {
            // BOLT 3: a side has an anchor if it has an output, or if there is an HTLC that both have a stake in.
            let has_htlcs = !untrimmed.is_empty();
            if has_to_local || has_htlcs {
                wanted.push((
                    OutputRole::OwnerAnchor,
                    ContractOutput::OwnerAnchor,
                    anchors.value,
                ));
            }
            if has_to_remote || has_htlcs {
                wanted.push((
                    OutputRole::CounterpartyAnchor,
                    ContractOutput::CounterpartyAnchor,
                    anchors.value,
                ));
            }
        }
        let htlcs = untrimmed
            .iter()
            .map(|(position, htlc)| (OutputRole::Htlc(*position), htlc.contract(), htlc.value()));
        let mut outputs: Vec<_> = wanted
            .into_iter()
            .chain(htlcs)
            .filter_map(|wanted| self.output(wanted))
            .collect();
        // BOLT 3: BIP 69; HTLC outputs that are equal in both respects are ordered by their expiry, because their
        // second-level transactions, and so the signatures sent for them, differ.
        outputs.sort_by(|one, other| {
            bip69(
                (one.value, &one.script.script_pubkey),
                (other.value, &other.script.script_pubkey),
            )
            .then_with(|| one.expiry().cmp(&other.expiry()))
        });
        outputs
    }

    /// Both balances in satoshi, after the opener paid the base fee and the anchors.
    fn balances(&self, fee: Amount) -> (Amount, Amount) {
        let anchors_cost = self.channel_type.format().anchors_cost();
        let to_owner = Amount::from_sat(self.to_owner_msat / 1000);
        let to_counterparty = Amount::from_sat(self.to_counterparty_msat / 1000);
        // BOLT 3: an opener that cannot pay it all pays what it has.
        let pay = |balance: Amount| {
            let left = balance
                .checked_sub(fee)
                .and_then(|left| left.checked_sub(anchors_cost));
            left.unwrap_or(Amount::ZERO)
        };
        match self.opener {
            Opener::Owner => (pay(to_owner), to_counterparty),
            Opener::Counterparty => (to_owner, pay(to_counterparty)),
        }
    }

    /// One output; `None` if the format has no such output.
    fn output(
        &self,
        (role, contract, value): (OutputRole, ContractOutput, Amount),
    ) -> Option<CommitmentOutput> {
        let script = self
            .channel_type
            .format()
            .script(&contract, self.keys, self.to_self_delay)?;
        Some(CommitmentOutput {
            role,
            contract,
            script,
            value,
        })
    }

    fn transaction(&self, outputs: &[CommitmentOutput]) -> Transaction {
        let (sequence, lock_time) = self.obscuring.tags(self.number);
        let input = TxIn {
            previous_output: self.funding,
            script_sig: ScriptBuf::new(),
            sequence,
            witness: Witness::new(),
        };
        let output = outputs
            .iter()
            .map(|output| TxOut {
                value: output.value,
                script_pubkey: output.script.script_pubkey.clone(),
            })
            .collect();
        Transaction {
            version: Version::TWO,
            lock_time,
            input: vec![input],
            output,
        }
    }
}

impl CommitmentOutput {
    /// Tie-break of equal HTLC outputs.
    fn expiry(&self) -> Option<u32> {
        match self.contract {
            ContractOutput::Htlc { cltv_expiry, .. } => Some(cltv_expiry),
            ContractOutput::ToLocal | ContractOutput::ToRemote | ContractOutput::SecondLevel => {
                None
            }
            ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor => None,
        }
    }
}
