//! The Esplora server of a test: a real one where `ELECTRS_EXE` names one and the chain is a real node, else the gateway.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use corepc_node::tempfile::TempDir;

use crate::chain::{Chain, NodeAccess};
use crate::gateway::Gateway;

/// How often a server is asked whether it has caught up.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// After so many questions (two minutes) the server is given up; mempool's electrs looks at the node every five seconds.
const MAX_POLLS: u32 = 1_200;

/// An Esplora server over a chain.
pub enum Esplora {
    /// The gateway, which can also misbehave.
    Gateway(Gateway),
    /// A real server.
    Server(Server),
}

/// A real server's process; it ends when dropped.
pub struct Server {
    process: Child,
    address: SocketAddr,
    chain: Arc<dyn Chain>,
    _database: TempDir,
}

/// Why there is no Esplora server.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// A port, a directory or the process could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The process ended, or never told the chain's tip.
    #[error("the Esplora server {0}")]
    Silent(String),
}

fn io(what: &'static str) -> impl FnOnce(std::io::Error) -> NotStarted {
    move |source| NotStarted::Io { what, source }
}

impl Esplora {
    /// Starts the server that `ELECTRS_EXE` names if the chain is a node, and waits until it has indexed the chain; otherwise
    /// starts the gateway.
    ///
    /// # Errors
    /// When the server does not come up. A server that was named is never silently replaced by the gateway.
    pub fn start(chain: Arc<dyn Chain>) -> Result<Self, NotStarted> {
        match (std::env::var_os("ELECTRS_EXE"), chain.node()) {
            (Some(executable), Some(node)) => {
                Server::start(executable, &node, chain).map(Esplora::Server)
            }
            (Some(_), None) | (None, _) => Gateway::start(chain)
                .map(Esplora::Gateway)
                .map_err(io("starting the gateway")),
        }
    }

    /// The base URL, without a slash at its end.
    pub fn url(&self) -> String {
        match self {
            Esplora::Gateway(gateway) => gateway.url(),
            Esplora::Server(server) => format!("http://{}", server.address),
        }
    }

    /// The gateway, for a test that needs faults or counts requests.
    pub fn gateway(&self) -> Option<&Gateway> {
        match self {
            Esplora::Gateway(gateway) => Some(gateway),
            Esplora::Server(_) => None,
        }
    }

    /// Waits until the server tells the chain's tip and mempool. The gateway always does.
    ///
    /// # Errors
    /// When a real server has not caught up in two minutes.
    pub fn catch_up(&mut self) -> Result<(), NotStarted> {
        match self {
            Esplora::Gateway(_) => Ok(()),
            Esplora::Server(server) => server.catch_up(),
        }
    }
}

impl Server {
    /// Starts this executable over this node.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(
        executable: OsString,
        node: &NodeAccess,
        chain: Arc<dyn Chain>,
    ) -> Result<Self, NotStarted> {
        let database = TempDir::new().map_err(io("making a directory for the Esplora server"))?;
        let [http, electrum, monitoring] = free_ports().map_err(io("finding free ports"))?;
        let process = Command::new(executable)
            .args(arguments(node, database.path(), http))
            // Not used, but their defaults are fixed ports, over which two tests would quarrel.
            .args([
                format!("--electrum-rpc-addr={electrum}"),
                format!("--monitoring-addr={monitoring}"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(io("starting ELECTRS_EXE"))?;
        let mut server = Server {
            process,
            address: http,
            chain,
            _database: database,
        };
        server.catch_up()?;
        Ok(server)
    }

    fn catch_up(&mut self) -> Result<(), NotStarted> {
        for _ in 0..MAX_POLLS {
            if self.tells_the_chain() {
                return Ok(());
            }
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(NotStarted::Silent(format!("ended with {status}")));
            }
            // The one wait without an event to wait for: the server polls the node in its own time.
            std::thread::sleep(POLL_INTERVAL);
        }
        Err(NotStarted::Silent(format!(
            "did not catch up with {}",
            self.chain.tip().hash
        )))
    }

    fn tells_the_chain(&self) -> bool {
        let mempool: BTreeSet<String> = self
            .chain
            .mempool()
            .iter()
            .map(ToString::to_string)
            .collect();
        let told = body_of(self.address, "/mempool/txids")
            .and_then(|text| serde_json::from_str::<BTreeSet<String>>(&text).ok());
        told == Some(mempool)
            && body_of(self.address, "/blocks/tip/hash") == Some(self.chain.tip().hash.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn arguments(node: &NodeAccess, database: &Path, http: SocketAddr) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = ["--network", "regtest", "--jsonrpc-import"]
        .map(Into::into)
        .into();
    arguments.extend(["--daemon-dir".into(), node.data_dir.clone().into()]);
    arguments.extend(["--daemon-rpc-addr".into(), node.rpc_address.clone().into()]);
    arguments.extend(["--cookie".into(), node.cookie.clone().into()]);
    arguments.extend(["--http-addr".into(), http.to_string().into()]);
    arguments.extend(["--db-dir".into(), database.into()]);
    arguments
}

fn free_ports<const N: usize>() -> std::io::Result<[SocketAddr; N]> {
    // All are held at once, so that they differ.
    let mut listeners = Vec::new();
    let mut ports = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for port in &mut ports {
        let listener = TcpListener::bind(*port)?;
        *port = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(ports)
}

/// The body of a small answer with status 200; `None` for anything else.
fn body_of(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    // HTTP/1.0: the answer comes in one piece and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ')
        .nth(1)
        .filter(|status| *status == "200")
        .map(|_| body.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryChain;

    fn node() -> NodeAccess {
        NodeAccess {
            rpc_address: "127.0.0.1:18443".into(),
            cookie: "user:word".into(),
            data_dir: "/data".into(),
        }
    }

    #[test]
    fn the_server_is_told_where_the_node_is() {
        let http = SocketAddr::from((Ipv4Addr::LOCALHOST, 3002));
        let told = arguments(&node(), Path::new("/db"), http).join(" ".as_ref());
        assert_eq!(
            told,
            "--network regtest --jsonrpc-import --daemon-dir /data --daemon-rpc-addr 127.0.0.1:18443 \
             --cookie user:word --http-addr 127.0.0.1:3002 --db-dir /db"
        );
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error() {
        let chain = Arc::new(MemoryChain::new());
        let refused = Server::start("false".into(), &node(), chain).err().unwrap();
        assert!(refused.to_string().contains("ended with"), "{refused}");
    }

    #[test]
    fn a_server_that_cannot_be_started_is_an_error() {
        let chain = Arc::new(MemoryChain::new());
        let refused = Server::start("/nowhere".into(), &node(), chain)
            .err()
            .unwrap();
        assert!(
            matches!(
                refused,
                NotStarted::Io {
                    what: "starting ELECTRS_EXE",
                    ..
                }
            ),
            "{refused}"
        );
    }

    /// The gateway stands in for the real server; `sleep` for its process.
    #[test]
    fn a_server_has_caught_up_when_it_tells_tip_and_mempool() {
        let chain: Arc<dyn Chain> = Arc::new(MemoryChain::new());
        let gateway = Gateway::start(Arc::clone(&chain)).unwrap();
        let mut server = Server {
            process: Command::new("sleep").arg("600").spawn().unwrap(),
            address: gateway
                .url()
                .strip_prefix("http://")
                .unwrap()
                .parse()
                .unwrap(),
            chain: Arc::clone(&chain),
            _database: TempDir::new().unwrap(),
        };
        let script = bitcoin::ScriptBuf::new().to_p2wsh();
        let funding = chain.fund_unbroadcast(&script, bitcoin::Amount::ONE_BTC);
        chain.submit(&funding).unwrap();
        chain.mine_empty(1);
        server.catch_up().unwrap();
        server.chain = Arc::new(MemoryChain::new());
        assert!(!server.tells_the_chain());
    }
}
