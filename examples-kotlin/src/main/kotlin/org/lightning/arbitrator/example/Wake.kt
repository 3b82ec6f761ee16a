package org.lightning.arbitrator.example

import org.lightning.arbitrator.ArbitratorConfig
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.CryptoSystem
import org.lightning.arbitrator.Event
import org.lightning.arbitrator.EventKind
import org.lightning.arbitrator.GraphView
import org.lightning.arbitrator.Look
import org.lightning.arbitrator.NodeSigner
import org.lightning.arbitrator.OnchainWallet
import org.lightning.arbitrator.ResumeOptions
import org.lightning.arbitrator.ResumeReport
import org.lightning.arbitrator.Signer
import org.lightning.arbitrator.SleepBudget

/** A phone grants a background task about half a minute. */
private const val MILLISECONDS_AWAKE = 25_000uL

/** Under this name the app acknowledges what it has shown. */
const val SUBSCRIBER = "app"

/** The app's connections. */
fun interface Peers {
    /** Sends a message to its peer, a `channel_announcement` to everybody; whether it has arrived. */
    suspend fun tell(message: EventKind.TellPeer): Boolean
}

/**
 * What the app does whenever the phone wakes it: one tick, then peers and user are told everything new.
 *
 * @param nodeSigner the key that peers know the app by. An app that is no node, and has private channels only, needs none: with a
 *   public one, the tick signs its announcement as soon as the funding is deep enough, which may well be in the background.
 * @param graph the app's picture of the network, if it has one: what it has lost is announced again.
 */
suspend fun wake(
    config: ArbitratorConfig,
    signer: Signer,
    wallet: OnchainWallet,
    cryptoSystem: CryptoSystem,
    nodeSigner: NodeSigner? = null,
    graph: GraphView? = null,
    peers: Peers,
    show: (String) -> Unit,
): ResumeReport {
    val arbitrator = ChainArbitrator.open(config, signer, wallet, cryptoSystem, nodeSigner, graph)
    try {
        val report = arbitrator.resume(ResumeOptions(Look.TIP, maxDurationMs = MILLISECONDS_AWAKE))
        tellNews(arbitrator, peers, show)
        return report
    } finally {
        arbitrator.shutdown()
    }
}

/** Sends the peers what they are to be told, and shows the user everything that happened. */
suspend fun tellNews(arbitrator: ChainArbitrator, peers: Peers, show: (String) -> Unit) {
    for (event in arbitrator.pendingEvents(SUBSCRIBER, UInt.MAX_VALUE)) {
        val kind = event.kind
        // Unacknowledged, a message waits for the next time.
        if (kind is EventKind.TellPeer && !peers.tell(kind)) continue
        show(inWords(event))
        arbitrator.acknowledge(SUBSCRIBER, event.id)
    }
}

/** How many seconds the phone may sleep from now on, which is in seconds since 1970; nothing if no channel needs it. */
fun secondsToSleep(budget: SleepBudget, now: Long): Long? =
    budget.overall?.let { (it.wakeBy.estimatedTime.toLong() - now).coerceAtLeast(0) }

/** One event, as the user reads it. */
fun inWords(event: Event): String = when (val kind = event.kind) {
    is EventKind.ChannelOpen -> "The channel is open."
    is EventKind.FundingReorged -> "The channel's funding is unconfirmed again."
    is EventKind.FundingMismatch -> "The channel's funding is not what was agreed."
    is EventKind.FundingCancelled -> "The channel's funding was cancelled."
    is EventKind.FundingDoubleSpent -> "The channel's funding cannot confirm: transaction ${kind.by} has spent its money."
    is EventKind.DoubleSpendReorged -> "The channel's funding may confirm after all: transaction ${kind.by} is gone."
    is EventKind.CancelledFundingConfirmed -> "The channel's funding, which was cancelled, is confirmed all the same."
    is EventKind.Abandoned -> "The channel was given up."
    is EventKind.ShortPeerDelay -> "Wake this phone at least every ${kind.delay} blocks."
    is EventKind.CloseSeen -> "The channel is being closed."
    is EventKind.BreachSeen -> "The peer is trying to cheat with an old state."
    is EventKind.ChannelClosed -> "The channel was closed at height ${kind.height}."
    is EventKind.CloseReorged -> "The channel's close is unconfirmed again."
    is EventKind.BreachDetected -> "The peer tried to cheat with an old state."
    is EventKind.DataLoss -> "This phone has lost data; the peer must close the channel."
    is EventKind.Restored -> "The channel comes from a backup, and waits for the peer to confirm it."
    is EventKind.FundsAtRisk -> "The channel was closed in an unknown way."
    is EventKind.NotResolvedYet -> "${kind.valueSat} sat (${kind.what}) wait for a newer version of this app."
    is EventKind.FulfillUpstream -> "A payment arrived."
    is EventKind.FailUpstream -> "A payment failed."
    is EventKind.FailOffChain -> "A payment to this phone is to be turned down."
    is EventKind.SettleOffChain -> "A payment to this phone is to be accepted soon."
    is EventKind.GoesToChain -> "The channel is closed because of a payment."
    is EventKind.ReserveNeeded -> "A claim needs a coin in the wallet for its fee of ${kind.feeSat} sat."
    is EventKind.FundsRecovered -> "${kind.valueSat} sat are yours again."
    is EventKind.SweptByAnother -> "${kind.valueSat} sat were taken by the peer."
    is EventKind.TellPeer -> "The peer was told how far the channel is."
    is EventKind.ChannelUsable -> "The channel may be used."
    is EventKind.FullyResolved -> "Everything about the channel is settled."
}
