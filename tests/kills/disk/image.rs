//! A file as the process sees it, and what of it is not synced yet.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::dice::Dice;

/// What a disk writes in one piece.
const SECTOR: usize = 512;

pub enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate(usize),
}

pub struct Image {
    now: Vec<u8>,
    unsynced: Vec<Change>,
}

impl Image {
    pub fn new(now: Vec<u8>) -> Self {
        Image {
            now,
            unsynced: Vec::new(),
        }
    }

    pub fn size(&self) -> usize {
        self.now.len()
    }

    /// Fills the buffer from `offset` on; what lies behind the end is zero. Says whether all of it was there.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> bool {
        let there = self.now.get(offset..).unwrap_or(&[]);
        let length = there.len().min(buffer.len());
        buffer[..length].copy_from_slice(&there[..length]);
        buffer[length..].fill(0);
        length == buffer.len()
    }

    pub fn change(&mut self, change: Change) {
        match &change {
            Change::Write { offset, bytes } => {
                let end = offset + bytes.len();
                if self.now.len() < end {
                    self.now.resize(end, 0);
                }
                self.now[*offset..end].copy_from_slice(bytes);
            }
            Change::Truncate(size) => self.now.truncate(*size),
        }
        self.unsynced.push(change);
    }

    pub fn take_unsynced(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.unsynced)
    }

    /// Lets some sectors of what is not synced reach the real file.
    pub fn tear(&self, path: &Path, seed: u64) -> std::io::Result<()> {
        let mut dice = Dice::new(seed);
        let mut file = OpenOptions::new().write(true).open(path)?;
        for change in &self.unsynced {
            match change {
                Change::Write { offset, bytes } => {
                    for (index, sector) in bytes.chunks(SECTOR).enumerate() {
                        if dice.below(2) == 0 {
                            file.seek(SeekFrom::Start((offset + index * SECTOR) as u64))?;
                            file.write_all(sector)?;
                        }
                    }
                }
                Change::Truncate(size) => {
                    if dice.below(2) == 0 {
                        file.set_len(*size as u64)?;
                    }
                }
            }
        }
        Ok(())
    }
}
