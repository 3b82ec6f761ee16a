package org.lightning.arbitrator.example

import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.ChannelKeys
import org.lightning.arbitrator.OnchainWallet
import org.lightning.arbitrator.Position
import org.lightning.arbitrator.SeedSigner
import org.lightning.arbitrator.SignRequest
import org.lightning.arbitrator.Signer
import org.lightning.arbitrator.SignerException
import org.lightning.arbitrator.WalletException
import org.lightning.arbitrator.defaultPolicy
import java.util.concurrent.CountDownLatch

/** What the app implements is called, may call back, and may fail. */
@Timeout(60)
class CallbacksTest {
    @Test
    fun `a wallet may call back into the library while it is asked`() = onDevice {
        lateinit var arbitrator: ChainArbitrator
        var seen: Position? = null
        val curious = object : OnchainWallet by wallet {
            override fun sweepScript(): ByteArray {
                seen = runBlocking { arbitrator.position(channel) }
                return wallet.sweepScript()
            }
        }
        arbitrator = open(wallet = curious)
        start(arbitrator)
        partner.closes()
        wakeAfter(1, arbitrator)
        wakeAfter(1, arbitrator)
        assertEquals(0uL, seen?.local)
        assertTrue(testkit.balanceSat(wallet.script) > 0)
    }

    @Test
    fun `a signer may call back into the library while it is asked`() = onDevice {
        lateinit var arbitrator: ChainArbitrator
        var known = -1
        val curious = object : Signer by signer {
            override fun sign(request: SignRequest): List<ByteArray> {
                known = runBlocking { arbitrator.channels() }.size
                return signer.sign(request)
            }
        }
        arbitrator = open(signer = curious)
        start(arbitrator)
        assertEquals(null, arbitrator.forceClose(channel).delayed)
        assertEquals(1, known)
    }

    @Test
    fun `the library's own signer can be handed over with the channel's secrets`() = onDevice {
        val seedSigner = SeedSigner(ByteArray(32) { 7 })
        seedSigner.importChannel(partner.keysId, partner.secrets)
        val arbitrator = open(signer = seedSigner)
        start(arbitrator)
        val closing = arbitrator.forceClose(channel).broadcasts.single().txid
        assertTrue("\"$closing\"" in testkit.get("/state").toString(), "our commitment is in the mempool")
    }

    @Test
    fun `what a signer throws arrives with its reason, declared or not`() = onDevice {
        var thrown: Throwable = SignerException.Refused("no fingerprint")
        val failing = object : Signer by signer {
            override fun channelKeys(keysId: ByteArray): ChannelKeys = throw thrown
        }
        val arbitrator = open(signer = failing)
        val declared = refusal<ArbitratorException.SignerFailed> { arbitrator.register(partner.terms) }
        assertEquals(channel to "no fingerprint", declared.channel to declared.reason)
        thrown = IllegalStateException("key store is gone")
        val undeclared = refusal<ArbitratorException.SignerFailed> { arbitrator.register(partner.terms) }
        assertTrue("IllegalStateException: key store is gone" in undeclared.reason, undeclared.reason)
        assertEquals(emptyList<Any>(), arbitrator.channels())
    }

    @Test
    fun `what a wallet throws arrives with its reason`() = onDevice {
        val failing = object : OnchainWallet by wallet {
            override fun isOurAddress(script: ByteArray): Boolean = throw WalletException.Refused("locked")
        }
        val arbitrator = open(wallet = failing)
        start(arbitrator)
        val error = refusal<ArbitratorException.WalletFailed> {
            arbitrator.closingSigned(channel, partner.cooperativeClose())
        }
        assertEquals("locked", error.reason)
    }

    @Test
    fun `a signer that signs something else is found out before anything is broadcast`() = onDevice {
        val lying = object : Signer by signer {
            override fun sign(request: SignRequest): List<ByteArray> =
                signer.sign(request.copy(inputs = request.inputs.map { it.copy(sighash = sha256()) }))
        }
        val arbitrator = open(signer = lying)
        start(arbitrator)
        val status = arbitrator.forceClose(channel)
        assertTrue("does not verify" in status.delayed.orEmpty(), "$status")
        assertTrue("\"mempool\":[]" in testkit.get("/state").toString())
    }

    @Test
    fun `a signer that never answers is given up`() = onDevice {
        val never = CountDownLatch(1)
        val silent = object : Signer by signer {
            override fun channelKeys(keysId: ByteArray): ChannelKeys {
                never.await()
                return signer.channelKeys(keysId)
            }
        }
        val arbitrator = open(signer = silent, policy = defaultPolicy().copy(callbackLimitMs = 200uL))
        val error = refusal<ArbitratorException.CallbackTimedOut> { arbitrator.register(partner.terms) }
        assertEquals("Signer" to 200uL, error.callback to error.limitMs)
        assertEquals(emptyList<Any>(), arbitrator.channels(), "the library goes on")
        never.countDown()
    }
}
