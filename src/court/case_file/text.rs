//! The case file for people: a head, a line an output, a line an event. The wording is stable.

use std::fmt::{Display, Formatter, Result};

use super::{BroadcastFile, CaseFile, CloseFile, OutputFile};
use crate::channel::Lifecycle;
use crate::court::{ClosingBalance, Money, Waiting};

impl Display for CaseFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let stage = match self.lifecycle {
            Lifecycle::Pending => "pending",
            Lifecycle::Open => "open",
            Lifecycle::Closing => "closing",
            Lifecycle::Closed => "closed",
        };
        writeln!(f, "channel {}: {stage}, {}", self.channel, self.state)?;
        writeln!(f, "tip: {}", self.tip)?;
        writeln!(f, "funding: {}", self.funding)?;
        if let Some(close) = &self.close {
            writeln!(f, "close: {close}")?;
            writeln!(f, "balance: {}", self.balance)?;
        }
        match self.next_height {
            Some(height) => writeln!(f, "next height: {height}")?,
            None => writeln!(f, "next height: none")?,
        }
        for held in &self.broadcasts {
            writeln!(f, "broadcast: {}, {held}", held.purpose)?;
        }
        for output in &self.outputs {
            writeln!(f, "output {output}")?;
        }
        for entry in &self.timeline {
            writeln!(f, "{entry}")?;
        }
        Ok(())
    }
}

impl Display for CloseFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let depth = if self.settled {
            "settled"
        } else {
            "not settled yet"
        };
        let (kind, txid, height) = (self.kind, self.txid, self.block.height);
        write!(f, "{txid} at height {height}, {depth}: {kind}")
    }
}

/// The sums that are not zero.
impl Display for ClosingBalance {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let mut sums = vec![
            ("settled".to_string(), self.settled),
            ("claimable now".to_string(), self.claimable),
        ];
        let maturing = self.maturing.iter();
        sums.extend(maturing.map(|(height, amount)| (format!("from height {height}"), *amount)));
        sums.extend([
            ("contested".to_string(), self.contested),
            ("not worth its fee".to_string(), self.uneconomic),
            ("given up".to_string(), self.given_up),
            ("lost".to_string(), self.lost),
            ("others'".to_string(), self.others),
            ("closing fee".to_string(), self.closing_fee),
            ("claims' fees".to_string(), self.sweep_fees),
            ("paid by coins of the wallet".to_string(), self.wallet_fees),
        ]);
        write!(f, "{} sat", self.total().to_sat())?;
        let sums = sums
            .into_iter()
            .filter(|(_, sum)| *sum != bitcoin::Amount::ZERO);
        for (index, (name, sum)) in sums.enumerate() {
            let link = if index == 0 { ":" } else { "," };
            write!(f, "{link} {} {name}", sum.to_sat())?;
        }
        Ok(())
    }
}

impl Display for OutputFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let value = self.value.to_sat();
        write!(f, "{}: {value} sat, {}", self.outpoint, self.kind)?;
        if let Some(progress) = &self.progress {
            write!(f, "; {progress}")?;
        }
        for (index, claimant) in self.claimants.iter().enumerate() {
            let link = if index == 0 { "; open to" } else { "," };
            write!(f, "{link} {claimant}")?;
        }
        if self.waiting != Waiting::Nothing {
            write!(f, "; waits for {}", self.waiting)?;
        }
        // Once it is spent, the progress has said by what.
        let is_spent = self.progress.is_some_and(|it| it.resolution().is_some());
        if let Some(claim) = self.claim.as_ref().filter(|_| !is_spent) {
            write!(f, "; claim {claim}")?;
        }
        if self.money != Money::default() {
            write!(f, "; {}", self.money)?;
        }
        Ok(())
    }
}

impl Display for Waiting {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Waiting::Nothing => write!(f, "nothing"),
            Waiting::Height { height } => write!(f, "height {height}"),
            Waiting::PeersPreimage { until } => {
                write!(f, "the peer's preimage, or height {until}")
            }
            Waiting::Release { until } => {
                write!(f, "its release and preimage, or height {until}")
            }
            Waiting::PeersTimeout { until } => {
                write!(f, "the peer to take it back, or height {until}")
            }
            Waiting::Claim => write!(f, "our claim to be made"),
            Waiting::Confirmation { txid } => write!(f, "{txid} to confirm"),
            Waiting::Reserve { fee_sat, until } => {
                write!(
                    f,
                    "a coin of the wallet's that pays {fee_sat} sat, or height {until}"
                )
            }
            Waiting::LowerFees { again: _, until } => write!(f, "lower fees, or height {until}"),
            Waiting::Burial {
                settled_at: Some(height),
                final_at: _,
            } => write!(f, "height {height} to settle it"),
            Waiting::Burial {
                settled_at: None,
                final_at,
            } => write!(f, "height {final_at} to make it irrevocable"),
        }
    }
}

impl Display for BroadcastFile {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.txid)?;
        if let (Some(fee), Some(feerate)) = (self.fee, self.feerate) {
            let fee = fee.to_sat();
            let feerate = feerate.to_sat_per_kwu();
            write!(f, " for {fee} sat ({feerate} sat per 1000 weight)")?;
        }
        write!(f, " since height {}", self.since)?;
        match &self.outcome {
            Some(outcome) => write!(f, ", last broadcast: {outcome}"),
            None => write!(f, ", not broadcast yet"),
        }
    }
}
