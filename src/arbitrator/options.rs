//! What an app says when it opens the arbitrator and when it resumes, and what it is told.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Network, OutPoint, Txid};

use super::sleep::SleepBudget;
use crate::chain::{
    BlockRef, BroadcastOutcome, Budget, ChainPolicy, ChainSource, Look, ServerStanding, SyncOutcome,
};
use crate::config::Policy;
use crate::court::report::ChannelReport;
use crate::court::{ArbitratorState, Outcome, PeerContact};
use crate::graph::GraphView;
use crate::signer::{NodeSigner, Signer};
use crate::store::CryptoSystem;
use crate::wallet::Wallet;

/// Everything the arbitrator needs from outside.
#[derive(Clone)]
pub struct Config {
    pub network: Network,
    /// The SQLite file; created if it is not there.
    pub database: PathBuf,
    pub chain: Arc<dyn ChainSource>,
    pub signer: Arc<dyn Signer>,
    pub wallet: Wallet,
    /// Our node's key: only public channels need it.
    pub node_signer: Option<Arc<dyn NodeSigner>>,
    /// The network as the app knows it: says whether an announced channel was forgotten.
    pub graph: Option<Arc<dyn GraphView>>,
    /// Seals the key under which everything secret in the database is sealed.
    pub crypto: Arc<dyn CryptoSystem>,
    pub policy: Policy,
    pub chain_policy: ChainPolicy,
    /// How long opening waits for another process that has the database open; `None`: not at all.
    pub wait_for_lock: Option<Duration>,
    /// Another file layer of SQLite's, by name: for tests that lose power.
    pub vfs: Option<String>,
}

impl Config {
    /// With the defaults of the rules. An app that wants no sealing says so:
    /// [`Unsealed`](crate::store::Unsealed).
    pub fn new(
        network: Network,
        database: impl Into<PathBuf>,
        chain: Arc<dyn ChainSource>,
        signer: Arc<dyn Signer>,
        wallet: impl Into<Wallet>,
        crypto: Arc<dyn CryptoSystem>,
    ) -> Self {
        Config {
            network,
            database: database.into(),
            chain,
            signer,
            wallet: wallet.into(),
            node_signer: None,
            graph: None,
            crypto,
            policy: Policy::default(),
            chain_policy: ChainPolicy::default(),
            wait_for_lock: None,
            vfs: None,
        }
    }
}

/// When a tick asks the server for the coins of the embedded wallet. The app's own wallet knows its coins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReserveLook {
    /// When a claim needs one, and none that is known is there.
    #[default]
    WhenNeeded,
    /// In this tick: the user pays something in, or wants to see what is there.
    Now,
}

/// The limits of one tick, and where it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeOptions {
    /// The tick ends at the next durable point after this time.
    pub max_duration: Option<Duration>,
    /// The tick ends before it would make one more exchange with the server, retries included.
    pub max_requests: Option<u32>,
    pub look: Look,
    pub reserve: ReserveLook,
    /// Peers whose channels were reestablished since the last tick: what they did not settle then, they will not. For HTLCs
    /// only; what `channel_reestablish` itself means, [`peer_message`](super::ChainArbitrator::peer_message) takes.
    pub reconnected_peers: BTreeSet<PublicKey>,
    /// Peers that were tried and could not be reached: what has to be settled before the next wake goes to the chain.
    pub unreachable_peers: BTreeSet<PublicKey>,
}

impl Default for ResumeOptions {
    fn default() -> Self {
        ResumeOptions {
            max_duration: None,
            max_requests: None,
            look: Look::Tip,
            reserve: ReserveLook::WhenNeeded,
            reconnected_peers: BTreeSet::new(),
            unreachable_peers: BTreeSet::new(),
        }
    }
}

impl ResumeOptions {
    pub(super) fn contact(&self, peer: &PublicKey) -> PeerContact {
        if self.reconnected_peers.contains(peer) {
            PeerContact::Reconnected
        } else if self.unreachable_peers.contains(peer) {
            PeerContact::Unreachable
        } else {
            PeerContact::Unknown
        }
    }

    pub(super) fn budget(&self) -> Budget {
        let mut budget = Budget::unlimited();
        if let Some(max_requests) = self.max_requests {
            budget = budget.with_max_requests(max_requests);
        }
        if let Some(max_duration) = self.max_duration {
            budget = budget.with_max_duration(max_duration);
        }
        budget
    }
}

/// Something that went wrong and is tried again on the next tick; everything else went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The channel it concerns, if it concerns one.
    pub channel: Option<OutPoint>,
    pub what: String,
}

/// What a tick came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumeReport {
    pub tip_before: Option<BlockRef>,
    pub tip: Option<BlockRef>,
    /// Exchanges with the server, retries included.
    pub requests: u32,
    /// Everything that was due is done. If not, the next tick goes on where this one stopped.
    pub complete: bool,
    /// Why the tick ended early, if it did.
    pub stopped: Option<String>,
    /// The server's tip has less work than ours: nothing was learnt from it but hints.
    pub server_behind: bool,
    /// Channels whose case moved.
    pub changed: BTreeSet<OutPoint>,
    /// Channels that are more than simply open.
    pub open: Vec<ChannelReport>,
    /// The next height at which something is to be done, if nothing else happens.
    pub next_height: Option<u32>,
    /// Until when the device may sleep now.
    pub sleep: SleepBudget,
    pub troubles: Vec<Trouble>,
}

impl ResumeReport {
    pub(super) fn take_sync(&mut self, outcome: &SyncOutcome) {
        self.server_behind = match outcome.server {
            ServerStanding::Current | ServerStanding::Unknown => false,
            ServerStanding::Behind { .. } => true,
        };
        self.stopped = outcome.stopped.as_ref().map(ToString::to_string);
        for failure in &outcome.failures {
            self.troubles.push(Trouble {
                channel: None,
                what: format!("{:?}: {}", failure.subject, failure.error),
            });
        }
    }
}

/// The answer to a wish to close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForceCloseStatus {
    pub state: ArbitratorState,
    /// Our transactions that close the channel, and what became of their last broadcast.
    pub broadcasts: Vec<(Txid, Option<Outcome>)>,
    /// Why the broadcast could not be attempted now; it is attempted on every tick.
    pub delayed: Option<String>,
}

impl From<BroadcastOutcome> for Outcome {
    fn from(outcome: BroadcastOutcome) -> Self {
        match outcome {
            BroadcastOutcome::Accepted => Outcome::Accepted,
            BroadcastOutcome::AlreadyKnown => Outcome::AlreadyKnown,
            BroadcastOutcome::Conflicts { with, text } => Outcome::Conflict(match with {
                Some(txid) => format!("{txid}: {text}"),
                None => text,
            }),
            BroadcastOutcome::FeeTooLow { text: _ } => Outcome::FeeTooLow,
            BroadcastOutcome::Unreachable { text: _ } => Outcome::Unreachable,
            BroadcastOutcome::Other { text } => Outcome::Other(text),
        }
    }
}
