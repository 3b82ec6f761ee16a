package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ArbitratorException
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.ChannelType.STATIC_REMOTEKEY
import org.lightning.arbitrator.EventKind
import org.lightning.arbitrator.Lifecycle
import org.lightning.arbitrator.Refusal
import org.lightning.arbitrator.SummaryKind

/** From pending to closed, and the ends that the app decides. */
@Timeout(120)
class ChannelLifeTest {
    private suspend fun Device.stage(arbitrator: ChainArbitrator) = arbitrator.channel(channel).lifecycle

    @Test
    fun `a channel is pending, open, closing and closed`() = onDevice(STATIC_REMOTEKEY) {
        val arbitrator = open()
        start(arbitrator)
        assertEquals(Lifecycle.PENDING, stage(arbitrator))
        wakeAfter(1, arbitrator)
        assertEquals(Lifecycle.OPEN, stage(arbitrator))
        partner.closes()
        wakeAfter(1, arbitrator)
        assertEquals(Lifecycle.CLOSING, stage(arbitrator))
        wakeAfter(1, arbitrator)
        wakeAfter(100, arbitrator)
        assertEquals(Lifecycle.CLOSED, stage(arbitrator))
    }

    @Test
    fun `a peer that comes back when all is over is answered from the summary`() = onDevice(STATIC_REMOTEKEY) {
        val arbitrator = open()
        start(arbitrator)
        feed(arbitrator, partner.pay())
        feed(arbitrator, partner.settle())
        wakeAfter(1, arbitrator)
        partner.closes()
        wakeAfter(1, arbitrator)
        wakeAfter(1, arbitrator)
        wakeAfter(100, arbitrator)

        val answer = checkNotNull(arbitrator.closeSummary(channel)?.reestablish)
        assertEquals(3uL to 2uL, answer.nextCommitmentNumber to answer.nextRevocationNumber)
        assertEquals(32, answer.yourLastPerCommitmentSecret?.size)
        assertEquals(33, answer.myCurrentPerCommitmentPoint.size)
    }

    @Test
    fun `a funding that will never confirm is cancelled, and the channel ends when it has stayed away`() = onDevice {
        val arbitrator = open()
        // A transaction that nobody will ever see.
        val never = partner.terms.copy(funding = channel.copy(txid = "11".repeat(32)), fundingTransaction = null)
        arbitrator.register(never)
        arbitrator.cancelFunding(never.funding)
        val error = refusal<ArbitratorException.Closing> { arbitrator.register(never) }
        assertEquals(Refusal.FundingCancelled, error.reason)
        wakeAfter(1, arbitrator)
        wakeAfter(100, arbitrator)

        val summary = checkNotNull(arbitrator.closeSummary(never.funding))
        assertTrue(summary.isFinal)
        assertEquals(SummaryKind.FundingCancelled, summary.kind)
        assertNull(summary.closingTxid)
        assertTrue(arbitrator.news().any { it is EventKind.FundingCancelled })
        val ended = refusal<ArbitratorException.Closing> { arbitrator.register(never) }
        assertEquals(Refusal.Ended, ended.reason)
    }

    @Test
    fun `a funding on the chain cannot be cancelled`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        wakeAfter(1, arbitrator)
        refusal<ArbitratorException.FundingConfirmed> { arbitrator.cancelFunding(channel) }
    }

    @Test
    fun `an abandoned channel has ended, and the library looks after it no more`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        wakeAfter(1, arbitrator)
        arbitrator.abandon(channel)
        assertEquals(Lifecycle.CLOSED, stage(arbitrator))
        assertEquals(SummaryKind.Abandoned, arbitrator.closeSummary(channel)?.kind)
        assertTrue(arbitrator.news().any { it is EventKind.Abandoned })
        partner.closes()
        wakeAfter(2, arbitrator)
        assertEquals(listOf<EventKind>(), arbitrator.news())
        assertArrayEquals(arrayOf(channel), arbitrator.channels().toTypedArray())
    }
}
