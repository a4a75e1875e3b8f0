//! Webhooks: other systems that are sent what happens, signed, in order, until they have it.

mod deliver;
mod sign;

use quittance_domain::time::Timestamp;
use quittance_store::changes::{self, NewChange};
use quittance_store::webhooks as table;
pub use quittance_store::webhooks::{Claimed, Delivery, DeliveryState, Webhook};
use quittance_store::{Tx, events as event_table};
use serde_json::json;

pub use self::deliver::{Attempt, Outcome, Transport};
pub use self::sign::secret_of;
use crate::error::{Error, Result};
use crate::events::{self, Event, EventType};
use crate::idempotency::mark_done;
use crate::{Call, Engine};

/// The most webhooks of a network.
const WEBHOOKS_MAX: usize = 100;
/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 2_000;
/// The largest page of deliveries.
const PAGE_MAX: i64 = 1_000;
/// How many deliveries one transaction forgets.
const FORGET_MAX: i64 = 1_000;
/// How long deliveries are kept after their end, in days.
pub const DELIVERIES_KEPT_DAYS: i64 = 30;
const HOUR_MICROS: i64 = 3_600_000_000;
/// A replay from an instant starts with what was committed about so long before: an event tells the start of what it
/// belongs to, and is committed at its end.
const REPLAY_MARGIN_MICROS: i64 = HOUR_MICROS;

/// A webhook to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Where events are sent.
    pub url: String,
    /// Which; none: all.
    pub types: Vec<EventType>,
    /// What they are signed with.
    pub secret: String,
}

/// What is to be changed of a webhook; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookEdit {
    /// Where events are sent.
    pub url: Option<String>,
    /// Which; none: all.
    pub types: Option<Vec<EventType>>,
    /// What they are signed with from now on.
    pub secret: Option<String>,
    /// Whether they are sent.
    pub active: Option<bool>,
}

/// From where on events are sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplayFrom {
    /// From an event on.
    Event(i64),
    /// From about an instant on, rather some too many than one too few.
    Instant(Timestamp),
}

fn absent(id: i64) -> Error {
    Error::NotFound(format!("there is no webhook {id}"))
}

fn words(types: &[EventType]) -> String {
    let mut types = types.to_vec();
    types.sort_unstable();
    types.dedup();
    types.iter().map(|event_type| event_type.as_str()).collect::<Vec<_>>().join(" ")
}

/// What stands behind the colon of a host; the colons of an address of IPv6 are within brackets.
fn port(authority: &str) -> Option<&str> {
    let host_end = authority.rfind(']').map_or(0, |end| end + 1);
    authority.get(host_end..)?.split_once(':').map(|(_, port)| port)
}

/// Whether a URL is one that something can be sent to. Where it leads is seen when it is called.
fn check_url(url: &str) -> Result<()> {
    let wrong = |why: &str| Err(Error::invalid("/url", format!("url: {why}")));
    if url.len() > URL_BYTES_MAX {
        return wrong(&format!("it has {} bytes, {URL_BYTES_MAX} are allowed", url.len()));
    }
    let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
        return wrong("it must begin with https:// or http://");
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() || authority.starts_with(':') {
        return wrong("it names no host");
    }
    if authority.contains('@') {
        return wrong("a name and password in it would be shown; use the signature instead");
    }
    if let Some(port) = port(authority)
        && !matches!(port.parse::<u16>(), Ok(1..))
    {
        return wrong(&format!("its port {port:?} is not between 1 and 65535"));
    }
    if !url.bytes().all(|byte| byte.is_ascii_graphic()) || url.contains('#') {
        return wrong("it must have printable ASCII characters only, no spaces and no #");
    }
    Ok(())
}

fn note(tx: &mut dyn Tx, call: &Call, id: i64, action: &'static str, details: &serde_json::Value) -> Result<()> {
    let row = NewChange { subject: "webhook", subject_id: id.to_string(), action, details: details.to_string() };
    Ok(changes::add(tx, call.network, &call.actor, call.now, &[row])?)
}

impl Engine {
    /// How many events have not reached the webhooks that want them, of all networks: what is to be sent, and what was not
    /// looked at yet, of whatever type.
    ///
    /// # Errors
    /// What the store says.
    pub fn waiting_for_webhooks(&self) -> Result<u64> {
        self.store.read(|tx| {
            let mut waiting = 0;
            for webhook in table::active(tx)? {
                let behind = event_table::last_id(tx, webhook.network_id)?.saturating_sub(webhook.cursor).max(0);
                let pending = table::count_pending(tx, (webhook.network_id, webhook.webhook_id))?;
                waiting += u64::try_from(behind + pending).unwrap_or(0);
            }
            Ok(waiting)
        })
    }

    /// Makes a webhook. It is sent what happens from now on.
    ///
    /// # Errors
    /// The URL or the secret is none, or there are 100 webhooks already.
    pub fn create_webhook(&self, call: &Call, new: &NewWebhook) -> Result<Webhook> {
        check_url(&new.url)?;
        sign::key(&new.secret)?;
        self.store.write(|tx| {
            if table::list(tx, call.network)?.len() >= WEBHOOKS_MAX {
                return Err(Error::Conflict(format!(
                    "a network has at most {WEBHOOKS_MAX} webhooks; delete one first"
                )));
            }
            let webhook = Webhook {
                network_id: call.network,
                webhook_id: table::next_id(tx, call.network)?,
                url: new.url.clone(),
                secret: new.secret.clone(),
                types: words(&new.types),
                active: true,
                disabled_reason: None,
                cursor: event_table::last_id(tx, call.network)?,
                failures: 0,
                created_at: call.now,
                updated_at: call.now,
            };
            table::insert(tx, &webhook)?;
            note(tx, call, webhook.webhook_id, "created", &json!({ "types": webhook.types }))?;
            mark_done(tx, call)?;
            Ok(webhook)
        })
    }

    /// The webhooks of the network, by id.
    ///
    /// # Errors
    /// What the store says.
    pub fn webhooks(&self, call: &Call) -> Result<Vec<Webhook>> {
        self.store.read(|tx| Ok(table::list(tx, call.network)?))
    }

    /// One webhook.
    ///
    /// # Errors
    /// There is no such webhook.
    pub fn webhook(&self, call: &Call, id: i64) -> Result<Webhook> {
        self.store.read(|tx| table::one(tx, call.network, id))?.ok_or_else(|| absent(id))
    }

    /// Changes a webhook. One that is switched on again is sent what has happened meanwhile, as far as it is kept.
    ///
    /// # Errors
    /// There is no such webhook, or the URL or the secret is none.
    pub fn edit_webhook(&self, call: &Call, id: i64, edit: &WebhookEdit) -> Result<Webhook> {
        self.edit_webhook_if(call, id, edit, &|_| true)
    }

    /// [`Engine::edit_webhook`], where it is as `expected` wants it.
    ///
    /// # Errors
    /// As [`Engine::edit_webhook`]; it has changed.
    pub fn edit_webhook_if(
        &self,
        call: &Call,
        id: i64,
        edit: &WebhookEdit,
        expected: &dyn Fn(&Webhook) -> bool,
    ) -> Result<Webhook> {
        edit.url.as_deref().map_or(Ok(()), check_url)?;
        edit.secret.as_deref().map_or(Ok(()), |secret| sign::key(secret).map(|_| ()))?;
        self.store.write(|tx| {
            let before = table::lock(tx, call.network, id)?.ok_or_else(|| absent(id))?;
            if !expected(&before) {
                return Err(Error::Changed(format!("webhook {id} has changed: read it again")));
            }
            let mut after = before.clone();
            after.url = edit.url.clone().unwrap_or(after.url);
            after.secret = edit.secret.clone().unwrap_or(after.secret);
            after.types = edit.types.as_deref().map_or(after.types, words);
            if let Some(active) = edit.active.filter(|active| *active != before.active) {
                (after.active, after.disabled_reason, after.failures) = (active, None, 0);
            }
            if after != before {
                after.updated_at = call.now;
                table::update(tx, &after)?;
                // Neither the secret nor the URL, which often holds one, belongs into the history.
                let details = json!({
                    "url": after.url != before.url, "secret": after.secret != before.secret,
                    "types": after.types, "active": after.active,
                });
                note(tx, call, id, "updated", &details)?;
            }
            mark_done(tx, call)?;
            Ok(after)
        })
    }

    /// Removes a webhook with what is known of its deliveries.
    ///
    /// # Errors
    /// There is no such webhook.
    pub fn delete_webhook(&self, call: &Call, id: i64) -> Result<()> {
        let place = (call.network, id);
        // Nothing is taken up for it any more while its deliveries, which may be many, are removed.
        self.edit_webhook(call, id, &WebhookEdit { active: Some(false), ..WebhookEdit::default() })?;
        while self.store.write(|tx| table::forget_deliveries(tx, place, FORGET_MAX))? > 0 {}
        self.store.write(|tx| {
            if table::lock(tx, call.network, id)?.is_none() {
                return Ok(());
            }
            while table::forget_deliveries(tx, place, FORGET_MAX)? > 0 {}
            table::delete(tx, call.network, id)?;
            note(tx, call, id, "deleted", &json!({}))
        })
    }

    /// Sends a webhook an event that says nothing, to see whether it works.
    ///
    /// # Errors
    /// There is no such webhook, or it is switched off.
    pub fn test_webhook(&self, call: &Call, id: i64) -> Result<()> {
        self.store.write(|tx| {
            let webhook = table::lock(tx, call.network, id)?.ok_or_else(|| absent(id))?;
            if !webhook.active {
                return Err(switched_off(id));
            }
            let data = json!({ "webhook_id": id }).to_string();
            events::tell(tx, call, EventType::WebhookTest, (WEBHOOK, Some(id)), data);
            mark_done(tx, call)
        })
    }

    /// Sends a webhook once more what has happened since, as far as it is kept. Answers the first event.
    ///
    /// # Errors
    /// There is no such webhook, or it is switched off.
    pub fn replay_webhook(&self, call: &Call, id: i64, from: ReplayFrom) -> Result<i64> {
        self.store.write(|tx| {
            let webhook = table::lock(tx, call.network, id)?.ok_or_else(|| absent(id))?;
            if !webhook.active {
                return Err(switched_off(id));
            }
            let from = match from {
                ReplayFrom::Event(event) => event.max(1),
                ReplayFrom::Instant(at) => first_since(tx, call, at)?,
            };
            if from <= webhook.cursor {
                table::forget_pending(tx, (call.network, id), from)?;
                table::update(tx, &Webhook { cursor: from - 1, ..webhook })?;
                note(tx, call, id, "replayed", &json!({ "from_event": from }))?;
            }
            mark_done(tx, call)?;
            Ok(from)
        })
    }

    /// A page of a webhook's deliveries, the newest event first, before an event; only those in a state where given.
    ///
    /// # Errors
    /// There is no such webhook.
    pub fn deliveries(
        &self,
        call: &Call,
        id: i64,
        state: Option<DeliveryState>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Delivery>> {
        self.store.read(|tx| {
            table::one(tx, call.network, id)?.ok_or_else(|| absent(id))?;
            let (before, limit) = (before.unwrap_or(i64::MAX), limit.clamp(1, PAGE_MAX));
            Ok(table::deliveries(tx, (call.network, id), state, before, limit)?)
        })
    }

    /// Forgets deliveries that came to their end long ago, of all networks. Answers how many.
    ///
    /// # Errors
    /// What the store says.
    pub fn purge_deliveries(&self, now: Timestamp) -> Result<u64> {
        let before = now.micros().saturating_sub(DELIVERIES_KEPT_DAYS * 24 * HOUR_MICROS);
        let mut purged = 0;
        loop {
            let rows = self.store.write(|tx| table::forget_finished(tx, Timestamp::from_micros(before), FORGET_MAX))?;
            if rows == 0 {
                return Ok(purged);
            }
            purged += rows;
        }
    }
}

/// What a webhook is, as the subject of an event.
const WEBHOOK: &str = "webhook";

fn switched_off(id: i64) -> Error {
    Error::Conflict(format!("webhook {id} is disabled: set its status to active first"))
}

/// The first event that happened about an instant. Ids have no gap, and times rise with them but for small differences.
fn first_since(tx: &mut dyn Tx, call: &Call, at: Timestamp) -> Result<i64> {
    let since = at.micros().saturating_sub(REPLAY_MARGIN_MICROS);
    let first_kept = event_table::after(tx, call.network, 0, 1)?.first().map_or(1, |event| event.event_id);
    let (mut low, mut high) = (first_kept, event_table::last_id(tx, call.network)? + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let happened_at = event_table::by_ids(tx, call.network, &[middle])?.first().map(|event| event.happened_at);
        if happened_at.is_some_and(|happened_at| happened_at.micros() >= since) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(low)
}

/// Whether a webhook wants an event.
fn wants(webhook: &Webhook, event: &Event) -> bool {
    if event.event_type == EventType::WebhookTest.as_str() {
        return event.subject_id == Some(webhook.webhook_id);
    }
    webhook.types.is_empty() || webhook.types.split(' ').any(|word| word == event.event_type)
}
