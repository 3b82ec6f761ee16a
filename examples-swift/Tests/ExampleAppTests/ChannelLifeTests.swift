import LightningArbitrator
import XCTest

/// From pending to closed, and the ends that the app decides.
final class ChannelLifeTests: XCTestCase {
    func testAChannelIsPendingOpenClosingAndClosedAndAReturningPeerIsAnsweredFromTheSummary() async throws {
        try await onDevice(.staticRemotekey) { device in
            let arbitrator = try await device.open()
            var stages: [Lifecycle] = []
            func look() async throws {
                stages.append(try await arbitrator.channel(channel: device.channel).lifecycle)
            }
            try await device.start(arbitrator)
            try await device.feed(arbitrator, device.partner.pay())
            try await device.feed(arbitrator, device.partner.settle())
            try await look()
            try await device.wakeAfter(1, arbitrator)
            try await look()
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            try await look()
            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(100, arbitrator)
            try await look()
            XCTAssertEqual(stages, [.pending, .open, .closing, .closed])

            let summary = try await arbitrator.closeSummary(channel: device.channel)
            let answer = try XCTUnwrap(summary?.reestablish)
            XCTAssertEqual([answer.nextCommitmentNumber, answer.nextRevocationNumber], [3, 2])
            XCTAssertEqual(answer.yourLastPerCommitmentSecret?.count, 32)
            XCTAssertEqual(answer.myCurrentPerCommitmentPoint.count, 33)
        }
    }

    func testAFundingThatNeverConfirmsIsCancelledAndTheChannelEndsWhenItHasStayedAway() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            let like = device.partner.terms
            let terms = ChannelTerms(
                funding: OutPoint(txid: String(repeating: "11", count: 32), vout: 0), capacitySat: like.capacitySat,
                fundingTransaction: nil, channelType: like.channelType, peer: like.peer, opener: like.opener,
                keysId: like.keysId, local: like.local, remote: like.remote
            )
            try await arbitrator.register(terms: terms)
            try await arbitrator.cancelFunding(channel: terms.funding)
            let cancelled = try await refusal { try await arbitrator.register(terms: terms) }
            XCTAssertEqual(cancelled, .Closing(channel: terms.funding, reason: .fundingCancelled))
            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(100, arbitrator)

            let summary = try await arbitrator.closeSummary(channel: terms.funding)
            XCTAssertEqual(summary?.isFinal, true)
            XCTAssertEqual(summary?.kind, .fundingCancelled)
            let ended = try await refusal { try await arbitrator.register(terms: terms) }
            XCTAssertEqual(ended, .Closing(channel: terms.funding, reason: .ended))
        }
    }

    func testAFundingOnTheChainCannotBeCancelled() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.wakeAfter(1, arbitrator)
            let error = try await refusal { try await arbitrator.cancelFunding(channel: device.channel) }
            XCTAssertEqual(error, .FundingConfirmed(channel: device.channel))
        }
    }

    func testAnAbandonedChannelHasEndedAndTheLibraryLooksAfterItNoMore() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.wakeAfter(1, arbitrator)
            try await arbitrator.abandon(channel: device.channel)
            let summary = try await arbitrator.closeSummary(channel: device.channel)
            XCTAssertEqual(summary?.kind, .abandoned)
            let told = try await news(arbitrator)
            XCTAssertTrue(told.contains(.abandoned), "\(told)")
            _ = try await device.partner.closes()
            try await device.wakeAfter(2, arbitrator)
            let later = try await news(arbitrator)
            XCTAssertEqual(later, [])
        }
    }
}
