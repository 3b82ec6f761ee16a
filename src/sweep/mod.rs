//! Claims become transactions: which feerate, which inputs and outputs, what has to be signed. Pure.

mod build;
mod fees;

pub(crate) use build::verified;
pub use build::{commitment_request, sweep, SignatureRefused, Uneconomic, Unsigned};
pub use fees::feerate;
