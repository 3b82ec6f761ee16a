package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource
import org.lightning.arbitrator.ArbitratorState
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.ChannelType
import org.lightning.arbitrator.CloseKind
import org.lightning.arbitrator.EventKind
import org.lightning.arbitrator.SummaryKind

/** The whole story, with a signer and a wallet written in Kotlin. */
@Timeout(120)
class SleepThroughCloseTest {
    /** A channel that was used: two payments, in flight and then settled. */
    private suspend fun Device.used(arbitrator: ChainArbitrator) {
        start(arbitrator)
        feed(arbitrator, partner.pay())
        feed(arbitrator, partner.settle())
        wakeAfter(1, arbitrator)
        assertTrue(arbitrator.news().single() is EventKind.ChannelOpen)
    }

    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `a device sleeps through the peer's force close, wakes, and gets its money back`(type: ChannelType) = onDevice(type) {
        val before = open()
        used(before)
        before.shutdown()

        val closing = partner.closes()
        testkit.mine(10)

        val after = open()
        wakeAfter(0, after)
        val closed = after.news().filterIsInstance<EventKind.ChannelClosed>().single()
        assertEquals(closing, closed.txid)
        assertEquals(CloseKind.Remote(2uL), closed.kind)
        assertEquals(0, testkit.balanceSat(wallet.script), "the sweep is broadcast, not confirmed")

        wakeAfter(6, after)
        val recovered = after.news().filterIsInstance<EventKind.FundsRecovered>().single()
        assertEquals(testkit.balanceSat(wallet.script), recovered.valueSat.toLong())
        assertEquals(590_000, partner.balanceSat())
        assertTrue(recovered.valueSat in 585_000uL..590_000uL, "${recovered.valueSat} sat: all but the fees")
    }

    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `our own force close waits for its delay, and pays us`(type: ChannelType) = onDevice(type) {
        val arbitrator = open()
        used(arbitrator)

        val status = arbitrator.forceClose(channel)
        assertEquals(ArbitratorState.COMMITMENT_BROADCASTED, status.state)
        wakeAfter(1, arbitrator)
        wakeAfter(142, arbitrator)
        assertEquals(0, testkit.balanceSat(wallet.script))
        // BOLT 3: to_self_delay is 144, so the sweep is valid in the 144th block after the close's.
        wakeAfter(1, arbitrator)
        wakeAfter(1, arbitrator)
        assertTrue(testkit.balanceSat(wallet.script) in 585_000..590_000)
    }

    @ParameterizedTest
    @EnumSource(ChannelType::class)
    fun `a hundred blocks later everything is resolved for ever, and a summary remains`(type: ChannelType) = onDevice(type) {
        val arbitrator = open()
        used(arbitrator)
        partner.closes()
        wakeAfter(1, arbitrator)
        assertEquals(false, arbitrator.closeSummary(channel)?.isFinal)
        wakeAfter(1, arbitrator)
        wakeAfter(100, arbitrator)

        assertTrue(arbitrator.news().last() is EventKind.FullyResolved)
        assertEquals(ArbitratorState.FULLY_RESOLVED, arbitrator.channel(channel).state)
        val summary = checkNotNull(arbitrator.closeSummary(channel))
        assertTrue(summary.isFinal)
        assertEquals(SummaryKind.Remote, summary.kind)
        assertEquals(testkit.balanceSat(wallet.script), summary.settledBalanceSat.toLong())
        assertTrue(arbitrator.log(channel).any { "WaitingFullResolution -> FullyResolved" in it })
    }
}
