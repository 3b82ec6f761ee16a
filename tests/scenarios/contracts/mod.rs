//! The outputs of a close, each resolved in its way.

mod case_file;
