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

    /// No coins to spare: in channels with anchors, claims that need one for their fee wait until there is.
    public func coins() throws -> [Coin] {
        []
    }

    public func holdCoins(held: [OutPoint]) throws {}

    public func signCoins(psbt: Data, inputs: [UInt32]) throws -> [CoinWitness] {
        throw WalletError.Refused(reason: "there are no coins")
    }
}
