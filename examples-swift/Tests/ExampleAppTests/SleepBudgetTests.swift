import AppParts
import LightningArbitrator
import XCTest

/// Until when the phone may sleep, and who has to have heard of everything before a channel ends.
final class SleepBudgetTests: XCTestCase {
    func testWithoutAChannelNothingWakesThePhone() async throws {
        try await onDevice { device in
            let budget = try await device.open().sleepBudget()
            XCTAssertEqual(budget, SleepBudget(overall: nil, channels: []))
            XCTAssertNil(secondsToSleep(budget, now: 0))
        }
    }

    func testAPhoneThatHasNeverLookedAtTheChainLooksAtOnce() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            let budget = try await arbitrator.sleepBudget()
            XCTAssertEqual(budget.overall?.reason, .neverLooked)
            XCTAssertEqual(secondsToSleep(budget, now: 1_000), 0)
        }
    }

    func testEveryReportSaysUntilWhenThePhoneMaySleepAndSoDoesAPhoneWithoutANetwork() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.testkit.mine(1)
            let report = try await arbitrator.resume()
            device.testkit.close()
            let told = try await arbitrator.sleepBudget()
            XCTAssertEqual(told, report.sleep)
            let wakeUp = try XCTUnwrap(told.overall)
            XCTAssertEqual(wakeUp.channel, device.channel)
            XCTAssertEqual(wakeUp.reason, .breach)
            XCTAssertLessThan(wakeUp.wakeBy.height, wakeUp.deadline.height)
            XCTAssertGreaterThan(wakeUp.wakeBy.height, try XCTUnwrap(report.tip).height)
            XCTAssertEqual(told.channels, [wakeUp])
        }
    }

    func testTheNextJobBeginsAtTheEstimatedTimeAndAtOnceWhenThatHasPassed() async throws {
        try await onDevice { device in
            let moment = Moment(height: 800_000, estimatedTime: 5_000)
            let wakeUp = WakeUp(channel: device.channel, wakeBy: moment, deadline: moment, reason: .breach)
            let budget = SleepBudget(overall: wakeUp, channels: [wakeUp])
            XCTAssertEqual(secondsToSleep(budget, now: 2_000), 3_000)
            XCTAssertEqual(secondsToSleep(budget, now: 9_000), 0)
        }
    }

    func testAChannelDoesNotEndBeforeASynchronousSubscriberHasAcknowledged() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await arbitrator.subscribe(subscriber: "ledger", delivery: .synchronous)
            try await device.start(arbitrator)
            try await device.wakeAfter(0, arbitrator)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(101, arbitrator)
            let waiting = try await arbitrator.channel(channel: device.channel)
            XCTAssertEqual(waiting.lifecycle, .closing)
            for event in try await arbitrator.pendingEvents(subscriber: "ledger", max: 100) {
                try await arbitrator.acknowledge(subscriber: "ledger", id: event.id)
            }
            _ = try await arbitrator.resume()
            let ended = try await arbitrator.channel(channel: device.channel)
            XCTAssertEqual(ended.lifecycle, .closed)
            let last = try await arbitrator.pendingEvents(subscriber: "ledger", max: 100)
            guard case .fullyResolved = last.first?.kind, last.count == 1 else { throw Failure("\(last)") }
        }
    }
}
