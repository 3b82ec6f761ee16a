extension ChainArbitrator {
    /// The events that `subscriber` has not acknowledged, oldest first, and then each as it happens.
    ///
    /// An event is acknowledged when the next one is asked for, so once the loop's body has finished with it. What it did not finish,
    /// because it threw, left the loop or was cancelled, is given again by the next loop. The stream ends when the arbitrator is
    /// shut down, and at once when its task is cancelled. One loop per subscriber at a time.
    public func events(subscriber: String) -> AsyncThrowingStream<Event, Error> {
        let feed = EventFeed(arbitrator: self, subscriber: subscriber)
        return AsyncThrowingStream(unfolding: feed.next)
    }
}

/// How many waiting events are fetched at once.
private let page: UInt32 = 64

/// One loop over a subscriber's events.
private actor EventFeed {
    private let arbitrator: ChainArbitrator
    private let subscriber: String
    /// What an earlier loop was given and did not finish; nil once that is done.
    private var waiting: [Event]? = []
    private var unfinished: Event?

    init(arbitrator: ChainArbitrator, subscriber: String) {
        self.arbitrator = arbitrator
        self.subscriber = subscriber
    }

    func next() async throws -> Event? {
        do {
            if let finished = unfinished {
                try await arbitrator.acknowledge(subscriber: subscriber, id: finished.id)
            }
            unfinished = try await given()
            return unfinished
        } catch ArbitratorError.ShutDown {
            return nil
        }
    }

    private func given() async throws -> Event? {
        if var left = waiting {
            // First what waits: nextEvent gives each event only once per open.
            if left.isEmpty {
                left = try await arbitrator.pendingEvents(subscriber: subscriber, max: page)
            }
            guard left.isEmpty else {
                let first = left.removeFirst()
                waiting = left
                return first
            }
            waiting = nil
        }
        return try await nextUnlessCancelled()
    }

    /// Swift's cancellation does not reach a call into the library, but it does end a stream: so the call is awaited through one. A
    /// call left behind ends with the next event or the arbitrator, and what it was given waits for the next loop.
    private func nextUnlessCancelled() async throws -> Event? {
        let (arrivals, arrival) = AsyncThrowingStream<Event, Error>.makeStream()
        Task { [arbitrator, subscriber] in
            do {
                arrival.yield(try await arbitrator.nextEvent(subscriber: subscriber))
                arrival.finish()
            } catch {
                arrival.finish(throwing: error)
            }
        }
        for try await event in arrivals { return event }
        return nil
    }
}
