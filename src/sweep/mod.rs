//! Claims become transactions: which feerate, which inputs and outputs, what has to be signed. Pure.

mod anchor;
mod build;
mod claim;
mod coins;
pub mod curve;
mod fees;
mod not_now;
pub mod preview;
mod reserve;
mod second_level;
#[cfg(test)]
mod tests;

pub use anchor::anchor;
use build::imagined_signature;
pub(crate) use build::verify;
pub use build::{commitment_request, ClaimInput, SignatureRefused, Unsigned};
pub use claim::{claim, transaction, worthwhile, Worth};
pub use curve::Schedule;
pub use fees::Bid;
pub(crate) use fees::{fee_at, replacement_fee};
pub use not_now::{fee_above_value, NotNow, Uneconomic};
pub use reserve::ReserveNeeded;
pub use second_level::{peer_signatures, second_level};
