//! The counterparty judged in its turn: its figures against BOLT 3's vectors, its transactions against consensus.

mod closes;
mod contracts;
mod figures;
mod ledger;

use bitcoin::{Amount, Transaction};

use crate::chain::{Chain, Reject};
use crate::memory::MemoryChain;

use super::{Channel, ChannelSetup, ChannelType, NewHtlc, Round, Which};

/// Enough for any small transaction here.
const FEE: Amount = Amount::from_sat(1_000);

/// A channel on an in-memory chain.
struct Story {
    chain: MemoryChain,
    channel: Channel,
}

impl Story {
    /// Funded, the first commitments exchanged.
    fn open(channel_type: ChannelType) -> Self {
        Story::with(ChannelSetup::numbered(channel_type, 0))
    }

    fn with(setup: ChannelSetup) -> Self {
        let chain = MemoryChain::new();
        let channel = Channel::open(&chain, setup).expect("the setup is consistent");
        let mut story = Story { chain, channel };
        story.commit();
        story
    }

    fn commit(&mut self) -> Round {
        self.channel.commit_both().expect("no revocation is owed")
    }

    /// We pay the peer and both sides commit before and after.
    fn pay(&mut self, amount_msat: u64) -> Round {
        let htlc = self
            .channel
            .add_htlc(NewHtlc::outgoing(amount_msat, 500))
            .expect("affordable");
        self.commit();
        self.channel
            .settle_htlc(htlc.key, super::Settlement::Fulfil)
            .expect("live");
        self.commit()
    }

    fn peer_closes(&self, which: Which) {
        self.confirm(&self.channel.peer_commitment_tx(which).expect("signed"));
    }

    fn we_close(&self, which: Which) {
        self.confirm(&self.channel.our_commitment_tx(which).expect("signed"));
    }

    /// Through the mempool into a block.
    #[track_caller]
    fn confirm(&self, transaction: &Transaction) {
        let txid = self.chain.submit(transaction).expect("accepted");
        self.chain.mine(1);
        assert!(self
            .chain
            .transaction(txid)
            .is_some_and(|known| known.block.is_some()));
    }

    #[track_caller]
    fn refusal(&self, transaction: &Transaction) -> String {
        let Reject { text, .. } = self.chain.submit(transaction).expect_err("refused");
        text
    }

    /// Confirmed and unspent at a script.
    fn paid_to(&self, script: &bitcoin::Script) -> Amount {
        let hash = bitcoin::hashes::Hash::hash(script.as_bytes());
        let outputs = self.chain.outputs_paying(hash).into_iter();
        let unspent = outputs.filter(|output| self.chain.outspend(*output).is_none());
        unspent
            .map(|output| {
                let known = self
                    .chain
                    .transaction(output.txid)
                    .expect("it pays the script");
                known.transaction.output[output.vout as usize].value
            })
            .sum()
    }
}
