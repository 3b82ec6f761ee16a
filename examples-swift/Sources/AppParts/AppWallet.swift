import Foundation
import LightningArbitrator

/// The least that an on-chain wallet can be: one script.
public final class AppWallet: OnchainWallet {
    public let script: Data

    public init(script: Data) {
        self.script = script
    }

    public func isOurAddress(script: Data) throws -> Bool {
        script == self.script
    }

    public func sweepScript() throws -> Data {
        script
    }
}
