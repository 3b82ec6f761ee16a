package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.CryptoException
import org.lightning.arbitrator.CryptoSystem
import org.lightning.arbitrator.KeyCrypto
import org.lightning.arbitrator.SeedSigner
import org.lightning.arbitrator.Unsealed
import java.nio.file.Files
import kotlin.experimental.xor

/** What is secret on the disk, who opens it, and channel keys that the database keeps. */
@Timeout(60)
class KeysTest {
    private fun key(byte: Int) = KeyCrypto(ByteArray(32) { byte.toByte() })

    /** A key store whose sealing can be told from none, and no more. It remembers what it was given. */
    private class Mask : CryptoSystem {
        val given = mutableListOf<ByteArray>()

        override fun seal(place: ByteArray, plain: ByteArray): ByteArray {
            given += plain
            return masked(plain)
        }

        override fun unseal(place: ByteArray, sealed: ByteArray): ByteArray = masked(sealed)

        fun masked(bytes: ByteArray) = bytes.map { it xor 0x55 }.toByteArray()
    }

    /** Whether a file of the database holds these bytes. */
    private fun Device.isOnDisk(bytes: ByteArray): Boolean =
        Files.list(directory).toList().any { bytes.toHexString() in Files.readAllBytes(it).toHexString() }

    @Test
    fun `the app's key store seals one key, and under that the peer's secrets reach the disk`() = onDevice {
        val keyStore = Mask()
        val arbitrator = open(cryptoSystem = keyStore)
        start(arbitrator)
        val next = partner.pay()
        feed(arbitrator, next)
        val dataKey = keyStore.given.single()
        assertTrue(isOnDisk(keyStore.masked(dataKey)))
        assertFalse(isOnDisk(dataKey))
        assertFalse(isOnDisk(next.revocation!!.secret))
        arbitrator.shutdown()
        // The next secret is checked against this one.
        feed(open(cryptoSystem = keyStore), partner.settle())
    }

    @Test
    fun `a key store that is locked keeps the database closed, and is no wrong key`() = onDevice {
        open().shutdown()
        val locked = object : CryptoSystem by Unsealed() {
            override fun unseal(place: ByteArray, sealed: ByteArray): ByteArray = throw CryptoException.Refused("locked")
        }
        val error = refusal<ArbitratorException.Sealing> { open(cryptoSystem = locked) }
        assertEquals("locked", error.reason)
    }

    @Test
    fun `a database opens with its key only, and after a change with the new one`() = onDevice {
        val arbitrator = open(cryptoSystem = key(1))
        start(arbitrator)
        arbitrator.changeKey(key(2))
        arbitrator.shutdown()
        refusal<ArbitratorException.WrongKey> { open(cryptoSystem = key(1)) }
        assertEquals(listOf(channel), open(cryptoSystem = key(2)).channels())
    }

    @Test
    fun `a key of another length is refused`() = onDevice {
        val error = refusal<ArbitratorException.InvalidInput> { KeyCrypto(ByteArray(31)) }
        assertEquals("key" to "31 bytes, not 32", error.field to error.reason)
    }

    @Test
    fun `imported keys sign after a restart, in place of an app that has none`() = onDevice {
        val keyless = SeedSigner(ByteArray(32) { 9 })
        val before = open(signer = keyless)
        before.importChannelKeys(partner.keysId, partner.secrets)
        start(before)
        before.shutdown()
        assertEquals(null, open(signer = keyless).forceClose(channel).delayed)
    }

    @Test
    fun `a preimage is kept`() = onDevice {
        val arbitrator = open()
        val preimage = sha256("a preimage".toByteArray())
        arbitrator.learnPreimage(preimage)
        arbitrator.learnPreimage(preimage)
        assertFalse(isOnDisk(preimage))
        assertTrue(isOnDisk(sha256(preimage)))
    }
}
