//! The peer's signatures of our commitment: one of the commitment, one of each HTLC that has an output.

use bitcoin::OutPoint;
use lightning_arbitrator::channel::{FundingSignatures, LocalUpdate, UpdateError};

use super::{add_htlcs, round_but_ours};
use crate::support::{htlc_key, Told, World};

twins!(
    a_wrong_signature_of_the_commitment_is_refused,
    a_wrong_signature_of_an_htlc_is_refused_and_names_the_htlc,
    swapped_signatures_of_htlcs_are_refused,
    every_htlc_with_an_output_has_one_signature_and_no_other_has,
    signatures_are_for_the_funding_of_the_channel_and_given_once,
);

fn with(update: &LocalUpdate, change: impl FnOnce(&mut FundingSignatures)) -> Told {
    let mut lie = update.clone();
    change(&mut lie.signatures[0]);
    Told::Local(lie)
}

fn a_wrong_signature_of_the_commitment_is_refused(mut world: World) {
    add_htlcs(&mut world);
    let update = round_but_ours(&mut world);
    // A good signature, of something else.
    let lie = with(&update, |given| given.commitment = given.htlcs[0]);
    assert_eq!(
        world.refusal(lie),
        UpdateError::CommitmentSignature {
            channel: world.outpoint(),
            number: 1
        }
    );
    world.tell(Told::Local(update));
}

fn a_wrong_signature_of_an_htlc_is_refused_and_names_the_htlc(mut world: World) {
    let htlcs = add_htlcs(&mut world);
    let update = round_but_ours(&mut world);
    for (index, htlc) in htlcs.iter().take(3).enumerate() {
        let lie = with(&update, |given| given.htlcs[index] = given.commitment);
        assert_eq!(
            world.refusal(lie),
            UpdateError::HtlcSignature {
                channel: world.outpoint(),
                index,
                htlc: htlc_key(htlc.key)
            }
        );
    }
    world.tell(Told::Local(update));
}

fn swapped_signatures_of_htlcs_are_refused(mut world: World) {
    let htlcs = add_htlcs(&mut world);
    let update = round_but_ours(&mut world);
    let lie = with(&update, |given| given.htlcs.swap(1, 2));
    assert_eq!(
        world.refusal(lie),
        UpdateError::HtlcSignature {
            channel: world.outpoint(),
            index: 1,
            htlc: htlc_key(htlcs[1].key)
        }
    );
}

fn every_htlc_with_an_output_has_one_signature_and_no_other_has(mut world: World) {
    add_htlcs(&mut world);
    let update = round_but_ours(&mut world);
    let lies = [
        (0, with(&update, |given| given.htlcs.clear())),
        (2, with(&update, |given| given.htlcs.truncate(2))),
        // One for the dust as well.
        (4, with(&update, |given| given.htlcs.push(given.commitment))),
    ];
    for (given, lie) in lies {
        assert_eq!(
            world.refusal(lie),
            UpdateError::HtlcSignatureCount {
                channel: world.outpoint(),
                given,
                expected: 3
            }
        );
    }
}

fn signatures_are_for_the_funding_of_the_channel_and_given_once(mut world: World) {
    let update = round_but_ours(&mut world);
    let channel = world.outpoint();
    let other = OutPoint {
        vout: channel.vout + 1,
        ..channel
    };
    let signatures = |of: &[OutPoint]| {
        let mut lie = update.clone();
        lie.signatures = of
            .iter()
            .map(|funding| FundingSignatures {
                funding: *funding,
                ..update.signatures[0].clone()
            })
            .collect();
        Told::Local(lie)
    };
    for (given, funding, reason) in [
        (&[][..], channel, "missing"),
        (&[other], other, "no funding of this channel"),
        (&[channel, other], other, "no funding of this channel"),
        (&[channel, channel], channel, "given more than once"),
    ] {
        assert_eq!(
            world.refusal(signatures(given)),
            UpdateError::FundingSignatures {
                channel,
                funding,
                reason
            }
        );
    }
    world.tell(signatures(&[channel]));
}
