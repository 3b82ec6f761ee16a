import Foundation
import LightningArbitrator

/// A phone grants a background task about half a minute.
private let millisecondsAwake: UInt64 = 25_000

/// Under this name the app acknowledges what it has shown.
public let subscriber = "app"

/// The app's connections.
public protocol Peers {
    /// Sends a message to a peer, a `channel_announcement` to everybody; whether it has arrived.
    func tell(peer: Data, type: PeerMessage, message: Data) async throws -> Bool
}

/// What the app does whenever the phone wakes it: one tick, then peers and user are told everything new.
///
/// - Parameters:
///   - nodeSigner: The key that peers know the app by. An app that is no node, and has private channels only, needs none: with a
///     public one, the tick signs its announcement as soon as the funding is deep enough, which may well be in the background.
///   - graph: The app's picture of the network, if it has one: what it has lost is announced again.
public func wake(
    config: ArbitratorConfig, signer: Signer, wallet: OnchainWallet, cryptoSystem: CryptoSystem,
    nodeSigner: NodeSigner? = nil, graph: GraphView? = nil, peers: Peers, show: (String) -> Void
) async throws -> ResumeReport {
    let arbitrator = try await ChainArbitrator.open(
        config: config, signer: signer, wallet: wallet, cryptoSystem: cryptoSystem, nodeSigner: nodeSigner, graph: graph
    )
    do {
        let report = try await arbitrator.resume(options: ResumeOptions(look: .tip, maxDurationMs: millisecondsAwake))
        try await tellNews(arbitrator, peers: peers, show: show)
        await arbitrator.shutdown()
        return report
    } catch {
        await arbitrator.shutdown()
        throw error
    }
}

/// Sends the peers what they are to be told, and shows the user everything that happened.
public func tellNews(_ arbitrator: ChainArbitrator, peers: Peers, show: (String) -> Void) async throws {
    for event in try await arbitrator.pendingEvents(subscriber: subscriber, max: .max) {
        if case .tellPeer(let peer, let type, let message) = event.kind {
            // Unacknowledged, a message waits for the next time.
            guard try await peers.tell(peer: peer, type: type, message: message) else { continue }
        }
        show(inWords(event))
        try await arbitrator.acknowledge(subscriber: subscriber, id: event.id)
    }
}

/// How many seconds the phone may sleep from now on, which is in seconds since 1970; nothing if no channel needs it.
public func secondsToSleep(_ budget: SleepBudget, now: UInt64) -> UInt64? {
    budget.overall.map { $0.wakeBy.estimatedTime > now ? $0.wakeBy.estimatedTime - now : 0 }
}

/// One event, as the user reads it.
public func inWords(_ event: Event) -> String {
    switch event.kind {
    case .channelOpen: "The channel is open."
    case .fundingReorged: "The channel's funding is unconfirmed again."
    case .fundingMismatch: "The channel's funding is not what was agreed."
    case .fundingCancelled: "The channel's funding was cancelled."
    case let .fundingDoubleSpent(_, by, _, _): "The channel's funding cannot confirm: transaction \(by) has spent its money."
    case let .doubleSpendReorged(by, _): "The channel's funding may confirm after all: transaction \(by) is gone."
    case .cancelledFundingConfirmed: "The channel's funding, which was cancelled, is confirmed all the same."
    case .abandoned: "The channel was given up."
    case .shortPeerDelay(let delay): "Wake this phone at least every \(delay) blocks."
    case .closeSeen: "The channel is being closed."
    case .breachSeen: "The peer is trying to cheat with an old state."
    case .channelClosed(_, _, let height, _): "The channel was closed at height \(height)."
    case .closeReorged: "The channel's close is unconfirmed again."
    case .breachDetected: "The peer tried to cheat with an old state."
    case .dataLoss: "This phone has lost data; the peer must close the channel."
    case .restored: "The channel comes from a backup, and waits for the peer to confirm it."
    case .fundsAtRisk: "The channel was closed in an unknown way."
    case .notResolvedYet(_, let valueSat, let what, _): "\(valueSat) sat (\(what)) wait for a newer version of this app."
    case .fulfillUpstream: "A payment arrived."
    case .failUpstream: "A payment failed."
    case .failOffChain: "A payment to this phone is to be turned down."
    case .settleOffChain: "A payment to this phone is to be accepted soon."
    case .goesToChain: "The channel is closed because of a payment."
    case .reserveNeeded(_, let feeSat): "A claim needs a coin in the wallet for its fee of \(feeSat) sat."
    case .fundsRecovered(_, let valueSat, _): "\(valueSat) sat are yours again."
    case .sweptByAnother(_, let valueSat, _): "\(valueSat) sat were taken by the peer."
    case .tellPeer: "The peer was told how far the channel is."
    case .channelUsable: "The channel may be used."
    case .fullyResolved: "Everything about the channel is settled."
    }
}
