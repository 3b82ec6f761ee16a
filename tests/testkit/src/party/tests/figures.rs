//! BOLT 3's own numbers: Appendix C (static_remotekey), Appendix F (anchors), and the worked fee example.

use bitcoin::Amount;
use serde_json::Value;

use crate::party::fees::{commitment_weight, second_level_fee, Balances, FeePayer, Figures, Offer};
use crate::party::ChannelType;

const APPENDIX_C: &str = include_str!("../../../../vectors/bolt3_c_static_remotekey.json");
const APPENDIX_F: &str = include_str!("../../../../vectors/bolt3_f_anchors_zero_fee_htlc.json");
const CONSTANTS: &str = include_str!("../../../../vectors/bolt_constants.json");

#[test]
fn amounts_and_trimming_equal_all_16_commitments_of_appendix_c() {
    assert_eq!(compare(ChannelType::StaticRemotekey, APPENDIX_C), 16);
}

#[test]
fn amounts_and_trimming_equal_all_9_commitments_of_appendix_f() {
    assert_eq!(compare(ChannelType::AnchorsZeroFeeHtlc, APPENDIX_F), 9);
}

#[test]
fn the_worked_example_of_bolt_3_gives_its_fees() {
    let example = &json(CONSTANTS)["fee_example"];
    let feerate_per_kw = number(&example["feerate_per_kw"]) as u32;
    let kind = ChannelType::StaticRemotekey;
    let list = |name: &str, offer: Offer| -> Vec<(Offer, u64)> {
        let amounts = example[name].as_array().expect("a list");
        amounts.iter().map(|msat| (offer, number(msat))).collect()
    };
    let htlcs = [
        list("offered_msat", Offer::ByOwner),
        list("received_msat", Offer::ToOwner),
    ]
    .concat();
    let in_flight: u64 = htlcs.iter().map(|(_, msat)| msat).sum();
    let capacity = Amount::from_sat(1_000_000);
    let figures = Figures::of(&Balances {
        channel_type: kind,
        feerate_per_kw,
        dust_limit: Amount::from_sat(number(&example["dust_limit_sat"])),
        payer: FeePayer::Owner,
        to_owner_msat: 600_000_000,
        to_other_msat: 400_000_000 - in_flight,
        htlcs: &htlcs,
    });
    let kept = figures.htlcs.iter().flatten().count();
    assert_eq!(commitment_weight(kind, kept), number(&example["weight"]));
    assert_eq!(figures.base_fee.to_sat(), number(&example["base_fee"]));
    assert_eq!(
        figures.fee(capacity).to_sat(),
        number(&example["actual_fee"])
    );
    for (offer, name) in [
        (Offer::ByOwner, "htlc_timeout_fee"),
        (Offer::ToOwner, "htlc_success_fee"),
    ] {
        assert_eq!(
            second_level_fee(kind, offer, feerate_per_kw).to_sat(),
            number(&example[name])
        );
    }
}

/// Holds every case of a vector file against [`Figures`]; how many there were.
fn compare(channel_type: ChannelType, file: &str) -> usize {
    let file = json(file);
    let cases = file["cases"].as_array().expect("a list of cases");
    for case in cases {
        let ids = case["active_htlc_ids"].as_array().expect("a list of ids");
        let htlcs: Vec<(Offer, u64)> = ids.iter().map(|id| htlc(&file, id)).collect();
        let figures = Figures::of(&Balances {
            channel_type,
            feerate_per_kw: number(&case["feerate_per_kw"]) as u32,
            dust_limit: Amount::from_sat(number(&case["dust_limit_sat"])),
            payer: FeePayer::Owner,
            to_owner_msat: number(&case["to_local_msat"]),
            to_other_msat: number(&case["to_remote_msat"]),
            htlcs: &htlcs,
        });
        let name = &case["name"];
        assert_eq!(figures.outputs(), outputs(case), "{name}");
        let trimmed: Vec<&Value> = ids
            .iter()
            .zip(&figures.htlcs)
            .filter(|(_, output)| output.is_none())
            .map(|(id, _)| id)
            .collect();
        assert_eq!(
            trimmed,
            case["trimmed_htlc_ids"]
                .as_array()
                .expect("a list")
                .iter()
                .collect::<Vec<_>>(),
            "{name}"
        );
        // The specification states the fee for some cases only.
        if let Some(base_fee) = case["base_fee_sat"].as_u64() {
            assert_eq!(figures.base_fee.to_sat(), base_fee, "{name}");
        }
    }
    cases.len()
}

fn htlc(file: &Value, id: &Value) -> (Offer, u64) {
    let all = file["htlcs"].as_array().expect("a list of HTLCs");
    let htlc = all
        .iter()
        .find(|htlc| htlc["id"] == *id)
        .expect("every id is listed");
    let offer = match htlc["direction"].as_str() {
        Some("offered") => Offer::ByOwner,
        Some("received") => Offer::ToOwner,
        other => panic!("direction {other:?}"),
    };
    (offer, number(&htlc["amount_msat"]))
}

/// The amounts in the transaction that the specification prints, smallest first.
fn outputs(case: &Value) -> Vec<Amount> {
    let hex = case["commit_tx_hex"].as_str().expect("hex");
    let transaction: bitcoin::Transaction =
        bitcoin::consensus::encode::deserialize_hex(hex).expect("a transaction");
    let mut values: Vec<Amount> = transaction
        .output
        .iter()
        .map(|output| output.value)
        .collect();
    values.sort_unstable();
    values
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("the vectors are JSON")
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}
