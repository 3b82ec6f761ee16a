import AppParts
import LightningArbitrator
import XCTest

/// Opening, closing, and what a tick may cost.
final class LifecycleTests: XCTestCase {
    func testADatabaseIsOpenOnceAndFreeAgainAfterShutdown() async throws {
        try await onDevice { device in
            let first = try await device.open()
            let error = try await refusal { _ = try await device.open() }
            XCTAssertEqual(error, .InUse(path: device.config().databasePath))
            await first.shutdown()
            _ = try await device.open()
        }
    }

    func testEveryCallAfterShutdownSaysSo() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            await arbitrator.shutdown()
            let refusals = try await [
                refusal { _ = try await arbitrator.resume() },
                refusal { _ = try await arbitrator.position(channel: device.channel) },
                refusal { try await arbitrator.register(terms: device.partner.terms) },
                refusal { _ = try await arbitrator.nextEvent(subscriber: "screen") },
            ]
            XCTAssertEqual(refusals, Array(repeating: .ShutDown, count: 4))
            XCTAssertEqual("\(refusals[0])", "the arbitrator is shut down")
            await arbitrator.shutdown()
        }
    }

    func testACallThatWaitsWhenTheArbitratorIsShutDownSaysSo() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            let waiting = Task { try await arbitrator.nextEvent(subscriber: "screen") }
            await arbitrator.shutdown()
            let error = try await refusal { _ = try await waiting.value }
            XCTAssertEqual(error, .ShutDown)
        }
    }

    func testSettingsThatCannotBeUsedAreRefusedByName() async throws {
        try await onDevice { device in
            let config = ArbitratorConfig(
                network: .regtest, databasePath: device.config().databasePath, esploraUrl: "ftp://server"
            )
            let error = try await refusal {
                _ = try await ChainArbitrator.open(
                    config: config, signer: device.keys, wallet: device.wallet, cryptoSystem: device.key
                )
            }
            guard case .InvalidInput("config.esplora_url", _) = error else { throw error }
        }
    }

    func testAnEngineThatWasInterruptedIsToldWhereTheStoreStandsAndMayRepeatItself() async throws {
        try await onDevice { device in
            let before = try await device.open()
            try await device.start(before)
            let next = try await device.partner.pay()
            try await before.remoteCommitment(channel: device.channel, update: next.remote)
            await before.shutdown()

            let after = try await device.open()
            let position = try await after.position(channel: device.channel)
            XCTAssertEqual([position.local, position.remote, position.remoteRevoked], [0, 1, nil])
            try await device.feed(after, next)
            try await device.feed(after, next)
            let caughtUp = try await after.position(channel: device.channel)
            XCTAssertEqual(caughtUp.local, 1)
            let channels = try await after.channels()
            XCTAssertEqual(channels, [device.channel])
        }
    }

    func testATickKeepsToItsNumberOfRequestsAndTheNextOneGoesOn() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            let cutOff = try await arbitrator.resume(options: ResumeOptions(look: .tip, maxRequests: 1))
            XCTAssertFalse(cutOff.complete)
            XCTAssertEqual(cutOff.requests, 1)
            let whole = try await arbitrator.resume()
            XCTAssertTrue(whole.complete)
            let unchanged = try await arbitrator.resume()
            XCTAssertEqual(unchanged.requests, 1)
        }
    }

    func testWakingShowsWhatIsNewOnce() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            await arbitrator.shutdown()
            var shown: [String] = []
            let signer = AppSigner(keys: device.keys) { _ in true }
            func wakes() async throws {
                _ = try await wake(
                    config: device.config(), signer: signer, wallet: device.wallet, cryptoSystem: device.key,
                    peers: Unreachable()
                ) { shown.append($0) }
            }
            try await wakes()
            _ = try await device.partner.closes()
            try await device.testkit.mine(1)
            try await wakes()
            XCTAssertEqual(shown[0], "The channel is open.")
            XCTAssertTrue(shown[1].hasPrefix("The channel was closed at height"), shown[1])
            XCTAssertEqual(Set(shown).count, shown.count, "\(shown)")
        }
    }
}
