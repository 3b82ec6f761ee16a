//! The JSON files of BOLT 3's test vectors, as they are.

use bitcoin::hex::FromHex;
use bitcoin::secp256k1::{PublicKey, SecretKey};
use bitcoin::Txid;
use serde::de::DeserializeOwned;
use serde::Deserialize;

pub fn load<T: DeserializeOwned>(name: &str) -> T {
    let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

pub fn bytes(hex: &str) -> [u8; 32] {
    <[u8; 32]>::from_hex(hex).unwrap()
}

#[derive(Deserialize)]
pub struct FundingVector {
    pub coinbase_tx_hex: String,
    pub coinbase_privkey: SecretKey,
    pub local_funding_pubkey: PublicKey,
    pub remote_funding_pubkey: PublicKey,
    pub funding_witness_script: String,
    pub input_txid: Txid,
    pub input_index: u32,
    pub funding_sat: u64,
    pub change_sat: u64,
    pub funding_output_index: u32,
    pub funding_tx_hex: String,
    pub funding_txid: Txid,
}

#[derive(Deserialize)]
pub struct CommitmentVectors {
    pub channel: Channel,
    pub htlcs: Vec<HtlcVector>,
    pub cases: Vec<Case>,
}

#[derive(Deserialize)]
pub struct Channel {
    pub funding_txid: Txid,
    pub funding_output_index: u32,
    pub funding_sat: u64,
    pub commitment_number: u64,
    pub to_self_delay: u16,
    pub local_is_opener: bool,
    pub obscuring_factor_hex: String,
    pub local_payment_basepoint: PublicKey,
    pub remote_payment_basepoint: PublicKey,
    pub local_funding_pubkey: PublicKey,
    pub remote_funding_pubkey: PublicKey,
    pub local_delayedpubkey: PublicKey,
    pub local_revocation_pubkey: PublicKey,
    pub local_htlcpubkey: PublicKey,
    pub remote_htlcpubkey: PublicKey,
    pub local_htlc_basepoint: PublicKey,
    pub remote_htlc_basepoint: PublicKey,
    pub funding_witness_script: String,
    pub local_funding_privkey: SecretKey,
    pub remote_funding_privkey: SecretKey,
    pub local_privkey: SecretKey,
    pub remote_privkey: SecretKey,
    pub remote_revocation_basepoint_secret: SecretKey,
    pub local_delayed_payment_basepoint_secret: SecretKey,
    pub local_per_commitment_point: PublicKey,
}

#[derive(Deserialize)]
pub struct HtlcVector {
    pub id: u64,
    pub direction: Direction,
    pub amount_msat: u64,
    pub cltv_expiry: u32,
    pub payment_preimage: String,
    pub payment_hash: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Offered,
    Received,
}

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    pub to_local_msat: u64,
    pub to_remote_msat: u64,
    pub dust_limit_sat: u64,
    pub feerate_per_kw: u32,
    pub active_htlc_ids: Vec<u64>,
    pub trimmed_htlc_ids: Vec<u64>,
    pub base_fee_sat: Option<u64>,
    pub actual_fee_sat: Option<u64>,
    pub remote_sig_der: String,
    pub local_sig_der: Option<String>,
    pub commit_tx_hex: String,
    pub commit_txid: Txid,
    pub commit_outputs: Vec<OutputVector>,
    pub htlc_txs: Vec<HtlcTxVector>,
}

#[derive(Deserialize)]
pub struct OutputVector {
    pub amount_sat: u64,
    pub htlc_id: Option<u64>,
    pub script_pubkey: String,
    pub witness_script: Option<String>,
}

#[derive(Deserialize)]
pub struct HtlcTxVector {
    pub output_index: u32,
    pub kind: HtlcTxKind,
    pub htlc_id: u64,
    pub remote_sig_der: String,
    pub local_sig_der: String,
    pub tx_hex: String,
    pub txid: Txid,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HtlcTxKind {
    Success,
    Timeout,
}

#[derive(Deserialize)]
pub struct SecretVectors {
    pub generation: Vec<Generation>,
    pub storage: Vec<Storage>,
}

#[derive(Deserialize)]
pub struct Generation {
    pub name: String,
    pub seed: String,
    pub index: u64,
    pub secret: String,
}

#[derive(Deserialize)]
pub struct Storage {
    pub name: String,
    pub inserts: Vec<Insert>,
}

#[derive(Deserialize)]
pub struct Insert {
    pub index: u64,
    pub secret: String,
    pub ok: bool,
}

#[derive(Deserialize)]
pub struct KeyVector {
    pub base_secret: SecretKey,
    pub per_commitment_secret: SecretKey,
    pub base_point: PublicKey,
    pub per_commitment_point: PublicKey,
    pub localpubkey: PublicKey,
    pub localprivkey: SecretKey,
    pub revocationpubkey: PublicKey,
    pub revocationprivkey: SecretKey,
}
