//! The keys of the reserve wallet: one account of BIP 84, and of it one row of scripts.

use std::fmt;
use std::sync::Arc;

use bitcoin::bip32::{ChildNumber, Fingerprint, Xpriv};
use bitcoin::secp256k1::SECP256K1;
use bitcoin::{CompressedPublicKey, Network, NetworkKind, PrivateKey, ScriptBuf};

use crate::wallet::WalletError;

/// BIP 84: first level of the path of P2WPKH accounts.
const PURPOSE: u32 = 84;

/// The embedded wallet of one seed on one network. Clones share the keys.
#[derive(Clone)]
pub struct SeedWallet {
    /// m / 84' / coin' / 0' / 0.
    row: Arc<Xpriv>,
    network: Network,
}

impl fmt::Debug for SeedWallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeedWallet(..)")
    }
}

impl SeedWallet {
    /// The wallet of a seed of 16 to 64 bytes (BIP 32), which may be the one that a
    /// [`SeedSigner`](crate::SeedSigner) has: their paths never meet. From words: the 64 bytes that BIP 39 makes of them.
    ///
    /// # Errors
    /// When the seed has another length.
    pub fn new(seed: &[u8], network: Network) -> Result<Self, WalletError> {
        if !(16..=64).contains(&seed.len()) {
            let length = seed.len();
            return Err(WalletError(format!(
                "a seed has 16 to 64 bytes, not {length}"
            )));
        }
        let refuse = |error: bitcoin::bip32::Error| WalletError(error.to_string());
        let hardened = |index: u32| ChildNumber::Hardened { index };
        // BIP 44: coin 0 is Bitcoin's, coin 1 that of every test network.
        let coin = match NetworkKind::from(network) {
            NetworkKind::Main => 0,
            NetworkKind::Test => 1,
        };
        let path = [
            hardened(PURPOSE),
            hardened(coin),
            hardened(0),
            ChildNumber::Normal { index: 0 },
        ];
        let row = Xpriv::new_master(network, seed)
            .and_then(|master| master.derive_priv(SECP256K1, &path))
            .map_err(refuse)?;
        Ok(SeedWallet {
            row: Arc::new(row),
            network,
        })
    }

    /// Which network its addresses are of.
    pub fn network(&self) -> Network {
        self.network
    }

    /// Tells this wallet from that of another seed, and says nothing about the seed.
    pub(crate) fn name(&self) -> Fingerprint {
        self.row.fingerprint(SECP256K1)
    }

    /// The script at a place of the row.
    ///
    /// # Errors
    /// When there is no key at that place (never met by chance), or no such place: 2^31 and above.
    pub(crate) fn script(&self, index: u32) -> Result<ScriptBuf, WalletError> {
        let key = CompressedPublicKey::from_private_key(SECP256K1, &self.key(index)?)
            .map_err(|error| WalletError(error.to_string()))?;
        Ok(ScriptBuf::new_p2wpkh(&key.wpubkey_hash()))
    }

    pub(super) fn key(&self, index: u32) -> Result<PrivateKey, WalletError> {
        let refuse = |error: bitcoin::bip32::Error| WalletError(error.to_string());
        let child = ChildNumber::from_normal_idx(index).map_err(refuse)?;
        let key = self.row.derive_priv(SECP256K1, &[child]).map_err(refuse)?;
        Ok(key.to_priv())
    }
}

#[cfg(test)]
mod tests {
    use bitcoin::hex::FromHex;
    use bitcoin::Address;

    use super::*;

    /// The seed of BIP 84's test vectors: that of "abandon …  about" (BIP 39).
    const SEED: &str = "5eb00bbddcf069084889a8ab9155568165f5c453ccb85e70811aaed6f6da5fc1\
                        9a5ac40b389cd370d086206dec8aa6c43daea6690f20ad3d8d48b2d2ce9e38e4";

    fn seed() -> Vec<u8> {
        Vec::from_hex(SEED).expect("good hex")
    }

    fn address(wallet: &SeedWallet, index: u32) -> String {
        let script = wallet.script(index).expect("a key");
        let address = Address::from_script(&script, wallet.network());
        address.expect("P2WPKH").to_string()
    }

    #[test]
    fn the_addresses_are_those_of_bip_84s_vectors() {
        let wallet = SeedWallet::new(&seed(), Network::Bitcoin).expect("64 bytes");
        let addresses = [0, 1].map(|index| address(&wallet, index));
        assert_eq!(
            addresses,
            [
                "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
                "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"
            ]
        );
    }

    #[test]
    fn another_network_and_another_seed_have_other_addresses() {
        let main = SeedWallet::new(&seed(), Network::Bitcoin).expect("64 bytes");
        let test = SeedWallet::new(&seed(), Network::Signet).expect("64 bytes");
        let other = SeedWallet::new(&[7; 32], Network::Bitcoin).expect("32 bytes");
        assert_ne!(main.script(0), test.script(0));
        assert_ne!(main.script(0), other.script(0));
        assert_ne!(main.name(), other.name());
    }

    #[test]
    fn seeds_that_bip_32_does_not_know_are_refused() {
        for length in [15, 65] {
            assert!(SeedWallet::new(&vec![0; length], Network::Bitcoin).is_err());
        }
    }

    #[test]
    fn no_secret_is_printed() {
        let wallet = SeedWallet::new(&seed(), Network::Bitcoin).expect("64 bytes");
        assert_eq!(format!("{wallet:?}"), "SeedWallet(..)");
    }
}
