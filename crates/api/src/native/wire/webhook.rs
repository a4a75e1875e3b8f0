//! Webhooks and what became of what they were sent.

use quittance_engine::webhooks::{Delivery as Sent, DeliveryState, Webhook as Known};
use serde::Serialize;
use utoipa::ToSchema;

use super::values::Instant;

/// Somebody whom events are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Webhook {
    /// Its id.
    pub id: i64,
    /// Where events are sent.
    #[schema(example = "https://example.com/hooks/quittance")]
    pub url: String,
    /// Which; none: all.
    pub types: Vec<String>,
    /// `active` or `disabled`.
    #[schema(example = "active")]
    pub status: &'static str,
    /// Why it is disabled, where that was not asked for.
    pub disabled_reason: Option<String>,
    /// How many attempts have failed since one has succeeded.
    pub failures: i64,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed by somebody.
    pub updated_at: Instant,
}

/// A page of webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookPage {
    /// The webhooks by id.
    pub webhooks: Vec<Webhook>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A webhook that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NewWebhook {
    /// The webhook.
    pub webhook: Webhook,
    /// What it is sent is signed with this. It is shown this once: `null` in the answer to a repeat.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    pub secret: Option<String>,
}

/// What is going to be sent once more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Replay {
    /// The first event.
    pub from_event: i64,
}

/// One event for a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// The event.
    pub event_id: i64,
    /// Its type.
    #[schema(example = "invoice.paid")]
    pub r#type: String,
    /// The kind of thing that it is about.
    pub subject: String,
    /// Which one.
    pub subject_id: Option<i64>,
    /// `pending`, `delivered` or `given_up`.
    #[schema(example = "delivered")]
    pub state: &'static str,
    /// How often it was tried.
    pub attempts: i64,
    /// When it was tried last.
    pub last_attempt_at: Option<Instant>,
    /// When it is tried next, while it is pending.
    pub next_attempt_at: Option<Instant>,
    /// The HTTP status of the last answer.
    pub response_status: Option<i64>,
    /// What went wrong the last time.
    pub error: Option<String>,
    /// When it came to its end.
    pub finished_at: Option<Instant>,
}

/// A page of deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryPage {
    /// The deliveries, the newest event first.
    pub deliveries: Vec<Delivery>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Somebody whom events are sent to.
#[must_use]
pub fn webhook(webhook: &Known) -> Webhook {
    Webhook {
        id: webhook.webhook_id,
        url: webhook.url.clone(),
        types: webhook.types.split_whitespace().map(str::to_owned).collect(),
        status: if webhook.active { "active" } else { "disabled" },
        disabled_reason: webhook.disabled_reason.clone(),
        failures: webhook.failures,
        created_at: webhook.created_at.into(),
        updated_at: webhook.updated_at.into(),
    }
}

/// One event for a webhook.
#[must_use]
pub fn delivery(sent: &Sent) -> Delivery {
    let pending = sent.state == DeliveryState::Pending;
    Delivery {
        event_id: sent.event_id,
        r#type: sent.event_type.clone(),
        subject: sent.subject.clone(),
        subject_id: sent.subject_id,
        state: sent.state.as_str(),
        attempts: sent.attempts,
        last_attempt_at: sent.last_attempt_at.map(Into::into),
        next_attempt_at: Some(sent.next_attempt_at).filter(|_| pending).map(Into::into),
        response_status: sent.response_status,
        error: sent.error.clone(),
        finished_at: sent.finished_at.map(Into::into),
    }
}
