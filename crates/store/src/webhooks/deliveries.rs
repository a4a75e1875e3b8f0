//! Deliveries: one event for one webhook, from when it is taken up until some time after its end.

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;

use crate::error::{Error, Result};
use crate::events::Event;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

macro_rules! columns {
    () => {
        "SELECT d.event_id, d.event_type, d.subject, d.subject_id, d.state, d.attempts, d.next_attempt_at, d.last_attempt_at, \
         d.response_status, d.error, d.finished_at FROM webhook_deliveries d "
    };
}

macro_rules! before {
    () => {
        "WHERE d.network_id = $1 AND d.webhook_id = $2 AND d.event_id < $3 "
    };
}

macro_rules! newest {
    () => {
        "ORDER BY d.event_id DESC LIMIT $4"
    };
}

statements! {
    COUNT_PENDING = "SELECT COUNT(*) FROM webhook_deliveries WHERE network_id = $1 AND webhook_id = $2 \
        AND state = 'pending'";
    COUNT_IN_FLIGHT = "SELECT COUNT(*) FROM webhook_deliveries WHERE network_id = $1 AND webhook_id = $2 \
        AND state = 'pending' AND leased_until > $3";
    // What is about one thing goes out in order: only the first of it that is not done can be sent.
    HEADS = "SELECT d.event_id, d.attempts FROM webhook_deliveries d WHERE d.network_id = $1 AND d.webhook_id = $2 \
        AND d.state = 'pending' AND d.next_attempt_at <= $3 AND d.leased_until <= $3 AND (d.subject_id IS NULL OR NOT EXISTS \
          (SELECT 1 FROM webhook_deliveries e WHERE e.network_id = $1 AND e.webhook_id = $2 AND e.state = 'pending' \
           AND e.subject = d.subject AND e.subject_id = d.subject_id AND e.event_id < d.event_id)) \
        ORDER BY d.event_id LIMIT $4";
    CLAIM = "UPDATE webhook_deliveries SET leased_until = $4, attempts = attempts + 1, last_attempt_at = $5, \
        owner = $6 WHERE network_id = $1 AND webhook_id = $2 AND event_id {in:3}";
    OWNERS = "SELECT DISTINCT owner FROM webhook_deliveries WHERE network_id = $1 AND webhook_id = $2 AND state = 'pending' \
        AND leased_until > $3 AND owner IS NOT NULL ORDER BY owner";
    // Nobody knows what became of the attempt, so it counts for nothing.
    RELEASE = "UPDATE webhook_deliveries SET leased_until = 0, attempts = attempts - 1 WHERE network_id = $1 AND webhook_id = $2 \
        AND state = 'pending' AND leased_until > 0 AND owner = $3";
    FINISH = "UPDATE webhook_deliveries SET state = $5, next_attempt_at = $6, leased_until = 0, response_status = $7, \
        error = $8, finished_at = $9 WHERE network_id = $1 AND webhook_id = $2 AND event_id = $3 AND last_attempt_at = $4 \
        AND attempts = $10 AND state = 'pending' AND leased_until > 0 AND owner = $11";
    LIST = concat!(columns!(), before!(), newest!());
    LIST_PENDING = concat!(columns!(), before!(), "AND d.state = 'pending' ", newest!());
    LIST_DELIVERED = concat!(columns!(), before!(), "AND d.state = 'delivered' ", newest!());
    LIST_GIVEN_UP = concat!(columns!(), before!(), "AND d.state = 'given_up' ", newest!());
    FORGET_PENDING = "DELETE FROM webhook_deliveries WHERE network_id = $1 AND webhook_id = $2 AND event_id >= $3 \
        AND state = 'pending'";
    FORGET = "DELETE FROM webhook_deliveries WHERE network_id = $1 AND webhook_id = $2 AND event_id <= \
        (SELECT MAX(event_id) FROM (SELECT event_id FROM webhook_deliveries WHERE network_id = $1 AND webhook_id = $2 \
         ORDER BY event_id LIMIT $3) first)";
    OLDEST_FINISHED = "SELECT network_id, webhook_id, event_id FROM webhook_deliveries WHERE finished_at < $1 \
        ORDER BY finished_at LIMIT $2";
    FORGET_ONE = "DELETE FROM webhook_deliveries WHERE network_id = $1 AND webhook_id = $2 AND event_id = $3 \
        AND finished_at < $4";
}

bulks! {
    // An event that is to be sent again starts anew.
    ADD = "webhook_deliveries" [
        "network_id" Int, "webhook_id" Int, "event_id" Int, "event_type" Text, "subject" Text, "subject_id" Int,
        "state" Text, "attempts" Int, "next_attempt_at" Int, "leased_until" Int
    ] "ON CONFLICT (network_id, webhook_id, event_id) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, \
       next_attempt_at = excluded.next_attempt_at, leased_until = excluded.leased_until, last_attempt_at = NULL, \
       response_status = NULL, error = NULL, finished_at = NULL";
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be sent, or sent again.
    Pending,
    /// It was answered with success.
    Delivered,
    /// It is not tried any more.
    GivenUp,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [DeliveryState; 3] = [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::GivenUp];

    /// The word that is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::GivenUp => "given_up",
        }
    }

    /// The state of a word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<DeliveryState> {
        DeliveryState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// One event for one webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The event.
    pub event_id: i64,
    /// Its type.
    pub event_type: String,
    /// The kind of thing that it is about.
    pub subject: String,
    /// Which one.
    pub subject_id: Option<i64>,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: i64,
    /// When it is tried next, while it is pending.
    pub next_attempt_at: Timestamp,
    /// When it was tried last.
    pub last_attempt_at: Option<Timestamp>,
    /// The status of the last answer.
    pub response_status: Option<i64>,
    /// What went wrong the last time.
    pub error: Option<String>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

fn delivery(row: &Row) -> Result<Delivery> {
    let state = row.text(4)?;
    Ok(Delivery {
        event_id: row.int(0)?,
        event_type: row.string(1)?,
        subject: row.string(2)?,
        subject_id: row.opt_int(3)?,
        state: DeliveryState::parse(state).ok_or_else(|| Error::Corrupt(format!("state {state:?} of a delivery")))?,
        attempts: row.int(5)?,
        next_attempt_at: Timestamp::from_micros(row.int(6)?),
        last_attempt_at: row.opt_int(7)?.map(Timestamp::from_micros),
        response_status: row.opt_int(8)?,
        error: row.opt_string(9)?,
        finished_at: row.opt_int(10)?.map(Timestamp::from_micros),
    })
}

/// Takes events up for a webhook, to be sent at once.
///
/// # Errors
/// What the database says.
pub fn add_deliveries(
    tx: &mut dyn Tx,
    (network, webhook): (NetworkId, i64),
    events: &[&Event],
    now: Timestamp,
) -> Result<()> {
    let mut values = Vec::with_capacity(events.len() * 10);
    for event in events {
        values.extend([
            Param::Int(network.get()),
            webhook.into(),
            event.event_id.into(),
            (&event.event_type).into(),
            (&event.subject).into(),
            event.subject_id.into(),
            DeliveryState::Pending.as_str().into(),
            Param::Int(0),
            now.micros().into(),
            Param::Int(0),
        ]);
    }
    tx.bulk(&ADD, &values)?;
    Ok(())
}

fn count(tx: &mut dyn Tx, sql: &'static str, params: &[Param<'_>]) -> Result<i64> {
    tx.query_one(sql, params)?.map_or(Ok(0), |row| row.int(0))
}

/// How many deliveries of a webhook are not done.
///
/// # Errors
/// What the database says.
pub fn count_pending(tx: &mut dyn Tx, (network, webhook): (NetworkId, i64)) -> Result<i64> {
    count(tx, COUNT_PENDING, &[network.get().into(), webhook.into()])
}

/// How many of them a process is at.
///
/// # Errors
/// What the database says.
pub fn count_in_flight(tx: &mut dyn Tx, (network, webhook): (NetworkId, i64), now: Timestamp) -> Result<i64> {
    count(tx, COUNT_IN_FLIGHT, &[network.get().into(), webhook.into(), now.micros().into()])
}

/// The deliveries of a webhook that can be sent now: each event with how often it was tried.
///
/// # Errors
/// What the database says.
pub fn heads(
    tx: &mut dyn Tx,
    (network, webhook): (NetworkId, i64),
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(i64, i64)>> {
    let rows = tx.query(HEADS, &[network.get().into(), webhook.into(), now.micros().into(), limit.into()])?;
    rows.iter().map(|row| Ok((row.int(0)?, row.int(1)?))).collect()
}

/// The processes that are at deliveries of a webhook.
///
/// # Errors
/// What the database says.
pub fn owners(tx: &mut dyn Tx, (network, webhook): (NetworkId, i64), now: Timestamp) -> Result<Vec<i64>> {
    let rows = tx.query(OWNERS, &[network.get().into(), webhook.into(), now.micros().into()])?;
    rows.iter().map(|row| row.int(0)).collect()
}

/// Gives up what a dead process was at.
///
/// # Errors
/// What the database says.
pub fn release(tx: &mut dyn Tx, (network, webhook): (NetworkId, i64), owner: i64) -> Result<()> {
    tx.execute(RELEASE, &[network.get().into(), webhook.into(), owner.into()])?;
    Ok(())
}

/// Takes deliveries for a process, until an instant: then another one may take those that are not done.
///
/// # Errors
/// What the database says.
pub fn claim(
    tx: &mut dyn Tx,
    (network, webhook): (NetworkId, i64),
    events: &[i64],
    (owner, until): (i64, Timestamp),
    now: Timestamp,
) -> Result<()> {
    let (network, until, now) = (network.get(), until.micros(), now.micros());
    let params = [network.into(), webhook.into(), Param::Ints(events), until.into(), now.into(), owner.into()];
    tx.execute(CLAIM, &params)?;
    Ok(())
}

/// A delivery that a process has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// The network.
    pub network: NetworkId,
    /// The webhook.
    pub webhook_id: i64,
    /// The event.
    pub event_id: i64,
    /// Which attempt it is, counted from 1.
    pub attempt: i64,
    /// When it was taken.
    pub at: Timestamp,
    /// The process that has taken it.
    pub owner: i64,
}

/// How an attempt has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where the delivery stands now.
    pub state: DeliveryState,
    /// When it is tried next, if it is pending.
    pub next_attempt_at: Timestamp,
    /// The status of the answer.
    pub response_status: Option<i64>,
    /// What went wrong.
    pub error: Option<String>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
}

/// Records how an attempt has ended. Answers false where the delivery was taken from the process meanwhile.
///
/// # Errors
/// What the database says.
pub fn finish(tx: &mut dyn Tx, claimed: &Claimed, finished: &Finished) -> Result<bool> {
    let params = [
        claimed.network.get().into(),
        claimed.webhook_id.into(),
        claimed.event_id.into(),
        claimed.at.micros().into(),
        finished.state.as_str().into(),
        finished.next_attempt_at.micros().into(),
        finished.response_status.into(),
        finished.error.as_ref().into(),
        finished.finished_at.map(Timestamp::micros).into(),
        claimed.attempt.into(),
        claimed.owner.into(),
    ];
    Ok(tx.execute(FINISH, &params)? > 0)
}

/// A page of a webhook's deliveries, the newest event first, before an event; only those in a state where given.
///
/// # Errors
/// What the database says.
pub fn deliveries(
    tx: &mut dyn Tx,
    (network, webhook): (NetworkId, i64),
    state: Option<DeliveryState>,
    before: i64,
    limit: i64,
) -> Result<Vec<Delivery>> {
    let sql = match state {
        None => LIST,
        Some(DeliveryState::Pending) => LIST_PENDING,
        Some(DeliveryState::Delivered) => LIST_DELIVERED,
        Some(DeliveryState::GivenUp) => LIST_GIVEN_UP,
    };
    let rows = tx.query(sql, &[network.get().into(), webhook.into(), before.into(), limit.into()])?;
    rows.iter().map(delivery).collect()
}

/// Forgets what is pending from an event on: it is to be taken up again.
///
/// # Errors
/// What the database says.
pub fn forget_pending(tx: &mut dyn Tx, (network, webhook): (NetworkId, i64), from: i64) -> Result<()> {
    tx.execute(FORGET_PENDING, &[network.get().into(), webhook.into(), from.into()])?;
    Ok(())
}

/// Forgets deliveries of a webhook, at most so many. Answers how many.
///
/// # Errors
/// What the database says.
pub fn forget_deliveries(tx: &mut dyn Tx, (network, webhook): (NetworkId, i64), limit: i64) -> Result<u64> {
    tx.execute(FORGET, &[network.get().into(), webhook.into(), limit.into()])
}

/// Forgets deliveries of all networks that came to their end before an instant, at most so many. Answers how many.
///
/// # Errors
/// What the database says.
pub fn forget_finished(tx: &mut dyn Tx, before: Timestamp, limit: i64) -> Result<u64> {
    let mut forgotten = 0;
    for row in tx.query(OLDEST_FINISHED, &[before.micros().into(), limit.into()])? {
        let params = [row.int(0)?.into(), row.int(1)?.into(), row.int(2)?.into(), before.micros().into()];
        forgotten += tx.execute(FORGET_ONE, &params)?;
    }
    Ok(forgotten)
}
