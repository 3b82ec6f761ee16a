import Foundation
import LightningArbitrator

/// A signer of the app's own: it asks the user, and lets the library's signer do the arithmetic.
public final class AppSigner: Signer {
    private let keys: SeedSigner
    private let userAgrees: @Sendable (OutPoint) -> Bool

    /// - Parameter userAgrees: asked before each signature, with the channel it is for.
    public init(keys: SeedSigner, userAgrees: @escaping @Sendable (OutPoint) -> Bool) {
        self.keys = keys
        self.userAgrees = userAgrees
    }

    public func channelKeys(keysId: Data) throws -> ChannelKeys {
        try keys.channelKeys(keysId: keysId)
    }

    public func perCommitmentPoint(keysId: Data, number: UInt64) throws -> Data {
        try keys.perCommitmentPoint(keysId: keysId, number: number)
    }

    public func sign(request: SignRequest) throws -> [Data] {
        guard userAgrees(request.channel) else {
            throw SignerError.Refused(reason: "the user said no")
        }
        return try keys.sign(request: request)
    }

    public func signAnnouncement(request: AnnouncementRequest) throws -> Data {
        try keys.signAnnouncement(request: request)
    }
}
