//! Requests that hand our messages of an opening to the peer, which reads them with LDK's types and answers as its node would;
//! and what the peer says when it is connected again.

use bitcoin::hex::{DisplayHex, FromHex};
use secp256k1::PublicKey;
use serde::{Deserialize, Serialize};

use crate::party::hex::{bytes, Bytes32};
use crate::party::{Channel, Opened, ReadyRead, Stands};

use super::answer::Refusal;
use super::Control;

/// Body of `…/peer-hears`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hear {
    /// The BOLT message, its type first.
    message: String,
    our_node: PublicKey,
}

/// Answer of `…/peer-hears`: the message is one that the peer accepts.
#[derive(Debug, Serialize)]
pub struct Heard {
    /// What an announcement, or a half of one, calls the channel.
    short_channel_id: Option<String>,
    /// The peer's own `channel_ready` for ours, its half for ours; nothing for the whole.
    answer: Option<String>,
}

/// For channels of `open_channel`; those of `open_channel2` have other ids.
pub(super) fn peer_hears(
    channel: &mut Channel,
    _: &Control,
    request: Hear,
) -> Result<Heard, Refusal> {
    let message = Vec::from_hex(&request.message).map_err(Refusal::of_story)?;
    if let Some(ready) = Channel::reads_ready(&message) {
        return hears_ready(channel, ready);
    }
    if let Some(name) = channel.accepts_half(request.our_node, &message) {
        let half = channel.peer_half(Opened::V1, request.our_node, name);
        return Ok(Heard {
            short_channel_id: Some(text(name)),
            answer: Some(half.to_lower_hex_string()),
        });
    }
    let name = Channel::network_accepts(&message)
        .ok_or_else(|| Refusal::of_story("the peer does not accept this message"))?;
    Ok(Heard {
        short_channel_id: Some(text(name)),
        answer: None,
    })
}

/// Body of `…/peer-reconnects`: where the peer says that it stands; where it stands, as far as nothing is given.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reconnect {
    next_commitment_number: Option<u64>,
    next_revocation_number: Option<u64>,
    last_secret: Option<Bytes32>,
}

/// Answer of `…/peer-reconnects`.
#[derive(Debug, Serialize)]
pub struct Reestablish {
    /// The peer's `channel_reestablish`, its type first.
    #[serde(with = "bytes")]
    message: Vec<u8>,
}

/// For channels of `open_channel`, as above.
pub(super) fn peer_reconnects(
    channel: &mut Channel,
    _: &Control,
    says: Reconnect,
) -> Result<Reestablish, Refusal> {
    let stands = channel.peer_stands();
    let stands = Stands {
        next_commitment_number: says
            .next_commitment_number
            .unwrap_or(stands.next_commitment_number),
        next_revocation_number: says
            .next_revocation_number
            .unwrap_or(stands.next_revocation_number),
        last_secret: says.last_secret.map_or(stands.last_secret, |said| said.0),
    };
    let message = channel.peer_reestablish_with(Opened::V1, &stands);
    Ok(Reestablish { message })
}

fn hears_ready(channel: &Channel, ready: ReadyRead) -> Result<Heard, Refusal> {
    let expected = ReadyRead {
        channel_id: channel.channel_id(Opened::V1),
        second_point: channel.setup().ours.per_commitment_point(1),
        ..ready
    };
    if ready != expected {
        return Err(Refusal::of_story(format!(
            "{ready:?}, where the peer expects {expected:?}"
        )));
    }
    Ok(Heard {
        short_channel_id: None,
        answer: Some(channel.peer_ready(Opened::V1, None).to_lower_hex_string()),
    })
}

/// Block, transaction and output, as BOLT 7 writes them for people.
fn text(short_channel_id: u64) -> String {
    let (block, transaction, output) = (
        short_channel_id >> 40,
        short_channel_id >> 16 & 0xff_ffff,
        short_channel_id & 0xffff,
    );
    format!("{block}x{transaction}x{output}")
}
