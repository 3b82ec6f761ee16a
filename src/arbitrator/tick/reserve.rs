//! A tick's look at the embedded wallet: no further than a claim needs, or as the app asks.
//!
//! | a claim lacks a coin                          | what is asked                                              |
//! |-----------------------------------------------|------------------------------------------------------------|
//! | nothing was looked at in this tick            | of each coin that is known, whether it is spent            |
//! | the coins that are there do not suffice       | of each script that was given out, what it was paid        |
//! | neither do those                              | nothing: the claim waits, and the app is told              |

use std::collections::BTreeSet;

use bitcoin::OutPoint;
use futures::future::join_all;

use super::super::coins::Looked;
use super::super::options::ReserveLook;
use super::{is_limit, Tick};
use crate::chain::{Depth, Observer, ScriptCoins, Watch};
use crate::court::Coin;
use crate::error::ArbitratorError;
use crate::reserve::{spendable, standing, Emptying, KnownCoin, ReserveWallet, Standing};

impl Tick<'_> {
    /// The app wants to know what is in the embedded wallet.
    pub(super) fn look_at_reserve_if_asked(&mut self) {
        let mut purse = self.core.purse.borrow_mut();
        match self.options.reserve {
            ReserveLook::WhenNeeded => {}
            ReserveLook::Now => {
                purse.looked = Looked::AtCoins;
                purse.wants_look = true;
            }
        }
    }

    /// Whether a claim lacks a coin that a further look may find. Not if a limit has been reached.
    pub(super) fn wants_coins(&self) -> bool {
        let core = self.core;
        core.reserve.is_some() && core.purse.borrow().wants_look && self.report.stopped.is_none()
    }

    /// Looks further than before in this tick.
    pub(super) async fn look_further_for_coins(&mut self) -> Result<(), ArbitratorError> {
        let core = self.core;
        let Some(reserve) = core.reserve.clone() else {
            return Ok(());
        };
        let further = {
            let mut purse = core.purse.borrow_mut();
            if !std::mem::take(&mut purse.wants_look) {
                return Ok(());
            }
            purse.looked = match purse.looked {
                Looked::Nowhere if !core.store.reserve_coins()?.is_empty() => Looked::AtCoins,
                Looked::Nowhere | Looked::AtCoins | Looked::AtScripts => Looked::AtScripts,
            };
            purse.looked
        };
        match further {
            Looked::Nowhere | Looked::AtCoins => Ok(()),
            Looked::AtScripts => self.ask_scripts(&reserve).await,
        }
    }

    /// Asks for what every script that was given out was paid. The first time, when nothing is known of the wallet but its
    /// seed, also for those behind them, until so many in a row were never used.
    async fn ask_scripts(&mut self, reserve: &ReserveWallet) -> Result<(), ArbitratorError> {
        let core = self.core;
        let gap_limit = core.policy.reserve_gap_limit;
        let is_first = core.store.reserve()?.looked_at.is_none();
        let width = u32::try_from(core.chain_policy.parallelism).unwrap_or(u32::MAX);
        let (mut next, mut unused) = (0u32, 0u32);
        loop {
            let revealed = reserve.revealed();
            let left = match next < revealed {
                true => revealed - next,
                false if is_first => gap_limit.saturating_sub(unused),
                false => 0,
            };
            if left == 0 {
                self.asked_scripts = true;
                return Ok(());
            }
            let end = next.saturating_add(left.min(width.max(1)));
            let asked = join_all((next..end).map(|index| self.ask_script(reserve, index)));
            for (index, answer) in (next..end).zip(asked.await) {
                match answer {
                    Ok(found) => {
                        core.store.keep_script_coins(index, &found)?;
                        self.named
                            .extend(found.coins.iter().map(|(outpoint, _)| *outpoint));
                        if found.was_used {
                            unused = 0;
                            reserve.has_revealed(index.saturating_add(1));
                        } else {
                            unused = unused.saturating_add(1);
                        }
                    }
                    Err(error) if is_limit(&error) => {
                        self.report.stopped = Some(error.to_string());
                        return Ok(());
                    }
                    Err(error) => {
                        // The claims that it was for are told that there is no coin, if there is none.
                        self.tell_trouble(None, format!("the reserve's coins: {error}"));
                        return Ok(());
                    }
                }
            }
            next = end;
        }
    }

    async fn ask_script(
        &self,
        reserve: &ReserveWallet,
        index: u32,
    ) -> Result<ScriptCoins, ArbitratorError> {
        let script = reserve.keys().script(index)?;
        let source = &self.core.source;
        Ok(source.script_coins(&script, &self.budget).await?)
    }

    /// The coins of the embedded wallet that this tick looks at: each is proven before it counts. Those that are on their way
    /// out are looked at in every tick.
    pub(super) fn reserve_watches(&self) -> Result<Vec<Watch>, ArbitratorError> {
        let core = self.core;
        let Some(reserve) = &core.reserve else {
            return Ok(Vec::new());
        };
        let is_look = core.purse.borrow().looked > Looked::Nowhere;
        let emptyings = core.store.emptyings()?;
        if !is_look && emptyings.is_empty() {
            return Ok(Vec::new());
        }
        let leaving: BTreeSet<OutPoint> = emptyings.iter().flat_map(Emptying::coins).collect();
        let coins = core.store.reserve_coins()?.into_iter();
        let depth = Depth::new(core.policy.max_settle_depth);
        let watch = |coin: KnownCoin| Ok(coin.watch(reserve.keys().script(coin.index)?, depth));
        coins
            .filter(|coin| is_look || leaving.contains(&coin.outpoint))
            .map(watch)
            .collect()
    }

    /// Offers the claims of this tick what the look has proven, and forgets what is gone for good.
    pub(super) fn offer_reserve(
        &mut self,
        observer: &mut Observer<'_>,
    ) -> Result<(), ArbitratorError> {
        let core = self.core;
        let Some(reserve) = &core.reserve else {
            return Ok(());
        };
        let is_look = core.purse.borrow().looked > Looked::Nowhere;
        let emptyings = core.store.emptyings()?;
        if !is_look && emptyings.is_empty() {
            return Ok(());
        }
        let depth = core.policy.max_settle_depth;
        let mut offered: Vec<Coin> = Vec::new();
        let mut gone = BTreeSet::new();
        for coin in core.store.reserve_coins()? {
            let is_gone = match standing(&coin, observer.view()) {
                // Another transaction took the place of its own.
                Standing::Pending => self.asked_scripts && !self.named.contains(&coin.outpoint),
                Standing::Proven(_) | Standing::Wanted | Standing::Wrong => false,
                Standing::Spent(depth) => depth.to_u32() >= core.policy.final_depth,
            };
            if is_gone {
                gone.insert(coin.outpoint);
                continue;
            }
            let script = reserve.keys().script(coin.index)?;
            offered.extend(spendable(&coin, script, observer.view(), depth));
        }
        if is_look {
            core.purse.borrow_mut().offer(offered);
        }
        let ended = self.ended_emptyings(&emptyings, &mut gone, observer.view());
        let gone: Vec<OutPoint> = gone.into_iter().collect();
        core.store.forget_reserve_coins(&gone, &ended)?;
        core.read_leaving_coins()?;
        observer.forget(&gone, &[])?;
        let tip = observer.view().tip().map(|tip| tip.height.to_u32());
        if let Some(tip) = tip.filter(|_| self.asked_scripts) {
            if core.store.reserve()?.looked_at != Some(tip) {
                core.store.put_reserve_look(tip)?;
            }
        }
        Ok(())
    }
}
