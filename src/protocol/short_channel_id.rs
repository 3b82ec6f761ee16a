//! The short channel id of BOLT 7: where on the chain a funding output stands, in eight bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ProtocolError;

/// Greatest value of the three bytes that BOLT 7 gives to a height, and to a position in a block.
const MAX_24_BIT: u32 = (1 << 24) - 1;

/// Names a channel by block, transaction and output; or, as an alias, by any number that is not taken
/// (BOLT 2: `channel_ready`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShortChannelId(u64);

impl ShortChannelId {
    /// The id of output `output` of transaction `transaction` of the block at height `block`.
    ///
    /// # Errors
    /// [`ProtocolError::ShortChannelId`] when the height or the position needs more than 24 bits.
    pub fn new(block: u32, transaction: u32, output: u16) -> Result<Self, ProtocolError> {
        if block > MAX_24_BIT || transaction > MAX_24_BIT {
            return Err(ProtocolError::ShortChannelId);
        }
        // BOLT 7: three bytes of height, three of the position in the block, two of the output's index.
        Ok(Self(
            u64::from(block) << 40 | u64::from(transaction) << 16 | u64::from(output),
        ))
    }

    /// The id as it stands in messages, as one number.
    pub fn from_u64(id: u64) -> Self {
        Self(id)
    }

    /// The number that stands in messages.
    pub fn to_u64(self) -> u64 {
        self.0
    }

    /// Height of the funding's block.
    pub fn block(self) -> u32 {
        (self.0 >> 40) as u32
    }

    /// Position of the funding transaction in its block.
    pub fn transaction(self) -> u32 {
        (self.0 >> 16) as u32 & MAX_24_BIT
    }

    /// Index of the funding output.
    pub fn output(self) -> u16 {
        self.0 as u16
    }
}

/// As BOLT 7 recommends for people: `700000x1x0`.
impl fmt::Display for ShortChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}x{}x{}",
            self.block(),
            self.transaction(),
            self.output()
        )
    }
}

impl FromStr for ShortChannelId {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        let mut parts = text.split('x');
        let mut part = || {
            let digits = parts.next()?;
            // A number with a sign would parse as well.
            let only_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| only_digits)
        };
        let id = match (part(), part(), part()) {
            (Some(block), Some(transaction), Some(output)) if parts.next().is_none() => {
                u16::try_from(output)
                    .ok()
                    .and_then(|output| Self::new(block, transaction, output).ok())
            }
            _ => None,
        };
        id.ok_or(ProtocolError::ShortChannelId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_bolt_7_is_written_and_read() {
        let id = ShortChannelId::new(539_268, 845, 1).unwrap();
        assert_eq!(id.to_string(), "539268x845x1");
        assert_eq!("539268x845x1".parse(), Ok(id));
        assert_eq!(
            (id.block(), id.transaction(), id.output()),
            (539_268, 845, 1)
        );
    }

    #[test]
    fn heights_and_positions_have_24_bits() {
        assert!(ShortChannelId::new(MAX_24_BIT, MAX_24_BIT, u16::MAX).is_ok());
        assert!(ShortChannelId::new(MAX_24_BIT + 1, 0, 0).is_err());
        assert!(ShortChannelId::new(0, MAX_24_BIT + 1, 0).is_err());
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in [
            "",
            "1",
            "1x2",
            "1x2x3x4",
            "1x2x",
            "1x2x65536",
            "16777216x0x0",
            "0x16777216x0",
            "+1x2x3",
            " 1x2x3",
            "1X2X3",
            "axbxc",
        ] {
            assert_eq!(
                text.parse::<ShortChannelId>(),
                Err(ProtocolError::ShortChannelId),
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_number_is_an_id_that_comes_back(number in any::<u64>()) {
            let id = ShortChannelId::from_u64(number);
            prop_assert_eq!(id.to_u64(), number);
            prop_assert_eq!(ShortChannelId::new(id.block(), id.transaction(), id.output()), Ok(id));
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }
}
