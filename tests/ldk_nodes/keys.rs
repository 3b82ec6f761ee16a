//! The keys of a node, for both that use them: LDK's channel engine takes its signers here, the arbitrator its signatures.
//! The secrets stay where LDK made them; the arbitrator gets them signed with, through its [`Signer`].

use std::sync::{Arc, Mutex};

use bitcoin::secp256k1::ecdsa::Signature;
use bitcoin::secp256k1::{PublicKey, SecretKey, SECP256K1};
use bitcoin::ScriptBuf;
use lightning::ln::chan_utils::{derive_private_key, derive_private_revocation_key};
use lightning::ln::script::ShutdownScript;
use lightning::sign::{
    ChannelSigner, InMemorySigner, KeysManager, SignerProvider, StaticPaymentOutputDescriptor,
};
use lightning_arbitrator::channel::KeysId;
use lightning_arbitrator::protocol::{Basepoints, ChannelPublicKeys, CommitmentNumber, KeyRole};
use lightning_arbitrator::signer::{InputToSign, KeyTweak, SignRequest, Signer, SignerError};

use crate::signer::{Heard, ListeningSigner};

/// LDK's keys, with an ear at the signer of the node's channel.
pub struct NodeKeys {
    /// LDK's own.
    pub ldk: Arc<KeysManager>,
    /// What the channel's signer has heard.
    pub heard: Arc<Mutex<Heard>>,
    /// The wallet's: where a cooperative close pays.
    wallet: ScriptBuf,
    /// The name of the channel's keys.
    channel: Mutex<Option<KeysId>>,
}

impl NodeKeys {
    /// Those of this seed, for a node whose wallet has this script.
    pub fn new(seed: [u8; 32], wallet: ScriptBuf) -> Self {
        NodeKeys {
            ldk: Arc::new(KeysManager::new(&seed, 0, 0, false)),
            heard: Arc::default(),
            wallet,
            channel: Mutex::default(),
        }
    }

    /// The name of the keys that LDK has made for its channel.
    pub fn channel(&self) -> Option<KeysId> {
        *self.channel.lock().expect("nobody panics with it")
    }

    fn signer(&self, keys_id: &KeysId) -> InMemorySigner {
        self.ldk.derive_channel_keys(&keys_id.0)
    }

    /// LDK keeps the key of our balance on the peer's commitments to itself, and signs with it.
    fn sign_balance(
        &self,
        request: &SignRequest,
        input: &InputToSign,
    ) -> Result<Signature, SignerError> {
        let refused = || SignerError(format!("LDK does not sign input {}", input.index));
        let spend = &request.psbt.unsigned_tx;
        let spent = request.psbt.inputs.get(input.index);
        let output = spent.and_then(|spent| spent.witness_utxo.clone());
        let outpoint = spend.input.get(input.index).map(|it| it.previous_output);
        let (output, outpoint) = output.zip(outpoint).ok_or_else(refused)?;
        let vout = u16::try_from(outpoint.vout).map_err(|_| refused())?;
        let heard = self.heard.lock().expect("nobody panics with it");
        let parameters = heard.parameters.clone().ok_or_else(refused)?;
        drop(heard);
        let descriptor = StaticPaymentOutputDescriptor {
            outpoint: lightning::chain::transaction::OutPoint {
                txid: outpoint.txid,
                index: vout,
            },
            output,
            channel_keys_id: input.key.keys_id.0,
            channel_value_satoshis: parameters.channel_value_satoshis,
            channel_transaction_parameters: Some(parameters),
        };
        let signer = self.signer(&input.key.keys_id);
        let witness =
            signer.sign_counterparty_payment_input(spend, input.index, &descriptor, SECP256K1);
        let witness = witness.map_err(|()| refused())?;
        let signature = witness.nth(0).ok_or_else(refused)?;
        let signature = bitcoin::ecdsa::Signature::from_slice(signature);
        Ok(signature.map_err(|_| refused())?.signature)
    }

    /// The base secret of a role; `None`: LDK does not show it.
    fn base(signer: &InMemorySigner, role: KeyRole) -> Option<SecretKey> {
        match role {
            KeyRole::Funding => Some(signer.funding_key(None)),
            KeyRole::Payment => None,
            KeyRole::DelayedPayment => Some(signer.delayed_payment_base_key),
            KeyRole::Htlc => Some(signer.htlc_base_key),
            KeyRole::Revocation => Some(signer.revocation_base_key),
        }
    }

    fn sign_input(
        &self,
        request: &SignRequest,
        input: &InputToSign,
    ) -> Result<Signature, SignerError> {
        let signer = self.signer(&input.key.keys_id);
        let Some(base) = Self::base(&signer, input.key.role) else {
            return self.sign_balance(request, input);
        };
        let key = match &input.key.tweak {
            KeyTweak::None => base,
            KeyTweak::Point(point) => derive_private_key(SECP256K1, point, &base),
            KeyTweak::Secret(secret) => {
                let secret = SecretKey::from_slice(secret.as_bytes());
                let secret = secret.map_err(|error| SignerError(error.to_string()))?;
                derive_private_revocation_key(SECP256K1, &secret, &base)
            }
        };
        Ok(SECP256K1.sign_ecdsa_low_r(&input.sighash, &key))
    }
}

impl Signer for NodeKeys {
    fn channel_keys(&self, keys_id: &KeysId) -> Result<ChannelPublicKeys, SignerError> {
        Ok(public_keys(&self.signer(keys_id).pubkeys(SECP256K1)))
    }

    fn per_commitment_point(
        &self,
        keys_id: &KeysId,
        number: CommitmentNumber,
    ) -> Result<PublicKey, SignerError> {
        let signer = self.signer(keys_id);
        let point = signer.get_per_commitment_point(number.index(), SECP256K1);
        point.map_err(|()| SignerError("LDK gives no point".into()))
    }

    fn sign(&self, request: &SignRequest) -> Result<Vec<Signature>, SignerError> {
        let inputs = request.inputs.iter();
        inputs
            .map(|input| self.sign_input(request, input))
            .collect()
    }
}

impl SignerProvider for NodeKeys {
    type EcdsaSigner = ListeningSigner;

    fn generate_channel_keys_id(&self, inbound: bool, user_channel_id: u128) -> [u8; 32] {
        let name = self.ldk.generate_channel_keys_id(inbound, user_channel_id);
        *self.channel.lock().expect("nobody panics with it") = Some(KeysId(name));
        name
    }

    fn derive_channel_signer(&self, keys_id: [u8; 32]) -> ListeningSigner {
        ListeningSigner::new(self.ldk.derive_channel_keys(&keys_id), self.heard.clone())
    }

    fn get_destination_script(&self, _keys_id: [u8; 32]) -> Result<ScriptBuf, ()> {
        Ok(self.wallet.clone())
    }

    fn get_shutdown_scriptpubkey(&self) -> Result<ShutdownScript, ()> {
        ShutdownScript::try_from(self.wallet.clone()).map_err(|_| ())
    }
}

/// LDK's words for the public keys of a side, in the library's.
pub fn public_keys(keys: &lightning::ln::chan_utils::ChannelPublicKeys) -> ChannelPublicKeys {
    ChannelPublicKeys {
        funding: keys.funding_pubkey,
        basepoints: Basepoints {
            revocation: keys.revocation_basepoint.to_public_key(),
            payment: keys.payment_point,
            delayed_payment: keys.delayed_payment_basepoint.to_public_key(),
            htlc: keys.htlc_basepoint.to_public_key(),
        },
    }
}
