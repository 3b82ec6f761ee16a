package org.lightning.arbitrator.example

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertTrue
import org.lightning.arbitrator.ArbitratorConfig
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.ChannelType
import org.lightning.arbitrator.ChannelUpdate
import org.lightning.arbitrator.CryptoSystem
import org.lightning.arbitrator.EventKind
import org.lightning.arbitrator.GraphView
import org.lightning.arbitrator.KeyCrypto
import org.lightning.arbitrator.Network
import org.lightning.arbitrator.NodeSigner
import org.lightning.arbitrator.OnchainWallet
import org.lightning.arbitrator.Policy
import org.lightning.arbitrator.SeedWallet
import org.lightning.arbitrator.Signer
import java.nio.file.Files
import java.nio.file.Path

/** A phone with one channel: the testkit around it, its database, its keys and its wallet. */
class Device(
    type: ChannelType = ChannelType.ANCHORS_ZERO_FEE_HTLC,
    funding: Funding = Funding.CONFIRMED,
) : AutoCloseable {
    val testkit = Testkit()
    val partner = Partner(testkit, type, funding)
    val directory: Path = Files.createTempDirectory("arbitrator")
    val signer = AppSigner { keysId -> partner.secrets.takeIf { keysId.contentEquals(partner.keysId) } }
    val wallet = AppWallet(sha256("the wallet's key".toByteArray()))
    val cryptoSystem = KeyCrypto(sha256("the database's key".toByteArray()))
    val channel = partner.channel
    private val opened = mutableListOf<ChainArbitrator>()

    fun config(policy: Policy? = null) =
        ArbitratorConfig(Network.REGTEST, directory.resolve("channels.sqlite").toString(), testkit.url, policy)

    suspend fun open(
        signer: Signer = this.signer,
        wallet: OnchainWallet = this.wallet,
        cryptoSystem: CryptoSystem = this.cryptoSystem,
        policy: Policy? = null,
        nodeSigner: NodeSigner? = null,
        graph: GraphView? = null,
    ): ChainArbitrator =
        ChainArbitrator.open(config(policy), signer, wallet, cryptoSystem, nodeSigner, graph).also(opened::add)

    /** The same for an app that has no on-chain wallet. */
    suspend fun openWithSeedWallet(nodeSigner: NodeSigner? = null): ChainArbitrator {
        val wallet = SeedWallet(sha256("the user's seed".toByteArray()), Network.REGTEST)
        return ChainArbitrator.openWithSeedWallet(config(), signer, wallet, cryptoSystem, nodeSigner).also(opened::add)
    }

    /** Registers the channel and feeds the first commitments. */
    suspend fun start(arbitrator: ChainArbitrator) {
        arbitrator.register(partner.terms)
        feed(arbitrator, partner.first)
    }

    /** Tells the library one exchange: our signature leaves in the middle, and what the peer answers comes together. */
    suspend fun feed(arbitrator: ChainArbitrator, round: Round) {
        arbitrator.remoteCommitment(channel, round.remote)
        arbitrator.updates(channel, listOfNotNull(round.revocation, ChannelUpdate.Local(round.local)))
    }

    /** Blocks pass and the device wakes. */
    suspend fun wakeAfter(blocks: Int, arbitrator: ChainArbitrator) {
        testkit.mine(blocks)
        val report = arbitrator.resume()
        assertTrue(report.complete, "$report")
        assertTrue(report.troubles.isEmpty(), "$report")
    }

    override fun close() {
        runBlocking { opened.forEach { it.shutdown() } }
        opened.forEach { it.close() }
        testkit.close()
        directory.toFile().deleteRecursively()
    }
}

/** Runs a test on a device. */
fun onDevice(
    type: ChannelType = ChannelType.ANCHORS_ZERO_FEE_HTLC,
    funding: Funding = Funding.CONFIRMED,
    test: suspend Device.() -> Unit,
) = Device(type, funding).use { runBlocking { it.test() } }

/** Everything told of so far, acknowledged. */
suspend fun ChainArbitrator.news(): List<EventKind> = pendingEvents(SUBSCRIBER, 100u).map { event ->
    acknowledge(SUBSCRIBER, event.id)
    event.kind
}

/** The error with which a call is refused, of the type asked for. */
suspend inline fun <reified E : Throwable> refusal(crossinline call: suspend () -> Unit): E {
    try {
        call()
    } catch (error: Throwable) {
        return error as? E ?: throw AssertionError("refused with $error, not ${E::class.simpleName}", error)
    }
    throw AssertionError("taken, instead of refused with ${E::class.simpleName}")
}
