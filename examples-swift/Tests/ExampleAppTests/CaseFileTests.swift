import LightningArbitrator
import XCTest

/// What a wallet shows of a close: every output, what is awaited, and everything that happened.
final class CaseFileTests: XCTestCase {
    /// What the sums of a case file come to: the channel's capacity.
    private func total(_ file: CaseFile) -> UInt64 {
        let sums = file.balance
        return [
            sums.settledSat, sums.timeLockedSat, sums.contestedSat, sums.uneconomicSat, sums.givenUpSat, sums.lostSat,
            sums.othersSat, sums.closingFeeSat, sums.sweepFeesSat,
        ].reduce(0, +)
    }

    private func only(_ file: CaseFile, _ kind: OutputKind) throws -> OutputFile {
        let found = file.outputs.filter { $0.kind == kind }
        guard let output = found.first, found.count == 1 else { throw Failure(file.text) }
        return output
    }

    func testTheFileOfAForceCloseSaysFromWhenOnEachOutputIsWhose() async throws {
        try await onDevices { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.wakeAfter(1, arbitrator)
            _ = try await arbitrator.forceClose(channel: device.channel)
            try await device.wakeAfter(1, arbitrator)

            let file = try await arbitrator.caseFile(channel: device.channel)
            XCTAssertEqual(file.state, .waitingFullResolution)
            let close = try XCTUnwrap(file.close)
            XCTAssertEqual(close.kind, .local(number: 0))
            XCTAssertEqual(total(file), device.partner.terms.capacitySat)
            let ours = try only(file, .toLocal(owner: .local))
            // BOLT 3: to_self_delay is 144, and the tip before that block is what counts.
            let ripe = close.block.height + 143
            XCTAssertEqual(ours.claimants, [Claimant(who: .us, means: .plain, fromHeight: ripe)])
            XCTAssertEqual(ours.waiting, .height(height: ripe))
            XCTAssertEqual(file.balance.maturing, [AmountAtHeight(height: ripe, amountSat: ours.valueSat)])
            let theirs = try only(file, .toRemote(owner: .local))
            XCTAssertEqual(theirs.claimants.map(\.who), [.peer])
            XCTAssertNil(theirs.progress)
        }
    }

    func testPaymentsInFlightAtTheCloseStandInTheFileOneByOne() async throws {
        try await onDevices { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            try await device.feed(arbitrator, device.partner.pay())
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)

            let file = try await arbitrator.caseFile(channel: device.channel)
            XCTAssertEqual(file.balance.contestedSat, 50_000)
            let waiting = file.outputs.compactMap { output -> (UInt64, Bool)? in
                guard case .htlc(_, let direction, _, let expiry, _) = output.kind else { return nil }
                let expected: Waiting =
                    direction == .outgoing ? .peersPreimage(until: expiry) : .release(until: expiry)
                return (output.valueSat, output.waiting == expected)
            }
            XCTAssertEqual(Set(waiting.map(\.0)), [30_000, 20_000])
            XCTAssertTrue(waiting.allSatisfy(\.1), file.text)
        }
    }

    func testTheFileTellsOfTheClaimAndStillOfEverythingWhenTheCaseHasEnded() async throws {
        try await onDevices { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            let open = try only(await arbitrator.caseFile(channel: device.channel), .toRemote(owner: .remote))
            let claim = try XCTUnwrap(open.claim)
            XCTAssertEqual(open.waiting, .confirmation(txid: claim.txid))

            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(100, arbitrator)
            let ended = try await arbitrator.caseFile(channel: device.channel)
            XCTAssertEqual(ended.state, .fullyResolved)
            let ours = try only(ended, .toRemote(owner: .remote))
            let balance = try await device.testkit.balanceSat(device.wallet.script)
            XCTAssertEqual(ours.money.recoveredSat, balance)
            XCTAssertEqual(ours.money.feesSat, claim.feeSat)
            XCTAssertEqual(total(ended), device.partner.terms.capacitySat)
            XCTAssertNil(ended.nextHeight)
            XCTAssertTrue(ended.timeline.allSatisfy { ended.text.contains($0.line) })
            XCTAssertTrue(ended.outputs.allSatisfy { ended.text.contains($0.line) })
        }
    }
}
