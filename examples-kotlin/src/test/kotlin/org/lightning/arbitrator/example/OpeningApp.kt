package org.lightning.arbitrator.example

import org.lightning.arbitrator.Announcement
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.GraphView
import org.lightning.arbitrator.MinimumDepth
import org.lightning.arbitrator.OpenedWith
import org.lightning.arbitrator.OpeningStatus
import org.lightning.arbitrator.OpeningTerms
import org.lightning.arbitrator.PeerMessage
import org.lightning.arbitrator.Received
import java.util.concurrent.ConcurrentHashMap

/** How deep the funding must be for both. */
const val DEEP = 3

/** A public channel whose announcement has no features. */
val publicly = Announcement.Public(ByteArray(0))

/** What is agreed about an opening of these tests. */
fun agreed(announcement: Announcement) =
    OpeningTerms(OpenedWith.OPEN_CHANNEL, MinimumDepth.Blocks(DEEP.toUInt()), announcement, alias = null, replaces = null)

/** A message that the peer was told, and what its node made of it. */
class Told(val type: PeerMessage, val message: ByteArray, private val heard: Heard) {
    val shortChannelId get() = heard.shortChannelId
    val answer get() = checkNotNull(heard.answer) { "the peer has nothing to say to this" }
}

/** An app that is a node, while its channel opens. */
class OpeningApp(private val device: Device) {
    private val node = AppNode(sha256("the node's key".toByteArray()))

    /** The channels that the app knows of in the network; the library asks on a thread of its own. */
    val graph: MutableSet<String> = ConcurrentHashMap.newKeySet()
    private val view = object : GraphView {
        override fun hasChannel(shortChannelId: String): Boolean = shortChannelId in graph
    }
    lateinit var arbitrator: ChainArbitrator
        private set

    /** Registers the channel and feeds the first commitments. The funding is the library's to broadcast. */
    suspend fun opens(announcement: Announcement) {
        starts()
        arbitrator.openChannel(device.partner.terms, agreed(announcement))
        device.feed(arbitrator, device.partner.first)
    }

    private suspend fun starts() {
        arbitrator = device.open(nodeSigner = node, graph = view)
    }

    /** The app ends, and starts over the same database. */
    suspend fun restarts() {
        arbitrator.shutdown()
        starts()
    }

    /** Blocks pass and the device wakes. */
    suspend fun wakesAfter(blocks: Int) = device.wakeAfter(blocks, arbitrator)

    /** The funding goes out, and is deep enough. */
    suspend fun confirms() {
        wakesAfter(0)
        wakesAfter(DEEP)
    }

    /** Sends the peer everything that it is to be told. */
    suspend fun tells(): List<Told> = buildList { tellNews(arbitrator, wire(this)) {} }

    /** The app is off while blocks pass, then woken for once: what it sends the peer meanwhile. */
    suspend fun wokenAfter(blocks: Int): List<Told> = buildList {
        arbitrator.shutdown()
        device.testkit.mine(blocks)
        with(device) { wake(config(), signer, wallet, cryptoSystem, node, view, wire(this@buildList)) {} }
        starts()
    }

    /** The connection to the peer, whose node accepts each message. */
    private fun wire(told: MutableList<Told>) =
        Peers { told.add(Told(it.messageType, it.message, device.partner.hears(it.message, node.nodeId()))) }

    /** The peer answers. */
    suspend fun hears(message: ByteArray): Received = arbitrator.peerMessage(device.partner.terms.peer, message)

    /** Connected to the peer again, which says where it stands. */
    suspend fun reconnects() = hears(device.partner.reconnects())

    /** Both `channel_ready` are exchanged. */
    suspend fun becomesUsable(announcement: Announcement) {
        opens(announcement)
        confirms()
        hears(tells().single().answer)
    }

    /** Both halves are exchanged, and the whole handed out; what the chain calls the channel. */
    suspend fun becomesAnnounced(): String {
        becomesUsable(publicly)
        wakesAfter(6 - DEEP)
        hears(tells().single().answer)
        return checkNotNull(tells().single().shortChannelId)
    }

    suspend fun status(): OpeningStatus = checkNotNull(arbitrator.opening(device.channel)) { "it is not opened here" }
}
