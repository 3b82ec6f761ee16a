//! Claims become transactions: which feerate, which inputs and outputs, what has to be signed. Pure.

mod build;
mod claim;
pub mod curve;
mod fees;
mod second_level;
#[cfg(test)]
mod tests;

pub(crate) use build::verify;
pub use build::{commitment_request, ClaimInput, SignatureRefused, Uneconomic, Unsigned};
pub use claim::{claim, worthwhile, Worth};
pub use curve::Schedule;
pub use fees::Bid;
pub use second_level::{second_level, NotNow};
