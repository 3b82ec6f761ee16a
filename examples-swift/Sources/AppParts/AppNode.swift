import Foundation
import LightningArbitrator

/// The app's node: peers know it by its key, which signs the announcements of public channels. Its key is the funding key of a
/// name that no channel has, so that the library's signer does the arithmetic.
public final class AppNode: NodeSigner {
    private let keys: SeedSigner
    private let name: Data

    /// - Parameter name: 32 bytes that name no channel's keys.
    public init(keys: SeedSigner, name: Data) {
        self.keys = keys
        self.name = name
    }

    public func nodeId() throws -> Data {
        try keys.channelKeys(keysId: name).funding
    }

    public func signAnnouncement(request: AnnouncementRequest) throws -> Data {
        let ours = AnnouncementRequest(
            channel: request.channel, keysId: name, publicKey: request.publicKey,
            shortChannelId: request.shortChannelId, digest: request.digest
        )
        return try keys.signAnnouncement(request: ours)
    }
}
