//! Asks the same of both chains.

/// Runs each promise once over each chain.
#[allow(unused_macros)] // not every test binary asks
macro_rules! promises {
    ($($name:ident)*) => {
        mod memory {
            $(#[test] fn $name() { super::$name(&testkit::memory::MemoryChain::new()) })*
        }
        mod bitcoind {
            $(#[test] fn $name() {
                match testkit::regtest::Bitcoind::start() {
                    Ok(node) => super::$name(&node),
                    Err(reason) => reason.say(),
                }
            })*
        }
    };
}
