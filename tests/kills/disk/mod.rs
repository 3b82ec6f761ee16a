//! A disk under SQLite that forgets, tears, fills up, breaks, or stops the machine, at the operation a test chooses.
//!
//! One per process. What is written lies in an [`Image`] until it is synced; what reaches the real file is what would
//! be found again. The -shm file is memory and passes by.

mod image;
mod vfs;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use serde::{Deserialize, Serialize};

use image::{Change, Image};

/// The name for `Config::vfs`.
pub const NAME: &str = "fickle";

/// What the disk does, and when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub cache: Cache,
    pub strike: Option<Strike>,
}

impl Plan {
    /// A disk as good as any, which loses nothing when only the process dies.
    pub const HARMLESS: Plan = Plan {
        cache: Cache::Kernel,
        strike: None,
    };
}

/// What becomes of writes that were not synced when the process is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cache {
    /// They stay: the kernel has them.
    Kernel,
    /// They are lost: the power failed.
    Lost,
    /// The power failed, and some of their sectors had been written, in whatever order the disk liked.
    Torn { seed: u64 },
    /// They are lost, and the synced ones too: the disk says that it synced, and has not. To test the tests by.
    Lying,
}

/// What goes wrong. Operations are writes, truncations, syncs and deletions, counted from 1 in each process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Strike {
    /// The machine stops before this operation.
    HaltBefore(u64),
    /// The machine stops when this sync is done: a write boundary, since a transaction is durable then.
    HaltAfterSync(u64),
    /// The disk fails at this operation, and each time it works again, so many operations later once more.
    Fail {
        first: u64,
        period: u64,
        with: Failure,
        lasts: Lasts,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// No space is left: writes fail, nothing else does.
    Full,
    /// The disk does not do what it is told.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lasts {
    Once,
    UntilRepaired,
}

/// How much the disk has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    pub operations: u64,
    pub syncs: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Write,
    Truncate,
    Sync,
    Delete,
}

struct Disk {
    plan: Plan,
    state: Mutex<State>,
    halt: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    images: HashMap<PathBuf, Arc<Mutex<Image>>>,
    work: Work,
    /// A failure lasts.
    is_failing: bool,
    /// The operation from which on the disk has worked again, 0 before it ever failed.
    worked_again: u64,
    /// The machine stops before this operation, whatever the plan was.
    halts_before: Option<u64>,
}

static DISK: OnceLock<Disk> = OnceLock::new();

/// Puts the disk under SQLite. `halt` stops the machine and must not return.
pub fn install(plan: Plan, halt: impl Fn() + Send + Sync + 'static) {
    let disk = Disk {
        plan,
        state: Mutex::default(),
        halt: Box::new(halt),
    };
    assert!(DISK.set(disk).is_ok(), "one disk per process");
    vfs::register();
}

/// Ends a failure.
pub fn repair() {
    let mut state = disk().state();
    if std::mem::take(&mut state.is_failing) {
        state.worked_again = state.work.operations;
    }
}

/// How much the disk has done; nothing, where none is installed.
pub fn work() -> Work {
    DISK.get().map(|disk| disk.state().work).unwrap_or_default()
}

/// The machine stops before this operation, counted from 1.
pub fn halt_before(nth: u64) {
    disk().state().halts_before = Some(nth);
}

fn disk() -> &'static Disk {
    DISK.get().expect("a disk is installed first")
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panics while it holds this")
    }

    /// The image of a file; `load` reads what the real one holds.
    fn image(&self, path: &Path, load: impl FnOnce() -> Vec<u8>) -> Arc<Mutex<Image>> {
        let mut state = self.state();
        let image = state
            .images
            .entry(path.to_owned())
            .or_insert_with(|| Arc::new(Mutex::new(Image::new(load()))));
        Arc::clone(image)
    }

    fn forget(&self, path: &Path) {
        self.state().images.remove(path);
    }

    /// Counts an operation, and says how it fails, if it does. May not return.
    fn begin(&self, operation: Operation) -> Result<(), Failure> {
        let mut state = self.state();
        state.work.operations += 1;
        let number = state.work.operations;
        if state.halts_before == Some(number) {
            drop(state);
            self.stop();
            return Ok(());
        }
        match self.plan.strike {
            Some(Strike::HaltBefore(nth)) if number == nth => {
                drop(state);
                self.stop();
                Ok(())
            }
            Some(Strike::Fail {
                first,
                period,
                with,
                lasts,
            }) if with == Failure::Broken || operation == Operation::Write => {
                let due = match state.worked_again {
                    0 => first,
                    since => since + period,
                };
                if !state.is_failing && number < due {
                    return Ok(());
                }
                match lasts {
                    Lasts::Once => state.worked_again = number,
                    Lasts::UntilRepaired => state.is_failing = true,
                }
                Err(with)
            }
            Some(Strike::HaltBefore(_) | Strike::HaltAfterSync(_) | Strike::Fail { .. }) | None => {
                Ok(())
            }
        }
    }

    /// What of a file has to reach the real one now.
    fn written(&self, image: &mut Image) -> Vec<Change> {
        match self.plan.cache {
            Cache::Kernel => image.take_unsynced(),
            Cache::Lost | Cache::Torn { .. } | Cache::Lying => Vec::new(),
        }
    }

    fn synced(&self, image: &mut Image) -> Vec<Change> {
        match self.plan.cache {
            Cache::Kernel | Cache::Lost | Cache::Torn { .. } => image.take_unsynced(),
            Cache::Lying => Vec::new(),
        }
    }

    /// Counts a sync that is done. May not return.
    fn end_sync(&self) {
        let number = {
            let mut state = self.state();
            state.work.syncs += 1;
            state.work.syncs
        };
        match self.plan.strike {
            Some(Strike::HaltAfterSync(nth)) if number == nth => self.stop(),
            Some(Strike::HaltBefore(_) | Strike::HaltAfterSync(_) | Strike::Fail { .. }) | None => {
            }
        }
    }

    fn stop(&self) {
        if let Cache::Torn { seed } = self.plan.cache {
            for (path, image) in &self.state().images {
                let image = image.lock().expect("no thread panics while it holds this");
                image
                    .tear(path, seed)
                    .expect("the real file can be written");
            }
        }
        (self.halt)();
    }
}
