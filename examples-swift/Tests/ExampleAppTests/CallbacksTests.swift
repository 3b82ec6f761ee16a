import AppParts
import Foundation
import LightningArbitrator
import XCTest

/// What the app implements is called, may call back, and may fail.
final class CallbacksTests: XCTestCase {
    /// A wallet that does something before it answers.
    private final class Wallet: OnchainWallet {
        let inner: AppWallet
        let before: @Sendable () throws -> Void
        init(_ inner: AppWallet, before: @escaping @Sendable () throws -> Void) {
            self.inner = inner
            self.before = before
        }
        func isOurAddress(script: Data) throws -> Bool {
            try before()
            return try inner.isOurAddress(script: script)
        }
        func sweepScript() throws -> Data {
            try before()
            return try inner.sweepScript()
        }
        func coins() throws -> [Coin] {
            try before()
            return try inner.coins()
        }
        func holdCoins(held: [OutPoint]) throws {
            try before()
            try inner.holdCoins(held: held)
        }
        func signCoins(psbt: Data, inputs: [UInt32]) throws -> [CoinWitness] {
            try before()
            return try inner.signCoins(psbt: psbt, inputs: inputs)
        }
    }

    /// A signer that does something before it gives its keys, and changes what it is asked to sign.
    private final class Keys: Signer {
        let inner: SeedSigner
        let before: @Sendable () throws -> Void
        let change: @Sendable (SignRequest) -> SignRequest
        init(
            _ inner: SeedSigner, before: @escaping @Sendable () throws -> Void = {},
            change: @escaping @Sendable (SignRequest) -> SignRequest = { $0 }
        ) {
            self.inner = inner
            self.before = before
            self.change = change
        }
        func channelKeys(keysId: Data) throws -> ChannelKeys {
            try before()
            return try inner.channelKeys(keysId: keysId)
        }
        func perCommitmentPoint(keysId: Data, number: UInt64) throws -> Data {
            try inner.perCommitmentPoint(keysId: keysId, number: number)
        }
        func sign(request: SignRequest) throws -> [Data] {
            try inner.sign(request: change(request))
        }
        func signAnnouncement(request: AnnouncementRequest) throws -> Data {
            try inner.signAnnouncement(request: request)
        }
    }

    private struct KeyStoreIsGone: Error {}

    func testAWalletMayCallBackIntoTheLibraryWhileItIsAsked() async throws {
        try await onDevice { device in
            let arbitrator = Shared<ChainArbitrator?>(nil)
            let seen = Shared<Position?>(nil)
            let channel = device.channel
            let curious = Wallet(device.wallet) {
                let library = try XCTUnwrap(arbitrator.value)
                seen.value = try blocking { try await library.position(channel: channel) }
            }
            let opened = try await device.open(wallet: curious)
            arbitrator.value = opened
            try await device.start(opened)
            _ = try await device.partner.closes()
            try await device.wakeAfter(1, opened)
            try await device.wakeAfter(1, opened)
            XCTAssertEqual(seen.value?.local, 0)
            let balance = try await device.testkit.balanceSat(device.wallet.script)
            XCTAssertGreaterThan(balance, 0)
        }
    }

    func testTheLibrarysOwnSignerCanBeHandedOver() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open(signer: device.keys)
            try await device.start(arbitrator)
            let status = try await arbitrator.forceClose(channel: device.channel)
            let mempool = try await device.testkit.mempool()
            XCTAssertEqual(mempool, status.broadcasts.map(\.txid))
        }
    }

    func testWhatASignerThrowsArrivesWithItsReasonDeclaredOrNot() async throws {
        try await onDevice { device in
            let thrown = Shared<Error>(SignerError.Refused(reason: "no fingerprint"))
            let arbitrator = try await device.open(signer: Keys(device.keys, before: { throw thrown.value }))
            let declared = try await refusal { try await arbitrator.register(terms: device.partner.terms) }
            XCTAssertEqual(declared, .SignerFailed(channel: device.channel, reason: "no fingerprint"))
            thrown.value = KeyStoreIsGone()
            let undeclared = try await refusal { try await arbitrator.register(terms: device.partner.terms) }
            guard case .SignerFailed(device.channel, let reason) = undeclared, reason.contains("KeyStoreIsGone") else {
                throw undeclared
            }
            let channels = try await arbitrator.channels()
            XCTAssertEqual(channels, [])
        }
    }

    func testWhatAWalletThrowsArrivesWithItsReason() async throws {
        try await onDevice { device in
            let locked = Wallet(device.wallet) { throw WalletError.Refused(reason: "locked") }
            let arbitrator = try await device.open(wallet: locked)
            try await device.start(arbitrator)
            let close = try await device.partner.cooperativeClose()
            let error = try await refusal { try await arbitrator.closingSigned(channel: device.channel, transaction: close) }
            XCTAssertEqual(error, .WalletFailed(reason: "locked"))
        }
    }

    func testAUserWhoSaysNoDelaysTheCloseAndNothingIsBroadcast() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open(signer: AppSigner(keys: device.keys) { _ in false })
            try await device.start(arbitrator)
            let status = try await arbitrator.forceClose(channel: device.channel)
            XCTAssertEqual(status.state, .broadcastCommit)
            XCTAssertTrue(status.delayed?.contains("the user said no") == true, "\(status)")
            let mempool = try await device.testkit.mempool()
            XCTAssertEqual(mempool, [])
        }
    }

    func testASignerThatSignsSomethingElseIsFoundOutBeforeAnythingIsBroadcast() async throws {
        try await onDevice { device in
            let lying = Keys(device.keys, change: { request in
                let inputs = request.inputs.map {
                    InputToSign(
                        index: $0.index, key: $0.key, sighash: Data(repeating: 9, count: 32), sighashType: $0.sighashType
                    )
                }
                return SignRequest(channel: request.channel, psbt: request.psbt, inputs: inputs)
            })
            let arbitrator = try await device.open(signer: lying)
            try await device.start(arbitrator)
            let status = try await arbitrator.forceClose(channel: device.channel)
            XCTAssertTrue(status.delayed?.contains("does not verify") == true, "\(status)")
            let mempool = try await device.testkit.mempool()
            XCTAssertEqual(mempool, [])
        }
    }
}
