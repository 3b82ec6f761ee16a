//! Claims become transactions: which feerate, which inputs and outputs, what has to be signed. Pure.

mod build;
mod claim;
mod fees;
mod second_level;
#[cfg(test)]
mod tests;

pub(crate) use build::verify;
pub use build::{commitment_request, ClaimInput, SignatureRefused, Uneconomic, Unsigned};
pub use claim::{claim, worthwhile, Bid, Worth};
pub use fees::feerate;
pub use second_level::{second_level, NotNow};
