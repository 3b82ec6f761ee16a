//! Finds the bitcoind to use.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where `scripts/provision-bitcoind.sh` puts its bitcoind, below the user's cache directory.
const PROVISIONED: &str = "lightning-arbitrator/bitcoind/bitcoind";

/// Why there is no bitcoind to test with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotAvailable(pub(super) String);

impl NotAvailable {
    /// Prints the line `NOT RUN: bitcoind (reason)`, past the test harness, which hides what a passing test prints.
    pub fn say(&self) {
        // In one piece, or other tests write into the middle of it.
        let line = format!("NOT RUN: bitcoind ({self})\n");
        // Not an error worth failing for: there is nobody left to tell.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// `BITCOIND_EXE`; else the provisioned one; else `bitcoind` on the `PATH`.
pub(super) fn executable() -> Result<PathBuf, NotAvailable> {
    if let Some(named) = env::var_os("BITCOIND_EXE") {
        let named = PathBuf::from(named);
        return match named.is_file() {
            true => Ok(named),
            false => Err(NotAvailable(format!(
                "BITCOIND_EXE names no file: {}",
                named.display()
            ))),
        };
    }
    let cached = cache().map(|cache| cache.join(PROVISIONED));
    let on_path = || env::var_os("PATH").and_then(|path| first_in(env::split_paths(&path)));
    cached
        .filter(|path| path.is_file())
        .or_else(on_path)
        .ok_or_else(|| NotAvailable("no BITCOIND_EXE, none provisioned, none on the PATH".into()))
}

fn cache() -> Option<PathBuf> {
    let named = env::var_os("XDG_CACHE_HOME")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    named.or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cache")))
}

fn first_in(mut directories: impl Iterator<Item = PathBuf>) -> Option<PathBuf> {
    directories.find_map(|directory| Some(directory.join("bitcoind")).filter(|path| path.is_file()))
}
