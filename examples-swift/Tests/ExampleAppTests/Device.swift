import AppParts
import Foundation
import LightningArbitrator
import XCTest

/// A phone with one channel: the testkit around it, its database, its keys and its wallet.
final class Device {
    let testkit: Testkit
    let partner: Partner
    let directory: URL
    let keys: SeedSigner
    let key: KeyCrypto
    let wallet = AppWallet(script: Data([0, 32] + [UInt8](repeating: 5, count: 32)))
    var channel: OutPoint { partner.channel }
    private var opened: [ChainArbitrator] = []

    init(_ type: ChannelType = .anchorsZeroFeeHtlc, funding: Funding = .confirmed) async throws {
        testkit = try Testkit()
        partner = try await Partner(testkit, type, funding)
        directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        key = try KeyCrypto(key: Data(repeating: 8, count: 32))
        keys = try SeedSigner(seed: Data(repeating: 7, count: 32))
        try keys.importChannel(keysId: partner.keysId, secrets: partner.secrets)
    }

    func config(policy: Policy? = nil) -> ArbitratorConfig {
        let path = directory.appendingPathComponent("channels.sqlite").path
        return ArbitratorConfig(network: .regtest, databasePath: path, esploraUrl: testkit.url, policy: policy)
    }

    func open(
        signer: Signer? = nil, wallet: OnchainWallet? = nil, cryptoSystem: CryptoSystem? = nil, policy: Policy? = nil,
        nodeSigner: NodeSigner? = nil, graph: GraphView? = nil
    ) async throws -> ChainArbitrator {
        let arbitrator = try await ChainArbitrator.open(
            config: config(policy: policy),
            signer: signer ?? AppSigner(keys: keys) { _ in true },
            wallet: wallet ?? self.wallet,
            cryptoSystem: cryptoSystem ?? key,
            nodeSigner: nodeSigner,
            graph: graph
        )
        opened.append(arbitrator)
        return arbitrator
    }

    /// The same for an app that has no on-chain wallet.
    func openWithSeedWallet(nodeSigner: NodeSigner? = nil) async throws -> ChainArbitrator {
        let arbitrator = try await ChainArbitrator.openWithSeedWallet(
            config: config(), signer: AppSigner(keys: keys) { _ in true },
            wallet: SeedWallet(seed: Data(repeating: 9, count: 32), network: .regtest), cryptoSystem: key,
            nodeSigner: nodeSigner
        )
        opened.append(arbitrator)
        return arbitrator
    }

    /// Registers the channel and feeds the first commitments.
    func start(_ arbitrator: ChainArbitrator) async throws {
        try await arbitrator.register(terms: partner.terms)
        try await feed(arbitrator, partner.first)
    }

    /// Tells the library one exchange: our signature leaves in the middle, and what the peer answers comes together.
    func feed(_ arbitrator: ChainArbitrator, _ round: Round) async throws {
        try await arbitrator.remoteCommitment(channel: channel, update: round.remote)
        let answer = [round.revocation?.update, .local(update: round.local)].compactMap { $0 }
        try await arbitrator.updates(channel: channel, updates: answer)
    }

    /// Blocks pass and the device wakes.
    func wakeAfter(_ blocks: Int, _ arbitrator: ChainArbitrator) async throws {
        try await testkit.mine(blocks)
        let report = try await arbitrator.resume()
        XCTAssertTrue(report.complete, "\(report)")
        XCTAssertEqual(report.troubles, [])
    }

    func close() async {
        for arbitrator in opened { await arbitrator.shutdown() }
        testkit.close()
        try? FileManager.default.removeItem(at: directory)
    }
}

/// Runs a test on a device.
func onDevice(
    _ type: ChannelType = .anchorsZeroFeeHtlc, funding: Funding = .confirmed, _ test: (Device) async throws -> Void
) async throws {
    let device = try await Device(type, funding: funding)
    // Swift cannot take back a call into the library, so a test that waits for ever is ended with the whole run.
    let watchdog = DispatchWorkItem { fatalError("a test has waited for two minutes") }
    DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: watchdog)
    defer { watchdog.cancel() }
    do {
        try await test(device)
    } catch {
        await device.close()
        throw error
    }
    await device.close()
}

/// Runs a test on a device with a channel of each type.
func onDevices(_ test: (Device) async throws -> Void) async throws {
    for type in [ChannelType.staticRemotekey, .anchorsZeroFeeHtlc] {
        try await onDevice(type, test)
    }
}

/// Everything told of so far, acknowledged.
func news(_ arbitrator: ChainArbitrator) async throws -> [EventKind] {
    let events = try await arbitrator.pendingEvents(subscriber: subscriber, max: 100)
    for event in events { try await arbitrator.acknowledge(subscriber: subscriber, id: event.id) }
    return events.map(\.kind)
}

/// The typed error with which a call is refused.
func refusal(_ call: () async throws -> Void) async throws -> ArbitratorError {
    do {
        try await call()
    } catch let error as ArbitratorError {
        return error
    }
    throw Failure("taken, instead of refused")
}

/// Waits, in a synchronous callback, for an async call into the library.
func blocking<T: Sendable>(_ call: @escaping @Sendable () async throws -> T) throws -> T {
    let done = DispatchSemaphore(value: 0)
    let result = Shared<Result<T, Error>?>(nil)
    Task.detached {
        do { result.value = .success(try await call()) } catch { result.value = .failure(error) }
        done.signal()
    }
    done.wait()
    return try result.value!.get()
}

/// A variable that callbacks on other threads write.
final class Shared<T>: @unchecked Sendable {
    private let lock = NSLock()
    private var held: T
    init(_ value: T) { held = value }

    var value: T {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }
}
