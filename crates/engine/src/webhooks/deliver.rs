//! Deliveries: what is to be sent now, what came of it, and when it is tried again.
//!
//! A process takes deliveries for a while, sends them, and records how it went. One that dies in between has sent a part of
//! them, maybe; another takes them at once and sends them again, under the same id. From one that lives and says nothing they
//! are taken when that while is over. Of the events of one
//! thing, only the first that is not done is sent, so that they arrive in order.

use std::collections::HashMap;

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;
use quittance_store::webhooks::{self as table, Claimed, DeliveryState, Finished, Webhook};
use quittance_store::{Tx, events as event_table};
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::{note, sign, wants};
use crate::error::Result;
use crate::events::Event;
use crate::{Call, Engine};

const SECOND_MICROS: i64 = 1_000_000;
/// How long a process has for what it has taken: several times what an attempt may last.
const LEASE_MICROS: i64 = 60 * SECOND_MICROS;
/// How many deliveries of a webhook are pending at most; later events wait in the list of events until there is room.
const PENDING_MAX: i64 = 1_000;
/// How many events are looked at in one transaction.
const TAKEN_UP_MAX: i64 = 500;
/// How many deliveries of one webhook are under way at the same time.
const IN_FLIGHT_MAX: i64 = 4;
/// After so many failures in a row only one is under way, which tells whether the webhook has come back.
const FAILURES_IN_ROW: i64 = 5;
/// The longest account of what went wrong, in characters.
const ERROR_CHARS_MAX: usize = 200;
/// Who disables a webhook that is gone, in the history.
const ACTOR: &str = "webhooks";

/// How long after the first, second … failed attempt the next one is made, in seconds: three days in all but a few hours.
const DELAYS_SECONDS: [i64; 12] =
    [5, 30, 120, 600, 1_800, 3_600, 2 * 3_600, 4 * 3_600, 8 * 3_600, 12 * 3_600, 20 * 3_600, 24 * 3_600];

/// One attempt to send an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What was taken.
    pub claimed: Claimed,
    /// Where it goes.
    pub url: String,
    /// The header `webhook-id`: the same whenever the event is sent.
    pub id: String,
    /// The header `webhook-timestamp`: the time of this attempt in seconds.
    pub timestamp_seconds: i64,
    /// The header `webhook-signature`.
    pub signature: String,
    /// The body: JSON.
    pub body: String,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There was an answer with this status.
    Answered(u16),
    /// There was none, and why.
    Failed(String),
}

/// What sends an attempt: over the network, or in a test.
pub trait Transport: Send + Sync {
    /// Sends it and waits for the answer, not for long.
    fn send(&self, attempt: &Attempt) -> Outcome;
}

#[derive(Serialize)]
struct Body<'a> {
    id: i64,
    #[serde(rename = "type")]
    event_type: &'a str,
    timestamp: String,
    subject: &'a str,
    subject_id: Option<i64>,
    data: &'a RawValue,
}

impl Engine {
    /// Takes what is to be sent now, of all networks, at most so many. `turn` says which webhook is asked first, so that
    /// none is always last.
    ///
    /// # Errors
    /// What the store says.
    pub fn claim_deliveries(&self, now: Timestamp, at_most: usize, turn: usize) -> Result<Vec<Attempt>> {
        let mut webhooks = self.store.read(table::active)?;
        if webhooks.is_empty() {
            return Ok(Vec::new());
        }
        let owner = self.store.owner()?;
        let first = turn % webhooks.len();
        webhooks.rotate_left(first);
        let mut attempts: Vec<Attempt> = Vec::new();
        for webhook in webhooks {
            let room = at_most.saturating_sub(attempts.len()) as i64;
            // Most looks find nothing, and need not wait for a writer.
            if room > 0 && self.store.read(|tx| has_work(tx, &webhook, owner, now))? {
                attempts.extend(self.store.write(|tx| claim(tx, &webhook, owner, now, room))?);
            }
        }
        Ok(attempts)
    }

    /// Records how an attempt went; where the delivery stands then. `None`: the attempt counts no more, since the delivery
    /// was taken by another process or is to be sent anew.
    ///
    /// # Errors
    /// What the store says.
    pub fn record_attempt(
        &self,
        attempt: &Attempt,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<Option<DeliveryState>> {
        let claimed = &attempt.claimed;
        let finished = finished(claimed.attempt, outcome, now);
        self.store.write(|tx| {
            let Some(webhook) = table::lock(tx, claimed.network, claimed.webhook_id)? else { return Ok(None) };
            if !table::finish(tx, claimed, &finished)? {
                return Ok(None);
            }
            let mut after = webhook.clone();
            after.failures = if finished.state == DeliveryState::Delivered { 0 } else { webhook.failures + 1 };
            if *outcome == Outcome::Answered(GONE) && webhook.active {
                (after.active, after.disabled_reason) = (false, Some("it answered 410 Gone".to_owned()));
                let call = Call { network: claimed.network, actor: ACTOR.to_owned(), now, claimed: None };
                note(tx, &call, webhook.webhook_id, "disabled", &json!({ "reason": after.disabled_reason }))?;
            }
            if after != webhook {
                table::update(tx, &after)?;
            }
            Ok(Some(finished.state))
        })
    }
}

const GONE: u16 = 410;

/// Where a delivery stands after its n-th attempt.
fn finished(attempt: i64, outcome: &Outcome, now: Timestamp) -> Finished {
    let (status, error) = match outcome {
        Outcome::Answered(200..=299) => (outcome.status(), None),
        Outcome::Answered(300..=399) => (outcome.status(), Some("redirects are not followed".to_owned())),
        Outcome::Answered(_) => (outcome.status(), Some("the answer says that it failed".to_owned())),
        Outcome::Failed(why) => (None, Some(why.chars().take(ERROR_CHARS_MAX).collect())),
    };
    let delay = usize::try_from(attempt - 1).ok().and_then(|done| DELAYS_SECONDS.get(done));
    let (state, next) = match (outcome, &error, delay) {
        (_, None, _) => (DeliveryState::Delivered, now),
        (Outcome::Answered(GONE), ..) | (_, _, None) => (DeliveryState::GivenUp, now),
        (_, Some(_), Some(seconds)) => {
            let next = now.micros().saturating_add(seconds * SECOND_MICROS);
            (DeliveryState::Pending, Timestamp::from_micros(next))
        }
    };
    let finished_at = Some(now).filter(|_| state != DeliveryState::Pending);
    Finished { state, next_attempt_at: next, response_status: status, error, finished_at }
}

impl Outcome {
    fn status(&self) -> Option<i64> {
        match self {
            Outcome::Answered(status) => Some(i64::from(*status)),
            Outcome::Failed(_) => None,
        }
    }
}

/// The dead processes that hold deliveries of a webhook.
fn dead(tx: &mut dyn Tx, place: (NetworkId, i64), owner: i64, now: Timestamp) -> Result<Vec<i64>> {
    let mut dead = Vec::new();
    for other in table::owners(tx, place, now)? {
        if other != owner && !tx.lives(other)? {
            dead.push(other);
        }
    }
    Ok(dead)
}

fn has_work(tx: &mut dyn Tx, webhook: &Webhook, owner: i64, now: Timestamp) -> Result<bool> {
    let place = (webhook.network_id, webhook.webhook_id);
    if !dead(tx, place, owner, now)?.is_empty() {
        return Ok(true);
    }
    let has_room = table::count_pending(tx, place)? < PENDING_MAX;
    Ok(has_room && event_table::any_after(tx, webhook.network_id, webhook.cursor)?
        || room_of(tx, webhook, now)? > 0 && !table::heads(tx, place, now, 1)?.is_empty())
}

/// How many more deliveries of a webhook may be under way.
fn room_of(tx: &mut dyn Tx, webhook: &Webhook, now: Timestamp) -> Result<i64> {
    let most = if webhook.failures >= FAILURES_IN_ROW { 1 } else { IN_FLIGHT_MAX };
    let in_flight = table::count_in_flight(tx, (webhook.network_id, webhook.webhook_id), now)?;
    Ok((most - in_flight).max(0))
}

fn claim(tx: &mut dyn Tx, webhook: &Webhook, owner: i64, now: Timestamp, room: i64) -> Result<Vec<Attempt>> {
    let (network, place) = (webhook.network_id, (webhook.network_id, webhook.webhook_id));
    let locked = table::lock(tx, network, webhook.webhook_id)?.filter(|webhook| webhook.active);
    let Some(webhook) = locked else { return Ok(Vec::new()) };
    for other in dead(tx, place, owner, now)? {
        table::release(tx, place, other)?;
    }
    let webhook = take_up(tx, webhook, now)?;
    let room = room.min(room_of(tx, &webhook, now)?);
    let heads = table::heads(tx, place, now, room)?;
    if heads.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = heads.iter().map(|(event, _)| *event).collect();
    let until = Timestamp::from_micros(now.micros().saturating_add(LEASE_MICROS));
    table::claim(tx, place, &ids, (owner, until), now)?;
    let events: HashMap<i64, Event> =
        event_table::by_ids(tx, network, &ids)?.into_iter().map(|event| (event.event_id, event)).collect();
    let key = sign::key(&webhook.secret)?;
    let mut attempts = Vec::with_capacity(heads.len());
    for (event_id, attempts_before) in heads {
        let claimed = Claimed { network, webhook_id: place.1, event_id, attempt: attempts_before + 1, at: now, owner };
        match events.get(&event_id).and_then(|event| attempt(claimed, &webhook, &key, event)) {
            Some(attempt) => attempts.push(attempt),
            None => give_up(tx, &claimed, now)?,
        }
    }
    Ok(attempts)
}

/// Takes the next events up as deliveries, as far as there is room for them.
fn take_up(tx: &mut dyn Tx, webhook: Webhook, now: Timestamp) -> Result<Webhook> {
    let place = (webhook.network_id, webhook.webhook_id);
    let room = PENDING_MAX - table::count_pending(tx, place)?;
    if room <= 0 {
        return Ok(webhook);
    }
    let events = event_table::after(tx, webhook.network_id, webhook.cursor, room.min(TAKEN_UP_MAX))?;
    let Some(last) = events.last() else { return Ok(webhook) };
    let wanted: Vec<&Event> = events.iter().filter(|event| wants(&webhook, event)).collect();
    table::add_deliveries(tx, place, &wanted, now)?;
    let webhook = Webhook { cursor: last.event_id, ..webhook };
    table::update(tx, &webhook)?;
    Ok(webhook)
}

/// An event that is not kept any more cannot be sent.
fn give_up(tx: &mut dyn Tx, claimed: &Claimed, now: Timestamp) -> Result<()> {
    let finished = Finished {
        state: DeliveryState::GivenUp,
        next_attempt_at: now,
        response_status: None,
        error: Some("the event is not kept any more".to_owned()),
        finished_at: Some(now),
    };
    table::finish(tx, claimed, &finished)?;
    Ok(())
}

fn attempt(claimed: Claimed, webhook: &Webhook, key: &[u8], event: &Event) -> Option<Attempt> {
    let body = Body {
        id: event.event_id,
        event_type: &event.event_type,
        timestamp: event.happened_at.to_string(),
        subject: &event.subject,
        subject_id: event.subject_id,
        data: serde_json::from_str(&event.data).ok()?,
    };
    let body = serde_json::to_string(&body).ok()?;
    let id = format!("evt_{}_{}", claimed.network, event.event_id);
    let timestamp_seconds = claimed.at.micros().div_euclid(SECOND_MICROS);
    let signature = sign::signature(key, &id, timestamp_seconds, &body);
    Some(Attempt { claimed, url: webhook.url.clone(), id, timestamp_seconds, signature, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_go_on_for_three_days_with_growing_delays() {
        assert!(DELAYS_SECONDS.is_sorted());
        let mut now = Timestamp::from_micros(0);
        let failed = Outcome::Answered(503);
        for attempt in 1.. {
            let after = finished(attempt, &failed, now);
            if after.state == DeliveryState::GivenUp {
                break;
            }
            now = after.next_attempt_at;
        }
        let hours = now.micros() / SECOND_MICROS / 3_600;
        assert!((66..=72).contains(&hours), "{hours} hours");
    }

    #[test]
    fn only_an_answer_of_success_is_one() {
        let state = |status| finished(1, &Outcome::Answered(status), Timestamp::from_micros(0)).state;
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(state(status), DeliveryState::Delivered, "{status}");
        }
        for status in [100, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 599] {
            assert_eq!(state(status), DeliveryState::Pending, "{status}");
        }
        assert_eq!(state(410), DeliveryState::GivenUp);
    }
}
