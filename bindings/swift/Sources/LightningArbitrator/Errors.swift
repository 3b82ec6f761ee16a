import Foundation

// The sentence for people, wherever Swift shows an error: "\(error)" and error.localizedDescription.

extension ArbitratorError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { description }
}

extension SignerError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { description }
}

extension WalletError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { description }
}

extension CryptoError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { description }
}
