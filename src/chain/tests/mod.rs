//! What `chain` promises, against servers that tell the truth, lag, lie, and reorganise.

mod branches;
mod fake;
mod lies;
mod limits;
mod spends;
mod world;
