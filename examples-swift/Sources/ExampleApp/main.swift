import AppParts
import Foundation
import LightningArbitrator

// Wakes once, on regtest: ExampleApp DATABASE ESPLORA_URL SEED_HEX SCRIPT_HEX (of the app's wallet)
let arguments = CommandLine.arguments.dropFirst()
guard arguments.count == 4, let seed = Data(hex: arguments[3]), let script = Data(hex: arguments[4]) else {
    print("ExampleApp DATABASE ESPLORA_URL SEED_HEX SCRIPT_HEX")
    exit(2)
}
print("lightning-arbitrator \(libraryVersion())")
let signer = AppSigner(keys: try SeedSigner(seed: seed)) { channel in
    print("signing for \(channel.txid):\(channel.vout)")
    return true
}
let report = try await wake(
    config: ArbitratorConfig(network: .regtest, databasePath: arguments[1], esploraUrl: arguments[2]),
    signer: signer, wallet: AppWallet(script: script), show: { print($0) }
)
print("tip \(report.tip.map { "\($0.height)" } ?? "unknown"), look again at \(report.nextHeight.map { "\($0)" } ?? "any time")")
