import LightningArbitrator
import XCTest

/// Events are given at least once, until acknowledged.
final class EventsTests: XCTestCase {
    /// An arbitrator with one event waiting: the channel is open.
    private func funded(_ device: Device) async throws -> ChainArbitrator {
        let arbitrator = try await device.open()
        try await device.start(arbitrator)
        try await device.wakeAfter(0, arbitrator)
        return arbitrator
    }

    func testAnEventWaitsForItsAcknowledgementOverARestart() async throws {
        try await onDevice { device in
            let before = try await funded(device)
            let given = try await before.nextEvent(subscriber: "screen")
            await before.shutdown()
            let after = try await device.open()
            let again = try await after.nextEvent(subscriber: "screen")
            XCTAssertEqual(again, given)
            try await after.acknowledge(subscriber: "screen", id: given.id)
            let left = try await after.pendingEvents(subscriber: "screen", max: 9)
            XCTAssertEqual(left, [])
        }
    }

    func testEachSubscriberAcknowledgesForItself() async throws {
        try await onDevice { device in
            let arbitrator = try await funded(device)
            let event = try await arbitrator.nextEvent(subscriber: "screen")
            try await arbitrator.acknowledge(subscriber: "screen", id: event.id)
            let others = try await arbitrator.pendingEvents(subscriber: "log", max: 9)
            XCTAssertEqual(others, [event])
        }
    }

    func testAStreamGivesWhatWaitedAndThenWhatHappensEachOnce() async throws {
        try await onDevice { device in
            let arbitrator = try await funded(device)
            var events = arbitrator.events(subscriber: "screen").makeAsyncIterator()
            guard case .channelOpen = try await events.next()?.kind else { throw Failure("not open") }
            let next = Task { [events] in
                var events = events
                return try await events.next()
            }
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            guard case .channelClosed = try await next.value?.kind else { throw Failure("not closed") }
        }
    }

    func testWhatALoopDidNotFinishIsGivenToTheNextOne() async throws {
        try await onDevice { device in
            let arbitrator = try await funded(device)
            for try await _ in arbitrator.events(subscriber: "screen") { break }
            for try await event in arbitrator.events(subscriber: "screen") {
                guard case .channelOpen = event.kind else { throw Failure("\(event)") }
                break
            }
        }
    }

    func testAStreamThatWaitsEndsAtOnceWhenItsTaskIsCancelledAndHasTakenNothing() async throws {
        try await onDevice { device in
            let arbitrator = try await funded(device)
            let loop = Task {
                for try await event in arbitrator.events(subscriber: "screen") {
                    guard case .channelOpen = event.kind else { throw Failure("\(event)") }
                }
            }
            // Acknowledged means: the loop has finished with it, and waits for the next.
            while try await !arbitrator.pendingEvents(subscriber: "screen", max: 9).isEmpty { await Task.yield() }
            loop.cancel()
            try await loop.value

            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            for try await event in arbitrator.events(subscriber: "screen") {
                guard case .channelClosed = event.kind else { throw Failure("\(event)") }
                break
            }
        }
    }

    func testAStreamEndsWithTheArbitrator() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            let loop = Task {
                for try await event in arbitrator.events(subscriber: "screen") { throw Failure("\(event)") }
            }
            await arbitrator.shutdown()
            try await loop.value
        }
    }
}
