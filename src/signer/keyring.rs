//! The signer that the arbitrator asks: the app's, and before it the keys that were imported into the database.

use std::collections::VecDeque;
use std::sync::Arc;

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::PublicKey;

use super::imported::ImportedKeys;
use super::{AnnouncementRequest, ChannelSecrets, InputToSign, SignRequest, Signer, SignerError};
use crate::channel::KeysId;
use crate::protocol::{ChannelPublicKeys, CommitmentNumber};

/// Answers for imported keys itself, and leaves every other name to the app.
pub(crate) struct Keyring {
    app: Arc<dyn Signer>,
    imported: ImportedKeys,
}

impl Keyring {
    pub(crate) fn new(app: Arc<dyn Signer>) -> Self {
        Keyring {
            app,
            imported: ImportedKeys::default(),
        }
    }

    /// Takes a channel's secrets, or why they cannot be read: the app is not asked for others then.
    pub(crate) fn put(&self, keys_id: KeysId, secrets: Result<ChannelSecrets, SignerError>) {
        self.imported.put(keys_id, secrets);
    }
}

impl Signer for Keyring {
    fn channel_keys(&self, keys_id: &KeysId) -> Result<ChannelPublicKeys, SignerError> {
        match self.imported.get(keys_id)? {
            Some(secrets) => Ok(secrets.public_keys()),
            None => self.app.channel_keys(keys_id),
        }
    }

    fn per_commitment_point(
        &self,
        keys_id: &KeysId,
        number: CommitmentNumber,
    ) -> Result<PublicKey, SignerError> {
        match self.imported.get(keys_id)? {
            Some(secrets) => secrets.per_commitment_point(number),
            None => self.app.per_commitment_point(keys_id, number),
        }
    }

    fn sign_announcement(&self, request: &AnnouncementRequest) -> Result<Signature, SignerError> {
        match self.imported.get(&request.keys_id)? {
            Some(secrets) => secrets.sign_announcement(request),
            None => self.app.sign_announcement(request),
        }
    }

    fn sign(&self, request: &SignRequest) -> Result<Vec<Signature>, SignerError> {
        let mut ours = Vec::new();
        let mut for_the_app: Vec<InputToSign> = Vec::new();
        for input in &request.inputs {
            let signature = match self.imported.get(&input.key.keys_id)? {
                Some(secrets) => Some(secrets.sign(input)?),
                None => {
                    for_the_app.push(input.clone());
                    None
                }
            };
            ours.push(signature);
        }
        let mut from_the_app = VecDeque::new();
        if !for_the_app.is_empty() {
            from_the_app.extend(self.app.sign(&SignRequest {
                inputs: for_the_app,
                ..request.clone()
            })?);
        }
        // Whoever signed less than was asked is found out where the signatures are verified.
        Ok(ours
            .into_iter()
            .filter_map(|signature| signature.or_else(|| from_the_app.pop_front()))
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::KeyRole;
    use crate::signer::{KeyDescriptor, KeyTweak, SeedSigner};
    use bitcoin::secp256k1::{Message, SECP256K1};
    use bitcoin::{EcdsaSighashType, OutPoint, Psbt, Transaction};

    const IMPORTED: KeysId = KeysId([1; 32]);
    const THE_APPS: KeysId = KeysId([2; 32]);

    fn seed(byte: u8) -> SeedSigner {
        SeedSigner::new(&[byte; 32]).expect("32 bytes")
    }

    /// The app has one seed; the imported keys are another's.
    fn keyring() -> Keyring {
        let keyring = Keyring::new(Arc::new(seed(2)));
        keyring.put(IMPORTED, seed(1).channel_secrets(&IMPORTED));
        keyring
    }

    fn input(index: usize, keys_id: KeysId, signer: &dyn Signer) -> InputToSign {
        let keys = signer.channel_keys(&keys_id).expect("known");
        InputToSign {
            index,
            key: KeyDescriptor {
                keys_id,
                role: KeyRole::Funding,
                tweak: KeyTweak::None,
                public_key: keys.funding,
            },
            sighash: Message::from_digest([index as u8 + 1; 32]),
            sighash_type: EcdsaSighashType::All,
        }
    }

    fn request(inputs: Vec<InputToSign>) -> SignRequest {
        let nothing = Transaction {
            version: bitcoin::transaction::Version::TWO,
            lock_time: bitcoin::absolute::LockTime::ZERO,
            input: vec![],
            output: vec![],
        };
        SignRequest {
            channel: OutPoint::null(),
            psbt: Psbt::from_unsigned_tx(nothing).expect("unsigned"),
            inputs,
        }
    }

    #[test]
    fn imported_keys_answer_for_their_name_and_the_app_for_every_other() {
        let keyring = keyring();
        let zero = CommitmentNumber::ZERO;
        for (name, owner) in [(IMPORTED, seed(1)), (THE_APPS, seed(2))] {
            assert_eq!(keyring.channel_keys(&name), owner.channel_keys(&name));
            assert_eq!(
                keyring.per_commitment_point(&name, zero),
                owner.per_commitment_point(&name, zero)
            );
        }
    }

    #[test]
    fn each_input_is_signed_by_the_owner_of_its_key_in_the_order_of_the_request() {
        let inputs = vec![
            input(0, THE_APPS, &seed(2)),
            input(1, IMPORTED, &seed(1)),
            input(2, THE_APPS, &seed(2)),
        ];
        let signatures = keyring().sign(&request(inputs.clone())).expect("signed");
        assert_eq!(signatures.len(), inputs.len());
        for (input, signature) in inputs.iter().zip(signatures) {
            let verified =
                SECP256K1.verify_ecdsa(&input.sighash, &signature, &input.key.public_key);
            assert_eq!(verified, Ok(()), "{}", input.index);
        }
    }

    #[test]
    fn the_app_is_not_asked_for_keys_that_cannot_be_read() {
        let keyring = keyring();
        keyring.put(THE_APPS, Err(SignerError("damaged".into())));
        let refused = Err(SignerError("damaged".into()));
        assert_eq!(keyring.channel_keys(&THE_APPS), refused);
        let signed = keyring.sign(&request(vec![input(0, THE_APPS, &seed(2))]));
        assert_eq!(signed, Err(SignerError("damaged".into())));
    }
}
