import AppParts
import LightningArbitrator
import XCTest

/// What fees are paid from: the app's wallet, or the one that the library brings along.
final class ReserveTests: XCTestCase {
    private let look = ResumeOptions(look: .tip, reserve: .now)

    func testTheEmbeddedWalletIsFilledSeenAndEmptied() async throws {
        try await onDevice { device in
            let arbitrator = try await device.openWithSeedWallet()
            let address = try await arbitrator.reserveAddress()
            try await device.testkit.pay(address, sat: 50_000)
            try await device.testkit.mine(5)
            let report = try await arbitrator.resume(options: look)
            let balance = try await arbitrator.reserveBalance()
            XCTAssertEqual(
                balance,
                ReserveBalance(
                    confirmedSat: 50_000, pendingSat: 0, inUseSat: 0, leavingSat: 0, lookedAt: report.tip?.height))
            let emptied = try await arbitrator.emptyReserve(address: anotherAddress, feeratePerKw: 500)
            XCTAssertEqual(emptied.outcome, .accepted)
            let leaving = try await arbitrator.reserveBalance()
            XCTAssertEqual(leaving.leavingSat, 50_000)
            try await device.testkit.mine(1)
            _ = try await arbitrator.resume(options: look)
            let left = try await arbitrator.reserveBalance()
            XCTAssertEqual(left.confirmedSat, 0)
        }
    }

    func testSweepsGoToTheEmbeddedWallet() async throws {
        try await onDevice { device in
            let arbitrator = try await device.openWithSeedWallet()
            try await device.start(arbitrator)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, arbitrator)
            try await device.wakeAfter(1, arbitrator)
            try await device.testkit.mine(6)
            _ = try await arbitrator.resume(options: look)
            let balance = try await arbitrator.reserveBalance()
            XCTAssertGreaterThan(balance.confirmedSat, 0)
        }
    }

    func testWhatAForceCloseWouldNeedIsKnownWithoutANetwork() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            try await device.start(arbitrator)
            device.testkit.close()
            let needed = try await arbitrator.reserveNeeded(feeratePerKw: 2_500)
            XCTAssertEqual(needed.totalSat, needed.coinsSat.reduce(0, +))
            XCTAssertGreaterThanOrEqual(needed.totalSat, 10_000)
        }
    }

    func testTheAppsWalletIsToldWhichOfItsCoinsAreHeld() async throws {
        try await onDevice { device in
            let lender = Lender(device.wallet)
            let arbitrator = try await device.open(wallet: lender)
            try await device.start(arbitrator)
            try await device.wakeAfter(1, arbitrator)
            XCTAssertEqual(lender.told.value, [[]])
        }
    }

    /// A wallet that notes what it is told to hold.
    private final class Lender: OnchainWallet {
        let inner: AppWallet
        let told = Shared<[[OutPoint]]>([])
        init(_ inner: AppWallet) { self.inner = inner }
        func isOurAddress(script: Data) throws -> Bool { try inner.isOurAddress(script: script) }
        func sweepScript() throws -> Data { try inner.sweepScript() }
        func coins() throws -> [Coin] { try inner.coins() }
        func holdCoins(held: [OutPoint]) throws { told.value += [held] }
        func signCoins(psbt: Data, inputs: [UInt32]) throws -> [CoinWitness] {
            try inner.signCoins(psbt: psbt, inputs: inputs)
        }
    }
}

/// An address of the user's, in another wallet (BIP 173's example, on regtest).
private let anotherAddress = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
