import LightningArbitrator
import XCTest

/// What a wallet's screens ask for, page by page.
final class QueriesTests: XCTestCase {
    private let all = PageRequest(limit: 100)

    func testChannelsAreListedWithTheirBalancesByStateOfLifeAndByPeer() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.feed(arbitrator, try await device.partner.pay())
            try await device.wakeAfter(1, arbitrator)
            let listed = try await arbitrator.listChannels(page: all).channels
            let shown = try XCTUnwrap(listed.first)
            XCTAssertEqual(shown.channel, device.channel)
            XCTAssertEqual(shown.lifecycle, .open)
            let ours = try await device.partner.balanceSat()
            XCTAssertEqual(shown.standing?.localMsat, ours * 1000)
            XCTAssertEqual(shown.standing?.outgoing, PendingHtlcs(count: 1, amountMsat: 30_000_000))
            XCTAssertEqual(shown.standing?.incoming, PendingHtlcs(count: 1, amountMsat: 20_000_000))
            let peer = device.partner.terms.peer
            let open = ChannelFilter(lifecycle: .open, peer: peer)
            let filtered = try await arbitrator.listChannels(page: all, filter: open).channels
            XCTAssertEqual(filtered, [shown])
            let closed = ChannelFilter(lifecycle: .closed, peer: peer)
            let none = try await arbitrator.listChannels(page: all, filter: closed).channels
            XCTAssertEqual(none, [])
        }
    }

    func testBalancesAndTotalsFollowAPaymentAndAClose() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.feed(arbitrator, try await device.partner.pay())
            try await arbitrator.release(channel: device.channel, htlc: HtlcKey(direction: .incoming, id: 0))
            try await device.feed(arbitrator, try await device.partner.settle())
            try await device.wakeAfter(1, arbitrator)
            let open = try await arbitrator.balances().open
            let ours = try await device.partner.balanceSat()
            XCTAssertEqual([UInt64(open.channels), open.localMsat], [1, ours * 1000])
            let totals = try await arbitrator.totals().sum
            XCTAssertEqual(totals.sentMsat, 30_000_000)
            let ofOne = try await arbitrator.channelTotals(channel: device.channel)
            XCTAssertEqual(ofOne, totals)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            let closed = try await arbitrator.balances()
            XCTAssertEqual(closed.open.channels, 0)
            XCTAssertGreaterThan(closed.onChain.settledSat + closed.onChain.timeLockedSat, 0)
            let summaries = try await arbitrator.closedChannels(page: all).summaries
            XCTAssertEqual(summaries.map(\.channel), [device.channel])
        }
    }

    func testTheHistoryIsWalkedPageByPageNewestFirst() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.wakeAfter(1, arbitrator)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            var page = try await arbitrator.history(page: PageRequest(limit: 2))
            var walked = page.entries
            while let next = page.next {
                page = try await arbitrator.history(page: PageRequest(limit: 2, after: next))
                walked += page.entries
            }
            let log = try await arbitrator.log(channel: device.channel)
            XCTAssertEqual(walked.reversed().map(\.line), log)
            let error = try await refusal {
                _ = try await arbitrator.history(page: PageRequest(limit: 9, after: "made up"))
            }
            guard case .InvalidInput("page.after", _) = error else { throw error }
        }
    }

    func testPaymentsOfAChannelAreListedWhileTheyArePendingAndWhenTheyArePast() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.feed(arbitrator, try await device.partner.pay())
            let pending = try await arbitrator.htlcHistory(channel: device.channel, page: all).htlcs
            XCTAssertEqual(pending.map(\.stage), [.live, .live])
            XCTAssertEqual(Set(pending.map(\.amountMsat)), [30_000_000, 20_000_000])
            try await device.feed(arbitrator, try await device.partner.settle())
            let past = try await arbitrator.htlcHistory(channel: device.channel, page: all).htlcs
            XCTAssertEqual(past.map(\.stage), [.past, .past])
        }
    }

    func testAChannelIsFoundByItsShortChannelIdAndItsAliases() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            let ids = ShortChannelIds(confirmed: "700000x1x0", aliases: ["16000000x0x7"])
            try await arbitrator.setShortChannelIds(channel: device.channel, ids: ids)
            let found = try await [
                arbitrator.channelByShortId(id: "700000x1x0"),
                arbitrator.channelByShortId(id: "16000000x0x7"),
                arbitrator.channelByShortId(id: "700000x1x1"),
            ]
            XCTAssertEqual(found, [device.channel, device.channel, nil])
            let listed = try await arbitrator.listChannels(page: all).channels
            XCTAssertEqual(listed.map(\.ids), [ids])
            let wrong = ShortChannelIds(confirmed: nil, aliases: ["16000000x0x7", "16777216x0x0"])
            let error = try await refusal {
                try await arbitrator.setShortChannelIds(channel: device.channel, ids: wrong)
            }
            guard case .InvalidInput("ids.aliases[1]", _) = error else { throw error }
        }
    }
}
