package org.lightning.arbitrator.example

import kotlinx.coroutines.CoroutineStart
import kotlinx.coroutines.async
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.Timeout
import org.lightning.arbitrator.Event
import org.lightning.arbitrator.EventKind
import org.lightning.arbitrator.events

/** Events are given at least once, until acknowledged. */
@Timeout(60)
class EventsTest {
    /** Makes one event: the channel is open. */
    private suspend fun Device.funded() = open().also {
        start(it)
        wakeAfter(0, it)
    }

    @Test
    fun `an event waits for its acknowledgement over a restart`() = onDevice {
        val before = funded()
        val given = before.nextEvent("screen")
        before.shutdown()
        val after = open()
        assertEquals(given, after.nextEvent("screen"))
        after.acknowledge("screen", given.id)
        assertEquals(emptyList<Event>(), after.pendingEvents("screen", 9u))
    }

    @Test
    fun `each subscriber acknowledges for itself`() = onDevice {
        val arbitrator = funded()
        val event = arbitrator.nextEvent("screen")
        arbitrator.acknowledge("screen", event.id)
        assertEquals(listOf(event), arbitrator.pendingEvents("log", 9u))
    }

    @Test
    fun `a call that is cancelled while it waits has taken nothing`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        coroutineScope {
            val waiting = launch(start = CoroutineStart.UNDISPATCHED) { arbitrator.nextEvent("screen") }
            waiting.cancelAndJoin()
        }
        wakeAfter(0, arbitrator)
        assertTrue(arbitrator.nextEvent("screen").kind is EventKind.ChannelOpen)
    }

    @Test
    fun `a call that waits is woken by what happens meanwhile`() = onDevice {
        val arbitrator = open()
        start(arbitrator)
        coroutineScope {
            val waiting = async(start = CoroutineStart.UNDISPATCHED) { arbitrator.nextEvent("screen") }
            wakeAfter(0, arbitrator)
            assertTrue(waiting.await().kind is EventKind.ChannelOpen)
        }
    }

    @Test
    fun `a flow gives what waited, and then what happens, each once`() = onDevice {
        val arbitrator = funded()
        coroutineScope {
            val collected = async(start = CoroutineStart.UNDISPATCHED) {
                arbitrator.events("screen").map { it.kind::class }.take(2).toList()
            }
            partner.closes()
            wakeAfter(1, arbitrator)
            assertEquals(listOf(EventKind.ChannelOpen::class, EventKind.ChannelClosed::class), collected.await())
        }
    }

    @Test
    fun `what a collector did not finish is given to the next one`() = onDevice {
        val arbitrator = funded()
        refusal<IllegalStateException> { arbitrator.events("screen").collect { error("the screen is gone") } }
        assertTrue(arbitrator.events("screen").first().kind is EventKind.ChannelOpen)
    }

    @Test
    fun `a flow ends with the arbitrator`() = onDevice {
        val arbitrator = funded()
        val kinds = mutableListOf<EventKind>()
        coroutineScope {
            launch(start = CoroutineStart.UNDISPATCHED) { arbitrator.events("screen").collect { kinds += it.kind } }
            arbitrator.acknowledge("screen", arbitrator.nextEvent("log").id)
            arbitrator.shutdown()
        }
        assertTrue(kinds.size <= 1, "$kinds")
    }
}
