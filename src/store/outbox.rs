//! The outbox: events wait here, per subscriber, until they are acknowledged.

use bitcoin::OutPoint;
use rusqlite::{OptionalExtension, Row, Transaction};

use super::error::StoreError;
use super::pack::At;
use super::Store;
use crate::court::{Event, Told};

/// An event as it waits in the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its name: equal for equal events, on every device.
    pub id: String,
    pub event: Event,
}

/// What waits for a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// Nothing.
    Asynchronous,
    /// The end of a case: the channel is not fully resolved, and none of its working data is purged, before the subscriber
    /// has acknowledged every event of the channel. No claim and no broadcast ever waits.
    Synchronous,
}

impl Store {
    /// Adds a subscriber, asynchronous until it says otherwise. It is owed every event that still waits for somebody, and all later ones.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn subscribe(&self, subscriber: &str) -> Result<(), StoreError> {
        let known: Option<i64> = self
            .connection
            .prepare_cached("SELECT 1 FROM subscriber WHERE name = ?1")?
            .query_row([subscriber], |row| row.get(0))
            .optional()?;
        if known.is_some() {
            return Ok(());
        }
        self.write(|db| {
            db.execute("INSERT INTO subscriber (name) VALUES (?1)", [subscriber])?;
            db.execute(
                "INSERT INTO unacknowledged (subscriber, event) SELECT ?1, ordinal FROM event",
                [subscriber],
            )?;
            Ok(())
        })
    }

    /// What waits for a subscriber from now on; adds it, if there is none of this name.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn set_delivery(&self, subscriber: &str, delivery: Delivery) -> Result<(), StoreError> {
        self.subscribe(subscriber)?;
        let synchronous = match delivery {
            Delivery::Asynchronous => 0,
            Delivery::Synchronous => 1,
        };
        self.write(|db| {
            db.execute(
                "UPDATE subscriber SET synchronous = ?2 WHERE name = ?1 AND synchronous != ?2",
                (subscriber, synchronous),
            )?;
            Ok(())
        })
    }

    /// Whether the synchronous subscribers, if there are any, have acknowledged all that was told of this channel. A message
    /// to the peer tells them nothing, and an event that cannot be decoded is given to nobody: neither is waited for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn told(&self, channel: OutPoint) -> Result<Told, StoreError> {
        let is_asked: bool = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM subscriber WHERE synchronous = 1)")?
            .query_row([], |row| row.get(0))?;
        if !is_asked {
            return Ok(Told::ToNobodyInParticular);
        }
        // The names of a channel's events begin with it and a slash; '0' comes after that.
        let names = (format!("{channel}/"), format!("{channel}0"));
        let mut statement = self.connection.prepare_cached(
            "SELECT id, body FROM event CROSS JOIN subscriber
             JOIN unacknowledged ON subscriber = name AND event = ordinal
             WHERE id >= ?1 AND id < ?2 AND synchronous = 1",
        )?;
        let mut rows = statement.query(names)?;
        while let Some(row) = rows.next()? {
            if event_of(row).is_ok_and(|stored| !stored.event.is_message()) {
                return Ok(Told::Awaited);
            }
        }
        Ok(Told::Acknowledged)
    }

    /// The oldest events that a subscriber has not acknowledged. One that cannot be decoded is passed over, so that it
    /// does not hold up those behind it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn pending_events(
        &self,
        subscriber: &str,
        max: usize,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT id, body FROM unacknowledged JOIN event ON ordinal = event
             WHERE subscriber = ?1 ORDER BY ordinal",
        )?;
        let mut rows = statement.query([subscriber])?;
        let mut events = Vec::new();
        while events.len() < max {
            let Some(row) = rows.next()? else { break };
            match event_of(row) {
                Ok(event) => events.push(event),
                Err(error) => log::error!("an event is lost: {error}"),
            }
        }
        Ok(events)
    }

    /// Takes an event off a subscriber's list. Unknown names and repeats change nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn acknowledge(&self, subscriber: &str, id: &str) -> Result<(), StoreError> {
        self.write(|db| {
            db.prepare_cached(
                "DELETE FROM unacknowledged WHERE subscriber = ?1
                 AND event = (SELECT ordinal FROM event WHERE id = ?2)",
            )?
            .execute([subscriber, id])?;
            Ok(())
        })
    }

    /// Takes a message to a peer off every list: one of the subscribers has handed it over.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn hand_over(&self, id: &str) -> Result<(), StoreError> {
        self.write(|db| take_off(db, id))
    }

    /// The event of this name.
    ///
    /// # Errors
    /// When the row cannot be decoded.
    pub fn event(&self, id: &str) -> Result<Option<Event>, StoreError> {
        let body: Option<String> = self
            .connection
            .prepare_cached("SELECT body FROM event WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        body.map(|body| At("event", "body").json(&body)).transpose()
    }

    /// Hands out every event ever stored, in order, and why one cannot be read.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) fn for_each_event(
        &self,
        mut take: impl FnMut(Result<StoredEvent, StoreError>),
    ) -> Result<(), StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, body FROM event ORDER BY ordinal")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            take(event_of(row));
        }
        Ok(())
    }

    /// Every event ever stored, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn all_events(&self) -> Result<Vec<StoredEvent>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT id, body FROM event ORDER BY ordinal")?;
        let mut rows = statement.query([])?;
        let mut events = Vec::new();
        while let Some(row) = rows.next()? {
            events.push(event_of(row)?);
        }
        Ok(events)
    }
}

fn event_of(row: &Row<'_>) -> Result<StoredEvent, StoreError> {
    let body: String = row.get(1)?;
    Ok(StoredEvent {
        id: row.get(0)?,
        event: At("event", "body").json(&body)?,
    })
}

/// Takes an event off every list.
pub(super) fn take_off(db: &Transaction<'_>, id: &str) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM unacknowledged WHERE event = (SELECT ordinal FROM event WHERE id = ?1)",
    )?
    .execute([id])?;
    Ok(())
}

/// Puts events into the outbox, in the transaction that makes them true. One that is there already stays as it is.
pub(super) fn put_events(db: &Transaction<'_>, events: &[Event]) -> Result<(), StoreError> {
    for event in events {
        let added = db
            .prepare_cached("INSERT OR IGNORE INTO event (id, body) VALUES (?1, ?2)")?
            .execute((event.id(), At("event", "body").to_json(event)?))?;
        if added > 0 {
            let ordinal = db.last_insert_rowid();
            db.prepare_cached(
                "INSERT INTO unacknowledged (subscriber, event) SELECT name, ?1 FROM subscriber",
            )?
            .execute([ordinal])?;
        }
    }
    Ok(())
}
