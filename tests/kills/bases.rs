//! Files to begin with: one for each kind of write, made by a phone that nobody disturbs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bitcoin::absolute::LockTime;
use bitcoin::bip32::Fingerprint;
use bitcoin::hashes::Hash;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Transaction, TxIn, TxOut, Txid};
use lightning_arbitrator::chain::ScriptCoins;
use lightning_arbitrator::court::{
    Block, BroadcastPurpose, Facts, FundingCoins, FundingFact, FundingState, Input, PeerContact,
    Spend, SpendContext, Told,
};
use lightning_arbitrator::store::Store;
use rusqlite::Connection;
use tempfile::TempDir;
use testkit::chain::Chain;
use testkit::gateway::Gateway;
use testkit::memory::MemoryChain;
use testkit::party::{
    Channel, ChannelSetup, ChannelType, CooperativeClose, NewHtlc, Opened, Settlement, Which,
};

use crate::deeds::{advance, emptying, Deed};
use crate::disk::Plan;
use crate::phone::{sweep_script, Phone};
use crate::wire::{Launch, Order, Reply};

/// A file, and what is done upon it.
pub struct Scene {
    pub base: PathBuf,
    pub deed: Deed,
}

/// Everything that a child needs, and the scenes.
pub struct Bases {
    pub scenes: Vec<Scene>,
    pub channels: Vec<Channel>,
    pub esplora: String,
    pub directory: TempDir,
    _gateway: Gateway,
}

/// The channel that everything happens in, one that is not registered yet, and one that is closed and done.
const MAIN: usize = 0;
const NEW: usize = 1;
const DONE: usize = 2;

struct Maker {
    phone: Phone,
    chain: Arc<dyn Chain>,
    channels: Vec<Channel>,
    database: PathBuf,
    scenes: Vec<Scene>,
}

/// Makes them all.
pub fn make() -> Bases {
    let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
    let gateway = Gateway::start(Arc::clone(&chain)).expect("a port on this machine");
    let directory = TempDir::new().expect("a temporary directory");
    chain.mine(100);
    let prepare = |index| {
        let setup = ChannelSetup::numbered(ChannelType::AnchorsZeroFeeHtlc, index);
        Channel::prepare(chain.as_ref(), setup).expect("a consistent setup")
    };
    let channels: Vec<Channel> = (0..3).map(prepare).collect();
    let database = directory.path().join("making.sqlite");
    let launch = Launch {
        esplora: gateway.url(),
        database: database.clone(),
        disk: Plan::HARMLESS,
        channels: channels.clone(),
    };
    let mut maker = Maker {
        phone: Phone::on_a_good_disk(launch),
        chain,
        channels: channels.clone(),
        database,
        scenes: Vec::new(),
    };
    maker.make();
    Bases {
        scenes: maker.scenes,
        channels,
        esplora: gateway.url(),
        directory,
        _gateway: gateway,
    }
}

impl Maker {
    fn make(&mut self) {
        self.open(MAIN);
        self.open(DONE);
        self.payments(DONE);
        let close = self.cooperative_close(MAIN);
        self.obey(Order::Look);
        self.scene("new", Deed::Register(NEW));
        self.ends();
        self.payments(MAIN);
        self.updates();
        self.commands(close);
        self.reserve();
        self.after_force_close();
        self.resolved();
        self.old_schema();
    }

    /// Ends that the app decides, and what it gives to be kept.
    fn ends(&mut self) {
        self.scene("abandon", Deed::Abandon(MAIN));
        self.scene("preimage", Deed::LearnPreimage([5; 32]));
        self.scene("import", Deed::ImportKeys(NEW));
        self.scene("key", Deed::ChangeKey);
        let without = self.database.with_file_name("without.sqlite");
        fs::copy(&self.database, &without).expect("the directory is ours");
        self.obey(Order::Register(NEW));
        self.scene("cancel", Deed::CancelFunding(NEW));
        // What comes next goes on without it.
        fs::copy(&without, &self.database).expect("the directory is ours");
        self.opening();
        self.obey(Order::Sleep);
        fs::copy(&without, &self.database).expect("the directory is ours");
    }

    /// A message of a channel that is not known yet; the channel; and a message of it then. What is to be told to the peer, when
    /// it is handed over, and when the peer is there again.
    fn opening(&mut self) {
        let ready = self.channels[NEW].peer_ready(Opened::V1, None);
        self.scene("early", Deed::HearEarly(NEW, ready.clone()));
        self.scene("open", Deed::Open(NEW));
        self.obey(Order::Open(NEW));
        self.scene("hear", Deed::Hear(NEW, ready));
        self.round(NEW);
        self.obey(Order::Resume);
        self.chain.mine(3);
        self.obey(Order::Resume);
        let told = format!("{}/tell-peer/channel_ready/0", self.channels[NEW].funding());
        self.scene("hand-over", Deed::HandOver(told));
        self.obey(Order::HandOver);
        let back = self.channels[NEW].peer_reestablish(Opened::V1);
        self.scene("reconnect", Deed::Reconnect(NEW, back));
    }

    /// The three messages of a round, each upon what the ones before left; and the last two together.
    fn updates(&mut self) {
        let expiry = self.chain.tip().height + 500;
        self.add(MAIN, NewHtlc::incoming(20_000_000, expiry));
        self.add(MAIN, NewHtlc::outgoing(30_000_000, expiry));
        let round = self.channels[MAIN].commit_both().expect("none outstanding");
        let revocation = round.revocation.expect("not the first round");
        self.scene("remote", Deed::Remote(MAIN, round.remote.clone()));
        self.obey(Order::Remote(MAIN, round.remote));
        self.scene("revocation", Deed::Revocation(MAIN, revocation.clone()));
        let together = Deed::RevocationAndLocal(MAIN, revocation.clone(), round.local.clone());
        self.scene("together", together);
        self.obey(Order::Revocation(MAIN, revocation));
        self.scene("local", Deed::Local(MAIN, round.local.clone()));
        self.obey(Order::Local(MAIN, round.local));
    }

    fn commands(&mut self, close: Transaction) {
        let live = self.channels[MAIN].htlcs().first().expect("added before");
        let key = live.key;
        let loss = self.channels[MAIN].data_loss(2).expect("two rounds");
        let proof = Deed::DataLoss(MAIN, loss.reestablish);
        self.scene("release", Deed::Release(MAIN, key));
        self.scene("close", Deed::ClosingSigned(MAIN, close));
        self.scene("loss", proof);
        self.scene("step", Deed::Step(MAIN));
        self.scene("cursor", Deed::MoveCursor);
        self.scene("subscribe", Deed::Subscribe);
        self.scene("wipe", Deed::Wipe);
        let target = self.database.with_file_name("target.sqlite");
        self.scene("backup", Deed::Backup(target));
        let event = match self.obey(Order::Look) {
            Reply::Stands(standing) => standing.events.first().cloned(),
            other => unreachable!("{other:?} to a question"),
        };
        self.scene("acknowledge", Deed::Acknowledge(event.expect("it opened")));
        self.backups();
    }

    /// A backup that nobody has opened yet, and one that waits for the peer.
    fn backups(&mut self) {
        let backup = self.database.with_file_name("backup.sqlite");
        self.obey(Order::Backup(backup.clone()));
        self.keep(&backup, "open-backup", Deed::OpenBackup);
        let opened = self.database.with_file_name("opened.sqlite");
        fs::copy(&backup, &opened).expect("the directory is ours");
        let mut config = self.phone.config.clone();
        config.database = opened.clone();
        let restored = lightning_arbitrator::ChainArbitrator::open(config);
        drop(futures::executor::block_on(restored).expect("it opens"));
        let newest = self.channels[MAIN].peer_reestablish(Opened::V1);
        self.keep(&opened, "confirm", Deed::ConfirmRestored(MAIN, newest));
    }

    /// An embedded wallet with a coin that is on its way out, and another transaction that takes it along.
    fn reserve(&mut self) {
        let coin = OutPoint::new(Txid::all_zeros(), 7);
        let first = spends(coin, Amount::from_sat(90_000));
        let second = spends(coin, Amount::from_sat(80_000));
        let store = self.store();
        let is_ours = store.take_reserve(Fingerprint::default());
        assert!(is_ours.expect("writable"));
        let found = ScriptCoins {
            was_used: true,
            coins: vec![(coin, Amount::from_sat(100_000))],
        };
        store.keep_script_coins(0, &found).expect("writable");
        store
            .put_emptying(&emptying(first.clone()), &[])
            .expect("writable");
        drop(store);
        let txid = first.compute_txid();
        self.scene("empty", Deed::PutEmptying(second, txid));
        self.scene("emptied", Deed::EmptyingOutcome(txid));
        self.scene("buried", Deed::EndEmptying(first));
    }

    /// What comes when our commitment is signed.
    fn after_force_close(&mut self) {
        let transaction = self.channels[MAIN]
            .our_commitment_tx(Which::Current)
            .expect("signed");
        let txid = transaction.compute_txid();
        let tip = self.chain.tip().height;
        let purpose = BroadcastPurpose::Commitment;
        let signed = Input::Signed {
            purpose,
            transaction,
            coins: Vec::new(),
            tip,
        };
        self.write(MAIN, &[Input::ForceClose { tip }, signed]);
        self.scene("outcome", Deed::Outcome(MAIN, txid));
        self.scene("sweep", Deed::KeepSweepScript(MAIN));
    }

    /// The last step is done without the library, which would purge at once.
    fn resolved(&mut self) {
        let close = self.cooperative_close(DONE);
        self.chain.submit(&close).expect("a valid transaction");
        self.chain.mine(1);
        self.obey(Order::Resume);
        let block = self.chain.tip();
        let block = Block {
            height: block.height,
            hash: block.hash,
        };
        let channel = self.channels[DONE].funding();
        let spend = Spend {
            txid: close.compute_txid(),
            transaction: close,
            confirmed: Some((block, 101)),
        };
        let facts = Facts {
            tip: block.height + 100,
            funding: self.funding(DONE),
            funding_coins: FundingCoins::Unknown,
            spends: [(channel, spend)].into(),
            looked_at: [channel].into(),
            context: SpendContext::default(),
            preimages: BTreeMap::new(),
            peer: PeerContact::Unknown,
            told: Told::ToNobodyInParticular,
        };
        self.write(DONE, &[Input::Facts(Box::new(facts))]);
        self.scene("purge", Deed::Purge(DONE));
    }

    fn old_schema(&mut self) {
        let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/schema_1.sql");
        let sql = fs::read_to_string(fixture).expect("it is in the repository");
        let old = self.database.with_file_name("old.sqlite");
        let db = Connection::open(&old).expect("the directory is ours");
        db.execute_batch(&format!("BEGIN; {sql} COMMIT;"))
            .expect("good SQL");
        self.seal(&db);
        drop(db);
        self.keep(&old, "migrate", Deed::Migrate);
    }

    /// With schema 1 the app's key store sealed every revocation secret; the fixture's did nothing.
    fn seal(&self, db: &Connection) {
        let mut statement = db
            .prepare("SELECT channel, slot, secret FROM revocation_secret")
            .expect("good SQL");
        let rows: Vec<(i64, i64, Vec<u8>)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .expect("no parameters")
            .collect::<Result<_, _>>()
            .expect("of these types");
        for (channel, slot, plain) in rows {
            let place = format!("revocation_secret/{channel}/{slot}");
            let crypto = &self.phone.config.crypto;
            let sealed = crypto.seal(place.as_bytes(), &plain).expect("it seals");
            let sql = "UPDATE revocation_secret SET secret = ?3 WHERE channel = ?1 AND slot = ?2";
            db.execute(sql, (channel, slot, sealed)).expect("good SQL");
        }
    }

    // ── helpers ──────────────────────────────────────────────────────────────────────────────────────────────

    fn obey(&mut self, order: Order) -> Reply {
        let reply = self.phone.obey(order);
        if let Reply::Refused(why) = reply {
            panic!("{why:?}");
        }
        reply
    }

    /// The file as it is now, for a deed.
    fn scene(&mut self, name: &str, deed: Deed) {
        self.obey(Order::Sleep);
        let database = self.database.clone();
        self.keep(&database, name, deed);
    }

    fn keep(&mut self, file: &Path, name: &str, deed: Deed) {
        let base = file.with_file_name(format!("base-{name}.sqlite"));
        fs::copy(file, &base).expect("the directory is ours");
        self.scenes.push(Scene { base, deed });
    }

    fn store(&mut self) -> Store {
        self.obey(Order::Sleep);
        let config = &self.phone.config;
        let store = Store::open(&self.database, config.network, config.crypto.clone());
        store.expect("it is free")
    }

    fn write(&mut self, index: usize, inputs: &[Input]) {
        let store = self.store();
        let channel = self.channels[index].funding();
        let row = store.find(channel).expect("readable").expect("registered");
        for input in inputs {
            advance(&store, (row, channel), input).expect("writable");
        }
    }

    fn funding(&mut self, index: usize) -> FundingFact {
        let store = self.store();
        let channel = self.channels[index].funding();
        let row = store.find(channel).expect("readable").expect("registered");
        match store.case(row).expect("readable").funding {
            FundingState::Open(block) => FundingFact::Confirmed(block),
            FundingState::Pending | FundingState::Mismatch(_) => unreachable!("it is open"),
        }
    }

    fn open(&mut self, index: usize) {
        self.obey(Order::Register(index));
        self.round(index);
        let funding = self.channels[index].funding_tx();
        self.chain.submit(funding).expect("a valid transaction");
        self.chain.mine(1);
        self.obey(Order::Resume);
    }

    fn round(&mut self, index: usize) {
        let round = self.channels[index]
            .commit_both()
            .expect("none outstanding");
        self.obey(Order::Remote(index, round.remote));
        if let Some(revocation) = round.revocation {
            self.obey(Order::Revocation(index, revocation));
        }
        self.obey(Order::Local(index, round.local));
    }

    fn add(&mut self, index: usize, htlc: NewHtlc) -> testkit::party::HtlcKey {
        self.channels[index].add_htlc(htlc).expect("affordable").key
    }

    /// A few of them, there and settled: past ones, and revoked states.
    fn payments(&mut self, index: usize) {
        let expiry = self.chain.tip().height + 500;
        for amount in [21_000_000, 22_000_000, 23_000_000] {
            let key = self.add(index, NewHtlc::incoming(amount, expiry));
            self.round(index);
            let settled = self.channels[index].settle_htlc(key, Settlement::Fulfil);
            settled.expect("live");
            self.round(index);
        }
        self.round(index);
    }

    fn cooperative_close(&self, index: usize) -> Transaction {
        let fee = CooperativeClose::legacy(Amount::from_sat(500));
        self.channels[index]
            .cooperative_close(&fee)
            .expect("no HTLCs")
    }
}

/// A transaction that sends a coin home.
fn spends(coin: OutPoint, value: Amount) -> Transaction {
    Transaction {
        version: Version::TWO,
        lock_time: LockTime::ZERO,
        input: vec![TxIn {
            previous_output: coin,
            ..TxIn::default()
        }],
        output: vec![TxOut {
            value,
            script_pubkey: sweep_script(),
        }],
    }
}
