import AppParts
import Foundation
import LightningArbitrator

// Wakes once, on regtest: ExampleApp DATABASE ESPLORA_URL SEED_HEX SCRIPT_HEX (of the app's wallet) KEY_HEX (of the database)
let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 5, let seed = Data(hex: arguments[3]), let script = Data(hex: arguments[4]),
    let key = Data(hex: arguments[5])
else {
    print("ExampleApp DATABASE ESPLORA_URL SEED_HEX SCRIPT_HEX KEY_HEX")
    exit(2)
}
print("lightning-arbitrator \(libraryVersion())")
let signer = AppSigner(keys: try SeedSigner(seed: seed)) { channel in
    print("signing for \(channel.txid):\(channel.vout)")
    return true
}
/// This program is no node, and connected to nobody: what peers are to be told goes on waiting.
struct Nobody: Peers {
    func tell(peer: Data, type: PeerMessage, message: Data) async throws -> Bool { false }
}
let report = try await wake(
    config: ArbitratorConfig(network: .regtest, databasePath: arguments[1], esploraUrl: arguments[2]),
    signer: signer, wallet: AppWallet(script: script), cryptoSystem: try KeyCrypto(key: key), peers: Nobody(),
    show: { print($0) }
)
let seconds = secondsToSleep(report.sleep, now: UInt64(Date().timeIntervalSince1970))
print("tip \(report.tip.map { "\($0.height)" } ?? "unknown"), wake again in \(seconds.map { "\($0) seconds" } ?? "any time")")
