//! What an output is, as an app sees it: whose commitment and whose anchor must not be confused.

use crate::court;
use crate::ffi::{Direction, HtlcKey, OutputKind, Party};
use crate::protocol::{self, ContractOutput, HtlcKind, PaymentHash};

fn shown(
    owner: protocol::Party,
    output: ContractOutput,
    htlc: Option<crate::channel::HtlcKey>,
) -> OutputKind {
    OutputKind::from(court::OutputKind::Contract {
        owner,
        output,
        htlc,
    })
}

#[test]
fn an_anchor_is_told_by_whose_it_is_and_not_by_whose_commitment_it_stands_on() {
    use protocol::Party::{Local, Remote};
    use ContractOutput::{CounterpartyAnchor, OwnerAnchor};
    for (owner, output, of) in [
        (Local, OwnerAnchor, Party::Local),
        (Local, CounterpartyAnchor, Party::Remote),
        (Remote, OwnerAnchor, Party::Remote),
        (Remote, CounterpartyAnchor, Party::Local),
    ] {
        assert_eq!(shown(owner, output, None), OutputKind::Anchor { of });
    }
}

#[test]
fn an_htlc_goes_the_way_that_we_see_whosever_commitment_it_stands_on() {
    use protocol::Party::{Local, Remote};
    for (owner, kind, direction) in [
        (Local, HtlcKind::Offered, Direction::Outgoing),
        (Local, HtlcKind::Received, Direction::Incoming),
        (Remote, HtlcKind::Offered, Direction::Incoming),
        (Remote, HtlcKind::Received, Direction::Outgoing),
    ] {
        let output = ContractOutput::Htlc {
            kind,
            payment_hash: PaymentHash([7; 32]),
            cltv_expiry: 500,
        };
        let key = HtlcKey { direction, id: 3 };
        let expected = OutputKind::Htlc {
            owner: owner.into(),
            direction,
            payment_hash: vec![7; 32],
            cltv_expiry: 500,
            key: Some(key),
        };
        let named = key.to_core().expect("below 2^61");
        assert_eq!(shown(owner, output, Some(named)), expected);
    }
}
