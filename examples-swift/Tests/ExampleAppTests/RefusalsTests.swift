import Foundation
import LightningArbitrator
import XCTest

/// Every error arrives as its own typed case with its data, and has changed nothing.
final class RefusalsTests: XCTestCase {
    /// On a channel with its first commitments, and an exchange with two payments at hand that nobody was told of yet.
    private func refusing(_ test: (Device, ChainArbitrator, Round) async throws -> Void) async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            let next = try await device.partner.pay()
            try await test(device, arbitrator, next)
            let position = try await arbitrator.position(channel: device.channel)
            XCTAssertEqual(position.local, 0, "the refused update changed something")
            try await device.feed(arbitrator, next)
        }
    }

    func testAWrongSignatureOfACommitment() async throws {
        try await refusing { device, arbitrator, next in
            let given = next.local.signatures[0]
            let wrong = next.local.signed(commitment: given.htlcs[0], htlcs: given.htlcs)
            let error = try await refusal { try await arbitrator.localCommitment(channel: device.channel, update: wrong) }
            XCTAssertEqual(error, .CommitmentSignature(channel: device.channel, number: 1))
            let sentence = "channel \(device.channel.txid):0: the peer's signature of commitment 1 does not verify"
            XCTAssertEqual("\(error)", sentence)
            XCTAssertEqual(error.localizedDescription, sentence)
        }
    }

    func testAWrongSignatureOfTheSecondHtlc() async throws {
        try await refusing { device, arbitrator, next in
            let given = next.local.signatures[0]
            let wrong = next.local.signed(commitment: given.commitment, htlcs: [given.htlcs[0], given.htlcs[0]])
            let error = try await refusal { try await arbitrator.localCommitment(channel: device.channel, update: wrong) }
            guard case .HtlcSignature(device.channel, 1, _) = error else { throw error }
        }
    }

    func testAnHtlcSignatureTooFew() async throws {
        try await refusing { device, arbitrator, next in
            let given = next.local.signatures[0]
            let wrong = next.local.signed(commitment: given.commitment, htlcs: [given.htlcs[0]])
            let error = try await refusal { try await arbitrator.localCommitment(channel: device.channel, update: wrong) }
            XCTAssertEqual(error, .HtlcSignatureCount(channel: device.channel, given: 1, expected: 2))
        }
    }

    func testASecretThatIsNotTheRevokedCommitments() async throws {
        try await refusing { device, arbitrator, next in
            try await arbitrator.remoteCommitment(channel: device.channel, update: next.remote)
            let error = try await refusal {
                try await arbitrator.revocation(
                    channel: device.channel, number: 0, secret: Data(repeating: 1, count: 32),
                    nextPoint: next.revocation!.nextPoint
                )
            }
            XCTAssertEqual(error, .WrongSecret(channel: device.channel, number: 0))
        }
    }

    func testOneOfSeveralUpdatesThatAreToldTogetherByItsPlace() async throws {
        try await refusing { device, arbitrator, next in
            try await arbitrator.remoteCommitment(channel: device.channel, update: next.remote)
            let htlcs = next.local.signatures[0].htlcs
            let wrong = ChannelUpdate.local(update: next.local.signed(commitment: htlcs[0], htlcs: htlcs))
            let error = try await refusal {
                try await arbitrator.updates(channel: device.channel, updates: [next.revocation!.update, wrong])
            }
            XCTAssertEqual(
                error, .UpdateRefused(index: 1, refusal: .CommitmentSignature(channel: device.channel, number: 1))
            )
            let position = try await arbitrator.position(channel: device.channel)
            XCTAssertNil(position.remoteRevoked, "the good one was stored without the other")
        }
    }

    func testAmountsAboveTheCapacity() async throws {
        try await refusing { device, arbitrator, next in
            let wrong = next.remote.with(localMsat: next.remote.commitment.localMsat + 1)
            let error = try await refusal { try await arbitrator.remoteCommitment(channel: device.channel, update: wrong) }
            XCTAssertEqual(
                error, .AboveCapacity(channel: device.channel, claimedMsat: 1_000_000_001, capacitySat: 1_000_000)
            )
        }
    }

    func testAmountsThatLeaveSomethingToNobody() async throws {
        try await refusing { device, arbitrator, next in
            let wrong = next.remote.with(localMsat: next.remote.commitment.localMsat - 1)
            let error = try await refusal { try await arbitrator.remoteCommitment(channel: device.channel, update: wrong) }
            XCTAssertEqual(
                error, .Unbalanced(channel: device.channel, claimedMsat: 999_999_999, capacitySat: 1_000_000)
            )
        }
    }

    func testANumberOutOfOrder() async throws {
        try await refusing { device, arbitrator, next in
            let wrong = next.remote.with(number: 2)
            let error = try await refusal { try await arbitrator.remoteCommitment(channel: device.channel, update: wrong) }
            XCTAssertEqual(error, .OutOfOrder(channel: device.channel, party: .remote, number: 2, expected: 1))
        }
    }

    func testTheReleaseOfAnHtlcThatNeverWas() async throws {
        try await refusing { device, arbitrator, _ in
            let never = HtlcKey(direction: .incoming, id: 77)
            let error = try await refusal { try await arbitrator.release(channel: device.channel, htlc: never) }
            XCTAssertEqual(error, .UnknownHtlc(channel: device.channel, htlc: never))
        }
    }

    func testAnUnknownChannel() async throws {
        try await refusing { device, arbitrator, next in
            let stranger = OutPoint(txid: device.channel.txid, vout: 9)
            let error = try await refusal { try await arbitrator.remoteCommitment(channel: stranger, update: next.remote) }
            XCTAssertEqual(error, .UnknownChannel(channel: stranger))
        }
    }

    func testACooperativeCloseOfSomethingElse() async throws {
        try await refusing { device, arbitrator, _ in
            let funding = device.partner.terms.fundingTransaction!
            let error = try await refusal {
                try await arbitrator.closingSigned(channel: device.channel, transaction: funding)
            }
            guard case .ClosingTransaction(device.channel, _) = error else { throw error }
        }
    }

    func testAPeerThatIsConnectedAgainWithAnotherSecretThanOurs() async throws {
        try await refusing { device, arbitrator, _ in
            let secret = Data(repeating: 1, count: 32).hex
            let wrong = try await device.partner.reconnects(
                #"{"next_revocation_number": 6, "last_secret": "\#(secret)"}"#
            )
            let error = try await refusal {
                _ = try await arbitrator.peerMessage(peer: device.partner.terms.peer, message: wrong)
            }
            guard case .ReestablishSecret(device.channel, 5) = error else { throw error }
        }
    }

    func testAPeerThatExpectsMoreThanWasEverSigned() async throws {
        try await refusing { device, arbitrator, _ in
            let ahead = try await device.partner.reconnects(
                #"{"next_commitment_number": 9, "next_revocation_number": 0}"#
            )
            let error = try await refusal {
                _ = try await arbitrator.peerMessage(peer: device.partner.terms.peer, message: ahead)
            }
            guard case .BehindPeer(device.channel, 1, 9) = error else { throw error }
        }
    }

    func testAChannelOfWhichThePeerProvesThatDataWasLost() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            // The library was told of none of it.
            _ = try await device.partner.pay()
            _ = try await device.partner.settle()
            let proof = try await device.partner.reconnects()
            let heard = try await arbitrator.peerMessage(peer: device.partner.terms.peer, message: proof)
            XCTAssertEqual(heard, .dataLost)
            let refusal = try await arbitrator.position(channel: device.channel).refusal
            XCTAssertEqual(refusal, .dataLoss)
        }
    }

    func testACommitmentForAChannelThatIsClosing() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            _ = try await arbitrator.forceClose(channel: device.channel)
            let next = try await device.partner.pay()
            let error = try await refusal {
                try await arbitrator.remoteCommitment(channel: device.channel, update: next.remote)
            }
            XCTAssertEqual(error, .Closing(channel: device.channel, reason: .forceClose))
        }
    }

    func testBytesAndNumbersThatCannotBeByThePathOfTheField() async throws {
        try await refusing { device, arbitrator, next in
            let channel = device.channel
            let short = Data(repeating: 1, count: 31)
            let given = next.local.signatures[0]
            let calls: [(String, () async throws -> Void)] = [
                ("channel.txid", { _ = try await arbitrator.position(channel: OutPoint(txid: "not hex", vout: 0)) }),
                ("update.signatures[0].commitment", {
                    let wrong = next.local.signed(commitment: short, htlcs: given.htlcs)
                    try await arbitrator.localCommitment(channel: channel, update: wrong)
                }),
                ("update.commitment.number", {
                    try await arbitrator.remoteCommitment(channel: channel, update: next.remote.with(number: 1 << 48))
                }),
                ("secret", {
                    let point = next.revocation!.nextPoint
                    try await arbitrator.revocation(channel: channel, number: 0, secret: short, nextPoint: point)
                }),
                ("transaction", { try await arbitrator.closingSigned(channel: channel, transaction: short) }),
            ]
            for (path, call) in calls {
                guard case .InvalidInput(path, _) = try await refusal(call) else { throw Failure("not refused: \(path)") }
            }
        }
    }
}

extension LocalUpdate {
    func signed(commitment signature: Data, htlcs: [Data]) -> LocalUpdate {
        let signatures = FundingSignatures(funding: signatures[0].funding, commitment: signature, htlcs: htlcs)
        return LocalUpdate(commitment: commitment, signatures: [signatures])
    }
}

extension RemoteUpdate {
    func with(number: UInt64? = nil, localMsat: UInt64? = nil) -> RemoteUpdate {
        let changed = CommitmentUpdate(
            number: number ?? commitment.number,
            feeratePerKw: commitment.feeratePerKw,
            localMsat: localMsat ?? commitment.localMsat,
            remoteMsat: commitment.remoteMsat,
            htlcs: commitment.htlcs
        )
        return RemoteUpdate(commitment: changed, perCommitmentPoint: perCommitmentPoint)
    }
}
