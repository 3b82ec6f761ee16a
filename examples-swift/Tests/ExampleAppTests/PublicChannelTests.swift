import AppParts
import Foundation
import LightningArbitrator
import XCTest

/// From the funding to the announced channel: the peer's node reads every message, and makes its own, with LDK's types.
final class PublicChannelTests: XCTestCase {
    private func onOpening(
        _ type: ChannelType = .anchorsZeroFeeHtlc, _ test: (OpeningApp) async throws -> Void
    ) async throws {
        try await onDevice(type, funding: .withheld) { device in try await test(OpeningApp(device)) }
    }

    private func timesUsable(_ arbitrator: ChainArbitrator) async throws -> Int {
        try await news(arbitrator).filter { $0 == .channelUsable }.count
    }

    private func announcedOverRestarts(_ app: OpeningApp) async throws {
        try await app.opens(publicly)
        try await app.restarts()
        try await app.confirms()
        try await app.restarts()
        let ready = try await app.tellsOne()
        XCTAssertEqual(ready.type, .channelReady)
        try await app.restarts()
        let taken = try await app.hears(ready.answer)
        XCTAssertEqual(taken, .taken)
        let usable = try await app.status()
        XCTAssertEqual(usable.stage, .usable)
        try await app.wakesAfter(6 - deep)
        try await app.restarts()
        let half = try await app.tellsOne()
        XCTAssertEqual(half.type, .announcementSignatures)
        XCTAssertEqual(half.shortChannelId, usable.shortChannelId)
        let unfinished = try await app.arbitrator.channelAnnouncement(channel: app.device.channel)
        XCTAssertNil(unfinished)
        try await app.restarts()
        try await app.hears(half.answer)
        try await app.restarts()
        let whole = try await app.tellsOne()
        XCTAssertEqual(whole.type, .channelAnnouncement)
        XCTAssertEqual(whole.shortChannelId, half.shortChannelId)
        let announced = try await app.status()
        XCTAssertEqual(announced.stage, .announced)
        let asked = try await app.arbitrator.channelAnnouncement(channel: app.device.channel)
        XCTAssertEqual(asked, whole.message)
    }

    func testAPublicChannelIsAnnouncedThoughTheAppEndsAtEveryStep() async throws {
        for type in [ChannelType.staticRemotekey, .anchorsZeroFeeHtlc] {
            try await onOpening(type, announcedOverRestarts)
        }
    }

    func testATickInTheBackgroundTellsThePeerAndSignsForOurNode() async throws {
        try await onOpening { app in
            try await app.opens(publicly)
            let early = try await app.wokenAfter(0)
            XCTAssertTrue(early.isEmpty)
            try await app.hears(app.wokenOnceAfter(deep).answer)
            try await app.hears(app.wokenOnceAfter(6 - deep).answer)
            let whole = try await app.tellsOne()
            XCTAssertEqual(whole.type, .channelAnnouncement)
        }
    }

    func testTheCaseFileTellsTheOpening() async throws {
        try await onOpening { app in
            let name = try await app.becomesAnnounced()
            let file = try await app.arbitrator.caseFile(channel: app.device.channel)
            let story = file.timeline.compactMap { entry -> OpeningNote? in
                guard case .opening(let note) = entry.kind else { return nil }
                return note
            }
            let expected: [OpeningNote] = [
                .named(shortChannelId: name),
                .tell(message: .channelReady, shortChannelId: nil),
                .told(message: .channelReady, shortChannelId: nil),
                .peerReady(alias: nil),
                .usable,
                .tell(message: .announcementSignatures, shortChannelId: name),
                .told(message: .announcementSignatures, shortChannelId: name),
                .peerHalf(shortChannelId: name),
                .tell(message: .channelAnnouncement, shortChannelId: name),
                .told(message: .channelAnnouncement, shortChannelId: name),
            ]
            XCTAssertEqual(story, expected)
            let last = file.text.split(separator: "\n").last.map(String.init) ?? ""
            XCTAssertTrue(last.hasSuffix("the app has sent channel_announcement for \(name)"), file.text)
        }
    }

    func testTheAppHearsOnceThatTheChannelMayBeUsed() async throws {
        try await onOpening { app in
            try await app.becomesUsable(publicly)
            let first = try await timesUsable(app.arbitrator)
            XCTAssertEqual(first, 1)
            try await app.restarts()
            try await app.wakesAfter(1)
            let later = try await timesUsable(app.arbitrator)
            XCTAssertEqual(later, 0)
        }
    }

    func testAMessageWaitsUntilThePeerHasIt() async throws {
        try await onOpening { app in
            try await app.opens(publicly)
            try await app.confirms()
            try await tellNews(app.arbitrator, peers: Unreachable()) { _ in }
            try await app.restarts()
            let ready = try await app.tellsOne()
            XCTAssertEqual(ready.type, .channelReady)
            let left = try await app.tells()
            XCTAssertTrue(left.isEmpty)
        }
    }

    func testAPeerThatIsConnectedAgainIsToldAgainWhatItMayNotHaveGot() async throws {
        try await onOpening { app in
            try await app.opens(publicly)
            try await app.confirms()
            let ready = try await app.tellsOne()
            try await app.reconnects()
            let readyAgain = try await app.tellsOne()
            XCTAssertEqual(readyAgain.message, ready.message)
            try await app.hears(ready.answer)
            try await app.wakesAfter(6 - deep)
            let half = try await app.tellsOne()
            try await app.reconnects()
            let again = try await app.tells()
            XCTAssertEqual(again.filter { $0.type == .announcementSignatures }.map(\.message), [half.message])
        }
    }

    func testAChannelThatTheNetworkForgotIsHandedOutAgain() async throws {
        try await onOpening { app in
            let name = try await app.becomesAnnounced()
            app.graph.names.value = [name]
            try await app.restarts()
            try await app.wakesAfter(0)
            let known = try await app.tells()
            XCTAssertTrue(known.isEmpty)
            app.graph.names.value = []
            try await app.restarts()
            try await app.wakesAfter(0)
            let again = try await app.tellsOne()
            XCTAssertEqual(again.type, .channelAnnouncement)
            XCTAssertEqual(again.shortChannelId, name)
        }
    }

    func testAWrongHalfOfThePeersIsRefusedAndTheRightOneTakenAfterIt() async throws {
        try await onOpening { app in
            try await app.becomesUsable(publicly)
            try await app.wakesAfter(6 - deep)
            guard let right = try await app.tellsOne().answer else { throw Failure("no half") }
            // The last byte is one of a signature.
            let wrong = right.dropLast() + [right[right.count - 1] &+ 1]
            let error = try await refusal { try await app.hears(wrong) }
            guard case .PeerMessageRefused(app.device.channel, _) = error else { throw error }
            let status = try await app.status()
            XCTAssertEqual(status.stage, .usable)
            try await app.hears(right)
            let whole = try await app.tellsOne()
            XCTAssertEqual(whole.type, .channelAnnouncement)
        }
    }

    func testAMessageThatIsNotOfAnOpeningIsTheEngines() async throws {
        try await onOpening { app in
            try await app.opens(publicly)
            let ping = Data([0, 18, 0, 0, 0, 0])
            let error = try await refusal { try await app.hears(ping) }
            XCTAssertEqual(error, .NotForUs(messageType: 18))
        }
    }

    func testAPrivateChannelIsUsableAndNeverAnnounced() async throws {
        try await onOpening { app in
            try await app.becomesUsable(.`private`)
            try await app.wakesAfter(100)
            let told = try await app.tells()
            XCTAssertTrue(told.isEmpty)
            let status = try await app.status()
            XCTAssertEqual(status.stage, .usable)
            let announcement = try await app.arbitrator.channelAnnouncement(channel: app.device.channel)
            XCTAssertNil(announcement)
        }
    }

    func testAPublicChannelNeedsTheNodesKey() async throws {
        try await onDevice(funding: .withheld) { device in
            let arbitrator = try await device.open()
            let error = try await refusal {
                try await arbitrator.openChannel(terms: device.partner.terms, opening: agreed(publicly))
            }
            guard case .OpeningRefused(device.channel, _) = error else { throw error }
        }
    }

    func testAnAppWithTheEmbeddedWalletOpensPublicChannelsToo() async throws {
        try await onDevice(funding: .withheld) { device in
            let arbitrator = try await device.openWithSeedWallet(nodeSigner: appNode())
            try await arbitrator.openChannel(terms: device.partner.terms, opening: agreed(publicly))
            let status = try await arbitrator.opening(channel: device.channel)
            XCTAssertEqual(status?.stage, .unconfirmed)
        }
    }
}
