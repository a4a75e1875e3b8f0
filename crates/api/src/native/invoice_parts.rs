//! What belongs to one invoice: its lines, corrections, payments, credit notes, history and postings. Each is a list like any
//! other, since an invoice can have very many of each.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use axum::response::Response;
use quittance_domain::ids::InvoiceId;
use quittance_engine::history::Found;
use quittance_engine::invoices::{EntryPlace, Invoice, Line, Payment, StoredPosting};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::scope::{own_kind, visible};
use serde::Serialize;
use utoipa::ToSchema;

use super::describe::Listed;
use super::invoices::{InvoicePath, Subject};
use super::list::{Asked, List, Part, Window};
use super::params::Param;
use super::wire;

/// Something of which an invoice has many.
pub(super) trait OfInvoice: Sized + Send + Sync + 'static {
    /// One as it is shown.
    type Row: Serialize + ToSchema + Send + 'static;
    /// Where it stands among the others of the invoice.
    type Key: fmt::Display + FromStr + PartialEq + Clone + Send + Sync + 'static;
    /// The member of the answer that holds them.
    const NAME: &'static str;
    /// What they are in the order of.
    const SORT: &'static [&'static str];

    /// At most `limit` of them from a place on, as the actor may see them.
    fn part(
        engine: &Engine,
        call: &Call,
        of: (&Actor, &Invoice),
        after: Option<&Self::Key>,
        limit: i64,
    ) -> Result<Part<Many<Self>>, Error>;
}

/// All of something that an invoice has.
pub(super) struct Many<T> {
    actor: Actor,
    id: InvoiceId,
    of: PhantomData<T>,
}

impl<T: OfInvoice> List for Many<T> {
    type Row = T::Row;
    type Key = T::Key;
    const NAME: &'static str = T::NAME;
    const SORTS: &'static [&'static str] = T::SORT;
    const FILTERS: &'static [Param] = &[];

    fn part(&self, engine: &Engine, call: &Call, window: &Window<T::Key>) -> Result<Part<Many<T>>, Error> {
        let invoice = visible(engine, &self.actor, call, self.id)?;
        T::part(engine, call, (&self.actor, &invoice), window.after.as_ref(), window.limit)
    }
}

async fn answer<T: OfInvoice>(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Many<T>>()?;
    asked.answer(&query, Many::<T> { actor: subject.actor, id: subject.id, of: PhantomData }).await
}

fn numbered(lines: &[Line], invoice: &Invoice) -> Vec<(i64, wire::Line)> {
    lines.iter().map(|line| (line.line_no, wire::line(line, invoice.book.currency))).collect()
}

/// The lines.
pub(super) struct Lines;

impl OfInvoice for Lines {
    type Row = wire::Line;
    type Key = i64;
    const NAME: &'static str = "lines";
    const SORT: &'static [&'static str] = &["line"];

    fn part(
        engine: &Engine,
        call: &Call,
        (_, invoice): (&Actor, &Invoice),
        after: Option<&i64>,
        limit: i64,
    ) -> Result<Part<Many<Lines>>, Error> {
        let lines = engine.invoice_lines_after(call, invoice, after.copied().unwrap_or(0), limit)?;
        Ok((numbered(&lines, invoice), None))
    }
}

/// Lists the lines of an invoice.
#[utoipa::path(get, path = "/invoices/{id}/lines", tag = "Invoices", params(InvoicePath, Listed<Many<Lines>>),
    responses((status = 200, description = "A page of its lines.", body = wire::LinePage)))]
pub(super) async fn lines(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    answer::<Lines>(subject, asked).await
}

/// The corrections.
pub(super) struct Corrections;

impl OfInvoice for Corrections {
    type Row = wire::Line;
    type Key = i64;
    const NAME: &'static str = "corrections";
    const SORT: &'static [&'static str] = &["line"];

    fn part(
        engine: &Engine,
        call: &Call,
        (_, invoice): (&Actor, &Invoice),
        after: Option<&i64>,
        limit: i64,
    ) -> Result<Part<Many<Corrections>>, Error> {
        let found = engine.invoice_corrections_after(call, invoice, after.copied().unwrap_or(0), limit)?;
        Ok((numbered(&found.rows, invoice), found.next))
    }
}

/// Lists the corrections of an invoice.
#[utoipa::path(get, path = "/invoices/{id}/corrections", tag = "Invoices", params(InvoicePath, Listed<Many<Corrections>>),
    responses((status = 200, description = "A page of the lines that were added by hand.", body = wire::CorrectionPage)))]
pub(super) async fn corrections(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    answer::<Corrections>(subject, asked).await
}

/// What an actor may see of payments.
fn payments_shown(actor: &Actor, payments: &[Payment]) -> Vec<(i64, wire::Payment)> {
    let own = own_kind(actor.role).is_some();
    let shown = |payment: &Payment| {
        let shown = wire::payment(payment);
        (payment.payment_id.get(), if own { shown.for_party() } else { shown })
    };
    payments.iter().map(shown).collect()
}

/// The payments.
pub(super) struct Payments;

impl OfInvoice for Payments {
    type Row = wire::Payment;
    type Key = i64;
    const NAME: &'static str = "payments";
    const SORT: &'static [&'static str] = &["id"];

    fn part(
        engine: &Engine,
        call: &Call,
        (actor, invoice): (&Actor, &Invoice),
        after: Option<&i64>,
        limit: i64,
    ) -> Result<Part<Many<Payments>>, Error> {
        let payments = engine.invoice_payments_after(call, invoice, after.copied().unwrap_or(0), limit)?;
        Ok((payments_shown(actor, &payments), None))
    }
}

/// Lists the payments of an invoice.
#[utoipa::path(get, path = "/invoices/{id}/payments", tag = "Invoices", params(InvoicePath, Listed<Many<Payments>>),
    responses((status = 200, description = "A page of what settles it, oldest first.", body = wire::PaymentPage)))]
pub(super) async fn payments(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    answer::<Payments>(subject, asked).await
}

/// The credit notes.
pub(super) struct CreditNotes;

impl OfInvoice for CreditNotes {
    type Row = wire::Payment;
    type Key = i64;
    const NAME: &'static str = "credit_notes";
    const SORT: &'static [&'static str] = &["id"];

    fn part(
        engine: &Engine,
        call: &Call,
        (actor, invoice): (&Actor, &Invoice),
        after: Option<&i64>,
        limit: i64,
    ) -> Result<Part<Many<CreditNotes>>, Error> {
        let notes = engine.credit_notes_after(call, invoice, after.copied().unwrap_or(0), limit)?;
        Ok((payments_shown(actor, &notes), None))
    }
}

/// Lists the credit notes about an invoice.
#[utoipa::path(get, path = "/invoices/{id}/credit-notes", tag = "Invoices", params(InvoicePath, Listed<Many<CreditNotes>>),
    responses((status = 200, description = "A page of the credit notes, oldest first.", body = wire::CreditNotePage)))]
pub(super) async fn credit_notes(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    answer::<CreditNotes>(subject, asked).await
}

/// The history.
pub(super) struct History;

impl OfInvoice for History {
    type Row = wire::HistoryRow;
    type Key = i64;
    const NAME: &'static str = "history";
    const SORT: &'static [&'static str] = &["version"];

    fn part(
        engine: &Engine,
        call: &Call,
        (_, invoice): (&Actor, &Invoice),
        after: Option<&i64>,
        limit: i64,
    ) -> Result<Part<Many<History>>, Error> {
        let rows = engine.invoice_history_after(call, invoice, after.copied().unwrap_or(0), limit)?;
        Ok((rows.iter().map(|row| (row.version, wire::history(row, invoice.book.currency))).collect(), None))
    }
}

/// Shows the history of an invoice.
#[utoipa::path(get, path = "/invoices/{id}/history", tag = "Invoices", params(InvoicePath, Listed<Many<History>>),
    responses((status = 200, description = "A page of its changes, oldest first.", body = wire::HistoryPage)))]
pub(super) async fn history(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    answer::<History>(subject, asked).await
}

/// The postings.
pub(super) struct Ledger;

/// The place of a posting: its entry, and its place in that.
#[derive(Clone, PartialEq)]
pub(super) struct Place(EntryPlace);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place((entry, number)) = self;
        write!(f, "{entry}.{number}")
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let (entry, number) = text.split_once('.').ok_or(())?;
        Ok(Place((entry.parse().map_err(drop)?, number.parse().map_err(drop)?)))
    }
}

impl OfInvoice for Ledger {
    type Row = wire::Posting;
    type Key = Place;
    const NAME: &'static str = "postings";
    const SORT: &'static [&'static str] = &["entry"];

    fn part(
        engine: &Engine,
        call: &Call,
        (_, invoice): (&Actor, &Invoice),
        after: Option<&Place>,
        limit: i64,
    ) -> Result<Part<Many<Ledger>>, Error> {
        let after = after.map(|Place(place)| *place);
        let Found { rows, next } = engine.invoice_postings_after(call, invoice, after, limit)?;
        let placed = |row: &StoredPosting| (Place((row.entry_id, row.posting_no)), wire::posting(row));
        Ok((rows.iter().map(placed).collect(), next.map(Place)))
    }
}

/// Shows what the ledger has of an invoice.
#[utoipa::path(get, path = "/invoices/{id}/ledger", tag = "Invoices", params(InvoicePath, Listed<Many<Ledger>>),
    responses((status = 200, description = "A page of the postings, oldest first.", body = wire::PostingPage)))]
pub(super) async fn ledger(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    answer::<Ledger>(subject, asked).await
}
