//! What BOLT 3 says a commitment pays and what it leaves out, computed apart from LDK.
//!
//! LDK builds the transactions; these few functions say beforehand which amounts it must arrive at. They are the
//! testkit's own reading of the specification, so that an error would have to be made twice to go unseen.

use bitcoin::Amount;

use super::setup::ChannelType;

/// BOLT 3, anchors: the value of each of the two anchor outputs.
pub const ANCHOR: Amount = Amount::from_sat(330);

/// Which side of the commitment's owner an HTLC stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// The owner of the commitment pays it: an HTLC-timeout transaction takes it back.
    ByOwner,
    /// The owner of the commitment is paid by it: an HTLC-success transaction takes it.
    ToOwner,
}

/// Who opened the channel and so pays its commitment fees, seen from the commitment's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeePayer {
    /// The owner of this commitment.
    Owner,
    /// The other side.
    Other,
}

/// A commitment before fees, seen from its owner.
#[derive(Clone, Debug)]
pub struct Balances<'a> {
    /// Decides weights, anchors, and whether second-level transactions pay a fee.
    pub channel_type: ChannelType,
    /// Satoshi per 1000 weight units.
    pub feerate_per_kw: u32,
    /// The dust limit of the owner.
    pub dust_limit: Amount,
    /// Who pays.
    pub payer: FeePayer,
    /// What the owner has outside HTLCs, in millisatoshi.
    pub to_owner_msat: u64,
    /// What the other side has outside HTLCs, in millisatoshi.
    pub to_other_msat: u64,
    /// Every HTLC with its amount in millisatoshi.
    pub htlcs: &'a [(Offer, u64)],
}

/// What a commitment pays out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The `to_local` output; zero when it is left out.
    pub to_owner: Amount,
    /// The `to_remote` output; zero when it is left out.
    pub to_other: Amount,
    /// How many anchors there are.
    pub anchors: usize,
    /// For each HTLC, in the order given, its output; `None` when it is trimmed.
    pub htlcs: Vec<Option<Amount>>,
    /// The fee by weight, before what is trimmed adds to it.
    pub base_fee: Amount,
}

impl Figures {
    /// Follows BOLT 3, "Commitment Transaction Construction".
    pub fn of(balances: &Balances) -> Self {
        let kind = balances.channel_type;
        // BOLT 3: an HTLC gets no output when what is left of it after its second-level fee is below the dust limit.
        let htlcs: Vec<Option<Amount>> = balances
            .htlcs
            .iter()
            .map(|&(offer, msat)| {
                let value = Amount::from_sat(msat / 1000);
                let least =
                    balances.dust_limit + second_level_fee(kind, offer, balances.feerate_per_kw);
                (value >= least).then_some(value)
            })
            .collect();
        let kept = htlcs.iter().flatten().count();
        let base_fee = weight_fee(balances.feerate_per_kw, commitment_weight(kind, kept));

        // BOLT 3: balances are rounded down to whole satoshi; the opener pays the fee and both anchors as far as it can.
        let due = base_fee + anchors_cost(kind);
        let after = |msat: u64, pays: bool| {
            let whole = Amount::from_sat(msat / 1000);
            let left = if pays {
                whole.checked_sub(due).unwrap_or(Amount::ZERO)
            } else {
                whole
            };
            // BOLT 3: an output below the owner's dust limit is not made.
            if left < balances.dust_limit {
                Amount::ZERO
            } else {
                left
            }
        };
        let to_owner = after(balances.to_owner_msat, balances.payer == FeePayer::Owner);
        let to_other = after(balances.to_other_msat, balances.payer == FeePayer::Other);

        // BOLT 3: a side gets its anchor when it has an output of its own, both when any HTLC is left.
        let anchors = match kind {
            ChannelType::StaticRemotekey => 0,
            ChannelType::AnchorsZeroFeeHtlc => [to_owner, to_other]
                .into_iter()
                .filter(|own| kept > 0 || *own > Amount::ZERO)
                .count(),
        };
        Figures {
            to_owner,
            to_other,
            anchors,
            htlcs,
            base_fee,
        }
    }

    /// The value of every output, smallest first, which is how BOLT 3 orders them before it looks at scripts.
    pub fn outputs(&self) -> Vec<Amount> {
        let own = [self.to_owner, self.to_other]
            .into_iter()
            .filter(|value| *value > Amount::ZERO);
        let mut all: Vec<Amount> = own
            .chain(self.htlcs.iter().flatten().copied())
            .chain([ANCHOR].repeat(self.anchors))
            .collect();
        all.sort_unstable();
        all
    }

    /// What the miner gets: all of the channel that no output pays.
    pub fn fee(&self, capacity: Amount) -> Amount {
        capacity - self.outputs().into_iter().sum()
    }
}

/// BOLT 3: the expected weight of a commitment with `htlc_outputs` untrimmed HTLCs, in weight units.
pub fn commitment_weight(kind: ChannelType, htlc_outputs: usize) -> u64 {
    let base = match kind {
        ChannelType::StaticRemotekey => 724,
        ChannelType::AnchorsZeroFeeHtlc => 1124,
    };
    base + 172 * htlc_outputs as u64
}

/// What a second-level transaction pays by itself. BOLT 3: nothing with zero-fee HTLC transactions.
pub fn second_level_fee(kind: ChannelType, offer: Offer, feerate_per_kw: u32) -> Amount {
    match (kind, offer) {
        (ChannelType::StaticRemotekey, Offer::ByOwner) => weight_fee(feerate_per_kw, 663),
        (ChannelType::StaticRemotekey, Offer::ToOwner) => weight_fee(feerate_per_kw, 703),
        (ChannelType::AnchorsZeroFeeHtlc, Offer::ByOwner | Offer::ToOwner) => Amount::ZERO,
    }
}

fn anchors_cost(kind: ChannelType) -> Amount {
    match kind {
        ChannelType::StaticRemotekey => Amount::ZERO,
        ChannelType::AnchorsZeroFeeHtlc => ANCHOR * 2,
    }
}

// BOLT 3: fees are rounded down to whole satoshi.
fn weight_fee(feerate_per_kw: u32, weight: u64) -> Amount {
    Amount::from_sat(u64::from(feerate_per_kw) * weight / 1000)
}
