import AppParts
import Foundation
import LightningArbitrator

/// How deep the funding must be for both.
let deep = 3

/// A public channel whose announcement has no features.
let publicly = Announcement.`public`(features: Data())

/// What is agreed about an opening of these tests.
func agreed(_ announcement: Announcement) -> OpeningTerms {
    OpeningTerms(
        openedWith: .openChannel, minimumDepth: .blocks(blocks: UInt32(deep)), announcement: announcement, alias: nil,
        replaces: nil
    )
}

/// A message that the peer was told, and what its node made of it.
struct Told {
    let type: PeerMessage
    let message: Data
    let shortChannelId: String?
    let answer: Data?
}

/// A node of the app's, from a seed of its own.
func appNode() throws -> AppNode {
    AppNode(keys: try SeedSigner(seed: Data(repeating: 6, count: 32)), name: Data(repeating: 0, count: 32))
}

/// No peer is connected.
struct Unreachable: Peers {
    func tell(peer: Data, type: PeerMessage, message: Data) async throws -> Bool { false }
}

/// The channels that the app knows of in the network; the library asks on a thread of its own.
final class AppGraph: GraphView {
    let names = Shared<Set<String>>([])

    func hasChannel(shortChannelId: String) throws -> Bool { names.value.contains(shortChannelId) }
}

/// An app that is a node, while its channel opens.
final class OpeningApp {
    let device: Device
    let graph = AppGraph()
    private let node: AppNode
    private(set) var arbitrator: ChainArbitrator
    private var peer: Data { device.partner.terms.peer }

    init(_ device: Device) async throws {
        self.device = device
        node = try appNode()
        arbitrator = try await device.open(nodeSigner: node, graph: graph)
    }

    /// Registers the channel and feeds the first commitments. The funding is the library's to broadcast.
    func opens(_ announcement: Announcement) async throws {
        try await arbitrator.openChannel(terms: device.partner.terms, opening: agreed(announcement))
        try await device.feed(arbitrator, device.partner.first)
    }

    /// The app ends, and starts over the same database.
    func restarts() async throws {
        await arbitrator.shutdown()
        arbitrator = try await device.open(nodeSigner: node, graph: graph)
    }

    /// Blocks pass and the device wakes.
    func wakesAfter(_ blocks: Int) async throws {
        try await device.wakeAfter(blocks, arbitrator)
    }

    /// The funding goes out, and is deep enough.
    func confirms() async throws {
        try await wakesAfter(0)
        try await wakesAfter(deep)
    }

    /// Sends the peer everything that it is to be told.
    func tells() async throws -> [Told] {
        let wire = Wire(partner: device.partner, ourNode: try node.nodeId())
        try await tellNews(arbitrator, peers: wire) { _ in }
        return wire.told
    }

    /// The same, for one message.
    func tellsOne() async throws -> Told {
        try only(await tells())
    }

    /// The app is off while blocks pass, then woken for once: what it sends the peer meanwhile.
    func wokenAfter(_ blocks: Int) async throws -> [Told] {
        await arbitrator.shutdown()
        try await device.testkit.mine(blocks)
        let wire = Wire(partner: device.partner, ourNode: try node.nodeId())
        _ = try await wake(
            config: device.config(), signer: AppSigner(keys: device.keys) { _ in true }, wallet: device.wallet,
            cryptoSystem: device.key, nodeSigner: node, graph: graph, peers: wire
        ) { _ in }
        arbitrator = try await device.open(nodeSigner: node, graph: graph)
        return wire.told
    }

    /// The same, for one message.
    func wokenOnceAfter(_ blocks: Int) async throws -> Told {
        try only(await wokenAfter(blocks))
    }

    private func only(_ told: [Told]) throws -> Told {
        guard let one = told.first, told.count == 1 else { throw Failure("\(told.count) messages, not one") }
        return one
    }

    /// The peer answers.
    @discardableResult
    func hears(_ message: Data?) async throws -> Received {
        guard let message else { throw Failure("the peer has nothing to say to this") }
        return try await arbitrator.peerMessage(peer: peer, message: message)
    }

    /// Connected to the peer again, which says where it stands.
    func reconnects() async throws {
        try await hears(device.partner.reconnects())
    }

    /// Both `channel_ready` are exchanged.
    func becomesUsable(_ announcement: Announcement) async throws {
        try await opens(announcement)
        try await confirms()
        try await hears(tellsOne().answer)
    }

    /// Both halves are exchanged, and the whole handed out; what the chain calls the channel.
    func becomesAnnounced() async throws -> String {
        try await becomesUsable(publicly)
        try await wakesAfter(6 - deep)
        try await hears(tellsOne().answer)
        guard let name = try await tellsOne().shortChannelId else { throw Failure("no announcement") }
        return name
    }

    func status() async throws -> OpeningStatus {
        guard let status = try await arbitrator.opening(channel: device.channel) else {
            throw Failure("it is not opened here")
        }
        return status
    }
}

/// The connection to the peer, whose node accepts each message.
private final class Wire: Peers {
    private let partner: Partner
    private let ourNode: Data
    private(set) var told: [Told] = []

    init(partner: Partner, ourNode: Data) {
        self.partner = partner
        self.ourNode = ourNode
    }

    func tell(peer: Data, type: PeerMessage, message: Data) async throws -> Bool {
        let heard = try await partner.hears(message, from: ourNode)
        told.append(
            Told(type: type, message: message, shortChannelId: heard.shortChannelId, answer: heard.answer))
        return true
    }
}
