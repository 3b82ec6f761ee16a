import LightningArbitrator
import XCTest

/// What a close costs, said before it, and a claim that is asked for more.
final class CostsTests: XCTestCase {
    func testACloseComesToWhatWasForetold() async throws {
        try await onDevices { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.wakeAfter(1, arbitrator)
            let preview = try await arbitrator.previewClose(channel: device.channel)
            XCTAssertEqual(preview.prices.map(\.level), [.low, .medium, .high])
            // The server has no estimates: what can wait pays the least that is relayed.
            let foretold = try XCTUnwrap(preview.prices.first?.ours)
            XCTAssertEqual(foretold.reserveSat, 0)

            _ = try await arbitrator.forceClose(channel: device.channel)
            for blocks in [1, 143, 1, 100] {
                try await device.wakeAfter(blocks, arbitrator)
            }
            let file = try await arbitrator.caseFile(channel: device.channel)
            XCTAssertEqual(file.state, .fullyResolved)
            XCTAssertEqual(file.balance, foretold.balance)
            let error = try await refusal { _ = try await arbitrator.previewClose(channel: device.channel) }
            guard case .AlreadyClosed = error else { return XCTFail("\(error)") }
        }
    }

    func testAClaimPaysWhatItIsAskedForAtOnce() async throws {
        try await onDevices { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            let outputs = try await arbitrator.caseFile(channel: device.channel).outputs
            let output = try XCTUnwrap(outputs.first { $0.kind == .toRemote(owner: .remote) })
            let status = try await arbitrator.bump(
                channel: device.channel, output: output.outpoint, bump: .feerate(satPerKw: 5_000))
            XCTAssertEqual(status.outcome, .accepted)

            let file = try await arbitrator.caseFile(channel: device.channel)
            let claim = try XCTUnwrap(file.outputs.first { $0.outpoint == output.outpoint }?.claim)
            XCTAssertEqual(claim.txid, status.txid)
            XCTAssertGreaterThanOrEqual(try XCTUnwrap(claim.feeratePerKw), 5_000)
            let error = try await refusal {
                _ = try await arbitrator.bump(
                    channel: device.channel, output: device.channel, bump: .deadline(height: 1_000))
            }
            guard case .UnknownClaim = error else { return XCTFail("\(error)") }
        }
    }
}
