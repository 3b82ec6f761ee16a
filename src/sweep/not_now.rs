//! Why there is no transaction now.

use bitcoin::Amount;

use crate::court::Reason;

/// An output that is not worth its fee at the present feerate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uneconomic {
    pub value: Amount,
    pub fee: Amount,
}

/// Why there is no transaction now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    Uneconomic(Uneconomic),
    /// The one that waits for a block pays about as much.
    HighEnough,
    /// The wallet has no coins for the fee.
    ReserveNeeded {
        fee: Amount,
    },
}

impl NotNow {
    /// Why the outputs are left where they are; `None`: they are not, another transaction takes them.
    pub fn reason(&self) -> Option<Reason> {
        match self {
            NotNow::Uneconomic(uneconomic) => Some(fee_above_value(uneconomic.fee)),
            NotNow::HighEnough => None,
            NotNow::ReserveNeeded { fee } => Some(Reason::ReserveNeeded {
                fee_sat: fee.to_sat(),
            }),
        }
    }
}

/// The reason of an output whose claim would cost this much.
pub fn fee_above_value(fee: Amount) -> Reason {
    Reason::FeeAboveValue {
        fee_sat: fee.to_sat(),
    }
}
