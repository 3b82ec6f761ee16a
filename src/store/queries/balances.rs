//! What all channels together hold.

use super::super::cases::lifecycle_column;
use super::super::error::Unreadable;
use super::super::pack::At;
use super::super::{ChannelRow, StoreError};
use super::{PendingHtlcs, Queries, Standing};
use crate::channel::Lifecycle;
use crate::court::{ClosingBalance, FundingState};
use crate::protocol::Party;

/// The money in all channels that are not closed, by how safe it is to count on. In msat where HTLCs may carry
/// fractions of a satoshi.
#[derive(Debug, Default)]
pub struct Balances {
    /// Fundings that are not proven to be on the chain.
    pub pending: ChannelSums,
    /// Open channels.
    pub open: ChannelSums,
    /// Of what is ours in open channels: what we can spend, which is all but the reserves (BOLT 2:
    /// `channel_reserve_satoshis`). The fee of a further HTLC on our commitments is not taken off.
    pub spendable_msat: u64,
    /// Channels that are to be closed, while no close is proven.
    pub closing: ChannelSums,
    /// Closes that are proven, while their outputs are being resolved.
    pub on_chain: ClosingBalance,
    /// What could not be read, and is in no sum.
    pub unreadable: Unreadable,
}

/// The sums over some channels, by our newest commitments, before fees and anchors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelSums {
    pub channels: u32,
    /// Ours, outside HTLCs.
    pub local_msat: u64,
    /// The peers', outside HTLCs.
    pub remote_msat: u64,
    /// Offered by us.
    pub outgoing: PendingHtlcs,
    /// Offered by the peers.
    pub incoming: PendingHtlcs,
}

impl ChannelSums {
    fn add(&mut self, standing: &Standing) {
        self.channels = self.channels.saturating_add(1);
        self.local_msat = self.local_msat.saturating_add(standing.local_msat);
        self.remote_msat = self.remote_msat.saturating_add(standing.remote_msat);
        self.outgoing.add(standing.outgoing);
        self.incoming.add(standing.incoming);
    }
}

pub(super) const IN_LIFE: &str = "SELECT channel FROM court_case WHERE lifecycle = ?1";

impl Queries {
    /// What all channels that are not closed hold. Reads every one of them, and no past state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn balances(&self) -> Result<Balances, StoreError> {
        let mut balances = Balances::default();
        for lifecycle in [Lifecycle::Pending, Lifecycle::Open, Lifecycle::Closing] {
            let mut statement = self.store.connection.prepare_cached(IN_LIFE)?;
            let mut rows = statement.query([lifecycle_column(lifecycle)])?;
            while let Some(row) = rows.next()? {
                let row = ChannelRow(row.get(0)?);
                let counted = self.count(row, lifecycle, &mut balances);
                balances.unreadable.sift(counted);
            }
        }
        Ok(balances)
    }

    fn count(
        &self,
        row: ChannelRow,
        lifecycle: Lifecycle,
        balances: &mut Balances,
    ) -> Result<(), StoreError> {
        let by_commitment = || {
            self.standing(row)?
                .ok_or_else(|| At("commitment", "number").corrupt("our newest one is missing"))
        };
        match lifecycle {
            Lifecycle::Pending => balances.pending.add(&by_commitment()?),
            Lifecycle::Open => {
                let standing = by_commitment()?;
                let reserve = self.store.party(row, Party::Local)?.reserve.to_sat();
                let spendable = standing
                    .local_msat
                    .saturating_sub(reserve.saturating_mul(1000));
                balances.open.add(&standing);
                balances.spendable_msat = balances.spendable_msat.saturating_add(spendable);
            }
            Lifecycle::Closing => {
                let case = self.store.case(row)?;
                match (&case.close, case.funding) {
                    (Some(_), _) => {
                        let capacity = self.store.funding_output(row)?.value;
                        let on_chain = std::mem::take(&mut balances.on_chain);
                        balances.on_chain = on_chain.plus(ClosingBalance::of(&case, capacity));
                    }
                    (None, FundingState::Open(_)) => balances.closing.add(&by_commitment()?),
                    // The close was decided on, or the funding cancelled, before the money was there.
                    (None, FundingState::Pending | FundingState::Mismatch(_)) => {
                        balances.pending.add(&by_commitment()?);
                    }
                }
            }
            Lifecycle::Closed => {}
        }
        Ok(())
    }
}
