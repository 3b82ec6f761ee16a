//! What both sides of a benchmark share: clocks, counters of bytes and memory, the disk, and the words in which the two
//! processes talk.

pub mod batch;
pub mod dice;
pub mod disk;
pub mod ldk;
pub mod process;
pub mod table;
pub mod wire;

pub use batch::{Batch, Meter};
pub use dice::Dice;
pub use disk::Scratch;
pub use table::{Goal, Table};
