//! The scripts of a revoked commitment, made again as when the peer broadcasts it.

use bitcoin::ScriptBuf;
use lightning_arbitrator::channel::{ChannelTerms, PastHtlc};
use lightning_arbitrator::protocol::{CommitmentSecret, ContractOutput, Party};
use lightning_arbitrator::store::{ChannelRow, Store, StoreError, Unreadable};

use crate::words::number;

/// Everything that is stored of a revoked commitment.
pub struct Revoked {
    terms: ChannelTerms,
    secret: CommitmentSecret,
    htlcs: Vec<PastHtlc>,
}

impl Revoked {
    /// Reads it, as a tick does that has found such a commitment on the chain.
    pub fn read(store: &Store, row: ChannelRow, at: u64) -> Result<Self, StoreError> {
        let mut unreadable = Unreadable::default();
        let revoked = store.at_once(|| {
            let secret = store.secret(row, number(at), &mut unreadable)?;
            Ok::<_, StoreError>(Revoked {
                terms: store.terms(row)?,
                secret: secret.expect("the number is revoked"),
                htlcs: store.past_htlcs_at(row, Party::Remote, at, &mut unreadable)?,
            })
        })?;
        unreadable.or_refuse()?;
        Ok(revoked)
    }

    /// The scripts that its outputs can have.
    pub fn scripts(&self) -> Vec<ScriptBuf> {
        let owner = Party::Remote;
        let point = self.secret.point().expect("a good secret");
        let keys = self.terms.commitment_keys(owner, &point);
        let keys = keys.expect("good keys");
        let format = self.terms.channel_type.format();
        let plain = [
            ContractOutput::ToLocal,
            ContractOutput::ToRemote,
            ContractOutput::OwnerAnchor,
            ContractOutput::CounterpartyAnchor,
        ];
        let htlcs = self.htlcs.iter();
        plain
            .into_iter()
            .chain(htlcs.map(|htlc| htlc.terms.output_on_commitment_of(owner)))
            .filter_map(|output| format.script(&output, &keys, self.terms.remote.to_self_delay))
            .map(|script| script.script_pubkey)
            .collect()
    }
}
