//! An Esplora server over either chain: the REST endpoints that `esplora-client` knows, with the answers real servers give, a
//! count of requests, and faults to order. It runs on threads of its own, so blocking tests can use it.

mod alarm;
mod answer;
mod fault;
mod hold;
mod json;
mod proof;
mod routes;
mod server;
mod view;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{mpsc, Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::chain::Chain;

pub use alarm::Moment;
pub use fault::{Fault, Lie, Paths, Scope, Times, Told};
pub use hold::Hold;
pub use proof::branch as merkle_branch;

/// No answer of a chain takes this long: what still holds it then is a node that hangs.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// Which server the gateway resembles, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// What all servers have in common.
    Plain,
    /// With `POST /txs/package`, and a refused broadcast told as `… RPC error -26: reason`.
    Blockstream,
    /// With `GET /txs/outspends?txids=…`, and a refused broadcast told as `… RPC error: {"code":-26,"message":"reason"}`.
    Mempool,
}

/// Whether answers say `Connection: keep-alive`. Connections are kept open either way; some clients re-use them only when told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// The header is sent.
    Announced,
    /// It is not, as HTTP/1.1 allows.
    Silent,
}

/// A running gateway; it stops when dropped.
pub struct Gateway {
    address: SocketAddr,
    handle: Handle,
    runtime: Option<Runtime>,
}

/// Orders faults and reads the log of a gateway; a gateway derefs to its own.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

/// What requests and test share.
pub(crate) struct Shared {
    chain: Arc<dyn Chain>,
    state: Mutex<State>,
}

struct State {
    requests: Vec<Logged>,
    orders: fault::Orders,
    gate: hold::Gate,
    alarm: alarm::Alarm,
    flavour: Flavour,
    keep_alive: KeepAlive,
}

struct Logged {
    /// Method and path, as `GET /blocks/tip/hash`.
    line: String,
    path: String,
}

impl Gateway {
    /// Serves the chain on a free port of this machine.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(chain: Arc<dyn Chain>) -> std::io::Result<Self> {
        Gateway::start_with(chain, 0, |_| Router::new())
    }

    /// As [`Gateway::start`] on this port (0: any free one), with further routes beside the Esplora ones. `routes` is given a
    /// handle that orders faults and reads the log; requests to its routes are neither counted nor struck by faults.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn start_with(
        chain: Arc<dyn Chain>,
        port: u16,
        routes: impl FnOnce(Handle) -> Router,
    ) -> std::io::Result<Self> {
        let state = State {
            requests: Vec::new(),
            orders: fault::Orders::default(),
            gate: hold::Gate::default(),
            alarm: alarm::Alarm::default(),
            flavour: Flavour::Plain,
            keep_alive: KeepAlive::Announced,
        };
        let shared = Arc::new(Shared {
            chain,
            state: Mutex::new(state),
        });
        let handle = Handle(Arc::clone(&shared));
        let router = routes(handle.clone()).merge(server::router(shared));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("gateway")
            .enable_all()
            .build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Gateway {
            address,
            handle,
            runtime: Some(runtime),
        })
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl std::ops::Deref for Gateway {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Requests under way are dropped where they wait, whether or not their clients hold the connection. The threads
            // are waited for: they hold the chain, and a node that this process lets go of only after its end runs on.
            // A thread of its own may wait for them, also when a test's runtime drops the gateway.
            let stopping = std::thread::spawn(move || runtime.shutdown_timeout(LONGEST_ANSWER));
            // An error is a panic of tokio's, which has been printed.
            let _ = stopping.join();
        }
    }
}

impl Handle {
    /// The chain behind the gateway.
    pub fn chain(&self) -> &Arc<dyn Chain> {
        &self.0.chain
    }

    /// Lets this fault strike these requests from now on, beside the faults ordered before.
    pub fn order(&self, scope: Scope, fault: Fault) {
        self.0.state().orders.add(scope, fault);
    }

    /// Takes all faults, the hold and the alarm back; the gateway is honest and prompt again.
    pub fn behave(&self) {
        let mut state = self.0.state();
        state.orders.clear();
        state.gate.open();
        state.alarm = alarm::Alarm::default();
    }

    /// Sets an alarm, in place of one set before; what is returned hears it. Counting starts now.
    pub fn alarm(&self, moment: Moment) -> mpsc::Receiver<()> {
        self.0.state().alarm.set(moment)
    }

    /// Holds requests back until a group of them waits. Starts counting groups at zero; a hold in force ends.
    pub fn hold(&self, hold: Hold) {
        self.0.state().gate.close(hold);
    }

    /// Holds `total` requests of these paths back in groups of eight (and one of the rest), as the main library's default
    /// parallelism sends them.
    pub fn hold_groups(&self, paths: Paths, total: usize) {
        self.hold(Hold {
            paths,
            size: 8,
            total,
        });
    }

    /// Groups answered since the hold began.
    pub fn groups(&self) -> usize {
        self.0.state().gate.groups()
    }

    /// Requests that are held back now.
    pub fn held(&self) -> usize {
        self.0.state().gate.held()
    }

    /// Requests since the start or the last [`Handle::reset`].
    pub fn count(&self) -> usize {
        self.0.state().requests.len()
    }

    /// Those of them whose path begins so.
    pub fn count_of(&self, prefix: &str) -> usize {
        self.0
            .state()
            .requests
            .iter()
            .filter(|request| request.path.starts_with(prefix))
            .count()
    }

    /// Those of them, in the order of their arrival, as `GET /blocks/tip/hash`.
    pub fn paths(&self) -> Vec<String> {
        self.0
            .state()
            .requests
            .iter()
            .map(|request| request.line.clone())
            .collect()
    }

    /// Forgets the requests so far.
    pub fn reset(&self) {
        self.0.state().requests.clear();
    }

    /// Which server to resemble from now on; [`Flavour::Plain`] at first.
    pub fn set_flavour(&self, flavour: Flavour) {
        self.0.state().flavour = flavour;
    }

    /// Whether to announce keep-alive from now on; announced at first.
    pub fn set_keep_alive(&self, keep_alive: KeepAlive) {
        self.0.state().keep_alive = keep_alive;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("no thread panicked with the gateway's state")
    }

    fn log(&self, line: String, path: &str) {
        self.state().requests.push(Logged {
            line,
            path: path.to_owned(),
        });
    }

    fn strike(&self, path: &str) -> Vec<Fault> {
        self.state().orders.strike(path)
    }

    fn arrive(&self, path: &str) -> Option<oneshot::Receiver<()>> {
        let mut state = self.state();
        let kept = state.alarm.arrive();
        kept.or_else(|| state.gate.arrive(path))
    }

    fn answer(&self) {
        self.state().alarm.answer();
    }

    fn flavour(&self) -> Flavour {
        self.state().flavour
    }

    fn keep_alive(&self) -> KeepAlive {
        self.state().keep_alive
    }
}
