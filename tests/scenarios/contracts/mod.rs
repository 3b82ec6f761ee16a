//! Scenarios 10 to 19: what becomes of every output of a close.

mod breach;
mod case_file;
