//! The same updates over the store alone, each part on a clock of its own: reading, judging, writing.

use std::path::Path;
use std::sync::Arc;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Network, OutPoint};
use lightning_arbitrator::channel::door::{accept_local, accept_remote, accept_revocation};
use lightning_arbitrator::channel::{CommitmentUpdate, LocalUpdate, RemoteUpdate};
use lightning_arbitrator::protocol::{CommitmentNumber, CommitmentSecret};
use lightning_arbitrator::signer::Signer;
use lightning_arbitrator::store::{ChannelRow, Store, Unreadable, Unsealed};
use lightning_arbitrator::SeedSigner;
use measure::Meter;

use crate::app::signer_of;
use crate::trade::{Messages, Told, Trade};
use crate::words::{keys_id, retold};

/// What the parts of the updates have cost.
#[derive(Clone, Copy, Default)]
pub struct Parts {
    pub reading: Meter,
    pub judging: Meter,
    pub writing: Meter,
}

/// A store with one channel.
pub struct Bare {
    store: Store,
    row: ChannelRow,
    signer: SeedSigner,
    trade: Trade,
    pub parts: Parts,
}

impl Bare {
    pub fn new(database: &Path) -> Self {
        let trade = Trade::numbered(0);
        let store = Store::open(database, Network::Regtest, Arc::new(Unsealed)).expect("new file");
        let row = store.register(&retold(&trade.channel), &[]);
        let mut bare = Bare {
            store,
            row: row.expect("a new channel"),
            signer: signer_of(&trade.channel),
            trade,
            parts: Parts::default(),
        };
        let first = bare.trade.round();
        bare.tell_all(first);
        bare
    }

    /// Leaves so many more HTLCs pending.
    pub fn hold(&mut self, count: u64) {
        for _ in 0..count {
            let messages = self.trade.hold();
            self.tell_all(messages);
        }
    }

    /// So many payments, and what they cost.
    pub fn pay(&mut self, count: u64) -> Parts {
        self.parts = Parts::default();
        for _ in 0..count {
            let messages = self.trade.pay();
            self.tell_all(messages);
        }
        self.parts
    }

    fn tell_all(&mut self, messages: Messages) {
        for told in messages {
            match told {
                Told::Remote(update) => self.remote(&update),
                Told::Local(update) => self.local(&update),
                Told::Revocation(number, secret, point) => self.revoke(number, &secret, &point),
                Told::Release(htlc) => {
                    let released = self
                        .parts
                        .writing
                        .run(|| self.store.release(self.row, htlc));
                    assert!(released.expect("a good disk"), "a known HTLC");
                }
            }
        }
    }

    fn remote(&mut self, update: &RemoteUpdate) {
        let Self {
            store, row, parts, ..
        } = self;
        let known = parts.reading.run(|| known(store, *row, &update.commitment));
        let accepted = parts.judging.run(|| {
            accept_remote(
                &known.terms,
                &known.feed,
                &known.lives,
                &known.candidates,
                update,
            )
        });
        let accepted = accepted.expect("good").expect("new");
        let put = parts.writing.run(|| store.put_commitment(*row, &accepted));
        put.expect("a good disk");
    }

    fn local(&mut self, update: &LocalUpdate) {
        let number = update.commitment.number;
        let point = self
            .signer
            .per_commitment_point(&keys_id(&self.trade.channel), number)
            .expect("a known channel");
        let Self {
            store, row, parts, ..
        } = self;
        let known = parts.reading.run(|| known(store, *row, &update.commitment));
        let accepted = parts.judging.run(|| {
            accept_local(
                &known.terms,
                &known.feed,
                &known.lives,
                &known.candidates,
                &point,
                update,
            )
        });
        let accepted = accepted.expect("good").expect("new");
        let put = parts.writing.run(|| store.put_commitment(*row, &accepted));
        put.expect("a good disk");
    }

    fn revoke(&mut self, number: CommitmentNumber, secret: &CommitmentSecret, next: &PublicKey) {
        let channel = self.trade.outpoint();
        let Self {
            store, row, parts, ..
        } = self;
        let (terms, feed, candidates, secrets) = parts.reading.run(|| {
            let mut unreadable = Unreadable::default();
            let candidates = store.candidates(*row, channel, &mut unreadable);
            unreadable.or_refuse().expect("readable rows");
            (
                store.terms(*row).expect("readable"),
                store.feed(*row).expect("readable"),
                candidates.expect("readable"),
                store.secrets(*row).expect("readable"),
            )
        });
        let accepted = parts
            .judging
            .run(|| accept_revocation(&terms, &feed, &candidates, &secrets, number, secret, next));
        let accepted = accepted.expect("good").expect("new");
        let put = parts.writing.run(|| store.put_revocation(*row, &accepted));
        put.expect("a good disk");
    }
}

/// What a commitment is judged by.
struct Known {
    terms: lightning_arbitrator::channel::ChannelTerms,
    feed: lightning_arbitrator::channel::Feed,
    lives: std::collections::BTreeMap<
        lightning_arbitrator::channel::HtlcRef,
        lightning_arbitrator::channel::HtlcLife,
    >,
    candidates: Vec<lightning_arbitrator::channel::Candidate>,
}

fn known(store: &Store, row: ChannelRow, update: &CommitmentUpdate) -> Known {
    let mut unreadable = Unreadable::default();
    let named = update.htlcs.iter().map(|htlc| htlc.key);
    let terms = store.terms(row).expect("readable");
    let channel: OutPoint = terms.channel();
    let known = Known {
        feed: store.feed(row).expect("readable"),
        lives: store.htlcs(row, named, &mut unreadable).expect("readable"),
        candidates: store
            .candidates(row, channel, &mut unreadable)
            .expect("readable"),
        terms,
    };
    unreadable.or_refuse().expect("readable rows");
    known
}
