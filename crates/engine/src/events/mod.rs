//! Events: what other systems are told of, each written in the transaction of what it tells. They hold ids and amounts,
//! nothing personal.

mod changed;
mod overdue;
mod purge;
mod types;

use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceKind, PartyKind, PaymentId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::money::Money;
use quittance_store::Tx;
pub use quittance_store::events::Event;
use quittance_store::events::{self as table, NewEvent};
use quittance_store::invoices::{HistoryRow, Invoice, Payment};
use quittance_store::runs::{Run, RunTotal};
use serde::Serialize;
use serde_json::json;

pub(crate) use self::changed::{Moved, Returned, tell_moved, tell_returned};
pub use self::purge::KEPT_DAYS;
pub use self::types::EventType;
use crate::error::Result;
use crate::{Call, Engine};

/// The largest page.
const PAGE_MAX: i64 = 10_000;

/// The kind of thing that an invoice is.
const INVOICE: &str = "invoice";

/// Which events are asked for; what is not given asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Those after this one.
    pub after: i64,
    /// Of these types.
    pub types: Vec<EventType>,
    /// Of this thing: its kind and its id.
    pub subject: Option<(String, i64)>,
    /// How many at most, up to 10,000.
    pub limit: i64,
}

/// A page of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events, in the order in which they were committed.
    pub events: Vec<Event>,
    /// After which one to read on, where there may be more by now. A page may hold less than was asked for and not be the
    /// last, where what is asked for is rare.
    pub next: Option<i64>,
}

impl Engine {
    /// A page of the network's events. Whoever reads on from the last event it has seen misses none.
    ///
    /// # Errors
    /// What the store says.
    pub fn events(&self, call: &Call, query: &EventQuery) -> Result<EventPage> {
        let limit = query.limit.clamp(1, PAGE_MAX);
        let types: Vec<&str> = query.types.iter().map(|event_type| event_type.as_str()).collect();
        let (events, looked_through) = self.store.read(|tx| match (&query.subject, types.is_empty()) {
            (None, true) => Ok((table::after(tx, call.network, query.after, limit)?, None)),
            (None, false) => table::of_types(tx, call.network, &types, query.after, limit),
            (Some((kind, id)), _) => Ok((table::of_subject(tx, call.network, (kind, *id), query.after, limit)?, None)),
        })?;
        let full = events.len() as i64 == limit;
        let next = looked_through.or_else(|| events.last().filter(|_| full).map(|event| event.event_id));
        let of_type = |event: &Event| types.is_empty() || types.contains(&event.event_type.as_str());
        Ok(EventPage { events: events.into_iter().filter(of_type).collect(), next })
    }

    /// The id of the last event; 0: there was none yet.
    ///
    /// # Errors
    /// What the store says.
    pub fn last_event(&self, call: &Call) -> Result<i64> {
        self.store.read(|tx| Ok(table::last_id(tx, call.network)?))
    }
}

/// Puts an event into the outbox of the transaction.
pub(crate) fn tell(
    tx: &mut dyn Tx,
    call: &Call,
    event_type: EventType,
    (subject, subject_id): (&'static str, Option<i64>),
    data: String,
) {
    tx.outbox().push(NewEvent {
        network: call.network,
        happened_at: call.now,
        event_type: event_type.as_str(),
        subject,
        subject_id,
        data,
    });
}

/// What is said of an invoice.
#[derive(Serialize)]
struct InvoiceFacts<'a> {
    invoice_id: i64,
    number: i64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    affiliate_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertiser_id: Option<i64>,
    version: i64,
    action: &'a str,
    status: &'static str,
    currency: &'static str,
    billed: String,
    paid: String,
    due_date: String,
}

fn invoice_facts(invoice: &Invoice, row: &HistoryRow) -> String {
    let book = invoice.book;
    let (affiliate_id, advertiser_id) = match book.kind {
        InvoiceKind::Payable => (Some(book.party_id), None),
        InvoiceKind::Receivable => (None, Some(book.party_id)),
    };
    let facts = InvoiceFacts {
        invoice_id: invoice.invoice_id.get(),
        number: invoice.number.get(),
        kind: book.kind.as_str(),
        affiliate_id,
        advertiser_id,
        version: row.version,
        action: &row.action,
        status: row.status.as_str(),
        currency: book.currency.code(),
        billed: Money::new(row.billed_units, book.currency).to_decimal(),
        paid: Money::new(row.paid_units, book.currency).to_decimal(),
        due_date: invoice.due_day.to_string(),
    };
    // Texts and numbers always are JSON.
    serde_json::to_string(&facts).unwrap_or_default()
}

/// Tells what a row of an invoice's history says. `before` is the status of the row before it.
///
/// An invoice that becomes paid is always told as such: whoever waits for its end need not know all the ways to it.
pub(crate) fn tell_invoice(
    tx: &mut dyn Tx,
    call: &Call,
    invoice: &Invoice,
    row: &HistoryRow,
    before: Option<InvoiceStatus>,
) {
    let event_type = EventType::of_action(&row.action, row.status);
    let subject = (INVOICE, Some(invoice.invoice_id.get()));
    let data = invoice_facts(invoice, row);
    let becomes_paid = row.status == InvoiceStatus::Paid && before != Some(InvoiceStatus::Paid);
    if becomes_paid && event_type != EventType::InvoicePaid {
        tell(tx, call, event_type, subject, data.clone());
        tell(tx, call, EventType::InvoicePaid, subject, data);
    } else {
        tell(tx, call, event_type, subject, data);
    }
}

/// Tells that a run has come to its end.
pub(crate) fn tell_run(tx: &mut dyn Tx, call: &Call, run: &Run, totals: &[RunTotal]) {
    let totals = totals.iter().map(|total| {
        let amount = Money::new(total.units, total.currency).to_decimal();
        json!({ "currency": total.currency.code(), "invoices": total.invoices, "amount": amount })
    });
    let data = json!({
        "run_id": run.run_id.get(),
        "kind": run.kind.as_str(),
        "through": run.cut.through.to_string(),
        "totals": totals.collect::<Vec<_>>(),
    });
    tell(tx, call, EventType::RunFinished, ("run", Some(run.run_id.get())), data.to_string());
}

/// Tells how many conversions are new and how many were changed; nothing where there are none.
pub(crate) fn tell_conversions(tx: &mut dyn Tx, call: &Call, created: usize, updated: usize) {
    if created + updated > 0 {
        let data = format!("{{\"created\":{created},\"updated\":{updated}}}");
        tell(tx, call, EventType::ConversionsBatch, ("conversions", None), data);
    }
}

/// Tells of credit that was paid out (a negative payment), or that came back.
pub(crate) fn tell_credit(tx: &mut dyn Tx, call: &Call, event_type: EventType, book: Book, payment: &Payment) {
    let kind = book.kind.party_kind();
    let data = json!({
        format!("{kind}_id"): book.party_id,
        "payment_id": payment.payment_id.get(),
        "of_payment": payment.of_payment.map(PaymentId::get),
        "amount": Money::new(payment.units, payment.currency).to_decimal(),
        "currency": payment.currency.code(),
        "date": payment.paid_day.to_string(),
    });
    tell(tx, call, event_type, (kind.as_str(), Some(book.party_id)), data.to_string());
}

/// Tells something of a party.
pub(crate) fn tell_party(tx: &mut dyn Tx, call: &Call, event_type: EventType, kind: PartyKind, party_id: i64) {
    let data = json!({ format!("{kind}_id"): party_id });
    tell(tx, call, event_type, (kind.as_str(), Some(party_id)), data.to_string());
}
