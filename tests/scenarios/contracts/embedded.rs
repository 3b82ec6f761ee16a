//! Scenario 21 with the embedded wallet: what is paid in is found, proven, and pays for claims.

use bitcoin::{Address, Amount, Network};
use futures::executor::block_on;
use lightning_arbitrator::arbitrator::{ReserveLook, ResumeReport};
use lightning_arbitrator::reserve::ReserveBalance;
use lightning_arbitrator::{ChainArbitrator, ResumeOptions, SeedWallet};
use testkit::chain::Orphaned;
use testkit::gateway::{Fault, Scope};
use testkit::party::Htlc;

use super::{with_anchors, On, HTLC_SAT};
use crate::support::World;

with_anchors!(
    an_address_is_the_same_until_something_is_paid_to_it,
    what_is_paid_in_counts_when_it_is_six_blocks_deep,
    a_coin_that_was_shallow_before_a_long_sleep_is_deep_after_it,
    a_claim_finds_what_was_paid_in_while_the_device_slept,
    a_commitment_and_its_htlcs_are_paid_by_the_wallet_and_the_change_comes_back,
    a_coin_that_a_reorg_took_away_pays_for_nothing,
    a_coin_that_the_server_invents_pays_for_nothing,
    without_a_claim_nobody_asks_for_coins,
    the_seed_alone_finds_the_coins_again,
    a_backup_finds_what_was_paid_to_addresses_that_it_never_gave_out,
    a_database_keeps_the_wallet_of_one_seed,
);

pub const COIN: Amount = Amount::from_sat(100_000);

fn seed_wallet(seed: &[u8]) -> SeedWallet {
    SeedWallet::new(seed, Network::Regtest).expect("16 to 64 bytes")
}

impl World {
    pub fn with_seed_wallet(&mut self) {
        // Worlds on one chain share no seed.
        let seed = self.phone.wallet.sweep.to_bytes();
        self.phone
            .set(|config| config.wallet = seed_wallet(&seed).into());
    }

    pub fn address(&mut self) -> Address {
        block_on(self.phone.on().reserve_address()).expect("the embedded wallet has one")
    }

    pub fn balance_now(&mut self) -> ReserveBalance {
        let options = ResumeOptions {
            reserve: ReserveLook::Now,
            ..ResumeOptions::default()
        };
        let report = self.phone.resume_with(options).expect("a tick");
        assert!(report.complete, "{report:?}");
        self.balance_known()
    }

    /// Without a look.
    pub fn balance_known(&mut self) -> ReserveBalance {
        block_on(self.phone.on().reserve_balance()).expect("an embedded wallet")
    }

    /// The user pays this in, and it gets so deep.
    pub fn pays_in(&mut self, value: Amount, depth: u32) {
        let script = self.address().script_pubkey();
        self.chain.fund(&script, value);
        self.mine(depth - 1);
    }

    /// A payment of ours on our commitment, expired; the phone wakes.
    pub fn has_a_claim(&mut self) -> (Htlc, ResumeReport) {
        let sent = self.pays(HTLC_SAT);
        self.closes(On::Ours);
        self.mine(sent.cltv_expiry - self.chain.tip().height);
        let report = self.phone.resume_with(ResumeOptions::default());
        (sent, report.expect("a tick"))
    }
}

fn an_address_is_the_same_until_something_is_paid_to_it(mut world: World) {
    world.with_seed_wallet();
    let first = world.address();
    assert_eq!(world.address(), first);
    world.pays_in(COIN, 1);
    world.balance_now();
    assert_ne!(world.address(), first);
}

fn what_is_paid_in_counts_when_it_is_six_blocks_deep(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 5);
    let shallow = world.balance_now();
    assert_eq!((shallow.confirmed, shallow.pending), (Amount::ZERO, COIN));
    world.mine(1);
    let deep = world.balance_now();
    assert_eq!((deep.confirmed, deep.pending), (COIN, Amount::ZERO));
    assert_eq!(deep.looked_at, Some(world.chain.tip().height));
}

fn a_coin_that_was_shallow_before_a_long_sleep_is_deep_after_it(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 1);
    assert_eq!(world.balance_now().pending, COIN);
    // So long that the headers between are not asked for.
    world.mine(3_000);
    assert_eq!(world.balance_now().confirmed, COIN);
}

pub fn a_claim_finds_what_was_paid_in_while_the_device_slept(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 1);
    let (sent, report) = world.has_a_claim();
    assert!(report.complete, "{report:?}");
    assert_eq!(report.troubles, []);
    assert!(world.claim_in_mempool(&sent, On::Ours).is_some());
    assert!(!world.lacked_coins());
    world.balance_now();
    world.comes_to_an_end();
}

pub fn a_commitment_and_its_htlcs_are_paid_by_the_wallet_and_the_change_comes_back(
    mut world: World,
) {
    world.with_seed_wallet();
    world.pays_in(COIN, 6);
    world.balance_now();
    world.pays_in(COIN, 6);
    let received = world.is_paid(HTLC_SAT);
    world.released(&received);
    world.fees_are(10.0);
    world.wakes_at(received.cltv_expiry - 36);
    let waiting = world.chain.mempool();
    assert_eq!(waiting.len(), 2, "a commitment and its child");
    assert_eq!(world.balance_known().in_use, COIN);
    assert_eq!(world.balance_now().in_use, COIN, "seen in the mempool, too");
    world.wakes_after(1);
    assert!(world.claim_in_mempool(&received, On::Ours).is_some());
    world.mine(1);
    world.fees_are(1.0);
    world.comes_to_an_end();
    let ours = world.channel.balance_msat(testkit::party::Side::Us) / 1_000;
    let home = world.balance_now().confirmed.to_sat();
    assert!(home > ours + 2 * COIN.to_sat() - 20_000, "{home}");
}

fn a_coin_that_a_reorg_took_away_pays_for_nothing(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 6);
    assert_eq!(world.balance_now().confirmed, COIN);
    world.reorg(6, Orphaned::Drop);
    let after = world.balance_now();
    assert_eq!(after.confirmed, Amount::ZERO);
}

fn a_coin_that_the_server_invents_pays_for_nothing(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 6);
    let known = world.chain.tip().height;
    let nowhere = format!(
        r#"[{{"txid":"{:064x}","vout":0,"status":{{"confirmed":true,"block_height":{known}}},"value":5000000}}]"#,
        7
    );
    let lie = Fault::Status {
        code: 200,
        body: nowhere,
    };
    world.gateway().order(Scope::containing("/utxo"), lie);
    let (sent, _) = world.has_a_claim();
    assert_eq!(world.claim_in_mempool(&sent, On::Ours), None);
    assert!(world.lacked_coins());
    world.gateway().behave();
    world.phone.resume();
    assert!(world.claim_in_mempool(&sent, On::Ours).is_some());
}

fn without_a_claim_nobody_asks_for_coins(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 6);
    assert_eq!(world.balance_now().confirmed, COIN);
    assert_ne!(world.gateway().count_of("/scripthash"), 0);
    world.mine(1);
    world.gateway().reset();
    world.phone.resume();
    assert_eq!(world.gateway().count_of("/scripthash"), 0);
    let paths = world.gateway().paths();
    let spends = |path: &&String| path.contains("/outspend/");
    assert_eq!(
        paths.iter().filter(spends).count(),
        1,
        "the funding's: {paths:?}"
    );
}

fn the_seed_alone_finds_the_coins_again(mut world: World) {
    world.with_seed_wallet();
    for _ in 0..3 {
        world.pays_in(COIN, 6);
        world.balance_now();
    }
    let elsewhere = world.phone.config.database.with_file_name("anew.sqlite");
    world.phone.set(|config| config.database = elsewhere);
    assert_eq!(world.balance_now().confirmed, COIN * 3);
}

fn a_backup_finds_what_was_paid_to_addresses_that_it_never_gave_out(mut world: World) {
    world.with_seed_wallet();
    world.pays_in(COIN, 6);
    world.balance_now();
    let backup = world.phone.config.database.with_file_name("backup.sqlite");
    block_on(world.phone.on().backup(&backup)).expect("a free name");
    world.pays_in(COIN, 6);
    world.phone.set(|config| config.database = backup);
    assert_eq!(world.balance_now().confirmed, COIN * 2);
}

fn a_database_keeps_the_wallet_of_one_seed(mut world: World) {
    world.with_seed_wallet();
    world.address();
    world.phone.switch_off();
    let mut config = world.phone.config.clone();
    config.wallet = seed_wallet(&[8; 32]).into();
    let refused = block_on(ChainArbitrator::open(config)).err();
    let refused = refused.expect("another seed's").to_string();
    assert!(refused.contains("another seed"), "{refused}");
}
