//! Events, and the history of all invoices.

use quittance_engine::events::Event as Known;
use quittance_engine::history::NetworkHistoryRow;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::values::{Amount, Code, Instant};

/// Something that has happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Event {
    /// Its place among the network's events, from 1 and without gaps.
    pub id: i64,
    /// What has happened.
    #[schema(example = "invoice.paid")]
    pub r#type: String,
    /// When.
    pub timestamp: Instant,
    /// The kind of thing that it happened to.
    #[schema(example = "invoice")]
    pub subject: String,
    /// Which one; `null`: no single one.
    pub subject_id: Option<i64>,
    /// What there is to say: ids and amounts.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventPage {
    /// The events in the order in which they were committed.
    pub events: Vec<Event>,
    /// The `cursor` of the next page; `null` at the end. The id of the last event serves as well, and later, too.
    pub next_cursor: Option<String>,
}

/// Something that has happened.
#[must_use]
pub fn event(event: &Known) -> Event {
    Event {
        id: event.event_id,
        r#type: event.event_type.clone(),
        timestamp: event.happened_at.into(),
        subject: event.subject.clone(),
        subject_id: event.subject_id,
        data: super::details(&event.data),
    }
}

/// A row of the history of all invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvoiceChange {
    /// The invoice.
    pub invoice_id: i64,
    /// The version that the change made.
    pub version: i64,
    /// `payable` or `receivable`.
    #[schema(example = "payable")]
    pub kind: &'static str,
    /// The affiliate of a payable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser of a receivable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// When.
    pub at: Instant,
    /// Who.
    pub by: String,
    /// What.
    #[schema(example = "approved")]
    pub action: String,
    /// The status after it.
    #[schema(example = "approved")]
    pub status: &'static str,
    /// The currency of the amounts.
    pub currency: Code,
    /// The sum of the lines after it.
    pub billed: Amount,
    /// The sum of the payments after it.
    pub paid: Amount,
    /// From what to what.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// A page of the history of all invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct InvoiceChangePage {
    /// The changes, oldest first.
    pub changes: Vec<InvoiceChange>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A row of the history of all invoices.
#[must_use]
pub fn invoice_change(found: &NetworkHistoryRow) -> InvoiceChange {
    let NetworkHistoryRow { place, kind, party_id, currency, row } = found;
    let (affiliate_id, advertiser_id) = super::party_ids(*kind, *party_id);
    InvoiceChange {
        invoice_id: place.invoice_id.get(),
        version: row.version,
        kind: kind.as_str(),
        affiliate_id,
        advertiser_id,
        at: row.happened_at.into(),
        by: row.actor.clone(),
        action: row.action.clone(),
        status: row.status.as_str(),
        currency: (*currency).into(),
        billed: Amount::of(row.billed_units, *currency),
        paid: Amount::of(row.paid_units, *currency),
        details: super::details(&row.details),
    }
}
