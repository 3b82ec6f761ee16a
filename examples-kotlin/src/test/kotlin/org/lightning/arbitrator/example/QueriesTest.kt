package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.ChannelFilter
import org.lightning.arbitrator.Direction
import org.lightning.arbitrator.HistoryEntry
import org.lightning.arbitrator.HistoryKind
import org.lightning.arbitrator.HtlcKey
import org.lightning.arbitrator.HtlcStage
import org.lightning.arbitrator.Lifecycle
import org.lightning.arbitrator.PageRequest
import org.lightning.arbitrator.PendingHtlcs
import org.lightning.arbitrator.ShortChannelIds

/** What a wallet's screens ask for, page by page. */
@Timeout(60)
class QueriesTest {
    private val all = PageRequest(limit = 100u)

    @Test
    fun `channels are listed with their balances, by state of life and by peer`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        feed(arbitrator, partner.pay())
        wakeAfter(blocks = 1, arbitrator)
        val shown = arbitrator.listChannels(all).channels.single()
        assertEquals(channel to Lifecycle.OPEN, shown.channel to shown.lifecycle)
        val standing = checkNotNull(shown.standing)
        assertEquals(partner.balanceSat() * 1000, standing.localMsat.toLong())
        assertEquals(PendingHtlcs(1u, 30_000_000uL), standing.outgoing)
        assertEquals(PendingHtlcs(1u, 20_000_000uL), standing.incoming)
        val filter = ChannelFilter(Lifecycle.OPEN, partner.terms.peer)
        assertEquals(listOf(channel), arbitrator.listChannels(all, filter).channels.map { it.channel })
        assertTrue(arbitrator.listChannels(all, filter.copy(lifecycle = Lifecycle.CLOSED)).channels.isEmpty())
    }

    @Test
    fun `balances and totals follow a payment and a close`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        feed(arbitrator, partner.pay())
        arbitrator.release(channel, HtlcKey(Direction.INCOMING, 0uL))
        feed(arbitrator, partner.settle())
        wakeAfter(blocks = 1, arbitrator)
        val open = arbitrator.balances().open
        assertEquals(1u to partner.balanceSat() * 1000, open.channels to open.localMsat.toLong())
        assertEquals(30_000_000uL, arbitrator.totals().sum.sentMsat)
        assertEquals(arbitrator.totals().sum, arbitrator.channelTotals(channel))
        partner.closes()
        wakeAfter(blocks = 1, arbitrator)
        val closed = arbitrator.balances()
        assertEquals(0u, closed.open.channels)
        assertTrue(closed.onChain.run { settledSat + timeLockedSat } > 0uL, "${closed.onChain}")
        assertEquals(listOf(channel), arbitrator.closedChannels(all).summaries.map { it.channel })
    }

    @Test
    fun `the history is walked page by page, newest first`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        wakeAfter(blocks = 1, arbitrator)
        partner.closes()
        wakeAfter(blocks = 1, arbitrator)
        val walked = mutableListOf<HistoryEntry>()
        var page = arbitrator.history(PageRequest(limit = 2u))
        while (true) {
            walked += page.entries
            val next = page.next ?: break
            page = arbitrator.history(PageRequest(limit = 2u, after = next))
        }
        assertEquals(arbitrator.log(channel), walked.reversed().map { it.line })
        assertTrue(walked.any { it.kind is HistoryKind.CloseProven })
        val error = refusal<ArbitratorException.InvalidInput> { arbitrator.history(PageRequest(9u, after = "made up")) }
        assertEquals("page.after", error.field)
    }

    @Test
    fun `payments of a channel are listed while they are pending and when they are past`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        feed(arbitrator, partner.pay())
        val pending = arbitrator.htlcHistory(channel, all).htlcs
        assertEquals(setOf(HtlcStage.LIVE), pending.map { it.stage }.toSet())
        assertEquals(setOf(30_000_000uL, 20_000_000uL), pending.map { it.amountMsat }.toSet())
        feed(arbitrator, partner.settle())
        val past = arbitrator.htlcHistory(channel, all).htlcs
        assertEquals(List(2) { HtlcStage.PAST }, past.map { it.stage })
    }

    @Test
    fun `a channel is found by its short channel id and its aliases`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        val ids = ShortChannelIds(confirmed = "700000x1x0", aliases = listOf("16000000x0x7"))
        arbitrator.setShortChannelIds(channel, ids)
        assertEquals(channel, arbitrator.channelByShortId("700000x1x0"))
        assertEquals(channel, arbitrator.channelByShortId("16000000x0x7"))
        assertNull(arbitrator.channelByShortId("700000x1x1"))
        assertEquals(ids, arbitrator.listChannels(all).channels.single().ids)
        val wrong = ids.copy(aliases = listOf("16000000x0x7", "16777216x0x0"))
        val error = refusal<ArbitratorException.InvalidInput> { arbitrator.setShortChannelIds(channel, wrong) }
        assertEquals("ids.aliases[1]", error.field)
    }
}
