//! One message of LDK's, handed to the other node.

use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::{ChannelMessageHandler, CommitmentUpdate, MessageSendEvent};

use crate::node::Node;

/// Whether LDK means this message for its peer: some are for nobody here.
pub fn deliver(message: &MessageSendEvent, from: PublicKey, to: &Node) {
    let to = &to.manager;
    match message {
        MessageSendEvent::SendOpenChannel { msg, .. } => to.handle_open_channel(from, msg),
        MessageSendEvent::SendAcceptChannel { msg, .. } => to.handle_accept_channel(from, msg),
        MessageSendEvent::SendFundingCreated { msg, .. } => to.handle_funding_created(from, msg),
        MessageSendEvent::SendFundingSigned { msg, .. } => to.handle_funding_signed(from, msg),
        MessageSendEvent::SendChannelReady { msg, .. } => to.handle_channel_ready(from, msg),
        MessageSendEvent::UpdateHTLCs { updates, .. } => deliver_updates(updates, from, to),
        MessageSendEvent::SendRevokeAndACK { msg, .. } => to.handle_revoke_and_ack(from, msg),
        MessageSendEvent::SendShutdown { msg, .. } => to.handle_shutdown(from, msg),
        MessageSendEvent::SendClosingSigned { msg, .. } => to.handle_closing_signed(from, msg),
        MessageSendEvent::SendChannelReestablish { msg, .. } => {
            to.handle_channel_reestablish(from, msg);
        }
        MessageSendEvent::SendChannelUpdate { .. }
        | MessageSendEvent::BroadcastChannelUpdate { .. } => {}
        other => panic!("no story has such a message: {other:?}"),
    }
}

fn deliver_updates(updates: &CommitmentUpdate, from: PublicKey, to: &impl ChannelMessageHandler) {
    for add in &updates.update_add_htlcs {
        to.handle_update_add_htlc(from, add);
    }
    for fulfil in &updates.update_fulfill_htlcs {
        to.handle_update_fulfill_htlc(from, fulfil.clone());
    }
    for fail in &updates.update_fail_htlcs {
        to.handle_update_fail_htlc(from, fail);
    }
    if let Some(fee) = &updates.update_fee {
        to.handle_update_fee(from, fee);
    }
    for signed in &updates.commitment_signed {
        to.handle_commitment_signed(from, signed);
    }
}
