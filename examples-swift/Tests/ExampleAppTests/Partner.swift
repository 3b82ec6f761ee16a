import Foundation
import LightningArbitrator

/// Where a channel's funding transaction is when the test begins: in a block, or nobody has seen it.
enum Funding: String {
    case confirmed
    case withheld
}

/// A channel with the testkit's counterparty, in the words of the library: what an app's channel engine would have.
final class Partner {
    private let testkit: Testkit
    private let path: String
    let keysId: Data
    let channel: OutPoint
    let secrets: ChannelSecrets
    let terms: ChannelTerms
    /// The first commitments of both sides.
    let first: Round

    init(_ testkit: Testkit, _ type: ChannelType, _ funding: Funding) async throws {
        let name = switch type {
        case .staticRemotekey: "static_remotekey"
        case .anchorsZeroFeeHtlc: "anchors_zero_fee_htlc"
        }
        let body = #"{"setup": {"channel_type": "\#(name)"}, "funding": "\#(funding.rawValue)"}"#
        let opened = try await testkit.post("/channels", body)
        let given = opened["terms"]
        self.testkit = testkit
        path = "/channels/\(opened["id"].number)"
        keysId = Data(repeating: UInt8(opened["id"].number), count: 32)
        channel = outPoint(given["funding"].text)
        secrets = channelSecrets(opened["our_secrets"])
        terms = ChannelTerms(
            funding: channel,
            capacitySat: given["capacity_sat"].number,
            fundingTransaction: opened["funding_tx"].bytes,
            channelType: type,
            peer: given["peer_keys"]["funding_pubkey"].bytes,
            opener: .local,
            keysId: keysId,
            local: partyTerms(given, "our", "us"),
            remote: partyTerms(given, "peer", "peer")
        )
        first = Round(opened["round"], channel)
    }

    /// Two payments, one each way, that stay in flight.
    func pay() async throws -> Round {
        try await update(
            """
            {"add": [{"direction": "outgoing", "amount_msat": 30000000, "cltv_expiry": 700},
                     {"direction": "incoming", "amount_msat": 20000000, "cltv_expiry": 800}]}
            """)
    }

    /// Both payments of `pay` arrive.
    func settle() async throws -> Round {
        try await update(
            """
            {"settle": [{"direction": "outgoing", "id": 0, "how": "fulfil"},
                        {"direction": "incoming", "id": 0, "how": "fulfil"}]}
            """)
    }

    private func update(_ body: String) async throws -> Round {
        Round(try await testkit.post("\(path)/update", body), channel)
    }

    /// The peer's newest commitment goes to the mempool; its txid.
    func closes() async throws -> String {
        try await testkit.post("\(path)/peer-closes")["txid"].text
    }

    /// A cooperative close that both sides signed, kept back.
    func cooperativeClose() async throws -> Data {
        try await testkit.post("\(path)/coop", #"{"send": "keep"}"#)["tx"].bytes
    }

    /// The peer's node gets a message of the opening from `ourNode`; it must accept it.
    func hears(_ message: Data, from ourNode: Data) async throws -> Heard {
        let body = #"{"message": "\#(message.hex)", "our_node": "\#(ourNode.hex)"}"#
        let heard = try await testkit.post("\(path)/peer-hears", body)
        let (name, answer) = (heard["short_channel_id"], heard["answer"])
        return Heard(shortChannelId: name.isNull ? nil : name.text, answer: answer.isNull ? nil : answer.bytes)
    }

    /// The peer is connected again: its `channel_reestablish`, which says what `says` has of it.
    func reconnects(_ says: String = "{}") async throws -> Data {
        try await testkit.post("\(path)/peer-reconnects", says)["message"].bytes
    }

    /// What is ours outside HTLCs.
    func balanceSat() async throws -> UInt64 {
        try await testkit.get(path)["to_us_msat"].number / 1000
    }
}

/// What the peer's node made of a message: what it calls the channel, and its own message of the same kind.
struct Heard {
    let shortChannelId: String?
    let answer: Data?
}

/// One exchange, in the order in which the library must hear of it.
struct Round {
    struct Revocation {
        let number: UInt64
        let secret: Data
        let nextPoint: Data

        var update: ChannelUpdate { .revocation(number: number, secret: secret, nextPoint: nextPoint) }
    }

    let remote: RemoteUpdate
    let revocation: Revocation?
    let local: LocalUpdate

    init(_ round: Json, _ channel: OutPoint) {
        let (theirs, revoked, ours) = (round["remote"], round["revocation"], round["local"])
        remote = RemoteUpdate(commitment: commitment(theirs), perCommitmentPoint: theirs["per_commitment_point"].bytes)
        revocation = revoked.isNull ? nil : Revocation(
            number: revoked["number"].number, secret: revoked["secret"].bytes, nextPoint: revoked["next_point"].bytes
        )
        let signatures = FundingSignatures(
            funding: channel, commitment: ours["signature"].bytes, htlcs: ours["htlc_signatures"].list.map(\.bytes)
        )
        local = LocalUpdate(commitment: commitment(ours), signatures: [signatures])
    }
}

private func outPoint(_ text: String) -> OutPoint {
    let parts = text.split(separator: ":")
    return OutPoint(txid: String(parts[0]), vout: UInt32(parts[1])!)
}

private func channelSecrets(_ secrets: Json) -> ChannelSecrets {
    ChannelSecrets(
        funding: secrets["funding"].bytes,
        revocationBase: secrets["revocation_base"].bytes,
        payment: secrets["payment"].bytes,
        delayedPaymentBase: secrets["delayed_payment_base"].bytes,
        htlcBase: secrets["htlc_base"].bytes,
        commitmentSeed: secrets["commitment_seed"].bytes
    )
}

private func partyTerms(_ given: Json, _ prefix: String, _ name: String) -> PartyTerms {
    let keys = given["\(prefix)_keys"]
    return PartyTerms(
        keys: ChannelKeys(
            funding: keys["funding_pubkey"].bytes,
            revocationBasepoint: keys["revocation_basepoint"].bytes,
            paymentBasepoint: keys["payment_basepoint"].bytes,
            delayedPaymentBasepoint: keys["delayed_payment_basepoint"].bytes,
            htlcBasepoint: keys["htlc_basepoint"].bytes
        ),
        dustLimitSat: given["\(prefix)_dust_limit_sat"].number,
        toSelfDelay: UInt16(given["\(prefix)_delay"].number),
        reserveSat: 10_000,
        shutdownScript: given["\(prefix)_shutdown_script"].bytes,
        initialBalanceMsat: given["initial_to_\(name)_msat"].number,
        firstPerCommitmentPoint: given["\(prefix)_first_points"].list[0].bytes
    )
}

private func commitment(_ update: Json) -> CommitmentUpdate {
    CommitmentUpdate(
        number: update["number"].number,
        feeratePerKw: UInt32(update["feerate_per_kw"].number),
        localMsat: update["to_us_msat"].number,
        remoteMsat: update["to_peer_msat"].number,
        htlcs: update["htlcs"].list.map { htlc in
            Htlc(
                key: HtlcKey(direction: htlc["direction"].text == "outgoing" ? .outgoing : .incoming, id: htlc["id"].number),
                paymentHash: htlc["payment_hash"].bytes,
                amountMsat: htlc["amount_msat"].number,
                cltvExpiry: UInt32(htlc["cltv_expiry"].number),
                origin: .own
            )
        }
    )
}
