//! What a transaction has in common with a commitment: outputs are told by their exact scripts, HTLCs by their amounts too.

use std::collections::BTreeMap;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{ScriptBuf, Transaction};

use crate::channel::{ChannelTerms, HtlcKey, HtlcLife, HtlcTerms, PastHtlc};
use crate::court::CourtError;
use crate::protocol::{ContractOutput, Party};

/// An HTLC that a commitment may carry.
#[derive(Clone, Copy)]
pub(super) struct Carried<'a> {
    pub(super) terms: &'a HtlcTerms,
    /// Which of those with its key it is; `None`: it is past.
    version: Option<u32>,
}

impl<'a> Carried<'a> {
    pub(super) fn live(life: &'a HtlcLife) -> Self {
        Carried {
            terms: &life.terms,
            version: Some(life.version),
        }
    }

    pub(super) fn past(past: &'a PastHtlc) -> Self {
        Carried {
            terms: &past.terms,
            version: None,
        }
    }
}

/// An output of the close, and what of a commitment's it is.
pub(super) struct Found {
    pub(super) vout: u32,
    pub(super) value_sat: u64,
    pub(super) output: ContractOutput,
    pub(super) htlc: Option<HtlcKey>,
    pub(super) version: Option<u32>,
}

impl Found {
    /// Whether only this owner's commitment can have the output: both sides' commitments have the same two anchors.
    pub(super) fn tells_the_owner(&self) -> bool {
        match self.output {
            ContractOutput::ToLocal
            | ContractOutput::ToRemote
            | ContractOutput::Htlc { .. }
            | ContractOutput::SecondLevel => true,
            ContractOutput::OwnerAnchor | ContractOutput::CounterpartyAnchor => false,
        }
    }
}

/// The outputs that a commitment of `owner` at `point` with these HTLCs could have.
pub(super) fn matches(
    terms: &ChannelTerms,
    transaction: &Transaction,
    owner: Party,
    point: &PublicKey,
    htlcs: &[Carried<'_>],
) -> Result<Vec<Found>, CourtError> {
    let format = terms.channel_type.format();
    let keys = terms
        .commitment_keys(owner, point)
        .map_err(|source| CourtError::Protocol {
            channel: terms.channel(),
            source,
        })?;
    let delay = terms.party(owner).to_self_delay;
    let mut expected: BTreeMap<ScriptBuf, Vec<(ContractOutput, Option<Carried<'_>>)>> =
        BTreeMap::new();
    let plain = [
        ContractOutput::ToLocal,
        ContractOutput::ToRemote,
        ContractOutput::OwnerAnchor,
        ContractOutput::CounterpartyAnchor,
    ];
    let outputs = plain.into_iter().map(|output| (output, None)).chain(
        htlcs
            .iter()
            .map(|htlc| (htlc.terms.output_on_commitment_of(owner), Some(*htlc))),
    );
    for (output, htlc) in outputs {
        if let Some(script) = format.script(&output, &keys, delay) {
            expected
                .entry(script.script_pubkey)
                .or_default()
                .push((output, htlc));
        }
    }
    let mut found = Vec::new();
    for (vout, output) in (0u32..).zip(&transaction.output) {
        let value_sat = output.value.to_sat();
        let Some(waiting) = expected.get_mut(&output.script_pubkey) else {
            continue;
        };
        // HTLCs with one hash and expiry share a script: the amount tells which is which.
        let which = waiting
            .iter()
            .position(|(_, htlc)| htlc.is_none_or(|it| it.terms.amount_msat / 1000 == value_sat));
        if let Some(which) = which {
            let (output, htlc) = waiting.remove(which);
            found.push(Found {
                vout,
                value_sat,
                output,
                htlc: htlc.map(|htlc| htlc.terms.key),
                version: htlc.and_then(|htlc| htlc.version),
            });
        }
    }
    Ok(found)
}
