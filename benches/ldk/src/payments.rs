//! Real payments between two real LDK nodes.

use lightning::bitcoin::hashes::{sha256, Hash};
use lightning::ln::functional_test_utils::{
    claim_payment, get_route, send_along_route_with_secret, test_default_channel_config, Node,
    TEST_FINAL_CLTV,
};
use lightning::routing::router::{PaymentParameters, RouteParameters};
use lightning::types::payment::{PaymentHash, PaymentPreimage};
use lightning::util::config::UserConfig;

/// What every payment pays: as much as on our side, and no dust.
const AMOUNT_MSAT: u64 = 10_000_000;

/// Seconds that an invoice is good for: longer than any benchmark.
const INVOICE_SECONDS: u32 = 7 * 24 * 3600;

/// LDK's test settings, with room for a hundred HTLCs.
pub fn config() -> UserConfig {
    let mut config = test_default_channel_config();
    let handshake = &mut config.channel_handshake_config;
    // BOLT 2: no more than 483.
    handshake.our_max_accepted_htlcs = 483;
    handshake.max_inbound_htlc_value_in_flight_percent_of_channel = 100;
    config
}

/// The payments of two nodes, by turns in both directions.
pub struct Payments<'n, 'a, 'b, 'c> {
    pub nodes: &'n [Node<'a, 'b, 'c>],
    pub made: u64,
}

impl<'a, 'b, 'c> Payments<'_, 'a, 'b, 'c> {
    /// Offers the next payment and leaves it pending.
    pub fn hold(&mut self) {
        self.offer();
        self.forget_log();
    }

    /// The next payment, from offer to settlement.
    pub fn pay(&mut self) {
        let (from, to, preimage) = self.offer();
        claim_payment(from, &[to], preimage);
        self.forget_log();
    }

    fn offer(&mut self) -> (&Node<'a, 'b, 'c>, &Node<'a, 'b, 'c>, PaymentPreimage) {
        let text = format!("preimage of payment {}", self.made);
        let preimage = PaymentPreimage(sha256::Hash::hash(text.as_bytes()).to_byte_array());
        let hash = PaymentHash(sha256::Hash::hash(&preimage.0).to_byte_array());
        let (from, to) = match self.made % 2 {
            0 => (&self.nodes[0], &self.nodes[1]),
            _ => (&self.nodes[1], &self.nodes[0]),
        };
        self.made += 1;
        let secret = to
            .node
            .create_inbound_payment_for_hash(hash, None, INVOICE_SECONDS, None)
            .expect("a good invoice");
        let recipient = PaymentParameters::from_node_id(to.node.get_our_node_id(), TEST_FINAL_CLTV)
            .with_bolt11_features(to.node.bolt11_invoice_features())
            .expect("features of its own");
        let wanted = RouteParameters::from_payment_params_and_value(recipient, AMOUNT_MSAT);
        let route = get_route(from, &wanted).expect("one hop, and balance enough");
        send_along_route_with_secret(from, route, &[&[to]], AMOUNT_MSAT, hash, secret);
        (from, to, preimage)
    }

    /// The test utilities keep every line of the log and every update for their assertions.
    fn forget_log(&self) {
        for node in self.nodes {
            let log = node.logger;
            log.lines.lock().expect("not poisoned").clear();
            log.context.lock().expect("not poisoned").clear();
            let updates = &node.chain_monitor.monitor_updates;
            updates.lock().expect("not poisoned").clear();
        }
    }
}
