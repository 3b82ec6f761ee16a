import LightningArbitrator
import XCTest

/// The whole story, with a signer and a wallet written in Swift.
final class SleepThroughCloseTests: XCTestCase {
    /// A channel that was used: two payments, in flight and then settled.
    private func use(_ device: Device, _ arbitrator: ChainArbitrator) async throws {
        try await device.start(arbitrator)
        try await device.feed(arbitrator, device.partner.pay())
        try await device.feed(arbitrator, device.partner.settle())
        try await device.wakeAfter(1, arbitrator)
        let told = try await news(arbitrator)
        guard case .channelOpen = told.first, told.count == 1 else { throw Failure("\(told)") }
    }

    func testADeviceSleepsThroughThePeersForceCloseWakesAndGetsItsMoneyBack() async throws {
        try await onDevices { device in
            let before = try await device.open()
            try await use(device, before)
            await before.shutdown()

            let closing = try await device.partner.closes()
            try await device.testkit.mine(10)

            let after = try await device.open()
            try await device.wakeAfter(0, after)
            guard case .channelClosed(let txid, let kind, _, _) = try await news(after)[0] else { throw Failure("not closed") }
            XCTAssertEqual(txid, closing)
            XCTAssertEqual(kind, .remote(number: 2))
            let beforeTheSweep = try await device.testkit.balanceSat(device.wallet.script)
            XCTAssertEqual(beforeTheSweep, 0, "the sweep is broadcast, not confirmed")

            try await device.wakeAfter(6, after)
            let recovered = try await news(after).compactMap { kind -> UInt64? in
                if case .fundsRecovered(_, let valueSat, _) = kind { valueSat } else { nil }
            }
            let balance = try await device.testkit.balanceSat(device.wallet.script)
            XCTAssertEqual(recovered, [balance])
            let owned = try await device.partner.balanceSat()
            XCTAssertEqual(owned, 590_000)
            XCTAssertTrue((585_000...590_000).contains(balance), "\(balance) sat: all but the fees")
        }
    }

    func testOurOwnForceCloseWaitsForItsDelayAndPaysUs() async throws {
        try await onDevices { device in
            let arbitrator = try await device.open()
            try await use(device, arbitrator)

            let status = try await arbitrator.forceClose(channel: device.channel)
            XCTAssertEqual(status.state, .commitmentBroadcasted)
            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(142, arbitrator)
            let early = try await device.testkit.balanceSat(device.wallet.script)
            XCTAssertEqual(early, 0)
            // BOLT 3: to_self_delay is 144, so the sweep is valid in the 144th block after the close's.
            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(1, arbitrator)
            let balance = try await device.testkit.balanceSat(device.wallet.script)
            XCTAssertTrue((585_000...590_000).contains(balance), "\(balance)")
        }
    }

    func testAHundredBlocksLaterEverythingIsResolvedForEverAndASummaryRemains() async throws {
        try await onDevices { device in
            let arbitrator = try await device.open()
            try await use(device, arbitrator)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            let provisional = try await arbitrator.closeSummary(channel: device.channel)
            XCTAssertEqual(provisional?.isFinal, false)
            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(100, arbitrator)

            guard case .fullyResolved = try await news(arbitrator).last else { throw Failure("not resolved") }
            let report = try await arbitrator.channel(channel: device.channel)
            XCTAssertEqual(report.state, .fullyResolved)
            let final = try await arbitrator.closeSummary(channel: device.channel)
            let balance = try await device.testkit.balanceSat(device.wallet.script)
            XCTAssertEqual(final?.isFinal, true)
            XCTAssertEqual(final?.kind, .remote)
            XCTAssertEqual(final?.settledBalanceSat, balance)
            let log = try await arbitrator.log(channel: device.channel)
            XCTAssertTrue(log.contains { $0.contains("WaitingFullResolution -> FullyResolved") }, "\(log)")
        }
    }
}
