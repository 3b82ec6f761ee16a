//! Requests that put transactions on the chain in the name of either side.

use bitcoin::{Amount, ScriptBuf, TxOut};
use serde::{Deserialize, Serialize};

use crate::party::{Channel, ChannelType, CooperativeClose, DataLoss, HtlcKey, Side, Which};

use super::answer::Refusal;
use super::channels::{Send, Sent};
use super::Control;

/// What the miner gets where a request names no fee.
const ORDINARY_FEE: Amount = Amount::from_sat(1_000);

/// Body of `…/peer-closes` and `…/our-closes`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// `"current"` unless named: `"pending"`, `{"number": n}`, `{"alternative": {"number": n, "index": i}}`.
    #[serde(default = "current")]
    which: Which,
    #[serde(default)]
    send: Send,
}

/// Body of `…/data-loss`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lose {
    /// How many exchanges our library was never told of.
    #[serde(default = "one")]
    rounds: u64,
    #[serde(default)]
    send: Send,
}

/// Body of `…/coop`; a legacy close unless said otherwise.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coop {
    close: Option<CooperativeClose>,
    #[serde(default)]
    send: Send,
}

/// Body of `…/unknown-spend`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnknownSpend {
    outputs: Vec<Output>,
    #[serde(default)]
    send: Send,
}

/// An output to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    script: ScriptBuf,
    #[serde(rename = "value_sat", with = "bitcoin::amount::serde::as_sat")]
    value: Amount,
}

/// Body of `…/claim`: a spend of a confirmed commitment's output.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    claim: Spend,
    /// Whose commitment it is.
    owner: Side,
    #[serde(default = "current")]
    which: Which,
    #[serde(
        rename = "fee_sat",
        with = "bitcoin::amount::serde::as_sat",
        default = "ordinary_fee"
    )]
    fee: Amount,
    #[serde(default)]
    send: Send,
}

/// Which output is spent, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spend {
    /// The owner takes its delayed output.
    ToLocal,
    /// The other side takes its output.
    ToRemote,
    /// The other side punishes a revoked commitment: takes the owner's delayed output.
    Punish,
    /// The owner takes an HTLC through its second-level transaction.
    SecondLevel(HtlcKey),
    /// The other side takes an HTLC directly.
    Htlc(HtlcKey),
}

pub(super) fn peer_closes(
    channel: &mut Channel,
    control: &Control,
    request: Close,
) -> Result<Sent, Refusal> {
    request
        .send
        .transaction(control, channel.peer_commitment_tx(request.which)?)
}

pub(super) fn our_closes(
    channel: &mut Channel,
    control: &Control,
    request: Close,
) -> Result<Sent, Refusal> {
    request
        .send
        .transaction(control, channel.our_commitment_tx(request.which)?)
}

pub(super) fn data_loss(
    channel: &mut Channel,
    control: &Control,
    request: Lose,
) -> Result<DataLoss, Refusal> {
    let loss = channel.data_loss(request.rounds)?;
    request
        .send
        .transaction(control, loss.transaction.clone())?;
    Ok(loss)
}

pub(super) fn coop(
    channel: &mut Channel,
    control: &Control,
    request: Coop,
) -> Result<Sent, Refusal> {
    let close = request
        .close
        .unwrap_or_else(|| CooperativeClose::legacy(ORDINARY_FEE));
    request
        .send
        .transaction(control, channel.cooperative_close(&close)?)
}

pub(super) fn unknown_spend(
    channel: &mut Channel,
    control: &Control,
    request: UnknownSpend,
) -> Result<Sent, Refusal> {
    let outputs = request
        .outputs
        .into_iter()
        .map(|Output { script, value }| TxOut {
            value,
            script_pubkey: script,
        });
    request
        .send
        .transaction(control, channel.unknown_spend(outputs.collect()))
}

pub(super) fn claim(
    channel: &mut Channel,
    control: &Control,
    request: Claim,
) -> Result<Sent, Refusal> {
    let Claim {
        claim,
        owner,
        which,
        fee,
        send,
    } = request;
    let transaction = match claim {
        Spend::ToLocal => channel.sweep_to_local(owner, which, fee),
        Spend::ToRemote => channel.sweep_to_remote(owner, which, fee),
        Spend::Punish => channel.punish_to_local(owner, which, fee),
        Spend::Htlc(key) => channel.claim_htlc(owner, which, key, fee),
        Spend::SecondLevel(key) => match channel.setup().channel_type {
            // BOLT 3: its fee was fixed with the commitment.
            ChannelType::StaticRemotekey => channel.second_level_tx(owner, which, key),
            ChannelType::AnchorsZeroFeeHtlc => {
                channel.second_level_tx_with_fee(control.chain(), owner, which, key, fee)
            }
        },
    }?;
    send.transaction(control, transaction)
}

fn current() -> Which {
    Which::Current
}

fn one() -> u64 {
    1
}

fn ordinary_fee() -> Amount {
    ORDINARY_FEE
}
