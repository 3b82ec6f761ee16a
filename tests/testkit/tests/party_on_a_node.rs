//! The counterparty's transactions before a real node: its consensus and its mempool policy. What they are in detail is tested
//! on the in-memory chain, beside the code.

use bitcoin::{Amount, ScriptBuf, Transaction, TxOut};
use testkit::chain::Chain;
use testkit::party::{
    Channel, ChannelSetup, ChannelType, CooperativeClose, HtlcKey, NewHtlc, Settlement, Side, Which,
};
use testkit::regtest::Bitcoind;

const FEE: Amount = Amount::from_sat(1_000);

/// Runs a story on a node of its own, for every format; says so where there is none.
fn on_a_node(story: impl Fn(&Stage)) {
    match Bitcoind::start() {
        Ok(node) => ChannelType::ALL.iter().for_each(|kind| {
            story(&Stage {
                node: &node,
                kind: *kind,
            })
        }),
        Err(reason) => reason.say(),
    }
}

struct Stage<'a> {
    node: &'a Bitcoind,
    kind: ChannelType,
}

impl Stage<'_> {
    /// A channel in which we paid the peer once, both sides committing before and after.
    fn channel(&self, number: u64) -> Channel {
        let setup = ChannelSetup::numbered(self.kind, number);
        let mut channel = Channel::open(self.node, setup).expect("consistent");
        channel.commit_both().expect("the first");
        let htlc = channel
            .add_htlc(NewHtlc::outgoing(50_000_000, 900))
            .expect("affordable");
        channel.commit_both().expect("revoked");
        channel
            .settle_htlc(htlc.key, Settlement::Fulfil)
            .expect("live");
        channel.commit_both().expect("revoked");
        channel
    }

    #[track_caller]
    fn confirm(&self, transaction: &Transaction) {
        let txid = self.node.submit(transaction).expect("accepted");
        self.node.mine(1);
        assert!(self
            .node
            .transaction(txid)
            .is_some_and(|known| known.block.is_some()));
    }

    #[track_caller]
    fn refusal(&self, transaction: &Transaction) -> String {
        self.node.submit(transaction).expect_err("refused").text
    }
}

#[test]
fn a_node_accepts_every_kind_of_close() {
    on_a_node(|stage| {
        let kinds: [fn(&Channel) -> Transaction; 8] = [
            |channel| channel.peer_commitment_tx(Which::Current).expect("signed"),
            |channel| {
                channel
                    .peer_commitment_tx(Which::Number(1))
                    .expect("signed")
            },
            |channel| {
                let mut channel = channel.clone();
                channel.their_commitment().expect("nothing is owed");
                channel.peer_commitment_tx(Which::Pending).expect("signed")
            },
            |channel| channel.our_commitment_tx(Which::Current).expect("signed"),
            |channel| channel.our_commitment_tx(Which::Number(1)).expect("signed"),
            |channel| channel.data_loss(2).expect("nothing is owed").transaction,
            |channel| {
                channel
                    .cooperative_close(&CooperativeClose::legacy(FEE))
                    .expect("payable")
            },
            |channel| {
                let script_pubkey =
                    ScriptBuf::new_p2wsh(&bitcoin::hashes::Hash::hash(b"nobody knows this script"));
                channel.unknown_spend(vec![TxOut {
                    value: Amount::from_sat(990_000),
                    script_pubkey,
                }])
            },
        ];
        for (number, close) in (0..).zip(kinds) {
            stage.confirm(&close(&stage.channel(number)));
        }
    });
}

#[test]
fn a_node_replaces_a_simple_close_by_a_dearer_one() {
    on_a_node(|stage| {
        let channel = stage.channel(0);
        let close = |closer, fee| {
            channel
                .cooperative_close(&CooperativeClose::simple(closer, Amount::from_sat(fee)))
                .expect("payable")
        };
        stage.node.submit(&close(Side::Us, 500)).expect("accepted");
        stage.confirm(&close(Side::Peer, 5_000));
    });
}

#[test]
fn a_node_lets_each_side_take_its_balance_when_its_time_has_come() {
    on_a_node(|stage| {
        let channel = stage.channel(0);
        stage.confirm(&channel.peer_commitment_tx(Which::Current).expect("signed"));
        stage.confirm(
            &channel
                .sweep_to_remote(Side::Peer, Which::Current, FEE)
                .expect("there"),
        );
        let sweep = channel
            .sweep_to_local(Side::Peer, Which::Current, FEE)
            .expect("there");
        // The commitment is two blocks deep, and the spend may stand in the next.
        stage.node.mine(u32::from(channel.setup().peer_delay) - 3);
        assert!(stage.refusal(&sweep).contains("non-BIP68-final"));
        stage.node.mine(1);
        stage.confirm(&sweep);

        let cheated = stage.channel(1);
        stage.confirm(
            &cheated
                .peer_commitment_tx(Which::Number(0))
                .expect("signed"),
        );
        stage.confirm(
            &cheated
                .punish_to_local(Side::Peer, Which::Number(0), FEE)
                .expect("there"),
        );
    });
}

#[test]
fn a_node_lets_the_owner_take_its_htlcs_at_the_second_level() {
    on_a_node(|stage| {
        for (number, owner) in [(0, Side::Us), (1, Side::Peer)] {
            let (channel, keys) = closed_with_htlcs(stage, number, owner);
            keys.iter()
                .for_each(|key| stage.confirm(&second_level(stage, &channel, owner, *key)));
        }
    });
}

#[test]
fn a_node_lets_the_other_side_take_its_htlcs_directly() {
    on_a_node(|stage| {
        for (number, owner) in [(0, Side::Us), (1, Side::Peer)] {
            let (channel, keys) = closed_with_htlcs(stage, number, owner);
            for key in keys {
                let claim = channel.claim_htlc(owner, Which::Current, key, FEE);
                stage.confirm(&claim.expect("it has an output"));
            }
        }
    });
}

/// A channel closed by `owner` with an HTLC each way. Both have expired, so that every claim is timely.
fn closed_with_htlcs(stage: &Stage, number: u64, owner: Side) -> (Channel, [HtlcKey; 2]) {
    let mut channel = stage.channel(number);
    let expiry = stage.node.tip().height;
    let new = [
        NewHtlc::outgoing(30_000_000, expiry),
        NewHtlc::incoming(40_000_000, expiry),
    ];
    let keys = new.map(|htlc| channel.add_htlc(htlc).expect("affordable").key);
    channel.commit_both().expect("revoked");
    let commitment = match owner {
        Side::Us => channel.our_commitment_tx(Which::Current),
        Side::Peer => channel.peer_commitment_tx(Which::Current),
    };
    stage.confirm(&commitment.expect("signed"));
    (channel, keys)
}

fn second_level(stage: &Stage, channel: &Channel, owner: Side, key: HtlcKey) -> Transaction {
    match stage.kind {
        ChannelType::StaticRemotekey => channel.second_level_tx(owner, Which::Current, key),
        ChannelType::AnchorsZeroFeeHtlc => {
            channel.second_level_tx_with_fee(stage.node, owner, Which::Current, key, FEE)
        }
    }
    .expect("it has an output")
}
