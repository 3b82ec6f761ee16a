//! The same updates over the store alone, each part on a clock of its own: reading, judging, writing.

use std::collections::BTreeMap;
use std::path::Path;

use bitcoin::secp256k1::PublicKey;
use bitcoin::Network;
use lightning_arbitrator::channel::door::{accept_local, accept_remote, accept_revocation};
use lightning_arbitrator::channel::{
    AcceptedCommitment, Candidate, ChannelTerms, ChannelUpdate, Feed, HtlcLife, HtlcRef, Ledger,
    LocalUpdate, OnFile, RemoteUpdate,
};
use lightning_arbitrator::protocol::{CommitmentNumber, CommitmentSecret};
use lightning_arbitrator::signer::Signer;
use lightning_arbitrator::store::{Batch, ChannelRow, Store, StoreError, Unreadable};
use lightning_arbitrator::SeedSigner;
use measure::batch::Cost;
use measure::Meter;

use crate::app::signer_of;
use crate::made::crypto;
use crate::trade::{Call, Trade};
use crate::words::retold;

/// What the parts of the updates have cost.
#[derive(Clone, Copy, Default)]
pub struct Parts {
    pub reading: Meter,
    /// What the peer says is checked: signatures, figures, secrets.
    pub judging: Meter,
    pub writing: Meter,
    /// Transactions written, each of them synced.
    pub syncs: u64,
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
        let first = bare.trade.begin();
        bare.tell_all(first);
        bare
    }

    /// Leaves so many more HTLCs pending.
    pub fn hold(&mut self, count: u64) {
        for _ in 0..count {
            let calls = self.trade.hold();
            self.tell_all(calls);
        }
    }

    /// So many payments, and what they cost.
    pub fn pay(&mut self, count: u64) -> Parts {
        self.parts = Parts::default();
        let before = self.store.writes();
        for _ in 0..count {
            let calls = self.trade.pay();
            self.tell_all(calls);
        }
        self.parts.syncs = self.store.writes() - before;
        self.parts
    }

    fn tell_all(&mut self, calls: Vec<Call>) {
        for call in calls {
            self.tell(call);
        }
    }

    /// One call, as the arbitrator takes it.
    fn tell(&mut self, call: Call) {
        let (store, row, parts) = (&self.store, self.row, &mut self.parts);
        let terms = parts.reading.run(|| {
            // It asks first whether there is such a channel, and whether it still takes updates.
            store
                .find(self.trade.outpoint())?
                .expect("it is registered");
            store.case(row)?;
            store.terms(row)
        });
        let batch = parts.writing.run(|| store.batch());
        let mut desk = Desk {
            store,
            row,
            terms: terms.expect("readable"),
            signer: &self.signer,
            parts,
            batch: batch.expect("a good disk"),
        };
        for update in call {
            match update {
                ChannelUpdate::Remote(update) => desk.remote(&update),
                ChannelUpdate::Local(update) => desk.local(&update),
                ChannelUpdate::Revocation {
                    number,
                    secret,
                    next_point,
                } => desk.revoke(number, &secret, &next_point),
                ChannelUpdate::Release(htlc) => {
                    let released = desk.parts.writing.run(|| desk.batch.release(row, htlc));
                    assert!(released.expect("a good disk"), "a known HTLC");
                }
            }
        }
        let Desk { batch, parts, .. } = desk;
        let committed = parts.writing.run(|| batch.commit());
        committed.expect("a good disk");
    }
}

/// One call's updates, each judged upon those before it.
struct Desk<'a> {
    store: &'a Store,
    row: ChannelRow,
    terms: ChannelTerms,
    signer: &'a SeedSigner,
    parts: &'a mut Parts,
    batch: Batch<'a>,
}

impl Desk<'_> {
    fn remote(&mut self, update: &RemoteUpdate) {
        let records = self.read();
        let judging = &mut self.parts.judging;
        let accepted = judging.run(|| accept_remote(&records.on_file(&self.terms), update));
        self.put(&accepted.expect("good").expect("new"));
    }

    fn local(&mut self, update: &LocalUpdate) {
        let records = self.read();
        let (terms, signer) = (&self.terms, self.signer);
        let accepted = self.parts.judging.run(|| {
            let point = signer.per_commitment_point(&terms.keys_id, update.commitment.number);
            accept_local(
                &records.on_file(terms),
                &point.expect("a known channel"),
                update,
            )
        });
        self.put(&accepted.expect("good").expect("new"));
    }

    fn revoke(&mut self, number: CommitmentNumber, secret: &CommitmentSecret, next: &PublicKey) {
        let records = self.read();
        let secrets = self.parts.reading.run(|| self.store.secrets(self.row));
        let secrets = secrets.expect("readable");
        let on_file = records.on_file(&self.terms);
        let judging = &mut self.parts.judging;
        let accepted = judging.run(|| accept_revocation(&on_file, &secrets, number, secret, next));
        let accepted = accepted.expect("good").expect("new");
        let writing = &mut self.parts.writing;
        let put = writing.run(|| self.batch.put_revocation(self.row, &accepted));
        put.expect("a good disk");
    }

    fn put(&mut self, accepted: &AcceptedCommitment) {
        let writing = &mut self.parts.writing;
        let put = writing.run(|| self.batch.put_commitment(self.row, accepted));
        put.expect("a good disk");
    }

    fn read(&mut self) -> Records {
        let reading = &mut self.parts.reading;
        let records = reading.run(|| Records::read(self.store, self.row, &self.terms));
        records.expect("readable")
    }
}

/// What an update is judged by.
struct Records {
    feed: Feed,
    ledger: Ledger,
    lives: BTreeMap<HtlcRef, HtlcLife>,
    candidates: Vec<Candidate>,
}

impl Records {
    fn read(store: &Store, row: ChannelRow, terms: &ChannelTerms) -> Result<Self, StoreError> {
        let mut unreadable = Unreadable::default();
        let records = Records {
            feed: store.feed(row)?,
            ledger: store.ledger(row)?,
            lives: store.htlcs(row, &mut unreadable)?,
            candidates: store.candidates(row, terms.channel(), &mut unreadable)?,
        };
        unreadable.or_refuse()?;
        Ok(records)
    }

    fn on_file<'a>(&'a self, terms: &'a ChannelTerms) -> OnFile<'a> {
        OnFile {
            terms,
            feed: &self.feed,
            ledger: &self.ledger,
            lives: &self.lives,
            candidates: &self.candidates,
        }
    }
}
