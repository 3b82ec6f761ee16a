//! BOLT 1's encodings: fixed fields, big endian, and the extension of type-length-value fields after them.

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;

use super::{ChannelId, MessageError};
use crate::protocol::ShortChannelId;

/// Takes a message apart, from its first byte to its last.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn bytes(
        &mut self,
        length: usize,
        field: &'static str,
    ) -> Result<&'a [u8], MessageError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(MessageError::Ends(field))?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        field: &'static str,
    ) -> Result<[u8; N], MessageError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(MessageError::Ends(field))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn u16(&mut self, field: &'static str) -> Result<u16, MessageError> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &'static str) -> Result<u64, MessageError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(super) fn channel_id(&mut self) -> Result<ChannelId, MessageError> {
        self.array("channel_id").map(ChannelId)
    }

    pub(super) fn short_channel_id(&mut self) -> Result<ShortChannelId, MessageError> {
        self.u64("short_channel_id").map(ShortChannelId::from_u64)
    }

    pub(super) fn point(&mut self, field: &'static str) -> Result<PublicKey, MessageError> {
        let bytes: [u8; 33] = self.array(field)?;
        PublicKey::from_slice(&bytes).map_err(|_| MessageError::Point(field))
    }

    pub(super) fn signature(&mut self, field: &'static str) -> Result<Signature, MessageError> {
        let bytes: [u8; 64] = self.array(field)?;
        Signature::from_compact(&bytes).map_err(|_| MessageError::Signature(field))
    }

    fn big_size(&mut self, what: &'static str) -> Result<u64, MessageError> {
        let [first] = self.array(what)?;
        let (number, least) = match first {
            0xfd => (u64::from(self.u16(what)?), 0xfd),
            0xfe => (
                u64::from(u32::from_be_bytes(self.array(what)?)),
                u64::from(u16::MAX) + 1,
            ),
            0xff => (self.u64(what)?, u64::from(u32::MAX) + 1),
            small => (u64::from(small), 0),
        };
        // BOLT 1: a number has one form, its shortest.
        if number < least {
            return Err(MessageError::NotMinimal(what));
        }
        Ok(number)
    }

    /// Reads the extension to the message's end. `known` gets each field of the types in `types`; of the others the odd ones
    /// are skipped.
    pub(super) fn extension(
        mut self,
        types: &[u64],
        mut known: impl FnMut(u64, &'a [u8]) -> Result<(), MessageError>,
    ) -> Result<(), MessageError> {
        let mut before = None;
        while !self.rest.is_empty() {
            let found = self.big_size("type")?;
            // BOLT 1: types increase strictly.
            if let Some(before) = before.filter(|before| *before >= found) {
                return Err(MessageError::Order { before, found });
            }
            before = Some(found);
            let is_known = types.contains(&found);
            // BOLT 1: it is OK to be odd.
            if !is_known && found % 2 == 0 {
                return Err(MessageError::UnknownEven(found));
            }
            let length = self.big_size("length")?;
            let length = usize::try_from(length).map_err(|_| MessageError::Ends("value"))?;
            let value = self.bytes(length, "value")?;
            if is_known {
                known(found, value)?;
            }
        }
        Ok(())
    }
}

/// Puts a message together.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    /// A message of this type.
    pub(super) fn of_type(kind: u16) -> Self {
        Writer(kind.to_be_bytes().to_vec())
    }

    /// A part of a message.
    pub(super) fn part() -> Self {
        Writer(Vec::new())
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn u16(self, number: u16) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn u64(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(super) fn channel_id(self, id: ChannelId) -> Self {
        self.bytes(&id.0)
    }

    pub(super) fn short_channel_id(self, id: ShortChannelId) -> Self {
        self.u64(id.to_u64())
    }

    pub(super) fn point(self, point: &PublicKey) -> Self {
        self.bytes(&point.serialize())
    }

    pub(super) fn signature(self, signature: &Signature) -> Self {
        self.bytes(&signature.serialize_compact())
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::hex::FromHex;

    fn big_size(hex: &str) -> Result<u64, MessageError> {
        let bytes = Vec::<u8>::from_hex(hex).unwrap();
        Reader::new(&bytes).big_size("number")
    }

    /// Figures of BOLT 1, appendix A.
    #[test]
    fn numbers_of_the_specification_are_read_and_longer_forms_are_refused() {
        for (hex, number) in [
            ("00", 0),
            ("fc", 252),
            ("fd00fd", 253),
            ("fdffff", 65_535),
            ("fe00010000", 65_536),
            ("feffffffff", 4_294_967_295),
            ("ff0000000100000000", 4_294_967_296),
            ("ffffffffffffffffff", u64::MAX),
        ] {
            assert_eq!(big_size(hex), Ok(number), "{hex}");
        }
        for hex in ["fd00fc", "fe0000ffff", "ff00000000ffffffff"] {
            assert_eq!(
                big_size(hex),
                Err(MessageError::NotMinimal("number")),
                "{hex}"
            );
        }
        for hex in ["", "fd", "fd00", "fe", "feffff", "ff", "ffffffffff"] {
            assert_eq!(big_size(hex), Err(MessageError::Ends("number")), "{hex}");
        }
    }

    /// What the extension `hex` gives to a message that knows field 1.
    fn extension(hex: &str) -> Result<Vec<Vec<u8>>, MessageError> {
        let bytes = Vec::<u8>::from_hex(hex).unwrap();
        let mut known = Vec::new();
        Reader::new(&bytes).extension(&[1], |_, value| {
            known.push(value.to_vec());
            Ok(())
        })?;
        Ok(known)
    }

    #[test]
    fn known_fields_are_given_and_unknown_odd_ones_are_skipped() {
        for (hex, known) in [
            ("", vec![]),
            ("0100", vec![vec![]]),
            ("0101ff", vec![vec![0xff]]),
            ("0101ff0302aaaa", vec![vec![0xff]]),
            ("2100", vec![]),
            ("fd010100", vec![]),
        ] {
            assert_eq!(extension(hex), Ok(known), "{hex}");
        }
    }

    #[test]
    fn what_bolt_1_forbids_is_refused() {
        for (hex, error) in [
            ("0200", MessageError::UnknownEven(2)),
            ("fd010200", MessageError::UnknownEven(0x102)),
            (
                "01000100",
                MessageError::Order {
                    before: 1,
                    found: 1,
                },
            ),
            (
                "05000300",
                MessageError::Order {
                    before: 5,
                    found: 3,
                },
            ),
            ("01", MessageError::Ends("length")),
            ("0102ff", MessageError::Ends("value")),
            ("fd0001", MessageError::NotMinimal("type")),
            ("01fd0001", MessageError::NotMinimal("length")),
            ("01ffffffffffffffffff", MessageError::Ends("value")),
        ] {
            assert_eq!(extension(hex), Err(error), "{hex}");
        }
    }
}
