package org.lightning.arbitrator.example

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.supervisorScope
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ArbitratorConfig
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.Look
import org.lightning.arbitrator.Network
import org.lightning.arbitrator.ResumeOptions
import org.lightning.arbitrator.defaultPolicy

/** Opening, closing, and what a tick may cost. */
@Timeout(60)
class LifecycleTest {
    @Test
    fun `a database is open once, and free again after shutdown`() = onDevice {
        val first = open()
        val error = refusal<ArbitratorException.InUse> { open() }
        assertEquals(config().databasePath, error.path)
        first.shutdown()
        open().channels()
    }

    @Test
    fun `every call after shutdown says so`() = onDevice {
        val arbitrator = open()
        arbitrator.shutdown()
        val error = refusal<ArbitratorException.ShutDown> { arbitrator.resume() }
        assertEquals("the arbitrator is shut down", "$error")
        refusal<ArbitratorException.ShutDown> { arbitrator.position(channel) }
        refusal<ArbitratorException.ShutDown> { arbitrator.register(partner.terms) }
        refusal<ArbitratorException.ShutDown> { arbitrator.nextEvent("screen") }
        arbitrator.shutdown()
    }

    @Test
    fun `a call that waits when the arbitrator is shut down says so`() = onDevice {
        val arbitrator = open()
        supervisorScope {
            val waiting = async(start = CoroutineStart.UNDISPATCHED) { arbitrator.nextEvent("screen") }
            arbitrator.shutdown()
            refusal<ArbitratorException.ShutDown> { waiting.await() }
        }
    }

    @Test
    fun `settings that cannot be used are refused by name`() = onDevice {
        suspend fun field(config: ArbitratorConfig) =
            refusal<ArbitratorException.InvalidInput> {
                ChainArbitrator.open(config, signer, wallet, cryptoSystem)
            }.field
        assertEquals("config.esplora_url", field(config().copy(esploraUrl = "ftp://server")))
        assertEquals("config.database_path", field(config().copy(databasePath = "")))
        assertEquals("config.policy.budget_percent", field(config(defaultPolicy().copy(budgetPercent = 101u))))
    }

    @Test
    fun `a database of another network is refused`() = onDevice {
        open().shutdown()
        val other = config().copy(network = Network.SIGNET)
        val error = refusal<ArbitratorException.WrongNetwork> {
            ChainArbitrator.open(other, signer, wallet, cryptoSystem)
        }
        assertEquals("regtest" to "signet", error.found to error.asked)
    }

    @Test
    fun `an engine that was interrupted is told where the store stands, and may repeat itself`() = onDevice {
        val before = open()
        start(before)
        val next = partner.pay()
        before.remoteCommitment(channel, next.remote)
        before.shutdown()

        val after = open()
        val position = after.position(channel)
        assertEquals(listOf(0uL, 1uL, null), listOf(position.local, position.remote, position.remoteRevoked))
        feed(after, next)
        feed(after, next)
        assertEquals(1uL, after.position(channel).local)
        assertEquals(listOf(channel), after.channels())
        assertEquals(listOf(channel), after.channelsWith(partner.terms.peer))
    }

    @Test
    fun `a tick keeps to its number of requests, and the next one goes on`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        val cutOff = arbitrator.resume(ResumeOptions(Look.TIP, maxRequests = 1u))
        assertFalse(cutOff.complete)
        assertEquals(1u, cutOff.requests)
        assertTrue(arbitrator.resume().complete)
        assertEquals(1u, arbitrator.resume().requests, "nothing has changed")
    }

    @Test
    fun `a server that does not answer is told in the report`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        testkit.close()
        val report = arbitrator.resume(ResumeOptions(Look.TIP, maxRequests = 1u))
        assertFalse(report.complete)
        assertTrue(report.stopped != null || report.troubles.isNotEmpty(), "$report")
    }

    @Test
    fun `waking shows what is new, once`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        arbitrator.shutdown()
        val shown = mutableListOf<String>()
        wake(config(), signer, wallet, cryptoSystem, peers = { true }, show = shown::add)
        partner.closes()
        testkit.mine(1)
        wake(config(), signer, wallet, cryptoSystem, peers = { true }, show = shown::add)
        assertEquals("The channel is open.", shown[0])
        assertTrue(shown[1].startsWith("The channel was closed at height"), shown[1])
        assertEquals(shown.size, shown.toSet().size, "$shown")
    }
}
