package org.lightning.arbitrator

import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow

/** How many waiting events are fetched at once. */
private const val PAGE = 64u

/**
 * The events that [subscriber] has not acknowledged, oldest first, and then each as it happens.
 *
 * An event is acknowledged when the collector has returned from it. What it did not finish, because it threw or was cancelled, is
 * given again by the next collection. The flow is cold, and ends when the arbitrator is shut down. One collection per subscriber
 * at a time.
 */
fun ChainArbitratorInterface.events(subscriber: String): Flow<Event> = flow {
    // What an earlier collection was given and did not finish: nextEvent gives each event only once per open.
    do {
        val waiting = untilShutDown { pendingEvents(subscriber, PAGE) } ?: return@flow
        waiting.forEach { event ->
            emit(event)
            untilShutDown { acknowledge(subscriber, event.id) } ?: return@flow
        }
    } while (waiting.isNotEmpty())
    while (true) {
        val event = untilShutDown { nextEvent(subscriber) } ?: return@flow
        emit(event)
        untilShutDown { acknowledge(subscriber, event.id) } ?: return@flow
    }
}

private suspend fun <T : Any> untilShutDown(call: suspend () -> T): T? =
    try {
        call()
    } catch (_: ArbitratorException.ShutDown) {
        null
    }
