//! Whether the library builds the very transactions that LDK built.

use std::collections::BTreeMap;

use bitcoin::secp256k1::PublicKey;
use bitcoin::Txid;
use lightning_arbitrator::channel::{
    Candidate, ChannelTerms, CommitmentUpdate, HtlcLife, HtlcRef, Interval,
};
use lightning_arbitrator::protocol::Party;

/// The library's commitment transaction of these terms and this update.
pub fn txid(
    terms: &ChannelTerms,
    owner: Party,
    update: &CommitmentUpdate,
    per_commitment_point: PublicKey,
) -> Txid {
    let lives: BTreeMap<HtlcRef, HtlcLife> = update
        .htlcs
        .iter()
        .map(|htlc| {
            let life = HtlcLife {
                terms: *htlc,
                version: 0,
                local: Interval::default(),
                remote: Interval::default(),
                released: false,
                forwarded_msat: None,
            };
            (life.htlc_ref(), life)
        })
        .collect();
    let candidate = Candidate {
        funding: terms.channel(),
        owner,
        number: update.number,
        alternative: 0,
        feerate_per_kw: update.feerate_per_kw,
        local_msat: update.local_msat,
        remote_msat: update.remote_msat,
        per_commitment_point,
        // Not looked at: the transaction is built anew.
        txid: terms.channel().txid,
        signatures: None,
        htlcs: lives.keys().copied().collect(),
    };
    let built = candidate.build(terms, &lives).expect("LDK built it");
    built.tx.compute_txid()
}
