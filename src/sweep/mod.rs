//! Claims become transactions: which feerate, which inputs and outputs, what has to be signed. Pure.

mod build;
mod fees;

pub use build::{commitment_request, sweep, Unsigned, Uneconomic};
pub use fees::feerate;
