//! The scenarios of the design, each over every channel type and each with its restart twin: the same story with the
//! phone switched off and on again before every step.

/// Makes four tests of one scenario: both channel types, each once straight through and once restarted before every step.
macro_rules! twins {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::support::{Nap, World};
            use testkit::party::ChannelType;

            #[test]
            fn static_remotekey() {
                super::$name(World::new(ChannelType::StaticRemotekey, Nap::Never));
            }

            #[test]
            fn static_remotekey_restarted() {
                super::$name(World::new(ChannelType::StaticRemotekey, Nap::BeforeEveryStep));
            }

            #[test]
            fn anchors() {
                super::$name(World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::Never));
            }

            #[test]
            fn anchors_restarted() {
                super::$name(World::new(ChannelType::AnchorsZeroFeeHtlc, Nap::BeforeEveryStep));
            }
        }
    )*};
}

mod callbacks;
mod contracts;
mod cooperative;
mod data_loss;
mod door;
mod hostile;
mod life;
mod limits;
mod local_close;
mod node;
mod opening;
mod queries;
mod remote_close;
mod reorgs;
mod requests;
mod slow_server;
mod storage;
mod support;
mod two_servers;
