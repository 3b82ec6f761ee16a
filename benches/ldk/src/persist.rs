//! LDK's persister behind a clock: only what happens inside it counts.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use lightning::chain::chainmonitor::Persist;
use lightning::chain::channelmonitor::{ChannelMonitor, ChannelMonitorUpdate};
use lightning::chain::ChannelMonitorUpdateStatus;
use lightning::ln::functional_test_utils::TestChanMonCfg;
use lightning::util::persist::{MonitorName, MonitorUpdatingPersister};
use lightning::util::test_channel_signer::TestChannelSigner;
use lightning::util::test_utils::{
    TestBroadcaster, TestFeeEstimator, TestKeysInterface, TestLogger,
};
use measure::batch::Cost;

use crate::kv::SqliteKv;

type OnDisk<'a> = MonitorUpdatingPersister<
    &'a SqliteKv,
    &'a TestLogger,
    &'a TestKeysInterface,
    &'a TestKeysInterface,
    &'a TestBroadcaster,
    &'a TestFeeEstimator,
>;

/// The persister of one node.
pub enum Persister<'a> {
    /// Of the node that is measured.
    Measured {
        store: &'a SqliteKv,
        persister: OnDisk<'a>,
        time: Mutex<Duration>,
    },
    /// Of its peer, which forgets.
    Nothing,
}

impl<'a> Persister<'a> {
    pub fn measured(store: &'a SqliteKv, pending_updates: u64, config: &'a TestChanMonCfg) -> Self {
        Persister::Measured {
            store,
            persister: MonitorUpdatingPersister::new(
                store,
                &config.logger,
                pending_updates,
                &config.keys_manager,
                &config.keys_manager,
                &config.tx_broadcaster,
                &config.fee_estimator,
            ),
            time: Mutex::default(),
        }
    }

    /// What was spent so far: the time inside the persister, the bytes and transactions of its store.
    pub fn cost(&self) -> Cost {
        match self {
            Persister::Measured { store, time, .. } => Cost {
                time: *time.lock().expect("nobody panics while it is held"),
                ..store.cost()
            },
            Persister::Nothing => Cost::default(),
        }
    }

    fn run(
        &self,
        work: impl FnOnce(&OnDisk<'a>) -> ChannelMonitorUpdateStatus,
    ) -> ChannelMonitorUpdateStatus {
        match self {
            Persister::Measured {
                persister, time, ..
            } => {
                let start = Instant::now();
                let status = work(persister);
                *time.lock().expect("nobody panics while it is held") += start.elapsed();
                assert_eq!(status, ChannelMonitorUpdateStatus::Completed);
                status
            }
            Persister::Nothing => ChannelMonitorUpdateStatus::Completed,
        }
    }
}

impl Persist<TestChannelSigner> for Persister<'_> {
    fn persist_new_channel(
        &self,
        name: MonitorName,
        monitor: &ChannelMonitor<TestChannelSigner>,
    ) -> ChannelMonitorUpdateStatus {
        self.run(|persister| persister.persist_new_channel(name, monitor))
    }

    fn update_persisted_channel(
        &self,
        name: MonitorName,
        update: Option<&ChannelMonitorUpdate>,
        monitor: &ChannelMonitor<TestChannelSigner>,
    ) -> ChannelMonitorUpdateStatus {
        self.run(|persister| persister.update_persisted_channel(name, update, monitor))
    }

    fn archive_persisted_channel(&self, name: MonitorName) {
        match self {
            Persister::Measured { persister, .. } => {
                <OnDisk<'_> as Persist<TestChannelSigner>>::archive_persisted_channel(
                    persister, name,
                );
            }
            Persister::Nothing => {}
        }
    }
}
