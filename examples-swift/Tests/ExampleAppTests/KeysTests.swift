import AppParts
import Foundation
import LightningArbitrator
import XCTest

/// What is secret on the disk, who opens it, and channel keys that the database keeps.
final class KeysTests: XCTestCase {
    private func key(_ byte: UInt8) throws -> KeyCrypto { try KeyCrypto(key: Data(repeating: byte, count: 32)) }

    /// A key store whose sealing can be told from none, and no more. It remembers what it was given.
    private final class Mask: CryptoSystem {
        let given = Shared<[Data]>([])

        func seal(place: Data, plain: Data) throws -> Data {
            given.value.append(plain)
            return masked(plain)
        }

        func unseal(place: Data, sealed: Data) throws -> Data { masked(sealed) }
        func masked(_ bytes: Data) -> Data { Data(bytes.map { $0 ^ 0x55 }) }
    }

    private final class Locked: CryptoSystem {
        func seal(place: Data, plain: Data) throws -> Data { throw CryptoError.Refused(reason: "locked") }
        func unseal(place: Data, sealed: Data) throws -> Data { throw CryptoError.Refused(reason: "locked") }
    }

    /// Everything that the files of the database hold.
    private func disk(_ device: Device) throws -> Data {
        let files = try FileManager.default.contentsOfDirectory(at: device.directory, includingPropertiesForKeys: nil)
        return try files.reduce(Data()) { try $0 + Data(contentsOf: $1) }
    }

    func testTheAppsKeyStoreSealsOneKeyAndUnderThatThePeersSecretsReachTheDisk() async throws {
        try await onDevice { device in
            let keyStore = Mask()
            let arbitrator = try await device.open(cryptoSystem: keyStore)
            try await device.start(arbitrator)
            let next = try await device.partner.pay()
            try await device.feed(arbitrator, next)
            XCTAssertEqual(keyStore.given.value.count, 1)
            let dataKey = keyStore.given.value[0]
            let disk = try disk(device)
            XCTAssertNotNil(disk.range(of: keyStore.masked(dataKey)))
            XCTAssertNil(disk.range(of: dataKey))
            XCTAssertNil(disk.range(of: next.revocation!.secret))
            await arbitrator.shutdown()
            // The next secret is checked against this one.
            try await device.feed(device.open(cryptoSystem: keyStore), device.partner.settle())
        }
    }

    func testAKeyStoreThatIsLockedKeepsTheDatabaseClosedAndIsNoWrongKey() async throws {
        try await onDevice { device in
            let first = try await device.open()
            await first.shutdown()
            let error = try await refusal { _ = try await device.open(cryptoSystem: Locked()) }
            guard case .Sealing(_, _, "locked") = error else { throw error }
        }
    }

    func testADatabaseOpensWithItsKeyOnlyAndAfterAChangeWithTheNewOne() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open(cryptoSystem: key(1))
            try await device.start(arbitrator)
            try await arbitrator.changeKey(newCryptoSystem: key(2))
            await arbitrator.shutdown()
            let error = try await refusal { _ = try await device.open(cryptoSystem: key(1)) }
            XCTAssertEqual(error, .WrongKey)
            let channels = try await device.open(cryptoSystem: key(2)).channels()
            XCTAssertEqual(channels, [device.channel])
        }
    }

    func testAKeyOfAnotherLengthIsRefused() async throws {
        let error = try await refusal { _ = try KeyCrypto(key: Data(repeating: 1, count: 31)) }
        XCTAssertEqual(error, .InvalidInput(field: "key", reason: "31 bytes, not 32"))
    }

    func testImportedKeysSignAfterARestartInPlaceOfAnAppThatHasNone() async throws {
        try await onDevice { device in
            let keyless = try SeedSigner(seed: Data(repeating: 9, count: 32))
            let before = try await device.open(signer: keyless)
            try await before.importChannelKeys(keysId: device.partner.keysId, secrets: device.partner.secrets)
            try await device.start(before)
            await before.shutdown()
            let after = try await device.open(signer: keyless)
            let status = try await after.forceClose(channel: device.channel)
            XCTAssertNil(status.delayed)
        }
    }

    func testAPreimageIsKept() async throws {
        try await onDevice { device in
            let arbitrator = try await device.open()
            let preimage = Data((0..<32).map { UInt8($0) })
            try await arbitrator.learnPreimage(preimage: preimage)
            try await arbitrator.learnPreimage(preimage: preimage)
            XCTAssertNil(try disk(device).range(of: preimage))
        }
    }
}
