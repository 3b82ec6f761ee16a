//! The face holds what it says: every bad input is refused by name, every error keeps a case, no future needs a runtime.

mod arbitrator;
mod case_file;
mod errors;
mod foreign;
mod input;
mod keys;
mod opening;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use super::*;

const SEED: [u8; 32] = [7; 32];
const KEYS_ID: [u8; 32] = [1; 32];

/// Waits for a future as an app without any runtime does.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn seed_signer() -> Arc<SeedSigner> {
    SeedSigner::new(SEED.to_vec()).unwrap()
}

fn party(signer: &SeedSigner, keys_id: [u8; 32], to_self_delay: u16) -> PartyTerms {
    PartyTerms {
        keys: signer.channel_keys(keys_id.to_vec()).unwrap(),
        dust_limit_sat: 354,
        to_self_delay,
        reserve_sat: 10_000,
        shutdown_script: None,
        initial_balance_msat: 500_000_000,
        first_per_commitment_point: signer.per_commitment_point(keys_id.to_vec(), 0).unwrap(),
    }
}

/// A channel of one million satoshi, whose peer waits `peer_delay` blocks.
fn terms(peer_delay: u16) -> ChannelTerms {
    let signer = seed_signer();
    ChannelTerms {
        funding: OutPoint {
            txid: "11".repeat(32),
            vout: 0,
        },
        capacity_sat: 1_000_000,
        funding_transaction: None,
        channel_type: ChannelType::AnchorsZeroFeeHtlc,
        peer: signer.channel_keys([9; 32].to_vec()).unwrap().funding,
        opener: Party::Local,
        keys_id: KEYS_ID.to_vec(),
        local: party(&signer, KEYS_ID, 144),
        remote: party(&signer, [2; 32], peer_delay),
    }
}

/// A wallet whose answers are fixed.
struct FixedWallet(Result<Vec<u8>, WalletError>);

impl OnchainWallet for FixedWallet {
    fn is_our_address(&self, script: Vec<u8>) -> Result<bool, WalletError> {
        self.0.clone().map(|ours| ours == script)
    }

    fn sweep_script(&self) -> Result<Vec<u8>, WalletError> {
        self.0.clone()
    }

    fn coins(&self) -> Result<Vec<Coin>, WalletError> {
        let coin = |script| Coin {
            outpoint: OutPoint {
                txid: "07".repeat(32),
                vout: 1,
            },
            value_sat: 50_000,
            script,
            witness_weight: 108,
        };
        self.0.clone().map(|script| vec![coin(script)])
    }

    fn hold_coins(&self, _held: Vec<OutPoint>) -> Result<(), WalletError> {
        Ok(())
    }

    fn sign_coins(&self, _: Vec<u8>, inputs: Vec<u32>) -> Result<Vec<CoinWitness>, WalletError> {
        // It tells what it was asked for.
        let witness = |input: u32| CoinWitness {
            elements: vec![vec![], input.to_be_bytes().to_vec()],
        };
        let witnesses = inputs.into_iter().map(witness).collect();
        self.0.clone().map(|_| witnesses)
    }
}

/// OP_0 and 20 bytes.
fn p2wpkh() -> Vec<u8> {
    [&[0x00, 0x14][..], &[5; 20]].concat()
}
