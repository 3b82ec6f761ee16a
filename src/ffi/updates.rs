//! The stream of a channel's updates: what the engine tells, one by one or together.

use super::arbitrator::channel;
use super::input::{self, Within};
use super::{
    ArbitratorError, ChainArbitrator, ChannelUpdate, HtlcKey, LocalUpdate, OutPoint, RemoteUpdate,
};

#[uniffi::export]
impl ChainArbitrator {
    /// Takes what the channel engine does together, in its order: each update is judged after the ones before it. All of
    /// it is on disk when this returns, in one synced write, or nothing. A repeat changes nothing, also of a call whose
    /// first updates are stored already.
    ///
    /// BOLT 2 says what may be told together, and which message waits for the call's return. Before `commitment_signed`
    /// leaves: `Remote`, with a `Release` before it for each `update_fulfill_htlc` that leaves with it. Before
    /// `revoke_and_ack` leaves: `Local`; and `Remote` behind it, if a `commitment_signed` leaves as well. A
    /// `revoke_and_ack` that comes with a `commitment_signed` behind it: `Revocation`, `Local`. A commitment of the peer
    /// and its revocation never come together: our signature leaves in between, and before that it is on disk.
    ///
    /// `UpdateRefused` names the update that was refused. What even a closing channel takes, a revocation or a release, is to
    /// be told again without the commitment that was refused.
    pub async fn updates(
        &self,
        channel: OutPoint,
        updates: Vec<ChannelUpdate>,
    ) -> Result<(), ArbitratorError> {
        // All of them, before the first that cannot be is complained of: every secret is wiped.
        let updates: Vec<_> = updates
            .into_iter()
            .enumerate()
            .map(|(index, update)| update.into_core().within(format_args!("updates[{index}]")))
            .collect();
        let channel = self::channel(&channel)?;
        let updates = updates.into_iter().collect::<Result<_, _>>()?;
        Ok(self.core.updates(channel, updates).await?)
    }

    /// Takes a commitment of ours that the peer signed. On disk when this returns: the engine may then revoke the previous
    /// one. An identical repeat changes nothing.
    pub async fn local_commitment(
        &self,
        channel: OutPoint,
        update: LocalUpdate,
    ) -> Result<(), ArbitratorError> {
        let channel = self::channel(&channel)?;
        let update = update.to_core().within("update")?;
        Ok(self.core.local_commitment(channel, update).await?)
    }

    /// Takes a commitment of the peer that we are about to sign. To be awaited **before** our signature leaves: from then on
    /// the peer can broadcast it. An identical repeat changes nothing.
    pub async fn remote_commitment(
        &self,
        channel: OutPoint,
        update: RemoteUpdate,
    ) -> Result<(), ArbitratorError> {
        let channel = self::channel(&channel)?;
        let update = update.to_core().within("update")?;
        Ok(self.core.remote_commitment(channel, update).await?)
    }

    /// Takes the peer's `revoke_and_ack` of commitment `number`: its 32-byte secret, and the 33-byte point of the commitment
    /// after the next. Accepted in any state of the channel.
    pub async fn revocation(
        &self,
        channel: OutPoint,
        number: u64,
        secret: Vec<u8>,
        next_point: Vec<u8>,
    ) -> Result<(), ArbitratorError> {
        let secret = input::commitment_secret("secret", secret)?;
        let channel = self::channel(&channel)?;
        let number = input::commitment_number("number", number)?;
        let next_point = input::public_key("next_point", &next_point)?;
        let core = &self.core;
        Ok(core.revocation(channel, number, secret, next_point).await?)
    }

    /// Records that we have decided to claim an HTLC, before `update_fulfill_htlc` is sent. Accepted in any state.
    pub async fn release(&self, channel: OutPoint, htlc: HtlcKey) -> Result<(), ArbitratorError> {
        let channel = self::channel(&channel)?;
        let htlc = htlc.to_core().within("htlc")?;
        Ok(self.core.release(channel, htlc).await?)
    }
}
