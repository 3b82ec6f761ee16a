//! Which of the wallet's coins may pay for a transaction of ours, and what the wallet is told of those that do.
//!
//! Which coins are in use follows from the stored transactions, at every moment: there is no list of them to leak or to
//! lose. The wallet is told the whole set, at the start of a tick, before anything with a newly chosen coin goes out, and
//! after one came free; a crash on either side heals with the next tick.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use bitcoin::OutPoint;

use super::core::Core;
use crate::court::{ArbitratorState, Broadcast, Case, Coin, Outcome, Raise};
use crate::error::ArbitratorError;
use crate::protocol::ProtocolError;
use crate::reserve::Taken;
use crate::store::ChannelRow;
use crate::sweep::{NotNow, Unsigned};
use crate::wallet::WalletError;

/// What is known of the wallet's coins.
#[derive(Default)]
pub(super) struct Purse {
    /// What the wallet said in this tick; `None`: it was not asked.
    offered: Option<Result<Vec<Coin>, WalletError>>,
    /// The coins of each channel's transactions; `None`: not read in this tick.
    in_use: Option<BTreeMap<ChannelRow, InUse>>,
    /// The coins that are on their way out of the embedded wallet; read with those of the claims.
    pub(super) leaving: BTreeSet<OutPoint>,
    /// The set that the wallet was last told since the database was opened.
    held: Option<BTreeSet<OutPoint>>,
    /// It did not take the set in this tick, and is left alone until the next.
    refused: bool,
    /// How far this tick has looked for coins of the embedded wallet's.
    pub(super) looked: Looked,
    /// A claim lacks a coin that a further look may find.
    pub(super) wants_look: bool,
}

/// How far a tick has looked for coins of the embedded wallet's: it asks the server no more than a claim needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Looked {
    #[default]
    Nowhere,
    /// Whether the coins that it knows are still there.
    AtCoins,
    /// What its scripts were paid since.
    AtScripts,
}

/// Coins of one channel's transactions.
#[derive(Default)]
struct InUse {
    /// In one that can still confirm.
    live: BTreeSet<OutPoint>,
    /// In a child whose parent needs it no more: free, but a mempool may still hold it, and wants to be paid for its loss. Or
    /// in one that the server calls a conflict: if the wallet still offers them, another input is what is gone.
    doubtful: BTreeSet<OutPoint>,
}

impl InUse {
    fn of(case: &Case) -> Self {
        let mut in_use = InUse::default();
        if case.state == ArbitratorState::FullyResolved {
            return in_use;
        }
        let with_coins = |held: &&Broadcast| !held.coins.is_empty();
        for held in case.broadcasts.iter().filter(with_coins) {
            let coins = outpoints(&held.coins);
            let is_void = case.is_void(held);
            if is_conflict(held) || (is_void && held.anchor().is_some()) {
                in_use.doubtful.extend(coins);
            } else if !is_void {
                in_use.live.extend(coins);
            }
        }
        in_use
    }
}

impl Purse {
    /// Nothing that was known holds in another tick but what the wallet was told.
    pub(super) fn begin_tick(&mut self) {
        *self = Purse {
            held: self.held.take(),
            ..Purse::default()
        };
    }

    /// A look at the embedded wallet's coins has found these.
    pub(super) fn offer(&mut self, coins: Vec<Coin>) {
        self.offered = Some(Ok(coins));
    }

    /// Takes note of a step, so that no case has to be read again.
    pub(super) fn note(&mut self, row: ChannelRow, case: &Case) {
        if let Some(in_use) = &mut self.in_use {
            in_use.insert(row, InUse::of(case));
        }
    }

    fn is_live(&self, outpoint: &OutPoint) -> bool {
        let mut in_use = self.in_use.iter().flat_map(BTreeMap::values);
        in_use.any(|it| it.live.contains(outpoint))
    }

    fn is_doubtful(&self, outpoint: &OutPoint) -> bool {
        let mut in_use = self.in_use.iter().flat_map(BTreeMap::values);
        in_use.any(|it| it.doubtful.contains(outpoint))
    }

    /// What claims and emptyings spend of the embedded wallet.
    pub(super) fn taken(&self) -> Taken {
        Taken {
            by_claims: self.live(),
            leaving: self.leaving.clone(),
        }
    }

    /// Every coin that a claim of ours spends which can still confirm.
    fn live(&self) -> BTreeSet<OutPoint> {
        let in_use = self.in_use.iter().flat_map(BTreeMap::values);
        in_use.flat_map(|it| &it.live).copied().collect()
    }
}

impl Core {
    /// Makes a transaction whose fee coins pay. It takes those of the claim that it replaces, and of `rivals`, which cannot
    /// confirm beside it: the wallet may count them as spent. Only when they do not suffice is the wallet asked for others, the
    /// largest first: the fewest inputs. `None`: a look for coins comes first, and then this again.
    pub(super) async fn with_coins(
        &self,
        raised: Option<&Raise>,
        rivals: &[&Broadcast],
        make: impl Fn(Vec<Coin>) -> Result<Result<Unsigned, NotNow>, ProtocolError>,
    ) -> Result<Option<Result<Unsigned, NotNow>>, ArbitratorError> {
        let mut coins = own_coins(raised, rivals);
        match make(coins.clone())? {
            Err(NotNow::ReserveNeeded { .. }) => {}
            made @ (Ok(_) | Err(NotNow::HighEnough | NotNow::Uneconomic(_))) => {
                return Ok(Some(made))
            }
        }
        let free = self.free_coins(&coins).await?;
        coins.extend(free);
        let made = make(coins)?;
        let lacks_coins = matches!(made, Err(NotNow::ReserveNeeded { .. }));
        if lacks_coins && self.may_look_further() {
            self.purse.borrow_mut().wants_look = true;
            return Ok(None);
        }
        Ok(Some(made))
    }

    fn may_look_further(&self) -> bool {
        self.reserve.is_some() && self.purse.borrow().looked < Looked::AtScripts
    }

    /// What the wallet offers beside these coins and no live transaction of ours spends.
    async fn free_coins(&self, own: &[Coin]) -> Result<Vec<Coin>, ArbitratorError> {
        let mut free = self.offered_coins().await?;
        self.read_coins_in_use()?;
        let purse = self.purse.borrow();
        let own: BTreeSet<OutPoint> = outpoints(own).collect();
        let is_taken = |coin: &OutPoint| {
            purse.is_live(coin) || purse.leaving.contains(coin) || own.contains(coin)
        };
        free.retain(|coin| !is_taken(&coin.outpoint));
        free.sort_by_key(|coin| {
            let is_doubtful = purse.is_doubtful(&coin.outpoint);
            (is_doubtful, Reverse(coin.output.value))
        });
        Ok(free)
    }

    /// The wallet's coins. It is asked once in a tick: hundreds of claims may want some, and one that hangs would hold up
    /// every one of them.
    async fn offered_coins(&self) -> Result<Vec<Coin>, ArbitratorError> {
        let known = self.purse.borrow().offered.clone();
        if let Some(known) = known {
            return Ok(known?);
        }
        if self.reserve.is_some() {
            // What it has, only a look at the chain can say.
            return Ok(Vec::new());
        }
        let asked = self.ask_wallet(|wallet| wallet.coins()).await;
        let heard = match &asked {
            Ok(coins) => Ok(coins.clone()),
            Err(error) => Err(WalletError(error.to_string())),
        };
        self.purse.borrow_mut().offered = Some(heard);
        asked
    }

    /// A coin is not what the wallet thought: it is asked again.
    pub(super) fn ask_for_coins_again(&self) {
        if self.reserve.is_none() {
            self.purse.borrow_mut().offered = None;
        }
    }

    /// Reads which coins are in use, once in a tick: [`Purse::note`] keeps it up to date from there.
    pub(super) fn read_coins_in_use(&self) -> Result<(), ArbitratorError> {
        if self.purse.borrow().in_use.is_some() {
            return Ok(());
        }
        let mut in_use = BTreeMap::new();
        for row in self.store.broadcasting_channels()? {
            // One case that cannot be read is reported elsewhere, and stops no other's claims.
            if let Ok(case) = self.store.case(row) {
                in_use.insert(row, InUse::of(&case));
            }
        }
        self.purse.borrow_mut().in_use = Some(in_use);
        self.read_leaving_coins()
    }

    /// Tells the wallet which of its coins are in use, if that is not what it was told last.
    ///
    /// # Errors
    /// The wallet did not take it. Nothing waits for that: it is told again with the next tick.
    pub(super) async fn hold_coins(&self) -> Result<(), ArbitratorError> {
        if self.reserve.is_some() {
            return Ok(());
        }
        self.read_coins_in_use()?;
        let live = self.purse.borrow().live();
        {
            let purse = self.purse.borrow();
            if purse.refused || purse.held.as_ref() == Some(&live) {
                return Ok(());
            }
        }
        let told: Vec<OutPoint> = live.iter().copied().collect();
        let answer = self
            .ask_wallet(move |wallet| wallet.hold_coins(&told))
            .await;
        let mut purse = self.purse.borrow_mut();
        match &answer {
            Ok(()) => purse.held = Some(live),
            Err(_) => purse.refused = true,
        }
        answer
    }

    /// Tells it at the start of a tick: whatever it has forgotten since, it knows now.
    ///
    /// # Errors
    /// As [`Core::hold_coins`].
    pub(super) async fn hold_coins_again(&self) -> Result<(), ArbitratorError> {
        {
            let mut purse = self.purse.borrow_mut();
            // A wallet that never lent a coin has nothing to forget.
            if purse.held.as_ref().is_some_and(|held| !held.is_empty()) {
                purse.held = None;
            }
        }
        self.hold_coins().await
    }
}

/// The coins of the claim that is to be replaced and of its rivals, each once. Those of one that the server calls a conflict
/// are gone.
fn own_coins(raised: Option<&Raise>, rivals: &[&Broadcast]) -> Vec<Coin> {
    let replaced = match raised {
        Some(Raise::Reprice(held) | Raise::Replace(held)) => Some(held),
        Some(Raise::Follow(_)) | None => None,
    };
    let (gone, again): (Vec<&Broadcast>, Vec<&Broadcast>) = replaced
        .into_iter()
        .chain(rivals.iter().copied())
        .partition(|held| is_conflict(held));
    let mut taken: BTreeSet<OutPoint> = gone.iter().flat_map(|it| outpoints(&it.coins)).collect();
    let again = again.iter().flat_map(|held| &held.coins);
    again
        .filter(|coin| taken.insert(coin.outpoint))
        .cloned()
        .collect()
}

fn is_conflict(held: &Broadcast) -> bool {
    match &held.outcome {
        Some(Outcome::Conflict(_)) => true,
        Some(
            Outcome::Accepted
            | Outcome::AlreadyKnown
            | Outcome::FeeTooLow
            | Outcome::Unreachable
            | Outcome::Other(_),
        )
        | None => false,
    }
}

fn outpoints(coins: &[Coin]) -> impl Iterator<Item = OutPoint> + '_ {
    coins.iter().map(|coin| coin.outpoint)
}
