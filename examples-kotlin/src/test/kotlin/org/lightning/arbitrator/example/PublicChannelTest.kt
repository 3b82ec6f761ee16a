package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.Announcement
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.ChannelType
import org.lightning.arbitrator.EventKind
import org.lightning.arbitrator.HistoryKind
import org.lightning.arbitrator.OpeningNote
import org.lightning.arbitrator.OpeningStage
import org.lightning.arbitrator.PeerMessage
import org.lightning.arbitrator.Received

/** From the funding to the announced channel: the peer's node reads every message, and makes its own, with LDK's types. */
@Timeout(120)
class PublicChannelTest {
    private fun onOpening(
        type: ChannelType = ChannelType.ANCHORS_ZERO_FEE_HTLC,
        test: suspend OpeningApp.(Device) -> Unit,
    ) = onDevice(type, Funding.WITHHELD) { OpeningApp(this).test(this) }

    private fun announcedOverRestarts(type: ChannelType) = onOpening(type) { device ->
        opens(publicly)
        restarts()
        confirms()
        restarts()
        val ready = tells().single()
        assertEquals(PeerMessage.CHANNEL_READY, ready.type)
        restarts()
        assertEquals(Received.TAKEN, hears(ready.answer))
        assertEquals(OpeningStage.USABLE, status().stage)
        wakesAfter(6 - DEEP)
        restarts()
        val half = tells().single()
        assertEquals(PeerMessage.ANNOUNCEMENT_SIGNATURES, half.type)
        assertEquals(status().shortChannelId, half.shortChannelId)
        assertNull(arbitrator.channelAnnouncement(device.channel))
        restarts()
        assertEquals(Received.TAKEN, hears(half.answer))
        restarts()
        val whole = tells().single()
        assertEquals(PeerMessage.CHANNEL_ANNOUNCEMENT, whole.type)
        assertEquals(half.shortChannelId, whole.shortChannelId)
        assertEquals(OpeningStage.ANNOUNCED, status().stage)
        assertArrayEquals(whole.message, arbitrator.channelAnnouncement(device.channel))
    }

    @Test
    fun `a public channel is announced, though the app ends at every step`() =
        announcedOverRestarts(ChannelType.ANCHORS_ZERO_FEE_HTLC)

    @Test
    fun `the same without anchors`() = announcedOverRestarts(ChannelType.STATIC_REMOTEKEY)

    @Test
    fun `a tick in the background tells the peer, and signs for our node`() = onOpening {
        opens(publicly)
        assertEquals(0, wokenAfter(0).size)
        hears(wokenAfter(DEEP).single().answer)
        hears(wokenAfter(6 - DEEP).single().answer)
        assertEquals(PeerMessage.CHANNEL_ANNOUNCEMENT, tells().single().type)
    }

    @Test
    fun `the case file tells the opening`() = onOpening { device ->
        val name = becomesAnnounced()
        val file = arbitrator.caseFile(device.channel)
        val story = file.timeline.mapNotNull { (it.kind as? HistoryKind.Opening)?.note }
        val messages = listOf(
            PeerMessage.CHANNEL_READY to null,
            PeerMessage.ANNOUNCEMENT_SIGNATURES to name,
            PeerMessage.CHANNEL_ANNOUNCEMENT to name,
        )
        val (ready, half, whole) = messages.map { (type, name) ->
            listOf(OpeningNote.Tell(type, name), OpeningNote.Told(type, name))
        }
        val heard = listOf(OpeningNote.PeerReady(null), OpeningNote.Usable)
        assertEquals(listOf(OpeningNote.Named(name)) + ready + heard + half + OpeningNote.PeerHalf(name) + whole, story)
        assertTrue(file.text.trimEnd().endsWith("the app has sent channel_announcement for $name"), file.text)
    }

    @Test
    fun `the app hears once that the channel may be used`() = onOpening {
        becomesUsable(publicly)
        assertEquals(1, arbitrator.news().count { it is EventKind.ChannelUsable })
        restarts()
        wakesAfter(1)
        assertEquals(0, arbitrator.news().count { it is EventKind.ChannelUsable })
    }

    @Test
    fun `a message waits until the peer has it`() = onOpening {
        opens(publicly)
        confirms()
        tellNews(arbitrator, { false }) {}
        restarts()
        assertEquals(PeerMessage.CHANNEL_READY, tells().single().type)
        assertEquals(0, tells().size)
    }

    @Test
    fun `a peer that is connected again is told again what it may not have got`() = onOpening {
        opens(publicly)
        confirms()
        val ready = tells().single()
        reconnects()
        assertArrayEquals(ready.message, tells().single().message)
        hears(ready.answer)
        wakesAfter(6 - DEEP)
        val half = tells().single()
        reconnects()
        val again = tells().associateBy { it.type }
        assertArrayEquals(half.message, again.getValue(PeerMessage.ANNOUNCEMENT_SIGNATURES).message)
    }

    @Test
    fun `a channel that the network forgot is handed out again`() = onOpening {
        val name = becomesAnnounced()
        graph += name
        restarts()
        wakesAfter(0)
        assertEquals(0, tells().size)
        graph -= name
        restarts()
        wakesAfter(0)
        assertEquals(PeerMessage.CHANNEL_ANNOUNCEMENT to name, tells().single().let { it.type to it.shortChannelId })
    }

    @Test
    fun `a wrong half of the peer's is refused, and the right one taken after it`() = onOpening { device ->
        becomesUsable(publicly)
        wakesAfter(6 - DEEP)
        val right = tells().single().answer
        // The last byte is one of a signature.
        val wrong = right.copyOf().also { it[it.lastIndex] = (it.last() + 1).toByte() }
        val error = refusal<ArbitratorException.PeerMessageRefused> { hears(wrong) }
        assertEquals(device.channel, error.channel)
        assertNotEquals(OpeningStage.ANNOUNCED, status().stage)
        hears(right)
        assertEquals(PeerMessage.CHANNEL_ANNOUNCEMENT, tells().single().type)
    }

    @Test
    fun `a message that is not of an opening is the engine's`() = onOpening {
        opens(publicly)
        val ping = byteArrayOf(0, 18, 0, 0, 0, 0)
        val error = refusal<ArbitratorException.NotForUs> { hears(ping) }
        assertEquals(18u.toUShort(), error.messageType)
    }

    @Test
    fun `a private channel is usable, and never announced`() = onOpening { device ->
        becomesUsable(Announcement.Private)
        wakesAfter(100)
        assertEquals(0, tells().size)
        assertEquals(OpeningStage.USABLE, status().stage)
        assertNull(arbitrator.channelAnnouncement(device.channel))
    }

    @Test
    fun `a public channel needs the node's key`() = onDevice(funding = Funding.WITHHELD) {
        val arbitrator = open()
        val error = refusal<ArbitratorException.OpeningRefused> { arbitrator.openChannel(partner.terms, agreed(publicly)) }
        assertEquals(channel, error.channel)
    }

    @Test
    fun `an app with the embedded wallet opens public channels too`() = onDevice(funding = Funding.WITHHELD) {
        val arbitrator = openWithSeedWallet(AppNode(sha256("the node's key".toByteArray())))
        arbitrator.openChannel(partner.terms, agreed(publicly))
        assertEquals(OpeningStage.UNCONFIRMED, arbitrator.opening(channel)?.stage)
    }
}
