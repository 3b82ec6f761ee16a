//! How bytes, signatures and transactions look in the JSON of the control interface: lower-case hex, as on the wire.

/// 32 bytes as 64 digits.
pub mod bytes32 {
    use bitcoin::hex::{DisplayHex, FromHex};
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&bytes.to_lower_hex_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        <[u8; 32]>::from_hex(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// Any number of bytes.
pub mod bytes {
    use bitcoin::hex::{DisplayHex, FromHex};
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&bytes.to_lower_hex_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        Vec::from_hex(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// 32 bytes where a field attribute does not reach: in options, lists and maps.
#[derive(Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Bytes32(#[serde(with = "bytes32")] pub [u8; 32]);

// Most are secrets or preimages.
impl std::fmt::Debug for Bytes32 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bytes32(…)")
    }
}

/// A signature in the 64 bytes of BOLT 2's messages, without a sighash byte.
pub mod signature {
    use bitcoin::hex::{DisplayHex, FromHex};
    use secp256k1::ecdsa::Signature;
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(signature: &Signature, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&signature.serialize_compact().to_lower_hex_string())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Signature, D::Error> {
        let bytes = <[u8; 64]>::from_hex(&String::deserialize(from)?).map_err(D::Error::custom)?;
        Signature::from_compact(&bytes).map_err(D::Error::custom)
    }
}

/// A list of signatures, each in 64 bytes.
pub mod signatures {
    use secp256k1::ecdsa::Signature;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "super::signature")] Signature);

    pub fn serialize<S: Serializer>(signatures: &[Signature], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(signatures.iter().map(|signature| One(*signature)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Signature>, D::Error> {
        Ok(Vec::<One>::deserialize(from)?
            .into_iter()
            .map(|one| one.0)
            .collect())
    }
}

/// A transaction in consensus encoding.
pub mod transaction {
    use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
    use bitcoin::Transaction;
    use serde::{de::Error, Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(transaction: &Transaction, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&serialize_hex(transaction))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Transaction, D::Error> {
        deserialize_hex(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}
