//! Cooperative closes, signed by both sides: BOLT 2's `closing_signed` and its later `closing_complete`.

use bitcoin::absolute::LockTime;
use bitcoin::{Amount, ScriptBuf, Sequence, Transaction};
use lightning::ln::chan_utils::ClosingTransaction;
use serde::{Deserialize, Serialize};

use super::build::sign_funding_input;
use super::channel::Channel;
use super::error::PartyError;
use super::setup::Side;

/// Which protocol made the closing transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Closing {
    /// `closing_signed`: the opener pays, the sequence is final, the locktime 0.
    Legacy,
    /// `option_simple_close`: the closer pays, and may replace what it closed with by something dearer.
    Simple {
        /// Who proposes and pays.
        closer: Side,
        /// The locktime that the closer chose.
        lock_time: u32,
        /// Which outputs this one of the up to three signed variants has.
        outputs: ClosingOutputs,
    },
}

/// The variants of `closing_complete`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosingOutputs {
    /// `closer_and_closee_outputs`.
    Both,
    /// `closer_output_only`: the closee gives up its dust.
    CloserOnly,
    /// `closee_output_only`: the closer gives up its dust.
    CloseeOnly,
}

/// A cooperative close to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CooperativeClose {
    /// Which protocol.
    pub kind: Closing,
    /// What the miner gets.
    #[serde(rename = "fee_sat", with = "bitcoin::amount::serde::as_sat")]
    pub fee: Amount,
    /// Pays us here and not at our shutdown script (`closing_complete` may name another one).
    #[serde(default)]
    pub our_script: Option<ScriptBuf>,
    /// Pays the peer here and not at its shutdown script.
    #[serde(default)]
    pub peer_script: Option<ScriptBuf>,
}

impl CooperativeClose {
    /// A close by `closing_signed`.
    pub fn legacy(fee: Amount) -> Self {
        CooperativeClose {
            kind: Closing::Legacy,
            fee,
            our_script: None,
            peer_script: None,
        }
    }

    /// A close by `closing_complete` with both outputs.
    pub fn simple(closer: Side, fee: Amount) -> Self {
        let kind = Closing::Simple {
            closer,
            lock_time: 0,
            outputs: ClosingOutputs::Both,
        };
        CooperativeClose {
            kind,
            fee,
            our_script: None,
            peer_script: None,
        }
    }
}

impl Channel {
    /// The closing transaction over the ledger of now, with both signatures.
    ///
    /// # Errors
    /// While HTLCs are live, and when whoever pays cannot pay the fee.
    pub fn cooperative_close(&self, close: &CooperativeClose) -> Result<Transaction, PartyError> {
        // BOLT 2: closing is negotiated once no HTLC is left.
        if let Some(htlc) = self.htlcs().first() {
            return Err(PartyError::HtlcLive(htlc.key));
        }
        let payer = match close.kind {
            Closing::Legacy => self.setup().opener,
            Closing::Simple { closer, .. } => closer,
        };
        let script = |side: Side| {
            let given = match side {
                Side::Us => &close.our_script,
                Side::Peer => &close.peer_script,
            };
            given
                .clone()
                .unwrap_or_else(|| self.setup().shutdown_script(side).clone())
        };
        let (to_us, to_peer) = (
            self.closing_value(close, payer, Side::Us)?,
            self.closing_value(close, payer, Side::Peer)?,
        );
        let built = ClosingTransaction::new(
            to_us.to_sat(),
            to_peer.to_sat(),
            script(Side::Us),
            script(Side::Peer),
            self.funding(),
        );
        let mut transaction = built.trust().built_transaction().clone();
        match close.kind {
            Closing::Legacy => {}
            Closing::Simple { lock_time, .. } => {
                // BOLT 3: replaceable, and with the closer's locktime. LDK 0.2 knows only the older form.
                transaction.input[0].sequence = Sequence::ENABLE_RBF_NO_LOCKTIME;
                transaction.lock_time = LockTime::from_consensus(lock_time);
            }
        }
        if transaction.output.is_empty() {
            return Err(PartyError::NothingToSpend(
                "no side has an output above the dust limit",
            ));
        }
        Ok(sign_funding_input(self.setup(), transaction))
    }

    fn closing_value(
        &self,
        close: &CooperativeClose,
        payer: Side,
        side: Side,
    ) -> Result<Amount, PartyError> {
        // BOLT 3: balances are rounded down to whole satoshi, and the fee comes from who pays it.
        let whole = Amount::from_sat(self.balance_msat(side) / 1000);
        let left = if side == payer {
            whole.checked_sub(close.fee)
        } else {
            Some(whole)
        };
        let left = left.ok_or(PartyError::Unaffordable {
            payer,
            needed_msat: close.fee.to_sat().saturating_mul(1000),
            has_msat: self.balance_msat(side),
        })?;
        let wanted = match close.kind {
            // BOLT 3: whoever signs removes outputs below its own dust limit; both sign, so the larger limit holds.
            Closing::Legacy => {
                left >= self
                    .setup()
                    .our_dust_limit
                    .max(self.setup().peer_dust_limit)
            }
            Closing::Simple {
                closer, outputs, ..
            } => match outputs {
                ClosingOutputs::Both => true,
                ClosingOutputs::CloserOnly => side == closer,
                ClosingOutputs::CloseeOnly => side != closer,
            },
        };
        Ok(if wanted { left } else { Amount::ZERO })
    }
}
