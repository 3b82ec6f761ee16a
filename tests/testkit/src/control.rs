//! The control interface: JSON over HTTP under `/control`, beside the Esplora endpoints of the same server, so that tests in
//! Kotlin, Swift or JavaScript drive blocks and the peer.
//!
//! A story: `POST /control/channels` opens a channel and answers with all that the app registers and imports; `…/update` pays
//! and answers with what the app feeds to its library; `…/peer-closes` is what happens while the device sleeps;
//! `/control/mine` lets time pass; `GET /control/address/{script}` says what arrived.
//!
//! | request | body | answer |
//! | --- | --- | --- |
//! | `POST /control/channels` | `{setup?, funding?}` ([`channels::Open`]) | [`channels::Opened`] |
//! | `GET /control/channels/{id}` | | [`channels::View`] |
//! | `POST …/{id}/broadcast-funding` | | [`channels::Sent`] |
//! | `POST …/{id}/update` | `{add?, settle?, forget?, feerate_per_kw?, commit?}` ([`updates::Update`]) | [`updates::Updated`] |
//! | `POST …/{id}/revoke` | | [`crate::party::Revocation`] |
//! | `POST …/{id}/peer-hears` | `{message, our_node}` ([`messages::Hear`]) | [`messages::Heard`] |
//! | `POST …/{id}/peer-reconnects` | `{next_commitment_number?, next_revocation_number?, last_secret?}` ([`messages::Reconnect`]) | [`messages::Reestablish`] |
//! | `POST …/{id}/peer-closes` | `{which?, send?}` ([`deeds::Close`]) | [`channels::Sent`] |
//! | `POST …/{id}/our-closes` | the same; as another device of ours would | [`channels::Sent`] |
//! | `POST …/{id}/data-loss` | `{rounds?, send?}` | [`crate::party::DataLoss`] |
//! | `POST …/{id}/coop` | `{close?, send?}` ([`crate::party::CooperativeClose`]) | [`channels::Sent`] |
//! | `POST …/{id}/unknown-spend` | `{outputs: [{script, value_sat}], send?}` | [`channels::Sent`] |
//! | `POST …/{id}/claim` | `{claim, owner, which?, fee_sat?, send?}` ([`deeds::Claim`]) | [`channels::Sent`] |
//! | `POST /control/mine` | `{blocks, mempool?: take or leave}` | [`blocks::Tip`] |
//! | `POST /control/reorg` | `{depth, blocks, orphaned?: keep, drop or {replace: [tx]}}` | [`blocks::Tip`] |
//! | `POST /control/fund` | `{script, value_sat}` | [`blocks::Funded`] |
//! | `POST /control/submit` | `{tx}` | [`blocks::Submitted`] |
//! | `POST /control/evict` | `{txid}` | `{}` |
//! | `POST /control/fees` | `{estimates?: {"6": 2.5}, min_sat_per_kvb?}` | `{}` |
//! | `POST /control/faults` | `{scope?, fault}` ([`crate::gateway::Fault`]) | `{}` |
//! | `POST /control/behave` | | `{}`; takes all faults back |
//! | `GET /control/requests` | | [`blocks::Requests`]: those of the Esplora side |
//! | `POST /control/requests/reset` | | `{}` |
//! | `GET /control/address/{script or address}` | | [`blocks::Balance`] |
//! | `GET /control/state` | | [`blocks::Overview`] |
//!
//! Bytes, scripts, keys and transactions are lower-case hex, outpoints `txid:vout`, signatures the 64 bytes of BOLT 2. A body
//! may be empty when all its fields are optional; a field nobody knows is an error. What cannot be is refused with
//! `{"error": "…"}`: 400 for a story that contradicts itself, 404 for an unknown channel, 409 for what the chain refuses;
//! nothing has changed then.

mod answer;
pub mod blocks;
pub mod channels;
pub mod deeds;
pub mod messages;
pub mod updates;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;

use crate::chain::Chain;
use crate::gateway::Handle;
use crate::party::Channel;

use answer::{channel_command, channel_query, command, query, query_with};

/// What the requests share.
pub(crate) struct Control {
    gateway: Handle,
    /// A channel's id is its place here.
    channels: Mutex<Vec<Channel>>,
}

impl Control {
    fn chain(&self) -> &dyn Chain {
        &**self.gateway.chain()
    }

    fn channels(&self) -> MutexGuard<'_, Vec<Channel>> {
        // A channel is replaced whole or not at all, so what a panic left behind is as it was before the request.
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes, for [`crate::gateway::Gateway::start_with`].
pub fn routes(gateway: Handle) -> Router {
    let control = Control {
        gateway,
        channels: Mutex::new(Vec::new()),
    };
    Router::new()
        .route("/control/channels", command(channels::open))
        .route("/control/channels/{id}", channel_query(channels::view))
        .route(
            "/control/channels/{id}/broadcast-funding",
            channel_command(channels::broadcast_funding),
        )
        .route(
            "/control/channels/{id}/update",
            channel_command(updates::update),
        )
        .route(
            "/control/channels/{id}/revoke",
            channel_command(updates::revoke),
        )
        .route(
            "/control/channels/{id}/peer-hears",
            channel_command(messages::peer_hears),
        )
        .route(
            "/control/channels/{id}/peer-reconnects",
            channel_command(messages::peer_reconnects),
        )
        .route(
            "/control/channels/{id}/peer-closes",
            channel_command(deeds::peer_closes),
        )
        .route(
            "/control/channels/{id}/our-closes",
            channel_command(deeds::our_closes),
        )
        .route(
            "/control/channels/{id}/data-loss",
            channel_command(deeds::data_loss),
        )
        .route("/control/channels/{id}/coop", channel_command(deeds::coop))
        .route(
            "/control/channels/{id}/unknown-spend",
            channel_command(deeds::unknown_spend),
        )
        .route(
            "/control/channels/{id}/claim",
            channel_command(deeds::claim),
        )
        .route("/control/mine", command(blocks::mine))
        .route("/control/reorg", command(blocks::reorg))
        .route("/control/fund", command(blocks::fund))
        .route("/control/submit", command(blocks::submit))
        .route("/control/evict", command(blocks::evict))
        .route("/control/fees", command(blocks::fees))
        .route("/control/faults", command(blocks::faults))
        .route("/control/behave", command(blocks::behave))
        .route("/control/requests", query(blocks::requests))
        .route("/control/requests/reset", command(blocks::reset_requests))
        .route("/control/address/{script}", query_with(blocks::balance))
        .route("/control/state", query(blocks::overview))
        .with_state(Arc::new(control))
}
