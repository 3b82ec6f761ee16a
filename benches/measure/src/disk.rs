//! A directory on a real disk: on a file system in memory a sync costs nothing, and the figures would say nothing.

use std::path::{Path, PathBuf};

/// Removed when dropped.
pub struct Scratch {
    path: PathBuf,
    file_system: String,
}

/// Names another place for the databases.
const PLACE: &str = "BENCH_DIR";

impl Scratch {
    /// A directory of this name under `BENCH_DIR`, or else under the system's temporary directory.
    ///
    /// # Panics
    /// When it lies in memory.
    pub fn new(name: &str) -> Self {
        let place = std::env::var_os(PLACE).map_or_else(std::env::temp_dir, PathBuf::from);
        let path = place.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory that can be written");
        let path = path.canonicalize().expect("it exists");
        let file_system = file_system(&path);
        let in_memory = ["tmpfs", "ramfs"].contains(&file_system.as_str());
        assert!(
            !in_memory,
            "{} lies in memory: set {PLACE} to a directory on a disk",
            path.display()
        );
        Scratch { path, file_system }
    }

    /// A directory in memory if the system has one, for what is prepared and not measured: millions of synced
    /// transactions.
    pub fn to_prepare(name: &str) -> Self {
        let path = Path::new("/dev/shm").join(format!("{name}-{}", std::process::id()));
        match std::fs::create_dir(&path) {
            Ok(()) => Scratch {
                file_system: file_system(&path),
                path,
            },
            Err(_) => Self::new(&format!("{name}-prepare")),
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn file_system(&self) -> &str {
        &self.file_system
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What remains of a benchmark is no reason to fail it.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The type of the file system that is mounted nearest above a path.
fn file_system(path: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (place, kind) = (fields.next()?, fields.next()?);
            path.starts_with(place).then_some((place.len(), kind))
        })
        // A later mount hides an earlier one at the same place.
        .max_by_key(|(depth, _)| *depth)
        .map_or_else(|| "unknown".into(), |(_, kind)| kind.to_owned())
}
