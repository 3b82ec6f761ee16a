use super::*;

fn update() -> LocalUpdate {
    LocalUpdate {
        commitment: CommitmentUpdate {
            number: 0,
            feerate_per_kw: 500,
            local_msat: 500_000_000,
            remote_msat: 500_000_000,
            htlcs: vec![Htlc {
                key: HtlcKey {
                    direction: Direction::Outgoing,
                    id: 0,
                },
                payment_hash: vec![3; 32],
                amount_msat: 1,
                cltv_expiry: 600,
                origin: HtlcOrigin::Own,
            }],
        },
        signatures: vec![FundingSignatures {
            funding: terms(720).funding,
            commitment: vec![1; 64],
            htlcs: vec![vec![1; 64]],
        }],
    }
}

/// The field that refuses the terms after a change.
fn refused_terms(change: impl FnOnce(&mut ChannelTerms)) -> String {
    let mut terms = terms(720);
    change(&mut terms);
    terms.to_core().unwrap_err().field
}

/// The field that refuses an update after a change.
fn refused_update(change: impl FnOnce(&mut LocalUpdate)) -> String {
    let mut update = update();
    change(&mut update);
    update.to_core().unwrap_err().field
}

#[test]
fn ordinary_terms_and_updates_are_taken() {
    terms(720).to_core().unwrap();
    update().to_core().unwrap();
}

#[test]
fn terms_that_cannot_be_are_refused_by_the_path_of_the_field() {
    let not_on_the_curve = || [&[2][..], &[0xff; 32]].concat();
    let fields = [
        refused_terms(|terms| terms.funding.txid = "zz".repeat(32)),
        refused_terms(|terms| terms.funding.txid.truncate(62)),
        refused_terms(|terms| terms.capacity_sat = u64::MAX),
        refused_terms(|terms| terms.funding_transaction = Some(vec![0; 9])),
        refused_terms(|terms| terms.peer = vec![]),
        refused_terms(|terms| terms.keys_id.push(0)),
        refused_terms(|terms| terms.local.keys.funding = not_on_the_curve()),
        refused_terms(|terms| terms.remote.keys.htlc_basepoint.truncate(32)),
        refused_terms(|terms| terms.remote.dust_limit_sat = 1 << 63),
        refused_terms(|terms| terms.remote.first_per_commitment_point = vec![0; 33]),
    ];
    assert_eq!(
        fields,
        [
            "funding.txid",
            "funding.txid",
            "capacity_sat",
            "funding_transaction",
            "peer",
            "keys_id",
            "local.keys.funding",
            "remote.keys.htlc_basepoint",
            "remote.dust_limit_sat",
            "remote.first_per_commitment_point",
        ]
    );
}

#[test]
fn updates_that_cannot_be_are_refused_by_the_path_of_the_field() {
    let stranger = HtlcOrigin::Forwarded {
        channel: OutPoint {
            txid: String::new(),
            vout: 0,
        },
        id: 0,
        cltv_expiry: 0,
    };
    let fields = [
        refused_update(|update| update.commitment.number = 1 << 48),
        refused_update(|update| update.commitment.htlcs[0].key.id = u64::MAX),
        refused_update(|update| update.commitment.htlcs[0].payment_hash.clear()),
        refused_update(|update| update.commitment.htlcs[0].origin = stranger),
        refused_update(|update| update.signatures[0].funding.txid.push('0')),
        refused_update(|update| update.signatures[0].commitment.push(0)),
        refused_update(|update| update.signatures[0].htlcs[0] = vec![0xff; 64]),
    ];
    assert_eq!(
        fields,
        [
            "commitment.number",
            "commitment.htlcs[0].key.id",
            "commitment.htlcs[0].payment_hash",
            "commitment.htlcs[0].origin.channel.txid",
            "signatures[0].funding.txid",
            "signatures[0].commitment",
            "signatures[0].htlcs[0]",
        ]
    );
}

#[test]
fn a_policy_that_contradicts_itself_is_refused_by_its_field() {
    let refused = |change: fn(&mut Policy)| {
        let mut policy = default_policy();
        change(&mut policy);
        policy.to_core().unwrap_err().field
    };
    assert_eq!(
        refused(|policy| policy.min_settle_depth = 0),
        "min_settle_depth"
    );
    assert_eq!(
        refused(|policy| policy.max_settle_depth = 1),
        "max_settle_depth"
    );
    assert_eq!(refused(|policy| policy.final_depth = 5), "final_depth");
    assert_eq!(
        refused(|policy| policy.budget_percent = 101),
        "budget_percent"
    );
    assert_eq!(
        refused(|policy| policy.callback_limit_ms = 0),
        "callback_limit_ms"
    );
}

#[test]
fn the_default_policy_is_the_librarys() {
    assert_eq!(
        default_policy().to_core().unwrap(),
        crate::config::Policy::default()
    );
}

#[test]
fn seeds_and_secrets_that_cannot_be_are_refused_by_name() {
    let secrets = |funding| {
        let mut secrets = seed_signer().channel_secrets(KEYS_ID.to_vec()).unwrap();
        secrets.funding = funding;
        secrets
    };
    let import =
        |keys_id: Vec<u8>, funding| seed_signer().import_channel(keys_id, secrets(funding));
    let field = |result: Result<(), ArbitratorError>| match result.unwrap_err() {
        ArbitratorError::InvalidInput { field, .. } => field,
        other => panic!("{other}"),
    };
    assert_eq!(field(SeedSigner::new(vec![0; 15]).map(|_| ())), "seed");
    assert_eq!(
        field(import(KEYS_ID.to_vec(), vec![0; 32])),
        "secrets.funding"
    );
    assert_eq!(field(import(vec![1], vec![1; 32])), "keys_id");
}

#[test]
fn imported_secrets_are_used_instead_of_the_seeds() {
    let signer = seed_signer();
    let others = signer.channel_secrets([9; 32].to_vec()).unwrap();
    let before = signer.channel_keys(KEYS_ID.to_vec()).unwrap();
    signer
        .import_channel(KEYS_ID.to_vec(), others.clone())
        .unwrap();
    let after = signer.channel_keys(KEYS_ID.to_vec()).unwrap();
    assert_ne!(before, after);
    assert_eq!(after, signer.channel_keys([9; 32].to_vec()).unwrap());
    assert_eq!(others, signer.channel_secrets(KEYS_ID.to_vec()).unwrap());
}
