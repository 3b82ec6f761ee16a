//! Requests that open channels and look at them.

use bitcoin::{Transaction, Txid};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::party::{hex, Channel, ChannelSetup, ChannelType, Htlc, Round, Secrets, Side, Terms};

use super::answer::{Nothing, Refusal};
use super::Control;

/// Body of `POST /control/channels`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Any fields of [`ChannelSetup`]; the rest is as [`ChannelSetup::numbered`] has it, with keys that no other channel has.
    #[serde(default)]
    setup: Map<String, Value>,
    #[serde(default)]
    funding: Funding,
}

/// Whether the funding transaction is on the chain when the request returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    /// In a block.
    #[default]
    Confirmed,
    /// Nobody has seen it; `…/broadcast-funding` sends it.
    Withheld,
}

/// Answer of `POST /control/channels`.
#[derive(Debug, Serialize)]
pub struct Opened {
    /// The channel, its first commitments not yet counted.
    #[serde(flatten)]
    view: View,
    /// The first commitments (number 0), to be fed like any others.
    round: Round,
}

/// A channel as it stands.
#[derive(Debug, Serialize)]
pub struct View {
    /// The id to name it by in paths.
    id: usize,
    /// What the app registers.
    terms: Terms,
    /// Our secrets, for a signer that imports them.
    our_secrets: Secrets,
    #[serde(with = "hex::transaction")]
    funding_tx: Transaction,
    to_us_msat: u64,
    to_peer_msat: u64,
    htlcs: Vec<Htlc>,
}

/// A transaction that was made, and where it went.
#[derive(Debug, Serialize)]
pub struct Sent {
    txid: Txid,
    #[serde(with = "hex::transaction")]
    tx: Transaction,
}

/// What is done with a transaction that was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Send {
    /// It goes to the mempool.
    #[default]
    Submit,
    /// It is mined at once, in a block of its own, whatever the mempool thinks of it.
    Mine,
    /// It is only returned.
    Keep,
}

impl Send {
    pub(super) fn transaction(self, control: &Control, tx: Transaction) -> Result<Sent, Refusal> {
        match self {
            Send::Submit => {
                control.chain().submit(&tx)?;
            }
            Send::Mine => {
                control.chain().mine_txs(std::slice::from_ref(&tx))?;
            }
            Send::Keep => {}
        }
        Ok(Sent {
            txid: tx.compute_txid(),
            tx,
        })
    }
}

pub(super) fn open(control: &Control, request: Open) -> Result<Opened, Refusal> {
    let mut channels = control.channels();
    let id = channels.len();
    let setup = setup(request.setup, id as u64)?;
    let mut channel = match request.funding {
        Funding::Confirmed => Channel::open(control.chain(), setup)?,
        Funding::Withheld => Channel::prepare(control.chain(), setup)?,
    };
    let round = channel.commit_both()?;
    let opened = Opened {
        view: view(&channel, id),
        round,
    };
    channels.push(channel);
    Ok(opened)
}

pub(super) fn view(channel: &Channel, id: usize) -> View {
    View {
        id,
        terms: channel.terms(),
        our_secrets: channel.setup().ours.clone(),
        funding_tx: channel.funding_tx().clone(),
        to_us_msat: channel.balance_msat(Side::Us),
        to_peer_msat: channel.balance_msat(Side::Peer),
        htlcs: channel.htlcs().to_vec(),
    }
}

pub(super) fn broadcast_funding(
    channel: &mut Channel,
    control: &Control,
    _: Nothing,
) -> Result<Sent, Refusal> {
    Send::Submit.transaction(control, channel.funding_tx().clone())
}

fn setup(given: Map<String, Value>, number: u64) -> Result<ChannelSetup, Refusal> {
    let channel_type = match given.get("channel_type") {
        Some(named) => ChannelType::deserialize(named).map_err(Refusal::of_story)?,
        None => ChannelType::AnchorsZeroFeeHtlc,
    };
    let ordinary = serde_json::to_value(ChannelSetup::numbered(channel_type, number))
        .map_err(Refusal::of_story)?;
    let Value::Object(mut fields) = ordinary else {
        unreachable!("a struct with named fields is an object");
    };
    fields.extend(given);
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Refusal::of_story(format!("setup: {error}")))
}
