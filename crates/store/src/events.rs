//! Events: what other systems are told. Whoever changes something puts what happened into the transaction's [`Outbox`];
//! the store writes it right before the commit.
//!
//! Ids come from a counter whose row stays locked until the transaction ends. So they rise in the order of the commits, and
//! whoever reads on from an id misses none. They are taken last, after every other lock: nobody who holds the counter waits
//! for anything but the commit.

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;

use crate::error::Result;
use crate::networks;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// The counter of a network's events.
const EVENT_IDS: &str = "event_id";
/// How many events one page looks at, of whatever type: what is asked for may be rare among them.
const LOOKED_AT_MAX: i64 = 10_000;

statements! {
    AFTER = "SELECT event_id, happened_at, event_type, subject, subject_id, data FROM events \
        WHERE network_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3";
    OF_TYPES = "SELECT event_id, happened_at, event_type, subject, subject_id, data FROM \
        (SELECT event_id, happened_at, event_type, subject, subject_id, data FROM events \
        WHERE network_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3) looked_at \
        WHERE event_type {in:4} ORDER BY event_id LIMIT $5";
    LOOKED_AT = "SELECT COUNT(*), COALESCE(MAX(event_id), 0) FROM \
        (SELECT event_id FROM events WHERE network_id = $1 AND event_id > $2 ORDER BY event_id LIMIT $3) looked_at";
    OF_SUBJECT = "SELECT event_id, happened_at, event_type, subject, subject_id, data FROM events \
        WHERE network_id = $1 AND subject = $2 AND subject_id = $3 AND event_id > $4 ORDER BY event_id LIMIT $5";
    BY_IDS = "SELECT event_id, happened_at, event_type, subject, subject_id, data FROM events \
        WHERE network_id = $1 AND event_id {in:2} ORDER BY event_id";
    ANY_AFTER = "SELECT event_id FROM events WHERE network_id = $1 AND event_id > $2 ORDER BY event_id LIMIT 1";
    OLDEST = "SELECT event_id, happened_at FROM events WHERE network_id = $1 ORDER BY event_id LIMIT $2";
    FORGET = "DELETE FROM events WHERE network_id = $1 AND event_id <= $2";
}

bulks! {
    ADD = "events" [
        "network_id" Int, "event_id" Int, "happened_at" Int, "event_type" Text, "subject" Text, "subject_id" Int,
        "data" Text
    ] "";
}

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The network.
    pub network: NetworkId,
    /// When.
    pub happened_at: Timestamp,
    /// What, as a word: `invoice.paid`.
    pub event_type: &'static str,
    /// The kind of thing that it happened to.
    pub subject: &'static str,
    /// Which one; `None`: no single one.
    pub subject_id: Option<i64>,
    /// What is to be said of it, as a JSON object.
    pub data: String,
}

/// What a transaction will have made happen.
pub type Outbox = Vec<NewEvent>;

/// An event as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among the network's events, counted from 1.
    pub event_id: i64,
    /// When it happened.
    pub happened_at: Timestamp,
    /// What, as a word.
    pub event_type: String,
    /// The kind of thing that it happened to.
    pub subject: String,
    /// Which one.
    pub subject_id: Option<i64>,
    /// What is said of it, as a JSON object.
    pub data: String,
}

fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        event_id: row.int(0)?,
        happened_at: Timestamp::from_micros(row.int(1)?),
        event_type: row.string(2)?,
        subject: row.string(3)?,
        subject_id: row.opt_int(4)?,
        data: row.string(5)?,
    })
}

/// Writes what the transaction has put into its outbox, as the last thing that it does.
pub(crate) fn send(tx: &mut dyn Tx) -> Result<()> {
    let mut events = std::mem::take(tx.outbox());
    // In one order, for whoever has events of several networks.
    events.sort_by_key(|event| event.network);
    for of_network in events.chunk_by(|a, b| a.network == b.network) {
        let Some(network) = of_network.first().map(|event| event.network) else { continue };
        let first = networks::next(tx, network, EVENT_IDS, 1, of_network.len() as i64)?;
        let mut values = Vec::with_capacity(of_network.len() * 7);
        for (event, id) in of_network.iter().zip(first..) {
            values.extend([
                Param::Int(network.get()),
                Param::Int(id),
                event.happened_at.micros().into(),
                event.event_type.into(),
                event.subject.into(),
                event.subject_id.into(),
                (&event.data).into(),
            ]);
        }
        tx.bulk(&ADD, &values)?;
    }
    Ok(())
}

/// The id of the last event of a network; 0: there was none yet.
///
/// # Errors
/// What the database says.
pub fn last_id(tx: &mut dyn Tx, network: NetworkId) -> Result<i64> {
    Ok(networks::counter(tx, network, EVENT_IDS)?.map_or(0, |next| next - 1))
}

/// The events after an id, in order.
///
/// # Errors
/// What the database says.
pub fn after(tx: &mut dyn Tx, network: NetworkId, after: i64, limit: i64) -> Result<Vec<Event>> {
    tx.query(AFTER, &[network.get().into(), after.into(), limit.into()])?.iter().map(event).collect()
}

/// The events of some types after an id, in order, and how far the search for them has come, where it has not come to the
/// end: a page may hold less than `limit` and not be the last.
///
/// # Errors
/// What the database says.
pub fn of_types(
    tx: &mut dyn Tx,
    network: NetworkId,
    types: &[&str],
    after: i64,
    limit: i64,
) -> Result<(Vec<Event>, Option<i64>)> {
    let start = [network.get().into(), after.into(), LOOKED_AT_MAX.into()];
    let mut params = start.to_vec();
    params.extend([Param::Texts(types), limit.into()]);
    let found = tx.query(OF_TYPES, &params)?.iter().map(event).collect::<Result<Vec<_>>>()?;
    if found.len() as i64 == limit {
        let last = found.last().map(|event| event.event_id);
        return Ok((found, last));
    }
    let looked_at = tx.query_one(LOOKED_AT, &start)?;
    let (count, last) = looked_at.map_or(Ok((0, 0)), |row| Ok::<_, crate::Error>((row.int(0)?, row.int(1)?)))?;
    Ok((found, (count == LOOKED_AT_MAX).then_some(last)))
}

/// The events of one thing after an id, in order.
///
/// # Errors
/// What the database says.
pub fn of_subject(
    tx: &mut dyn Tx,
    network: NetworkId,
    (subject, subject_id): (&str, i64),
    after: i64,
    limit: i64,
) -> Result<Vec<Event>> {
    let params = [network.get().into(), subject.into(), subject_id.into(), after.into(), limit.into()];
    tx.query(OF_SUBJECT, &params)?.iter().map(event).collect()
}

/// The events of these ids that are kept, in order.
///
/// # Errors
/// What the database says.
pub fn by_ids(tx: &mut dyn Tx, network: NetworkId, ids: &[i64]) -> Result<Vec<Event>> {
    tx.query(BY_IDS, &[network.get().into(), Param::Ints(ids)])?.iter().map(event).collect()
}

/// Whether there are events after an id.
///
/// # Errors
/// What the database says.
pub fn any_after(tx: &mut dyn Tx, network: NetworkId, after: i64) -> Result<bool> {
    Ok(tx.query_one(ANY_AFTER, &[network.get().into(), after.into()])?.is_some())
}

/// Forgets the oldest events, as far as they happened before an instant and have no greater id than `through`: of at most
/// `limit`. Answers how many.
///
/// # Errors
/// What the database says.
pub fn forget(tx: &mut dyn Tx, network: NetworkId, before: Timestamp, through: i64, limit: i64) -> Result<u64> {
    let mut last = None;
    for row in tx.query(OLDEST, &[network.get().into(), limit.into()])? {
        let (id, happened_at) = (row.int(0)?, row.int(1)?);
        if happened_at >= before.micros() || id > through {
            break;
        }
        last = Some(id);
    }
    last.map_or(Ok(0), |last| tx.execute(FORGET, &[network.get().into(), last.into()]))
}
