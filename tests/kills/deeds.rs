//! Every kind of write, one at a time: what a child does upon a file before it is killed.

use std::path::PathBuf;
use std::sync::Arc;

use bitcoin::{BlockHash, OutPoint, Transaction, Txid};
use lightning_arbitrator::arbitrator::WipeScope;
use lightning_arbitrator::chain::{BlockHeight, BlockRef, ChainChange, ChainStore, Row};
use lightning_arbitrator::channel::ChannelUpdate;
use lightning_arbitrator::config::Policy;
use lightning_arbitrator::court::{self, Dossier, Input, Outcome};
use lightning_arbitrator::protocol::Preimage;
use lightning_arbitrator::reserve::Emptying;
use lightning_arbitrator::store::{
    ChannelRow, KeyCrypto, Opening, Purge, Store, StoreError, Unreadable,
};
use lightning_arbitrator::ArbitratorError;
use serde::{Deserialize, Serialize};
use testkit::party::{HtlcKey, LocalUpdate, RemoteUpdate, Revocation};

use crate::disk;
use crate::phone::{public, Phone};
use crate::wire::Reply;
use crate::words::{htlc_key, keys_id, local_update, number, retold, secret};

/// One write. Channels are named by their index in [`Launch::channels`](crate::wire::Launch::channels).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Deed {
    /// The file of an older schema is opened.
    Migrate,
    /// A backup is opened.
    OpenBackup,
    Register(usize),
    /// The same, for the library to open it.
    Open(usize),
    /// A message of the channel's peer, before the channel is known.
    HearEarly(usize, Vec<u8>),
    /// The same afterwards.
    Hear(usize, Vec<u8>),
    Remote(usize, RemoteUpdate),
    Revocation(usize, Revocation),
    Local(usize, LocalUpdate),
    Release(usize, HtlcKey),
    /// In one call.
    RevocationAndLocal(usize, Revocation, LocalUpdate),
    ClosingSigned(usize, Transaction),
    /// The peer proves that we lost data.
    DataLoss(usize, Vec<u8>),
    /// The peer confirms what a backup holds.
    ConfirmRestored(usize, Vec<u8>),
    /// The peer is there again, and may not have got what was handed over.
    Reconnect(usize, Vec<u8>),
    /// A step of the court: the decision to close.
    Step(usize),
    /// What became of a broadcast.
    Outcome(usize, Txid),
    KeepSweepScript(usize),
    /// The embedded wallet is emptied once more, in place of a transaction that waits.
    PutEmptying(Transaction, Txid),
    /// What became of its broadcast.
    EmptyingOutcome(Txid),
    /// It is buried: its coin is forgotten, and it as well.
    EndEmptying(Transaction),
    /// The chain cursor moves on by a block.
    MoveCursor,
    /// The working data of a resolved channel goes, a few rows at a time.
    Purge(usize),
    Acknowledge(String),
    /// The same of a message to the peer, which has it then.
    HandOver(String),
    Subscribe,
    /// The app says that the funding will never confirm.
    CancelFunding(usize),
    /// The app gives the channel up.
    Abandon(usize),
    LearnPreimage([u8; 32]),
    ImportKeys(usize),
    /// The database gets another key: that of [`new_key`].
    ChangeKey,
    Backup(PathBuf),
    Wipe,
}

/// Where a deed stands among the kinds of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Migrate,
    OpenBackup,
    Register,
    Open,
    HearEarly,
    Hear,
    Remote,
    Revocation,
    Local,
    Release,
    RevocationAndLocal,
    ClosingSigned,
    DataLoss,
    ConfirmRestored,
    Reconnect,
    Step,
    Outcome,
    KeepSweepScript,
    PutEmptying,
    EmptyingOutcome,
    EndEmptying,
    MoveCursor,
    Purge,
    Acknowledge,
    HandOver,
    Subscribe,
    CancelFunding,
    Abandon,
    LearnPreimage,
    ImportKeys,
    ChangeKey,
    Backup,
    Wipe,
}

impl Kind {
    pub const ALL: [Kind; 33] = [
        Kind::Migrate,
        Kind::OpenBackup,
        Kind::Register,
        Kind::Open,
        Kind::HearEarly,
        Kind::Hear,
        Kind::Remote,
        Kind::Revocation,
        Kind::Local,
        Kind::Release,
        Kind::RevocationAndLocal,
        Kind::ClosingSigned,
        Kind::DataLoss,
        Kind::ConfirmRestored,
        Kind::Reconnect,
        Kind::Step,
        Kind::Outcome,
        Kind::KeepSweepScript,
        Kind::PutEmptying,
        Kind::EmptyingOutcome,
        Kind::EndEmptying,
        Kind::MoveCursor,
        Kind::Purge,
        Kind::Acknowledge,
        Kind::HandOver,
        Kind::Subscribe,
        Kind::CancelFunding,
        Kind::Abandon,
        Kind::LearnPreimage,
        Kind::ImportKeys,
        Kind::ChangeKey,
        Kind::Backup,
        Kind::Wipe,
    ];
}

impl Deed {
    pub fn kind(&self) -> Kind {
        match self {
            Deed::Migrate => Kind::Migrate,
            Deed::OpenBackup => Kind::OpenBackup,
            Deed::Register(_) => Kind::Register,
            Deed::Open(_) => Kind::Open,
            Deed::HearEarly(..) => Kind::HearEarly,
            Deed::Hear(..) => Kind::Hear,
            Deed::Remote(..) => Kind::Remote,
            Deed::Revocation(..) => Kind::Revocation,
            Deed::Local(..) => Kind::Local,
            Deed::Release(..) => Kind::Release,
            Deed::RevocationAndLocal(..) => Kind::RevocationAndLocal,
            Deed::ClosingSigned(..) => Kind::ClosingSigned,
            Deed::DataLoss(..) => Kind::DataLoss,
            Deed::ConfirmRestored(..) => Kind::ConfirmRestored,
            Deed::Reconnect(..) => Kind::Reconnect,
            Deed::Step(_) => Kind::Step,
            Deed::Outcome(..) => Kind::Outcome,
            Deed::KeepSweepScript(_) => Kind::KeepSweepScript,
            Deed::PutEmptying(..) => Kind::PutEmptying,
            Deed::EmptyingOutcome(_) => Kind::EmptyingOutcome,
            Deed::EndEmptying(_) => Kind::EndEmptying,
            Deed::MoveCursor => Kind::MoveCursor,
            Deed::Purge(_) => Kind::Purge,
            Deed::Acknowledge(_) => Kind::Acknowledge,
            Deed::HandOver(_) => Kind::HandOver,
            Deed::Subscribe => Kind::Subscribe,
            Deed::CancelFunding(_) => Kind::CancelFunding,
            Deed::Abandon(_) => Kind::Abandon,
            Deed::LearnPreimage(_) => Kind::LearnPreimage,
            Deed::ImportKeys(_) => Kind::ImportKeys,
            Deed::ChangeKey => Kind::ChangeKey,
            Deed::Backup(_) => Kind::Backup,
            Deed::Wipe => Kind::Wipe,
        }
    }
}

/// What a database is sealed with after [`Deed::ChangeKey`].
pub fn new_key() -> KeyCrypto {
    KeyCrypto::new([9; 32])
}

/// Rows that a purge deletes at a time, here: so few that it takes several transactions.
const PURGED_AT_ONCE: u32 = 2;

impl Phone {
    /// Does one deed. `halt_before` counts disk operations from its beginning.
    pub async fn perform(
        &mut self,
        deed: Deed,
        halt_before: Option<u64>,
    ) -> Result<Reply, ArbitratorError> {
        let begin = || {
            let before = disk::work().operations;
            if let Some(nth) = halt_before {
                disk::halt_before(before + nth);
            }
            before
        };
        let funding = |index: usize| self.channels[index].funding();
        let before = match deed {
            Deed::Migrate | Deed::OpenBackup => {
                let before = begin();
                self.on().await?;
                before
            }
            Deed::Register(index) => {
                let terms = retold(&self.channels[index]);
                let on = self.on().await?;
                let before = begin();
                on.register(terms).await?;
                before
            }
            Deed::Open(index) => {
                let terms = retold(&self.channels[index]);
                let on = self.on().await?;
                let before = begin();
                on.open_channel(terms, public()).await?;
                before
            }
            Deed::HearEarly(index, message)
            | Deed::Hear(index, message)
            | Deed::DataLoss(index, message)
            | Deed::ConfirmRestored(index, message)
            | Deed::Reconnect(index, message) => {
                let peer = self.channels[index].peer_node_id();
                let on = self.on().await?;
                let before = begin();
                on.peer_message(peer, message).await?;
                before
            }
            Deed::Remote(index, update) => {
                let (channel, update) = (funding(index), retold(&update));
                let on = self.on().await?;
                let before = begin();
                on.remote_commitment(channel, update).await?;
                before
            }
            Deed::Revocation(index, it) => {
                let channel = funding(index);
                let on = self.on().await?;
                let before = begin();
                on.revocation(channel, number(it.number), secret(&it), it.next_point)
                    .await?;
                before
            }
            Deed::Local(index, update) => {
                let channel = funding(index);
                let update = local_update(channel, &update);
                let on = self.on().await?;
                let before = begin();
                on.local_commitment(channel, update).await?;
                before
            }
            Deed::Release(index, key) => {
                let channel = funding(index);
                let on = self.on().await?;
                let before = begin();
                on.release(channel, htlc_key(key)).await?;
                before
            }
            Deed::RevocationAndLocal(index, revocation, local) => {
                let channel = funding(index);
                let local = local_update(channel, &local);
                let updates = vec![retold(&revocation), ChannelUpdate::Local(local)];
                let on = self.on().await?;
                let before = begin();
                on.updates(channel, updates).await?;
                before
            }
            Deed::ClosingSigned(index, transaction) => {
                let channel = funding(index);
                let on = self.on().await?;
                let before = begin();
                on.closing_signed(channel, transaction).await?;
                before
            }
            Deed::Acknowledge(id) | Deed::HandOver(id) => {
                let on = self.on().await?;
                let before = begin();
                on.acknowledge("story".into(), id).await?;
                before
            }
            Deed::Subscribe => {
                let on = self.on().await?;
                let before = begin();
                on.pending_events("another".into(), 1).await?;
                before
            }
            Deed::CancelFunding(index) => {
                let channel = funding(index);
                let on = self.on().await?;
                let before = begin();
                on.cancel_funding(channel).await?;
                before
            }
            Deed::Abandon(index) => {
                let channel = funding(index);
                let on = self.on().await?;
                let before = begin();
                on.abandon(channel).await?;
                before
            }
            Deed::LearnPreimage(preimage) => {
                let on = self.on().await?;
                let before = begin();
                on.learn_preimage(Preimage::new(preimage)).await?;
                before
            }
            Deed::ImportKeys(index) => {
                let channel = &self.channels[index];
                let (name, secrets) = (keys_id(channel), retold(&channel.setup().ours));
                let on = self.on().await?;
                let before = begin();
                on.import_channel_keys(name, secrets).await?;
                before
            }
            Deed::ChangeKey => {
                let on = self.on().await?;
                let before = begin();
                on.change_key(Arc::new(new_key())).await?;
                before
            }
            Deed::Backup(target) => {
                let on = self.on().await?;
                let before = begin();
                on.backup(target).await?;
                before
            }
            Deed::Wipe => {
                let on = self.on().await?;
                // It goes past the disk under SQLite, so it says when it begins.
                crate::phone::say(&Reply::Begun);
                on.wipe(WipeScope::Everything).await?;
                disk::work().operations
            }
            Deed::Step(index) => {
                let (store, at) = self.store(index)?;
                let before = begin();
                advance(&store, at, &Input::ForceClose { tip: 100 })?;
                before
            }
            Deed::Outcome(index, txid) => {
                let (store, at) = self.store(index)?;
                let before = begin();
                let outcome = Outcome::Accepted;
                advance(
                    &store,
                    at,
                    &Input::Broadcast {
                        txid,
                        outcome,
                        tip: 100,
                    },
                )?;
                before
            }
            Deed::KeepSweepScript(index) => {
                let (store, (row, _)) = self.store(index)?;
                let before = begin();
                store.keep_sweep_script(row, &crate::phone::sweep_script())?;
                before
            }
            Deed::PutEmptying(transaction, replaced) => {
                let (store, _) = self.store(0)?;
                let before = begin();
                store.put_emptying(&emptying(transaction), &[replaced])?;
                before
            }
            Deed::EmptyingOutcome(txid) => {
                let (store, _) = self.store(0)?;
                let before = begin();
                store.put_emptying_outcome(txid, &Outcome::Accepted)?;
                before
            }
            Deed::EndEmptying(transaction) => {
                let (store, _) = self.store(0)?;
                let emptying = emptying(transaction);
                let coins: Vec<OutPoint> = emptying.coins().collect();
                let before = begin();
                store.forget_reserve_coins(&coins, &[emptying.txid()])?;
                before
            }
            Deed::MoveCursor => {
                let (store, _) = self.store(0)?;
                let before = begin();
                move_cursor(&store);
                before
            }
            Deed::Purge(index) => {
                let (store, (row, channel)) = self.store(index)?;
                let before = begin();
                while store.purge_some(row, channel, PURGED_AT_ONCE)? == Purge::Going {}
                before
            }
        };
        Ok(Reply::Did {
            operations: disk::work().operations - before,
        })
    }

    /// The database without the library around it, and a channel in it.
    fn store(&self, index: usize) -> Result<(Store, (ChannelRow, OutPoint)), StoreError> {
        let config = &self.config;
        let vfs = config.vfs.as_deref();
        let (opening, work) = Opening::begin(&config.database, config.network, vfs)?;
        let store = opening.finish(work.run(config.crypto.as_ref())?)?;
        let channel = self.channels[index].funding();
        let row = store.find(channel)?.expect("registered before");
        Ok((store, (row, channel)))
    }
}

/// Computes a step of the court and stores it.
pub fn advance(
    store: &Store,
    (row, channel): (ChannelRow, OutPoint),
    input: &Input,
) -> Result<(), StoreError> {
    let case = store.case(row)?;
    let mut unreadable = Unreadable::default();
    let dossier = Dossier {
        terms: store.terms(row)?,
        feed: store.feed(row)?,
        candidates: store.candidates(row, channel, &mut unreadable)?,
        htlcs: store.htlcs(row, &mut unreadable)?,
        past: Vec::new(),
        cooperative: store.cooperative(row, &mut unreadable)?,
    };
    unreadable.or_refuse()?;
    let step = court::advance(&case, &dossier, input, &Policy::default()).expect("a step");
    assert!(!step.is_empty(&case), "nothing would be written");
    store.put_step(row, channel, &case, &step)
}

/// As it is kept before it is offered.
pub fn emptying(transaction: Transaction) -> Emptying {
    Emptying {
        transaction,
        fee: bitcoin::Amount::from_sat(500),
        outcome: None,
    }
}

/// A block upon our tip.
fn move_cursor(store: &Store) {
    let tip = store.tip().expect("readable").expect("there was a tick");
    let view = store.load().expect("readable");
    let header = bitcoin::block::Header {
        prev_blockhash: tip.hash,
        time: view.tip_time().expect("the tip's header is held") + 600,
        version: bitcoin::block::Version::ONE,
        merkle_root: bitcoin::hashes::Hash::all_zeros(),
        bits: bitcoin::CompactTarget::from_consensus(0x207f_ffff),
        nonce: 0,
    };
    let height = BlockHeight::new(tip.height.to_u32() + 1);
    let hash: BlockHash = header.block_hash();
    let change = ChainChange {
        tip: Some(BlockRef { height, hash }),
        headers: [(height, Row::Put(header))].into(),
        ..ChainChange::default()
    };
    store.apply(&change).expect("writable");
}
