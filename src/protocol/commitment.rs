//! Commitment transactions: from balances and HTLCs to the exact transaction both sides sign (BOLT 3).
//!
//! [`CommitmentSpec::build`] takes the steps in the order of the specification: which HTLCs are worth an output, the
//! base fee that follows from their number, who pays it, which other outputs are worth having, their order.

use bitcoin::absolute::LOCK_TIME_THRESHOLD;
use bitcoin::secp256k1::{ecdsa, Message, PublicKey};
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, ScriptBuf, Transaction, TxIn, TxOut, Witness};

use super::error::{Field, ProtocolError, SignatureOf};
use super::format::{ChannelType, ContractOutput, Format, OutputScript};
use super::funding::Funding;
use super::htlc::SecondLevel;
use super::keys::CommitmentKeys;
use super::obscured::ObscuringFactor;
use super::ordering::bip69;
use super::primitives::{CommitmentNumber, HtlcKind, PaymentHash};

/// BOLT 2: the most HTLCs one side may offer, so that a commitment transaction stays within standard size.
const MAX_HTLCS_PER_DIRECTION: usize = 483;

/// An HTLC in a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Htlc {
    /// Direction, as the commitment's owner sees it.
    pub kind: HtlcKind,
    /// Amount in millisatoshi.
    pub amount_msat: u64,
    /// The hash it is locked to.
    pub payment_hash: PaymentHash,
    /// Height from which on its offerer may take it back.
    pub cltv_expiry: u32,
}

impl Htlc {
    /// What an output of a commitment can hold of it: whole satoshis, rounded down.
    pub fn value(&self) -> Amount {
        // BOLT 3: amounts are rounded down, and the rest is the miners'.
        Amount::from_sat(self.amount_msat / 1000)
    }

    /// Its output, as the format sees it.
    pub fn contract(&self) -> ContractOutput {
        ContractOutput::Htlc {
            kind: self.kind,
            payment_hash: self.payment_hash,
            cltv_expiry: self.cltv_expiry,
        }
    }
}

/// Which of the two opened the channel, and so pays the fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opener {
    /// The commitment's owner.
    Owner,
    /// The owner's counterparty.
    Counterparty,
}

/// Everything a commitment transaction follows from. All is as its owner sees it.
#[derive(Clone, Copy, Debug)]
pub struct CommitmentSpec<'a> {
    /// The output it spends.
    pub funding: OutPoint,
    /// Value of that output.
    pub capacity: Amount,
    /// The rules.
    pub channel_type: ChannelType,
    /// The keys of this commitment.
    pub keys: &'a CommitmentKeys,
    /// What the channel's commitment numbers are hidden with.
    pub obscuring: ObscuringFactor,
    /// Which commitment of this owner.
    pub number: CommitmentNumber,
    /// Who pays.
    pub opener: Opener,
    /// The owner's `dust_limit_satoshis`.
    pub dust_limit: Amount,
    /// The delay on the owner's outputs, in blocks; its counterparty asked for it.
    pub to_self_delay: u16,
    /// Satoshi per 1000 weight.
    pub feerate_per_kw: u32,
    /// The owner's balance, before fees and anchors.
    pub to_owner_msat: u64,
    /// The counterparty's balance, before fees and anchors.
    pub to_counterparty_msat: u64,
    /// All HTLCs, trimmed ones included.
    pub htlcs: &'a [Htlc],
}

/// What an output of a commitment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputRole {
    /// The owner's balance.
    ToLocal,
    /// The counterparty's balance.
    ToRemote,
    /// The owner's anchor.
    OwnerAnchor,
    /// The counterparty's anchor.
    CounterpartyAnchor,
    /// The HTLC at this position of [`CommitmentSpec::htlcs`].
    Htlc(usize),
}

/// An output of a commitment, with what it takes to spend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitmentOutput {
    /// What it is.
    pub role: OutputRole,
    /// What it is to the format, for [`Format::spends`].
    pub contract: ContractOutput,
    /// Its script.
    pub script: OutputScript,
    /// Its value.
    pub value: Amount,
}

/// A commitment transaction, unsigned, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The transaction; its witness is empty.
    pub tx: Transaction,
    /// One for each output of `tx`, in the same order.
    pub outputs: Vec<CommitmentOutput>,
    /// Positions of the HTLCs that got no output.
    pub trimmed: Vec<usize>,
    /// The base fee. What the miners get is this, whatever was trimmed, and what was rounded off; less where the opener
    /// cannot pay it all.
    pub fee: Amount,
    /// What it spends; the owner's key first.
    pub funding: Funding,
}

impl CommitmentSpec<'_> {
    /// The transaction.
    ///
    /// An opener that cannot pay the whole fee pays what it has, and has no output (BOLT 3).
    ///
    /// Errors: [`ProtocolError::AboveCapacity`], [`ProtocolError::TooManyHtlcs`],
    /// [`ProtocolError::ExpiryIsNoHeight`], [`ProtocolError::NoOutputs`].
    pub fn build(&self) -> Result<Commitment, ProtocolError> {
        self.check()?;
        let format = self.channel_type.format();
        let (trimmed, untrimmed): (Vec<_>, Vec<_>) =
            (0..self.htlcs.len()).partition(|htlc| self.is_trimmed(*htlc));
        // BOLT 3: the base fee depends on the HTLCs that have an output, and on no other output.
        let fee = format.commitment_fee(self.feerate_per_kw, untrimmed.len());
        let outputs = self.outputs(format, fee, &untrimmed);
        if outputs.is_empty() {
            return Err(ProtocolError::NoOutputs);
        }
        let tx_outs = outputs.iter();
        let tx_outs = tx_outs.map(|output| TxOut {
            value: output.value,
            script_pubkey: output.script.script_pubkey.clone(),
        });
        let (sequence, lock_time) = self.obscuring.tags(self.number);
        let tx = Transaction {
            version: Version::TWO,
            lock_time,
            input: vec![TxIn {
                previous_output: self.funding,
                script_sig: ScriptBuf::new(),
                sequence,
                witness: Witness::new(),
            }],
            output: tx_outs.collect(),
        };
        let funding = Funding {
            outpoint: self.funding,
            capacity: self.capacity,
            keys: [self.keys.owner_funding, self.keys.counterparty_funding],
        };
        Ok(Commitment {
            tx,
            outputs,
            trimmed,
            fee,
            funding,
        })
    }

    /// The second-level transactions of a commitment built from this, in the order of its HTLC outputs, which is the
    /// order of the signatures in `commitment_signed`.
    ///
    /// Errors: [`ProtocolError::NotAnHtlcOutput`] if the commitment was built from something else.
    pub fn second_levels(
        &self,
        commitment: &Commitment,
    ) -> Result<Vec<SecondLevel>, ProtocolError> {
        let txid = commitment.tx.compute_txid();
        commitment
            .htlc_outputs()
            .map(|(vout, index)| {
                let htlc = self
                    .htlcs
                    .get(index)
                    .ok_or(ProtocolError::NotAnHtlcOutput { vout })?;
                SecondLevel::new(
                    self.channel_type,
                    OutPoint { txid, vout },
                    htlc,
                    self.keys,
                    self.to_self_delay,
                    self.feerate_per_kw,
                )
            })
            .collect()
    }

    /// Checks what the counterparty sent with `commitment_signed`: its signature, and one for each HTLC output.
    ///
    /// Errors: [`ProtocolError::WrongSignature`], which names the HTLC by its position in [`Self::htlcs`];
    /// [`ProtocolError::HtlcSignatureCount`].
    pub fn verify(
        &self,
        commitment: &Commitment,
        signature: &ecdsa::Signature,
        htlc_signatures: &[ecdsa::Signature],
    ) -> Result<(), ProtocolError> {
        commitment.verify_signature(signature, &self.keys.counterparty_funding)?;
        let second_levels = self.second_levels(commitment)?;
        if second_levels.len() != htlc_signatures.len() {
            let (expected, got) = (second_levels.len(), htlc_signatures.len());
            return Err(ProtocolError::HtlcSignatureCount { expected, got });
        }
        let signed = second_levels
            .iter()
            .zip(htlc_signatures)
            .zip(commitment.htlc_outputs());
        signed
            .into_iter()
            .try_for_each(|((second_level, signature), (_, position))| {
                second_level.verify_peer_signature(
                    signature,
                    &self.keys.counterparty_htlc,
                    position,
                )
            })
    }

    /// What could not have been agreed on.
    fn check(&self) -> Result<(), ProtocolError> {
        for kind in [HtlcKind::Offered, HtlcKind::Received] {
            let count = self.htlcs.iter().filter(|htlc| htlc.kind == kind).count();
            if count > MAX_HTLCS_PER_DIRECTION {
                return Err(ProtocolError::TooManyHtlcs { kind, count });
            }
        }
        let balances = [
            (Field::ToOwner, self.to_owner_msat),
            (Field::ToCounterparty, self.to_counterparty_msat),
        ];
        let htlcs = self.htlcs.iter().enumerate();
        let htlcs = htlcs.map(|(index, htlc)| (Field::HtlcAmount(index), htlc.amount_msat));
        let capacity = self.capacity;
        let mut left = capacity
            .to_sat()
            .checked_mul(1000)
            .ok_or(ProtocolError::AboveCapacity {
                field: Field::Capacity,
                capacity,
            })?;
        for (field, amount_msat) in balances.into_iter().chain(htlcs) {
            left = left
                .checked_sub(amount_msat)
                .ok_or(ProtocolError::AboveCapacity { field, capacity })?;
        }
        // BOLT 2: from 500,000,000 on Bitcoin would take the expiry for a time.
        match self
            .htlcs
            .iter()
            .position(|htlc| htlc.cltv_expiry >= LOCK_TIME_THRESHOLD)
        {
            Some(htlc) => Err(ProtocolError::ExpiryIsNoHeight {
                htlc,
                cltv_expiry: self.htlcs[htlc].cltv_expiry,
            }),
            None => Ok(()),
        }
    }

    /// BOLT 3: an HTLC gets no output if what the second level leaves of it is below the owner's dust limit.
    fn is_trimmed(&self, index: usize) -> bool {
        let htlc = &self.htlcs[index];
        let fee = self
            .channel_type
            .format()
            .second_level_fee(htlc.kind, self.feerate_per_kw);
        htlc.value()
            .checked_sub(fee)
            .is_none_or(|left| left < self.dust_limit)
    }

    /// All outputs in their final order.
    fn outputs(
        &self,
        format: &dyn Format,
        fee: Amount,
        untrimmed: &[usize],
    ) -> Vec<CommitmentOutput> {
        let (to_owner, to_counterparty) = self.balances(format, fee);
        let has_htlcs = !untrimmed.is_empty();
        // BOLT 3: a balance below the owner's dust limit gets no output.
        let has_to_local = to_owner >= self.dust_limit;
        let has_to_remote = to_counterparty >= self.dust_limit;
        let mut outputs = Vec::new();
        if has_to_local {
            outputs.extend(self.output(format, OutputRole::ToLocal, to_owner));
        }
        if has_to_remote {
            outputs.extend(self.output(format, OutputRole::ToRemote, to_counterparty));
        }
        if let Some(anchors) = format.anchors(self.keys) {
            // BOLT 3: a side has an anchor if it has an output, or may get something out of an HTLC.
            if has_to_local || has_htlcs {
                outputs.extend(self.output(format, OutputRole::OwnerAnchor, anchors.value));
            }
            if has_to_remote || has_htlcs {
                outputs.extend(self.output(format, OutputRole::CounterpartyAnchor, anchors.value));
            }
        }
        for index in untrimmed {
            outputs.extend(self.output(
                format,
                OutputRole::Htlc(*index),
                self.htlcs[*index].value(),
            ));
        }
        // BOLT 3: BIP 69; HTLC outputs that are equal in both are ordered by their expiry, since their second-level
        // transactions, and so the signatures sent for them, differ.
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
    fn balances(&self, format: &dyn Format, fee: Amount) -> (Amount, Amount) {
        let to_owner = Amount::from_sat(self.to_owner_msat / 1000);
        let to_counterparty = Amount::from_sat(self.to_counterparty_msat / 1000);
        // BOLT 3: an opener that cannot pay it all pays what it has.
        let pay = |balance: Amount| {
            let left = balance
                .checked_sub(fee)
                .and_then(|left| left.checked_sub(format.anchors_cost()));
            left.unwrap_or(Amount::ZERO)
        };
        match self.opener {
            Opener::Owner => (pay(to_owner), to_counterparty),
            Opener::Counterparty => (to_owner, pay(to_counterparty)),
        }
    }

    /// One output; `None` if the format has none in this role.
    fn output(
        &self,
        format: &dyn Format,
        role: OutputRole,
        value: Amount,
    ) -> Option<CommitmentOutput> {
        let contract = match role {
            OutputRole::ToLocal => ContractOutput::ToLocal,
            OutputRole::ToRemote => ContractOutput::ToRemote,
            OutputRole::OwnerAnchor => ContractOutput::OwnerAnchor,
            OutputRole::CounterpartyAnchor => ContractOutput::CounterpartyAnchor,
            OutputRole::Htlc(index) => self.htlcs[index].contract(),
        };
        let script = format.script(&contract, self.keys, self.to_self_delay)?;
        Some(CommitmentOutput {
            role,
            contract,
            script,
            value,
        })
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

impl Commitment {
    /// What both sides sign.
    pub fn sighash(&self) -> Result<Message, ProtocolError> {
        self.funding.sighash(&self.tx, 0)
    }

    /// Checks one side's signature. Error: [`ProtocolError::WrongSignature`].
    pub fn verify_signature(
        &self,
        signature: &ecdsa::Signature,
        funding_key: &PublicKey,
    ) -> Result<(), ProtocolError> {
        self.funding
            .verify(&self.tx, 0, signature, funding_key, SignatureOf::Commitment)
    }

    /// The transaction with the signatures of its owner and of the owner's counterparty; they are not checked.
    pub fn signed(&self, owner: &ecdsa::Signature, counterparty: &ecdsa::Signature) -> Transaction {
        let mut tx = self.tx.clone();
        for input in &mut tx.input {
            input.witness = self.funding.witness([owner, counterparty]);
        }
        tx
    }

    /// Output index and position in [`CommitmentSpec::htlcs`] of every HTLC that has an output, in output order.
    pub fn htlc_outputs(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        (0u32..)
            .zip(&self.outputs)
            .filter_map(|(vout, output)| match output.role {
                OutputRole::Htlc(index) => Some((vout, index)),
                OutputRole::ToLocal | OutputRole::ToRemote => None,
                OutputRole::OwnerAnchor | OutputRole::CounterpartyAnchor => None,
            })
    }

    /// What the miners get.
    pub fn actual_fee(&self) -> Amount {
        let spent: Amount = self.outputs.iter().map(|output| output.value).sum();
        self.funding
            .capacity
            .checked_sub(spent)
            .unwrap_or(Amount::ZERO)
    }
}
