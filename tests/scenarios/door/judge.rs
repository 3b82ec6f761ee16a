//! What must be true of the store at any moment of a story.

use std::collections::BTreeSet;

use bitcoin::{Transaction, Txid};
use lightning_arbitrator::channel::{Feed, HtlcKey, HtlcTerms, PastHtlc};
use lightning_arbitrator::court::{recognise, CloseKind, ContractRole, Dossier, SpendContext};
use lightning_arbitrator::protocol::{ContractOutput, Party, PaymentHash};
use lightning_arbitrator::store::{ChannelRow, Store};
use testkit::party::{Side, Which};

use super::story::{pick_of, Signed, Story};
use crate::support::number;

impl Story {
    fn transaction(&self, signed: &Signed) -> Transaction {
        let channel = &self.world.channel;
        let which = Which::Alternative {
            number: signed.number,
            index: signed.index,
        };
        match signed.owner {
            Side::Us => channel.our_commitment_tx(which),
            Side::Peer => channel.peer_commitment_tx(which),
        }
        .expect("signed")
    }

    fn kind(&self, signed: &Signed) -> CloseKind {
        let number = signed.number;
        let current = self.revoked.map_or(0, |revoked| revoked + 1);
        match signed.owner {
            Side::Us if number == self.newest(Side::Us) => CloseKind::Local { number },
            Side::Us => CloseKind::LocalOther { number },
            Side::Peer if number < current => CloseKind::Breach { number },
            Side::Peer if number == current => CloseKind::Remote { number },
            Side::Peer => CloseKind::RemotePending { number },
        }
    }

    /// Position, candidates, intervals, and what every commitment would be recognised as, now.
    pub fn is_stored(&mut self) {
        let channel = self.world.outpoint();
        let feed = self.feed();
        assert_eq!(self.world.phone.position(channel).feed, feed);
        let store = self.world.phone.opened();
        let row = store.find(channel).expect("readable").expect("registered");
        let dossier = dossier(&store, row);
        self.candidates_are(&dossier);
        for signed in &self.signed {
            let past = past_at(&store, row, signed);
            let held = past
                .iter()
                .map(|past| script_of(&past.terms))
                .chain(dossier.htlcs.values().map(|life| script_of(&life.terms)));
            let held: Vec<_> = held.collect();
            for htlc in &signed.htlcs {
                assert!(
                    held.contains(&script_of(htlc)),
                    "{signed:?} without {htlc:?}"
                );
            }
            self.is_recognised(&store, row, &dossier, signed);
        }
    }

    fn feed(&self) -> Feed {
        let newest = self.newest(Side::Peer);
        // What a revocation announces is used up by the commitment that it was announced for.
        let announced = self.revoked.map(|revoked| revoked + 2);
        Feed {
            local: Some(number(self.newest(Side::Us))),
            remote: Some(number(newest)),
            remote_revoked: self.revoked.map(number),
            remote_next_point: announced
                .filter(|announced| *announced > newest)
                .map(|announced| {
                    self.world
                        .channel
                        .setup()
                        .peer
                        .per_commitment_point(announced)
                }),
        }
    }

    fn candidates_are(&self, dossier: &Dossier) {
        let is_valid = |signed: &&Signed| match self.kind(signed) {
            CloseKind::Local { .. }
            | CloseKind::Remote { .. }
            | CloseKind::RemotePending { .. } => true,
            CloseKind::LocalOther { .. }
            | CloseKind::Breach { .. }
            | CloseKind::RemoteFuture { .. }
            | CloseKind::Cooperative
            | CloseKind::Unknown => false,
        };
        let valid = self.signed.iter().filter(is_valid);
        let expected: BTreeSet<Txid> = valid
            .map(|it| self.transaction(it).compute_txid())
            .collect();
        let stored: BTreeSet<Txid> = dossier.candidates.iter().map(|it| it.txid).collect();
        assert_eq!(stored, expected);
    }

    fn is_recognised(&self, store: &Store, row: ChannelRow, dossier: &Dossier, signed: &Signed) {
        let at = number(signed.number);
        let mut dossier = dossier.clone();
        dossier.past = past_at(store, row, signed);
        let context = SpendContext {
            our_point: Some(
                self.world
                    .channel
                    .setup()
                    .ours
                    .per_commitment_point(signed.number),
            ),
            peer_secret: store.secrets(row).expect("readable").get(at),
            ..SpendContext::default()
        };
        let transaction = self.transaction(signed);
        let found = recognise(&dossier, &transaction, &context).expect("good terms");
        assert_eq!(found.kind, self.kind(signed));
        let htlcs = found
            .contracts
            .iter()
            .filter(|it| is_htlc(&it.output))
            .count();
        assert_eq!(htlcs, self.htlc_outputs(signed), "{signed:?}");
        let sweeps = |it: &&_| matches!(it, ContractRole::CommitSweep);
        let roles = found.contracts.iter().map(|it| it.role).collect::<Vec<_>>();
        assert_eq!(roles.iter().filter(sweeps).count(), 1, "{signed:?}");
    }

    fn htlc_outputs(&self, signed: &Signed) -> usize {
        let which = Which::Alternative {
            number: signed.number,
            index: signed.index,
        };
        let figures = self
            .world
            .channel
            .figures(signed.owner, which)
            .expect("signed");
        figures.htlcs.iter().flatten().count()
    }

    /// One of all commitments confirms, and the phone says what it is.
    pub fn ends(&mut self, pick: usize) {
        let signed = pick_of(&self.signed, pick).expect("two at least").clone();
        let close = self.transaction(&signed);
        self.world.submit(&close);
        self.world.mine(1);
        self.world.phone.resume();
        let channel = self.world.outpoint();
        let report = self.world.phone.report(channel);
        let expected = Some((self.kind(&signed), close.compute_txid()));
        assert_eq!(report.close, expected);
    }
}

fn party(side: Side) -> Party {
    match side {
        Side::Us => Party::Local,
        Side::Peer => Party::Remote,
    }
}

fn is_htlc(output: &ContractOutput) -> bool {
    matches!(output, ContractOutput::Htlc { .. })
}

fn past_at(store: &Store, row: ChannelRow, signed: &Signed) -> Vec<PastHtlc> {
    store
        .past_htlcs_at(
            row,
            party(signed.owner),
            signed.number,
            &mut Default::default(),
        )
        .expect("readable")
}

/// What an HTLC's script and amount are made of: where it came from is forgotten once it is past.
fn script_of(htlc: &HtlcTerms) -> (HtlcKey, PaymentHash, u64, u32) {
    (
        htlc.key,
        htlc.payment_hash,
        htlc.amount_msat,
        htlc.cltv_expiry,
    )
}

fn dossier(store: &Store, row: ChannelRow) -> Dossier {
    let terms = store.terms(row).expect("readable");
    let candidates = store
        .candidates(row, terms.channel(), &mut Default::default())
        .expect("readable");
    Dossier {
        feed: store.feed(row).expect("readable"),
        htlcs: store.htlcs(row, &mut Default::default()).expect("readable"),
        past: Vec::new(),
        cooperative: Vec::new(),
        candidates,
        terms,
    }
}
