//! SIGKILL a thousand times, in the middle of every kind of write, each upon a fresh copy of a file. What is found
//! afterwards is what was there before or what should be there after, to the row; after the answer, only the latter;
//! and the integrity check finds nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::executor::block_on;
use lightning_arbitrator::store::Finding;
use lightning_arbitrator::ChainArbitrator;

use crate::bases::{make, Bases, Scene};
use crate::deeds::{new_key, Deed, Kind};
use crate::dice::Dice;
use crate::disk::Plan;
use crate::line::{Killed, Line};
use crate::phone::Phone;
use crate::rows::Rows;
use crate::wire::{Launch, Order, Reply};

const KILLS: usize = 1_000;

/// As many children at a time as CI has cores.
const WORKERS: usize = 2;

/// How a child's deed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It was killed first.
    Cut,
    /// It said that it was done, and was killed then.
    Answered { operations: u64 },
}

/// When a child is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// Before this disk operation of its deed; after its answer, if there are fewer.
    Operation(u64),
    /// So many turns of a loop after its deed began.
    Turns(usize),
    /// After its answer.
    Answer,
}

/// What can be found after a kill.
struct Expected {
    before: Option<Rows>,
    after: Option<Rows>,
    operations: u64,
}

#[test]
fn in_the_middle_of_every_kind_of_write() {
    let seed = crate::dice::seed();
    println!("KILLS_SEED={seed}");
    let bases = make();
    let kinds: BTreeMap<Kind, usize> = bases.scenes.iter().map(|it| (it.deed.kind(), 0)).collect();
    assert_eq!(kinds.len(), Kind::ALL.len(), "{:?}", kinds.keys());
    let counts = Mutex::new(kinds);
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let (bases, counts) = (&bases, &counts);
            scope.spawn(move || {
                for number in (worker..bases.scenes.len()).step_by(WORKERS) {
                    let quota = KILLS / bases.scenes.len()
                        + usize::from(number < KILLS % bases.scenes.len());
                    let mut dice = Dice::new(seed.wrapping_add(number as u64));
                    let scene = &bases.scenes[number];
                    let killed = play(bases, scene, quota, &mut dice);
                    let mut counts = counts.lock().expect("no panic while it is held");
                    *counts.entry(scene.deed.kind()).or_default() += killed;
                }
            });
        }
    });
    let counts = counts.into_inner().expect("no panic while it was held");
    println!("{counts:?}");
    assert_eq!(counts.values().sum::<usize>(), KILLS);
    assert!(counts
        .values()
        .all(|kills| *kills >= KILLS / Kind::ALL.len()));
}

/// Kills a deed so many times.
fn play(bases: &Bases, scene: &Scene, quota: usize, dice: &mut Dice) -> usize {
    let expected = undisturbed(bases, scene);
    for nth in 0..quota {
        let moment = match scene.deed {
            // It goes past SQLite, and takes a millisecond or a few.
            Deed::Wipe => Moment::Turns(dice.below(400_000)),
            _ => Moment::Operation(1 + dice.below(expected.operations as usize + 1) as u64),
        };
        let how = format!("{:?} {nth}: {moment:?}", scene.deed.kind());
        let file = Copy::of(bases, scene);
        let ended = file.kill(bases, scene, moment);
        file.judge(bases, &scene.deed, ended, &expected, &how);
    }
    quota
}

fn undisturbed(bases: &Bases, scene: &Scene) -> Expected {
    let file = Copy::of(bases, scene);
    let before = file.tables();
    let ended = file.kill(bases, scene, Moment::Answer);
    let Ended::Answered { operations } = ended else {
        unreachable!("nobody disturbed it");
    };
    Expected {
        before,
        after: file.tables(),
        operations,
    }
}

/// A base's copy in a directory of its own.
struct Copy {
    directory: tempfile::TempDir,
    database: PathBuf,
}

impl Copy {
    fn of(bases: &Bases, scene: &Scene) -> Self {
        let directory = tempfile::TempDir::new_in(bases.directory.path()).expect("ours");
        let database = directory.path().join("phone.sqlite");
        fs::copy(&scene.base, &database).expect("the directory is ours");
        Copy {
            directory,
            database,
        }
    }

    fn launch(&self, bases: &Bases) -> Launch {
        Launch {
            esplora: bases.esplora.clone(),
            database: self.database.clone(),
            disk: Plan::HARMLESS,
            channels: bases.channels.clone(),
        }
    }

    /// What every table holds; `None` without a file.
    fn tables(&self) -> Option<Rows> {
        if !self.database.exists() {
            return None;
        }
        Some(Rows::of(&self.database))
    }

    /// Lets a child do its deed, and kills it.
    fn kill(&self, bases: &Bases, scene: &Scene, moment: Moment) -> Ended {
        let mut line = Line::dial(&self.launch(bases));
        let halt_before = match moment {
            Moment::Operation(nth) => Some(nth),
            Moment::Turns(_) | Moment::Answer => None,
        };
        let deed = match &scene.deed {
            Deed::Backup(_) => Deed::Backup(self.target()),
            other => other.clone(),
        };
        let mut reply = line.ask(&Order::Do { deed, halt_before });
        if matches!(reply, Ok(Reply::Begun)) {
            reply = match moment {
                Moment::Turns(turns) => {
                    for _ in 0..turns {
                        std::hint::spin_loop();
                    }
                    line.kill();
                    Err(Killed)
                }
                Moment::Operation(_) | Moment::Answer => line.hear(),
            };
        }
        match reply {
            Ok(Reply::Did { operations }) => Ended::Answered { operations },
            Err(Killed) => Ended::Cut,
            Ok(other) => panic!("{other:?} to {:?}", scene.deed),
        }
    }

    fn target(&self) -> PathBuf {
        self.directory.path().join("target.sqlite")
    }

    fn judge(&self, bases: &Bases, deed: &Deed, ended: Ended, expected: &Expected, how: &str) {
        match deed.kind() {
            // Whoever opens it sees all of it or nothing.
            Kind::Wipe => {
                let opened = self.check(bases, deed.kind(), &self.database, how);
                assert!(
                    opened == 0 || Some(opened) == self.channels_of(&expected.before),
                    "{how}: {opened}"
                );
                if opened > 0 {
                    assert!(self.tables() == expected.before, "{how}");
                }
                return;
            }
            Kind::Backup => {
                assert!(
                    self.tables() == expected.before,
                    "{how}: the original has changed"
                );
                if self.target().exists() {
                    assert!(self.check(bases, deed.kind(), &self.target(), how) > 0);
                } else {
                    assert_eq!(ended, Ended::Cut, "{how}");
                }
            }
            // In several transactions: it goes on with the next tick.
            Kind::Purge => {}
            Kind::Migrate
            | Kind::OpenBackup
            | Kind::Register
            | Kind::Open
            | Kind::HearEarly
            | Kind::Hear
            | Kind::Remote
            | Kind::Revocation
            | Kind::Local
            | Kind::Release
            | Kind::RevocationAndLocal
            | Kind::ClosingSigned
            | Kind::DataLoss
            | Kind::ConfirmRestored
            | Kind::Reconnect
            | Kind::Step
            | Kind::Outcome
            | Kind::KeepSweepScript
            | Kind::PutEmptying
            | Kind::EmptyingOutcome
            | Kind::EndEmptying
            | Kind::MoveCursor
            | Kind::Acknowledge
            | Kind::HandOver
            | Kind::Subscribe
            | Kind::CancelFunding
            | Kind::Abandon
            | Kind::LearnPreimage
            | Kind::ImportKeys
            | Kind::ChangeKey => {
                let found = self.tables();
                if found != expected.before || ended != Ended::Cut {
                    let after = expected.after.as_ref().expect("only a wipe deletes it");
                    let found = found.expect("only a wipe deletes it");
                    found.assert_are(after, &format!("{how}: {ended:?}"));
                }
            }
        }
        self.check(bases, deed.kind(), &self.database, how);
    }

    fn channels_of(&self, tables: &Option<Rows>) -> Option<u32> {
        let rows = tables.as_ref()?.count("channel");
        u32::try_from(rows).ok()
    }

    /// Opens a file as the app would; the integrity check finds nothing. Gives the number of channels.
    fn check(&self, bases: &Bases, kind: Kind, database: &Path, how: &str) -> u32 {
        let mut config = Phone::on_a_good_disk(self.launch(bases)).config;
        config.database = database.to_path_buf();
        let mut opened = block_on(ChainArbitrator::open(config.clone()));
        if kind == Kind::ChangeKey && opened.is_err() {
            // With one of the two, and never with both.
            config.crypto = Arc::new(new_key());
            opened = block_on(ChainArbitrator::open(config));
        }
        let opened = opened.unwrap_or_else(|error| panic!("{how}: {error}"));
        let report = block_on(opened.integrity_check()).expect("readable");
        let others = |it: &&Finding| kind != Kind::Migrate || !is_of_another_phone(it);
        let findings: Vec<_> = report.findings.iter().filter(others).collect();
        assert!(findings.is_empty(), "{how}: {report:?}");
        report.channels
    }
}

/// The file of the older schema is another phone's: this one's signer and wallet have other keys and scripts.
fn is_of_another_phone(finding: &Finding) -> bool {
    let column = finding.column.as_deref().unwrap_or_default();
    matches!(
        (finding.table.as_str(), column),
        ("channel", "keys_id")
            | ("party", "first_per_commitment_point")
            | ("sweep_script", "script")
    )
}
