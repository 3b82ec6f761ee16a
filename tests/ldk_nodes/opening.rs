//! The terms of a channel, put together from what both sides say while it opens and what LDK's signer is told.

use bitcoin::secp256k1::PublicKey;
use bitcoin::{Amount, ScriptBuf, Transaction};
use lightning::ln::chan_utils::{self, ChannelTransactionParameters};
use lightning::ln::msgs::{AcceptChannel, OpenChannel};
use lightning_arbitrator::channel::{ChannelTerms, Funding, KeysId, PartyTerms};
use lightning_arbitrator::protocol::{ChannelType, Party};

use crate::keys::public_keys;

/// What one side says of itself, and asks of the other.
struct Said {
    dust_limit: u64,
    first_point: PublicKey,
    shutdown_script: Option<ScriptBuf>,
    /// What the *other* side must keep.
    asks_reserve: u64,
}

impl From<&OpenChannel> for Said {
    fn from(open: &OpenChannel) -> Self {
        let fields = &open.common_fields;
        Said {
            dust_limit: fields.dust_limit_satoshis,
            first_point: fields.first_per_commitment_point,
            shutdown_script: fields.shutdown_scriptpubkey.clone(),
            asks_reserve: open.channel_reserve_satoshis,
        }
    }
}

impl From<&AcceptChannel> for Said {
    fn from(accept: &AcceptChannel) -> Self {
        let fields = &accept.common_fields;
        Said {
            dust_limit: fields.dust_limit_satoshis,
            first_point: fields.first_per_commitment_point,
            shutdown_script: fields.shutdown_scriptpubkey.clone(),
            asks_reserve: accept.channel_reserve_satoshis,
        }
    }
}

/// What is known of a channel while it opens.
#[derive(Default)]
pub struct Opening {
    open: Option<(Party, OpenChannel)>,
    accept: Option<AcceptChannel>,
    funding: Option<Transaction>,
}

impl Opening {
    pub fn opens(&mut self, opener: Party, open: &OpenChannel) {
        self.open = Some((opener, open.clone()));
    }

    pub fn accepts(&mut self, accept: &AcceptChannel) {
        self.accept = Some(accept.clone());
    }

    pub fn funds(&mut self, funding: Transaction) {
        self.funding = Some(funding);
    }

    /// The terms; `None` as long as something is missing.
    pub fn terms(
        &self,
        agreed: &ChannelTransactionParameters,
        keys_id: KeysId,
        peer: PublicKey,
    ) -> Option<ChannelTerms> {
        let (opener, open) = self.open.as_ref()?;
        let accept = self.accept.as_ref()?;
        let theirs = agreed.counterparty_parameters.as_ref()?;
        let capacity = Amount::from_sat(agreed.channel_value_satoshis);
        let kept_msat = (capacity.to_sat() * 1_000).checked_sub(open.push_msat)?;
        let (opened, accepted) = (Said::from(open), Said::from(accept));
        let (ours, peers, our_msat, peer_msat) = match opener {
            Party::Local => (opened, accepted, kept_msat, open.push_msat),
            Party::Remote => (accepted, opened, open.push_msat, kept_msat),
        };
        // BOLT 2: `to_self_delay` is how long the *other* side waits for its own balance.
        let our_delay = theirs.selected_contest_delay;
        let peer_delay = agreed.holder_selected_contest_delay;
        Some(ChannelTerms {
            funding: Funding {
                outpoint: agreed.funding_outpoint?.into_bitcoin_outpoint(),
                capacity,
                transaction: self.funding.clone(),
            },
            channel_type: match agreed
                .channel_type_features
                .supports_anchors_zero_fee_htlc_tx()
            {
                true => ChannelType::AnchorsZeroFeeHtlc,
                false => ChannelType::StaticRemotekey,
            },
            peer,
            opener: *opener,
            keys_id,
            local: party(&ours, &peers, &agreed.holder_pubkeys, our_delay, our_msat),
            remote: party(&peers, &ours, &theirs.pubkeys, peer_delay, peer_msat),
        })
    }
}

fn party(
    said: &Said,
    other: &Said,
    keys: &chan_utils::ChannelPublicKeys,
    to_self_delay: u16,
    initial_balance_msat: u64,
) -> PartyTerms {
    PartyTerms {
        keys: public_keys(keys),
        dust_limit: Amount::from_sat(said.dust_limit),
        to_self_delay,
        reserve: Amount::from_sat(other.asks_reserve),
        // BOLT 2: an empty script fixes none.
        shutdown_script: said
            .shutdown_script
            .clone()
            .filter(|script| !script.is_empty()),
        initial_balance_msat,
        first_per_commitment_point: said.first_point,
    }
}
