//! What `chain` promises, against servers that tell the truth, lag, lie, and reorganise.

mod branches;
mod build;
mod esplora;
mod fake;
mod groups;
mod lies;
mod limits;
mod packages;
mod pool;
mod spends;
mod view;
mod world;
