//! The same updates over the store alone, each part on a clock of its own: reading, judging, writing.

use std::collections::BTreeMap;
use std::path::Path;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Network, OutPoint};
use lightning_arbitrator::channel::door::{accept_local, accept_remote, accept_revocation};
use lightning_arbitrator::channel::{
    AcceptedCommitment, Candidate, ChannelTerms, Feed, HtlcLife, HtlcRef, Ledger, LocalUpdate,
    OnFile, RemoteUpdate,
};
use lightning_arbitrator::protocol::{CommitmentNumber, CommitmentSecret};
use lightning_arbitrator::signer::Signer;
use lightning_arbitrator::store::{ChannelRow, Store, StoreError, Unreadable};
use lightning_arbitrator::SeedSigner;
use measure::batch::Cost;
use measure::Meter;

use crate::app::signer_of;
use crate::made::crypto;
use crate::trade::{Messages, Told, Trade};
use crate::words::{keys_id, retold};

/// What the parts of the updates have cost.
#[derive(Clone, Copy, Default)]
pub struct Parts {
    pub reading: Meter,
    /// What the peer says is checked: signatures, figures, secrets.
    pub judging: Meter,
    pub writing: Meter,
}

impl Parts {
    /// Everything but the judging, which LDK does outside its persister.
    pub fn storing(&self) -> Cost {
        let mut cost = self.reading.0;
        cost += self.writing.0;
        cost
    }
}

/// A store with one channel.
pub struct Bare {
    store: Store,
    row: ChannelRow,
    signer: SeedSigner,
    trade: Trade,
    parts: Parts,
}

impl Bare {
    pub fn new(database: &Path) -> Self {
        let trade = Trade::numbered(0);
        let store = Store::open(database, Network::Regtest, crypto()).expect("new file");
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
                    let writing = &mut self.parts.writing;
                    let released = writing.run(|| self.store.release(self.row, htlc));
                    assert!(released.expect("a good disk"), "a known HTLC");
                }
            }
        }
    }

    fn remote(&mut self, update: &RemoteUpdate) {
        let records = self.read();
        let judging = &mut self.parts.judging;
        let accepted = judging.run(|| accept_remote(&records.on_file(), update));
        self.put(&accepted.expect("good").expect("new"));
    }

    fn local(&mut self, update: &LocalUpdate) {
        let records = self.read();
        let keys_id = keys_id(&self.trade.channel);
        let accepted = self.parts.judging.run(|| {
            let number = update.commitment.number;
            let point = self.signer.per_commitment_point(&keys_id, number);
            accept_local(&records.on_file(), &point.expect("a known channel"), update)
        });
        self.put(&accepted.expect("good").expect("new"));
    }

    fn revoke(&mut self, number: CommitmentNumber, secret: &CommitmentSecret, next: &PublicKey) {
        let records = self.read();
        let reading = &mut self.parts.reading;
        let secrets = reading.run(|| self.store.secrets(self.row));
        let secrets = secrets.expect("readable");
        let accepted = self
            .parts
            .judging
            .run(|| accept_revocation(&records.on_file(), &secrets, number, secret, next));
        let accepted = accepted.expect("good").expect("new");
        let writing = &mut self.parts.writing;
        let put = writing.run(|| self.store.put_revocation(self.row, &accepted));
        put.expect("a good disk");
    }

    fn put(&mut self, accepted: &AcceptedCommitment) {
        let writing = &mut self.parts.writing;
        let put = writing.run(|| self.store.put_commitment(self.row, accepted));
        put.expect("a good disk");
    }

    fn read(&mut self) -> Records {
        let channel = self.trade.outpoint();
        let reading = &mut self.parts.reading;
        let records = reading.run(|| Records::read(&self.store, channel));
        records.expect("readable")
    }
}

/// What an update is judged by.
struct Records {
    terms: ChannelTerms,
    feed: Feed,
    ledger: Ledger,
    lives: BTreeMap<HtlcRef, HtlcLife>,
    candidates: Vec<Candidate>,
}

impl Records {
    /// What the arbitrator reads for an update; it asks first whether the channel still takes any.
    fn read(store: &Store, channel: OutPoint) -> Result<Self, StoreError> {
        let mut unreadable = Unreadable::default();
        let row = store.find(channel)?.expect("it is registered");
        store.case(row)?;
        let terms = store.terms(row)?;
        let records = Records {
            feed: store.feed(row)?,
            ledger: store.ledger(row)?,
            lives: store.htlcs(row, &mut unreadable)?,
            candidates: store.candidates(row, terms.channel(), &mut unreadable)?,
            terms,
        };
        unreadable.or_refuse()?;
        Ok(records)
    }

    fn on_file(&self) -> OnFile<'_> {
        OnFile {
            terms: &self.terms,
            feed: &self.feed,
            ledger: &self.ledger,
            lives: &self.lives,
            candidates: &self.candidates,
        }
    }
}
