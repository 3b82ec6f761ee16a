//! Everything around the phone, and the story.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::hashes::Hash;
use testkit::chain::{any_chain, Chain};
use testkit::gateway::{Gateway, Hold, Paths};
use testkit::party::{Channel, ChannelSetup, ChannelType, Side, Which};

use crate::phone::{wallet_script, Engine};

struct World {
    chain: Arc<dyn Chain>,
    gateway: Gateway,
    directory: PathBuf,
    engine: Engine,
}

pub fn run() {
    let directory =
        std::env::temp_dir().join(format!("lightning-arbitrator-demo-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory for temporary files");
    let chain = any_chain();
    say(&format!("The chain: {}.", chain.kind()));
    let mut world = World::new(chain, directory);
    world.channel_is_used();
    world.peer_closes_while_the_phone_sleeps();
    world.phone_is_killed_while_it_wakes();
    world.phone_wakes_and_sweeps();
    world.funds_are_home();
}

impl World {
    fn new(chain: Arc<dyn Chain>, directory: PathBuf) -> Self {
        let gateway = Gateway::start(chain.clone()).expect("a port on this machine");
        let setup = ChannelSetup::numbered(ChannelType::StaticRemotekey, 0);
        let channel = Channel::prepare(chain.as_ref(), setup).expect("a consistent setup");
        World {
            chain,
            gateway,
            directory,
            engine: Engine {
                channel,
                rounds: Vec::new(),
            },
        }
    }

    fn height(&self) -> u32 {
        self.chain.tip().height
    }

    fn channel_is_used(&mut self) {
        for fee in [500, 600, 700] {
            self.engine.channel.set_feerate(fee);
            let round = self.engine.channel.commit_both().expect("in order");
            self.engine.rounds.push(round);
        }
        let engine = serde_json::to_vec(&self.engine).expect("plain data");
        std::fs::write(self.directory.join("engine.json"), engine).expect("a writable directory");
        self.phone("live");
        self.chain
            .submit(self.engine.channel.funding_tx())
            .expect("the funding is valid");
        self.chain.mine(6);
        say(&format!(
            "Height {}: a channel of {} is open; {} sat of it are the phone's. The phone looks once:",
            self.height(),
            self.engine.channel.setup().capacity,
            self.ours_sat(),
        ));
        self.phone("wake");
    }

    fn ours_sat(&self) -> u64 {
        self.engine.channel.balance_msat(Side::Us) / 1000
    }

    fn peer_closes_while_the_phone_sleeps(&self) {
        say("The phone sleeps.");
        let close = self
            .engine
            .channel
            .peer_commitment_tx(Which::Current)
            .expect("signed");
        let txid = self.chain.submit(&close).expect("a valid close");
        self.chain.mine(1);
        say(&format!(
            "Height {}: the peer force-closes with {txid}.",
            self.height()
        ));
        self.chain.mine(50);
        say(&format!(
            "Height {}: fifty blocks later, still asleep.",
            self.height()
        ));
    }

    /// The server holds an answer back; while the phone waits for it, in the middle of its tick, it is killed.
    fn phone_is_killed_while_it_wakes(&self) {
        self.gateway.reset();
        self.gateway.hold(Hold {
            paths: Paths::Containing("/merkle-proof".into()),
            size: 2,
            total: 2,
        });
        let mut phone = self.start("wake");
        while !self
            .gateway
            .paths()
            .iter()
            .any(|path| path.contains("/merkle-proof"))
        {
            std::thread::sleep(Duration::from_millis(5));
        }
        phone.kill().expect("it runs");
        let status = phone.wait().expect("it was started here");
        self.gateway.behave();
        say(&format!(
            "The phone wakes, asks {} questions – and is killed in the middle of `resume` ({status}).",
            self.gateway.count()
        ));
    }

    fn phone_wakes_and_sweeps(&self) {
        say("It is switched on again:");
        self.phone("wake");
        self.chain.mine(1);
        say(&format!(
            "Height {}: a block takes the sweep.",
            self.height()
        ));
        self.chain.mine(99);
        say(&format!(
            "Height {}: a hundred blocks bury it.",
            self.height()
        ));
        self.phone("wake");
    }

    fn funds_are_home(&self) {
        let swept: u64 = self
            .chain
            .outputs_paying(Hash::hash(wallet_script().as_bytes()))
            .into_iter()
            .filter_map(|outpoint| {
                let known = self.chain.transaction(outpoint.txid)?;
                known.block?;
                let output = known.transaction.output.get(outpoint.vout as usize)?;
                Some(output.value.to_sat())
            })
            .sum();
        let before = self.ours_sat();
        assert!(
            swept > before * 99 / 100,
            "only {swept} of {before} sat came home"
        );
        say(&format!(
            "Before: {before} sat in the channel. After: {swept} sat at the wallet's address ({} sat went to fees).",
            before - swept
        ));
        say(&format!(
            "The phone's database: {}",
            self.directory.join("phone.sqlite").display()
        ));
    }

    fn start(&self, job: &str) -> Child {
        Command::new(demo())
            .args(["phone", job])
            .arg(&self.directory)
            .arg(self.gateway.url())
            .spawn()
            .expect("this very program starts")
    }

    fn phone(&self, job: &str) {
        let status = self.start(job).wait().expect("it was started here");
        assert!(status.success(), "the phone: {status}");
    }
}

fn demo() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| Path::new("demo").to_path_buf())
}

fn say(what: &str) {
    println!("{what}");
}
