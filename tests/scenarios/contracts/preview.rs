//! What a close would come to is said before it, and the books in the end say the same to the satoshi.

use futures::executor::block_on;
use lightning_arbitrator::court::case_file::CaseFile;
use lightning_arbitrator::court::{ArbitratorState, CourtError, Money, OutputKind, Reason};
use lightning_arbitrator::protocol::ContractOutput;
use lightning_arbitrator::sweep::preview::{
    CloseOutlook, ClosePreview, HtlcStake, PreviewedOutput, PriceLevel, Pricing,
};
use lightning_arbitrator::{ArbitratorError, Policy};

use bitcoin::{Amount, FeeRate};

use super::{On, EXPIRY, SETTLE_DEPTH};
use crate::support::World;

twins!(
    ours_comes_to_what_was_foretold,
    ours_comes_to_what_was_foretold_when_fees_are_high,
    theirs_comes_to_what_was_foretold,
    theirs_comes_to_what_was_foretold_when_fees_are_high,
    one_without_htlcs_comes_to_what_was_foretold,
    it_says_when_each_part_is_ours,
    it_counts_the_htlcs_at_stake_each_way,
    without_estimates_the_prices_are_the_policys,
    a_feerate_of_ones_own_is_asked_for,
    it_decides_nothing,
    after_a_proof_of_data_loss_only_theirs_can_be_foretold,
    a_closed_channel_has_no_preview,
);

impl World {
    fn preview(&mut self, pricing: Pricing) -> ClosePreview {
        let channel = self.outpoint();
        block_on(self.phone.on().preview_close(channel, pricing)).expect("an open channel")
    }

    /// HTLCs both ways: large ones, one that is not ours to claim, small ones that high fees make worthless, and dust. There is
    /// a coin for each transaction that needs one.
    fn carries_all_kinds(&mut self) {
        let coins = [Amount::from_sat(100_000); 8];
        self.phone.wallet.pay_in_all(&self.chain, &coins);
        for sat in [60_000, 40_000, 3_000, 400] {
            self.pays(sat);
            let received = self.is_paid(sat + 1_000);
            self.released(&received);
        }
        self.is_paid(25_000);
        self.phone.resume();
    }

    /// The commitment confirms, and the phone looks whenever something is to be done, until the case ends.
    fn resolved(&mut self, on: On) -> CaseFile {
        self.closes(on);
        let channel = self.outpoint();
        for _ in 0..200 {
            let file = block_on(self.phone.on().case_file(channel)).expect("registered");
            if file.state == ArbitratorState::FullyResolved {
                return file;
            }
            let next = file.next_height.expect("it goes on");
            self.wakes_at(next);
        }
        panic!("it does not end");
    }
}

/// What one output comes to, whichever transaction spent it: the second level's own outputs have other names.
type Fate = (u64, OutputKind, Money);

fn fates<'a>(all: impl Iterator<Item = (Amount, OutputKind, Money)> + 'a) -> Vec<Fate> {
    let mut fates: Vec<Fate> = all
        .map(|(value, kind, money)| (value.to_sat(), kind, money))
        .collect();
    fates.sort_by_key(|fate| format!("{fate:?}"));
    fates
}

#[track_caller]
fn assert_came_true(foretold: &CloseOutlook, file: &CaseFile) {
    assert_eq!(foretold.balance, file.balance, "{file}");
    let foretold = foretold.outputs.iter();
    let foretold = foretold.map(|it| (it.value, it.kind, it.money));
    let came = file.outputs.iter().map(|it| (it.value, it.kind, it.money));
    assert_eq!(fates(foretold), fates(came), "{file}");
}

fn of(preview: &ClosePreview, on: On) -> &CloseOutlook {
    let price = preview.prices.last().expect("a price");
    let outlook = match on {
        On::Ours => &price.ours,
        On::Theirs | On::TheirPending => &price.theirs,
    };
    outlook.as_ref().expect("a commitment")
}

fn comes_true(mut world: World, on: On, sat_per_vb: f64) {
    world.fees_are(sat_per_vb);
    world.carries_all_kinds();
    let preview = world.preview(Pricing::Market);
    let foretold = of(&preview, on);
    let CloseOutlook { balance, fees, .. } = foretold;
    let by_kind = [
        fees.commitment,
        fees.child,
        fees.balance,
        fees.htlcs,
        fees.second_level,
    ];
    let paid = balance.closing_fee + balance.sweep_fees + balance.wallet_fees;
    assert_eq!(by_kind.into_iter().sum::<Amount>(), paid);
    assert_eq!(balance.total(), world.channel.terms().capacity);
    let file = world.resolved(on);
    assert_came_true(foretold, &file);
    // And the chain says the same: what came to the wallet, and what its coins have paid.
    let came = file.balance.settled - file.balance.wallet_fees;
    assert_eq!(world.brought(), came.to_sat(), "{file}");
}

fn ours_comes_to_what_was_foretold(world: World) {
    comes_true(world, On::Ours, 5.0);
}

fn ours_comes_to_what_was_foretold_when_fees_are_high(world: World) {
    comes_true(world, On::Ours, 40.0);
}

fn theirs_comes_to_what_was_foretold(world: World) {
    comes_true(world, On::Theirs, 5.0);
}

fn theirs_comes_to_what_was_foretold_when_fees_are_high(world: World) {
    comes_true(world, On::Theirs, 40.0);
}

fn one_without_htlcs_comes_to_what_was_foretold(mut world: World) {
    world.fees_are(3.0);
    world.phone.resume();
    let preview = world.preview(Pricing::Market);
    let foretold = of(&preview, On::Ours);
    assert_eq!(foretold.reserve(), Amount::ZERO);
    assert_came_true(foretold, &world.resolved(On::Ours));
}

fn is(output: &PreviewedOutput, wanted: ContractOutput) -> bool {
    match output.kind {
        OutputKind::Contract { output, .. } => output == wanted,
        OutputKind::OurWallet | OutputKind::PeersWallet | OutputKind::Unrecognised => false,
    }
}

fn it_says_when_each_part_is_ours(mut world: World) {
    world.fees_are(5.0);
    world.carries_all_kinds();
    let preview = world.preview(Pricing::Market);
    let tip = world.chain.tip().height;
    assert_eq!(preview.tip, tip);
    let outlook = of(&preview, On::Ours);
    let at = |wanted| {
        let found = outlook.outputs.iter().filter(|it| is(it, wanted));
        let settled: Vec<_> = found.filter_map(|it| it.settled_at).collect();
        (settled.iter().min().copied(), settled.iter().max().copied())
    };
    // The commitment in the next block, the claim when the delay is over, and then it is buried.
    let delay = u32::from(world.channel.terms().our_delay);
    let ours = tip + 1 + delay + SETTLE_DEPTH - 1;
    assert_eq!(at(ContractOutput::ToLocal), (Some(ours), Some(ours)));
    // What the second level leaves waits for a delay of its own, after the expiry where we take it back.
    let (first, last) = at(ContractOutput::SecondLevel);
    assert_eq!(first, Some(ours + 1));
    assert!(last > Some(tip + delay + EXPIRY / 2), "{last:?}");
    assert_eq!(outlook.settled_at, last);
}

fn it_counts_the_htlcs_at_stake_each_way(mut world: World) {
    let sent = world.pays(20_000);
    world.pays(400);
    let received = world.is_paid(30_000);
    world.phone.resume();
    let preview = world.preview(Pricing::Market);
    for on in [On::Ours, On::Theirs] {
        let htlcs = of(&preview, on).htlcs;
        let outgoing = HtlcStake {
            count: 2,
            msat: 20_400_000,
            first_expiry: Some(sent.cltv_expiry),
        };
        let incoming = HtlcStake {
            count: 1,
            msat: 30_000_000,
            first_expiry: Some(received.cltv_expiry),
        };
        assert_eq!((htlcs.outgoing, htlcs.incoming), (outgoing, incoming));
    }
}

fn without_estimates_the_prices_are_the_policys(mut world: World) {
    world.phone.resume();
    let preview = world.preview(Pricing::Market);
    let policy = Policy::default();
    let prices = preview.prices.iter();
    let prices: Vec<_> = prices
        .map(|it| (it.level, it.feerate.to_sat_per_kwu()))
        .collect();
    let expected = [
        (PriceLevel::Low, u64::from(policy.feerate_floor)),
        (PriceLevel::Medium, u64::from(policy.fallback_feerate)),
        (PriceLevel::High, u64::from(policy.fallback_high_feerate)),
    ];
    assert_eq!(prices, expected);
}

fn a_feerate_of_ones_own_is_asked_for(mut world: World) {
    let sent = world.pays(20_000);
    world.phone.resume();
    let cheap = FeeRate::from_sat_per_kwu(300);
    let dear = FeeRate::from_sat_per_kwu(100_000);
    let at = |world: &mut World, feerate| {
        let preview = world.preview(Pricing::At(feerate));
        let [price] = &preview.prices[..] else {
            panic!("one price: {preview:?}");
        };
        assert_eq!((price.level, price.feerate), (PriceLevel::Asked, feerate));
        let found = price.theirs.as_ref().expect("theirs").outputs.iter();
        let is_sent = |it: &&PreviewedOutput| it.value.to_sat() == sent.amount_msat / 1_000;
        let found = found.filter(is_sent).copied().collect::<Vec<_>>();
        found[0]
    };
    assert_eq!(at(&mut world, cheap).left, None);
    let left = at(&mut world, dear).left;
    assert!(
        matches!(left, Some(Reason::FeeAboveValue { .. })),
        "{left:?}"
    );
}

fn it_decides_nothing(mut world: World) {
    world.pays(20_000);
    world.phone.resume();
    world.preview(Pricing::Market);
    let before = world.phone.tables();
    world.preview(Pricing::Market);
    world.phone.tables().assert_are(&before);
    world.phone.resume();
    assert!(world.chain.mempool().is_empty());
}

fn after_a_proof_of_data_loss_only_theirs_can_be_foretold(mut world: World) {
    world.phone.resume();
    let loss = world.channel.clone().data_loss(1).expect("a later state");
    world.phone.hears_of_loss(&loss);
    for price in world.preview(Pricing::Market).prices {
        assert!(price.ours.is_none() && price.theirs.is_some(), "{price:?}");
    }
}

fn a_closed_channel_has_no_preview(mut world: World) {
    world.closes(On::Theirs);
    let channel = world.outpoint();
    let refused = block_on(world.phone.on().preview_close(channel, Pricing::Market));
    assert!(matches!(
        refused,
        Err(ArbitratorError::Court(CourtError::AlreadyClosed { .. }))
    ));
}
