//! A chain, an Esplora server and a counterparty in one process, for tests that are not written in Rust.
//!
//! `testkit-server [--chain memory|bitcoind] [--port N]` prints one line, `listening http://127.0.0.1:PORT`, and serves until
//! its standard input ends, so that it never outlives the test that started it. The Esplora endpoints stand at the root, the
//! control interface under `/control` (described in `testkit::control`).

use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;

use testkit::chain::{Chain, ChainKind};
use testkit::control;
use testkit::gateway::Gateway;
use testkit::memory::MemoryChain;
use testkit::regtest::Bitcoind;

const USAGE: &str = "usage: testkit-server [--chain memory|bitcoind] [--port N]";

struct Options {
    chain: ChainKind,
    /// 0: any free one.
    port: u16,
}

fn main() -> ExitCode {
    let served = options(std::env::args().skip(1)).and_then(serve);
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("testkit-server: {text}");
            ExitCode::FAILURE
        }
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        chain: ChainKind::Memory,
        port: 0,
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match (name.as_str(), value.as_str()) {
            ("--chain", "memory") => options.chain = ChainKind::Memory,
            ("--chain", "bitcoind") => options.chain = ChainKind::Bitcoind,
            ("--port", port) => options.port = port.parse().map_err(|_| USAGE)?,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn serve(options: Options) -> Result<(), String> {
    let chain: Arc<dyn Chain> = match options.chain {
        ChainKind::Memory => Arc::new(MemoryChain::new()),
        ChainKind::Bitcoind => {
            Arc::new(Bitcoind::start().map_err(|reason| format!("no bitcoind: {reason}"))?)
        }
    };
    let gateway = Gateway::start_with(Arc::clone(&chain), options.port, control::routes)
        .map_err(|error| format!("port {}: {error}", options.port))?;
    println!("listening {}", gateway.url());
    // Whoever waits for the line reads from a pipe, which is not flushed line by line.
    std::io::stdout()
        .flush()
        .map_err(|error| error.to_string())?;
    let mut ignored = Vec::new();
    std::io::stdin()
        .read_to_end(&mut ignored)
        .map_err(|error| error.to_string())?;
    // Nobody else holds the chain once the gateway is gone, so that a node ends before this process does.
    drop(gateway);
    drop(chain);
    Ok(())
}
