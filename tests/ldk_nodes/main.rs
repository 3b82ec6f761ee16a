//! Channels that real LDK nodes make and use: one of them is guarded by the arbitrator instead of LDK's own monitor, the
//! other is LDK as it is, honest or cheating. Every close kind, both channel types, each with its restart twin.

/// Makes tests of a story: both channel types, each once straight through, in a channel that we opened, and once with the
/// arbitrator dying before every step, in one that the peer opened.
macro_rules! stories {
    ($($name:ident),* $(,)?) => {$(
        mod $name {
            use crate::phone::Nap;
            use crate::world::{Who, World};
            use testkit::party::ChannelType;

            stories!(@each $name static_remotekey, ChannelType::StaticRemotekey, Who::Us, Nap::Never);
            stories!(@each $name static_remotekey_restarted, ChannelType::StaticRemotekey, Who::Peer, Nap::BeforeEveryStep);
            stories!(@each $name anchors, ChannelType::AnchorsZeroFeeHtlc, Who::Us, Nap::Never);
            stories!(@each $name anchors_restarted, ChannelType::AnchorsZeroFeeHtlc, Who::Peer, Nap::BeforeEveryStep);
        }
    )*};
    (@each $story:ident $name:ident, $channel_type:expr, $opener:expr, $nap:expr) => {
        #[test]
        fn $name() {
            super::$story(World::new($channel_type, $opener, $nap));
        }
    };
}

mod cheats;
mod closes;
mod deeds;
mod deliver;
// The histories throw them.
#[allow(dead_code)]
#[path = "../histories/dice.rs"]
mod dice;
#[path = "../histories/directory.rs"]
mod directory;
mod exchange;
mod judge;
mod keys;
mod node;
mod opening;
mod parts;
mod phone;
mod random;
mod rebuilt;
mod recorder;
mod reorgs;
mod signer;
#[allow(dead_code)]
#[path = "../histories/source.rs"]
mod source;
mod story;
mod talk;
mod together;
mod told;
// The scenarios do more with it.
#[allow(dead_code)]
#[path = "../scenarios/support/wallet.rs"]
mod wallet;
mod world;
