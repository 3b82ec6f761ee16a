//! Claims become transactions: which feerate, which inputs and outputs, what has to be signed. Pure.

mod anchor;
mod build;
mod claim;
mod coins;
pub mod curve;
mod fees;
mod reserve;
mod second_level;
#[cfg(test)]
mod tests;

pub use anchor::anchor;
pub(crate) use build::verify;
pub use build::{commitment_request, ClaimInput, SignatureRefused, Uneconomic, Unsigned};
pub use claim::{claim, worthwhile, Worth};
pub use curve::Schedule;
pub(crate) use fees::fee_at;
pub use fees::Bid;
pub use reserve::ReserveNeeded;
pub use second_level::{second_level, NotNow};
