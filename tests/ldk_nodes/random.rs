//! Random lives of a channel between the two nodes: payments and their ends, and then any close. Every commitment is
//! rebuilt, and the books of the close agree, whatever happened. `LDK_SEED=n` plays one of them again, `LDK_LIVES=n` so many.

use testkit::party::ChannelType;

use crate::deeds::Payment;
use crate::dice::Dice;
use crate::node::Backup;
use crate::phone::Nap;
use crate::world::{Line, Who, World};

/// How many of them, unless the environment says otherwise.
const LIVES: u64 = 12;

struct Life {
    dice: Dice,
    world: World,
    pending: Vec<Payment>,
    backups: Vec<Backup>,
}

impl Life {
    fn begin(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let types = [
            ChannelType::StaticRemotekey,
            ChannelType::AnchorsZeroFeeHtlc,
        ];
        let channel_type = *dice.pick(&types).expect("two");
        let opener = *dice.pick(&[Who::Us, Who::Peer]).expect("two");
        Life {
            dice,
            world: World::new(channel_type, opener, Nap::Never),
            pending: Vec::new(),
            backups: Vec::new(),
        }
    }

    fn goes_on(&mut self) {
        match self.dice.among(0..=9) {
            0..=4 => self.pays(),
            5 | 6 => self.settles(World::takes),
            7 => self.settles(World::refuses),
            8 if self.dice.percent(50) => self.loses_messages(),
            8 => self.backups.push(self.world.peer.backup()),
            _ => self.waits(),
        }
    }

    /// What the nodes do meanwhile arrives only when they have met again.
    fn loses_messages(&mut self) {
        let line = self.dice.pick(&[Line::PeerIsMute, Line::Cut]);
        self.world.line = *line.expect("two");
        match self.dice.among(0..=2) {
            0 => self.pays(),
            1 => self.settles(World::takes),
            _ => self.settles(World::refuses),
        }
        self.world.reconnects();
    }

    fn waits(&mut self) {
        let blocks = self.dice.among(1..=3);
        self.world.mines(blocks);
        self.world.phone.wakes();
        if self.dice.percent(20) {
            let feerate = self.dice.among(1_000..=5_000);
            self.world.fees_are(feerate);
        }
    }

    fn pays(&mut self) {
        let from = *self.dice.pick(&[Who::Us, Who::Peer]).expect("two");
        // Around the dust limits, and above.
        let most = *self.dice.pick(&[1_500, 10_000]).expect("two");
        let sat = self.dice.among(1..=most).into();
        let payment = self.world.pays(from, sat);
        self.pending.push(payment);
    }

    fn settles(&mut self, how: fn(&mut World, &Payment)) {
        if let Some(last) = self.pending.len().checked_sub(1) {
            let which = self.dice.among(0..=u32::try_from(last).expect("few"));
            let payment = self.pending.remove(which as usize);
            how(&mut self.world, &payment);
            // Kept by a peer that knows the preimage, and has not told us.
            if self.dice.percent(30) {
                self.backups.push(self.world.peer.backup());
            }
            self.world.talk();
        }
    }

    fn ends(&mut self) {
        match self.dice.among(0..=4) {
            0 => {
                self.parts();
                self.world.peer_force_closes();
            }
            1 => {
                self.parts();
                let channel = self.world.channel();
                self.world.phone.force_close(channel);
            }
            2 => {
                self.world.line = Line::PeerIsMute;
                self.pays();
                // LDK takes only what stands in both commitments for good.
                self.pending.pop();
                self.parts();
                self.world.peer_force_closes();
            }
            3 => {
                let newest = self.world.peer.backup();
                let backup = self.dice.pick(&self.backups).unwrap_or(&newest);
                self.world.peer_cheats(backup);
            }
            _ => {
                while !self.pending.is_empty() {
                    self.settles(World::refuses);
                }
                return self.agrees();
            }
        }
        let kind = self.world.kind();
        self.world.mines(1);
        let worth = self.world.worth();
        let sleeps = self.dice.among(0..=30);
        self.world.mines(sleeps);
        self.world.phone.wakes();
        self.world.ends_with(kind, worth);
    }

    /// Nothing is heard any more, and some payments are to be taken on the chain.
    fn parts(&mut self) {
        self.world.line = Line::Cut;
        for payment in std::mem::take(&mut self.pending) {
            if self.dice.percent(50) {
                self.world.takes(&payment);
            }
        }
        self.world.talk();
    }

    fn agrees(&mut self) {
        let who = *self.dice.pick(&[Who::Us, Who::Peer]).expect("two");
        self.world.agrees(who);
    }
}

fn from_environment(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

#[test]
fn whatever_ldk_does_with_a_channel_its_close_brings_what_it_is_worth() {
    let seeds = match from_environment("LDK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_environment("LDK_LIVES").unwrap_or(LIVES),
    };
    for seed in seeds {
        println!("LDK_SEED={seed}");
        let mut life = Life::begin(seed);
        for _ in 0..life.dice.among(5..=25) {
            life.goes_on();
        }
        life.ends();
    }
}
