//! Where a phone's file lies while a story is told.

use std::path::PathBuf;

use tempfile::TempDir;

/// Memory where there is such a directory: files of thousands of stories are synced at every step.
pub fn directory() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() {
        TempDir::new_in(memory)
    } else {
        TempDir::new()
    };
    made.expect("a temporary directory")
}
