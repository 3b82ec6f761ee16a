package org.lightning.arbitrator.example

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.ChainArbitrator
import org.lightning.arbitrator.DeadlineReason
import org.lightning.arbitrator.Delivery
import org.lightning.arbitrator.EventKind
import org.lightning.arbitrator.Lifecycle
import org.lightning.arbitrator.Moment
import org.lightning.arbitrator.SleepBudget
import org.lightning.arbitrator.WakeUp

/** Until when the phone may sleep, and who has to have heard of everything before a channel ends. */
@Timeout(60)
class SleepBudgetTest {
    @Test
    fun `without a channel nothing wakes the phone`() = onDevice {
        val budget = open().sleepBudget()
        assertNull(budget.overall)
        assertEquals(emptyList<WakeUp>(), budget.channels)
        assertNull(secondsToSleep(budget, 0))
    }

    @Test
    fun `a phone that has never looked at the chain looks at once`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        val budget = arbitrator.sleepBudget()
        assertEquals(DeadlineReason.NeverLooked, budget.overall?.reason)
        assertEquals(0, secondsToSleep(budget, 1_000))
    }

    @Test
    fun `every report says until when the phone may sleep, and so does a phone without a network`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        testkit.mine(1)
        val report = arbitrator.resume()
        testkit.close()
        assertEquals(report.sleep, arbitrator.sleepBudget())
        val wakeUp = checkNotNull(report.sleep.overall)
        assertEquals(channel, wakeUp.channel)
        assertEquals(DeadlineReason.Breach, wakeUp.reason)
        assertTrue(wakeUp.wakeBy.height < wakeUp.deadline.height, "$wakeUp")
        assertTrue(wakeUp.wakeBy.height > checkNotNull(report.tip).height, "$wakeUp")
        assertEquals(listOf(wakeUp), report.sleep.channels)
    }

    @Test
    fun `the next job begins at the estimated time, and at once when that has passed`() {
        val moment = Moment(height = 800_000u, estimatedTime = 5_000uL)
        val wakeUp = WakeUp(Device().use { it.channel }, moment, moment, DeadlineReason.Breach)
        val budget = SleepBudget(wakeUp, listOf(wakeUp))
        assertEquals(3_000, secondsToSleep(budget, 2_000))
        assertEquals(0, secondsToSleep(budget, 9_000))
    }

    @Test
    fun `a channel does not end before a synchronous subscriber has acknowledged`() = onDevice {
        val arbitrator = open()
        arbitrator.subscribe("ledger", Delivery.SYNCHRONOUS)
        start(arbitrator)
        wakeAfter(0, arbitrator)
        partner.closes()
        wakeAfter(1, arbitrator)
        wakeAfter(101, arbitrator)
        suspend fun ChainArbitrator.lifecycle() = channel(channel).lifecycle
        assertEquals(Lifecycle.CLOSING, arbitrator.lifecycle())
        arbitrator.pendingEvents("ledger", 100u).forEach { arbitrator.acknowledge("ledger", it.id) }
        arbitrator.resume()
        assertEquals(Lifecycle.CLOSED, arbitrator.lifecycle())
        assertTrue(arbitrator.pendingEvents("ledger", 100u).single().kind is EventKind.FullyResolved)
    }
}
