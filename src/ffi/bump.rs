//! What an app asks of a claim: a feerate, or a height.

use bitcoin::FeeRate;

use super::arbitrator::channel;
use super::input::Within;
use super::{ArbitratorError, BroadcastOutcome, ChainArbitrator, OutPoint};
use crate::{arbitrator, court};

/// What is asked of a claim, or of the child of a commitment. Of two wishes the later one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Bump {
    /// To pay at least this: more than the policy's share if need be, and never more than what is claimed.
    Feerate {
        /// In sat per 1000 weight units; 250 are one sat per virtual byte.
        sat_per_kw: u64,
    },
    /// To be confirmed by a height.
    Deadline {
        /// The height, above the tip.
        height: u32,
    },
}

impl From<court::Bump> for Bump {
    fn from(bump: court::Bump) -> Self {
        match bump {
            court::Bump::Feerate(feerate) => Bump::Feerate {
                sat_per_kw: feerate.to_sat_per_kwu(),
            },
            court::Bump::Deadline(height) => Bump::Deadline { height },
        }
    }
}

impl From<Bump> for court::Bump {
    fn from(bump: Bump) -> Self {
        match bump {
            Bump::Feerate { sat_per_kw } => {
                court::Bump::Feerate(FeeRate::from_sat_per_kwu(sat_per_kw))
            }
            Bump::Deadline { height } => court::Bump::Deadline(height),
        }
    }
}

/// The answer to a wish for more.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct BumpStatus {
    /// The transaction that claims the output now, or raises the commitment; nothing: none could be made yet.
    pub txid: Option<String>,
    /// What became of its last broadcast.
    pub outcome: Option<BroadcastOutcome>,
    /// Why nothing could be done now; it is tried on every tick.
    pub delayed: Option<String>,
}

impl From<arbitrator::BumpStatus> for BumpStatus {
    fn from(status: arbitrator::BumpStatus) -> Self {
        BumpStatus {
            txid: status.txid.map(|txid| txid.to_string()),
            outcome: status.outcome.map(BroadcastOutcome::from),
            delayed: status.delayed,
        }
    }
}

#[uniffi::export]
impl ChainArbitrator {
    /// Asks that the claim of `output` pays a feerate, or is confirmed by a height; and with it that of every output which the
    /// same transaction takes. For an unconfirmed commitment `output` is our anchor on it, or the funding output: its child is
    /// asked then, and made if there was none. The wish is durable when this returns, and stays until the output is spent for
    /// good. The replacement is made, stored and broadcast at once.
    pub async fn bump(
        &self,
        channel: OutPoint,
        output: OutPoint,
        bump: Bump,
    ) -> Result<BumpStatus, ArbitratorError> {
        let channel = self::channel(&channel)?;
        let output = output.to_core().within("output")?;
        Ok(self.core.bump(channel, output, bump.into()).await?.into())
    }
}
