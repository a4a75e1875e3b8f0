//! Exports of bills: invoices that are not void.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use quittance_domain::cycle::BillingCycle;
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_engine::invoices::{InvoiceQuery, ListedInvoice};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::{AppState, Problem};

use super::answer::{Form, typed};
use super::tree::Value;
use super::{answer::Service, named};
use crate::cake::params::Params;
use crate::cake::quirks;
use crate::cake::sent::Sent;

/// The most rows of an old export, and of an affiliate's own bills (v1).
pub(super) const ROWS_MAX: usize = 100_000;
/// How many invoices are read at a time.
const PAGE: i64 = 1_000;
/// The decimals of an amount (v1).
const DECIMALS: usize = 4;

/// A bill is an invoice that is not void.
pub(super) const BILLS: [InvoiceStatus; 4] =
    [InvoiceStatus::Pending, InvoiceStatus::Approved, InvoiceStatus::PartlyPaid, InvoiceStatus::Paid];

pub(super) async fn affiliates(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    export(&state, &actor, &sent, InvoiceKind::Payable).await
}

pub(super) async fn advertisers(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    export(&state, &actor, &sent, InvoiceKind::Receivable).await
}

async fn export(state: &AppState, actor: &Actor, sent: &Sent, kind: InvoiceKind) -> Result<Response, Problem> {
    let service = named(match kind {
        InvoiceKind::Payable => "ExportAffiliateBills",
        InvoiceKind::Receivable => "ExportAdvertiserBills",
    });
    let form = service.form(sent);
    let call = actor.call((state.clock)());
    // A JSON object answers under `d` whichever parameters it has.
    let value = if sent.params.text("start_date").is_some() {
        new_export(state, call, &sent.params, kind).await?
    } else {
        old_export(state, call, &sent.params, kind).await?
    };
    respond(&service, form, &value)
}

pub(super) fn respond(service: &Service, form: Form, value: &Value) -> Result<Response, Problem> {
    Ok(typed(form, service.answer(form, value)?.body))
}

/// A successful list of version 1: `row_count` counts all that there are.
pub(super) fn list(name: &'static str, item: &'static str, rows: Vec<Value>, total: i64) -> Value {
    let success = ("success", Value::Bool(true));
    Value::Object(vec![success, ("row_count", Value::Int(total)), (name, Value::List(item, rows))])
}

/// Which bills an old export wants of those whose periods end in its range.
struct Wanted {
    cycles: Option<&'static [BillingCycle]>,
    paid_only: bool,
    payment_type: Option<i64>,
}

impl Wanted {
    fn read(params: &Params) -> Result<Wanted, Problem> {
        use BillingCycle::{Monthly, Net7, Net15, Net30, TwiceMonthly, Weekly};
        // The cycles that bill calendar months are all monthly here.
        let cycles = |word: &str| match word.to_ascii_lowercase().as_str() {
            "all" => Some(None),
            "weekly" => Some(Some(&[Weekly][..])),
            "bimonthly" => Some(Some(&[TwiceMonthly][..])),
            "monthly" => Some(Some(&[Monthly, Net7, Net15, Net30][..])),
            _ => None,
        };
        let cycles = params.parsed("billing_cycle", "weekly, bimonthly, monthly or all", cycles)?;
        let flag = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        Ok(Wanted {
            cycles: cycles.flatten(),
            paid_only: params.parsed("paid_only", "TRUE or FALSE", flag)?.unwrap_or(false),
            payment_type: params.int("payment_type_id")?.filter(|id| *id != 0),
        })
    }

    fn takes(&self, bill: &ListedInvoice) -> bool {
        let cycle = bill.billing_cycle.as_deref().and_then(|title| BillingCycle::parse(title).ok());
        let in_cycle = self.cycles.is_none_or(|cycles| cycle.is_some_and(|cycle| cycles.contains(&cycle)));
        let rail = bill.payment_type.as_deref().map(|rail| quirks::payment_type(rail).0);
        in_cycle
            && (!self.paid_only || bill.invoice.status == InvoiceStatus::Paid)
            && self.payment_type.is_none_or(|wanted| rail == Some(wanted))
    }
}

async fn old_export(state: &AppState, call: Call, params: &Params, kind: InvoiceKind) -> Result<Value, Problem> {
    let (start, end) = params.days_in_either_order("billing_period_start_date", "billing_period_end_date")?;
    let (Some(start), Some(end)) = (start, end) else {
        let detail = "billing_period_start_date and billing_period_end_date are both needed";
        let missing = if start.is_none() { "billing_period_start_date" } else { "billing_period_end_date" };
        return Err(Problem::bad_request(missing, format!("{missing} is missing: {detail}")));
    };
    let wanted = Wanted::read(params)?;
    // The end of a period is exclusive in version 1: January ends on 1 February.
    let query = InvoiceQuery {
        kind: Some(kind),
        statuses: BILLS.to_vec(),
        ends_from: Some(start),
        ends_through: Some(end.plus_days(-1).max(start)),
        ..InvoiceQuery::default()
    };
    let rows = state.run(move |engine| {
        let mut rows = Vec::new();
        each(engine, &call, &query, &mut |bill| {
            if wanted.takes(bill) {
                rows.push(row(bill));
            }
            rows.len() < ROWS_MAX
        })?;
        Ok(rows)
    });
    let rows = rows.await?;
    let total = rows.len() as i64;
    Ok(match kind {
        InvoiceKind::Payable => list("affiliate_bills", "affiliate_bill", rows, total),
        InvoiceKind::Receivable => list("advertiser_bills", "advertiser_bill", rows, total),
    })
}

/// Goes over the invoices that a query finds, as long as it is told to.
pub(super) fn each(
    engine: &Engine,
    call: &Call,
    query: &InvoiceQuery,
    each: &mut dyn FnMut(&ListedInvoice) -> bool,
) -> quittance_engine::Result<()> {
    let mut first = InvoiceId::new(0);
    loop {
        let page = engine.list_invoices(call, query, first, PAGE)?;
        if !page.iter().all(&mut *each) || (page.len() as i64) < PAGE {
            return Ok(());
        }
        let last = page.last().map_or(i64::MAX, |bill| bill.invoice.invoice_id.get());
        first = InvoiceId::new(last.saturating_add(1));
    }
}

/// An amount with four decimals: `2415.0000`.
pub(super) fn amount(bill: &ListedInvoice) -> String {
    four_decimals(&Money::new(bill.invoice.billed_units, bill.invoice.book.currency).to_decimal())
}

/// A decimal with at least four decimals.
pub(super) fn four_decimals(decimal: &str) -> String {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    format!("{whole}.{part:0<DECIMALS$}")
}

/// The day after the last one of a bill: where its period ends in version 1.
pub(super) fn period_end(bill: &ListedInvoice) -> Option<Day> {
    Some(bill.invoice.period.end.plus_days(1))
}

/// The day on which a bill was paid, once it is paid whole.
pub(super) fn paid_on(bill: &ListedInvoice) -> Option<Day> {
    let paid = bill.last_payment.as_ref().filter(|_| bill.invoice.status == InvoiceStatus::Paid);
    paid.map(|payment| payment.day)
}

fn row(bill: &ListedInvoice) -> Value {
    let invoice = &bill.invoice;
    let currency = invoice.book.currency;
    let (cycle_id, cycle_name) = quirks::cycle(bill.billing_cycle.as_deref());
    let cycle = Value::pair(("billing_cycle_id", cycle_id), ("billing_cycle_name", cycle_name));
    let payment_type = bill.payment_type.as_deref().map_or(Value::Nothing, |rail| {
        let (id, name) = quirks::payment_type(rail);
        Value::pair(("payment_type_id", id), ("payment_type_name", name))
    });
    let total = Money::new(invoice.billed_units, currency).to_decimal();
    let bill_amount = Value::Object(vec![
        ("amount", Value::Decimal(amount(bill))),
        ("formatted_amount", Value::Text(format!("{}{total}", currency.symbol()))),
    ]);
    let sent_payment = if invoice.status == InvoiceStatus::Paid { "yes" } else { "no" };
    let code = bill.last_payment.as_ref().map_or("", |payment| payment.reference.as_str());
    let (id, name) = (invoice.book.party_id, invoice.party_name.as_str());
    let (party, dated, paid) = match invoice.book.kind {
        InvoiceKind::Payable => (
            ("affiliate", Value::pair(("affiliate_id", id), ("affiliate_name", name))),
            "date_invoice_received",
            ("payment_date", "sent_payment"),
        ),
        InvoiceKind::Receivable => (
            ("advertiser", Value::pair(("advertiser_id", id), ("advertiser_name", name))),
            "date_sent_invoice",
            ("date_payment_received", "received_payment"),
        ),
    };
    Value::Object(vec![
        ("bill_id", Value::Int(invoice.invoice_id.get())),
        party,
        ("billing_cycle", cycle),
        ("billing_period_start_date", Value::day(Some(invoice.period.start))),
        ("billing_period_end_date", Value::day(period_end(bill))),
        ("bill_amount", bill_amount),
        ("payment_type", payment_type),
        ("invoice_number", Value::text(invoice.document_number.clone().unwrap_or_default())),
        (dated, Value::day(invoice.document_day)),
        ("verification_code", Value::text(code)),
        (paid.0, Value::day(paid_on(bill))),
        (paid.1, Value::text(sent_payment)),
        ("notes", Value::text(invoice.internal_notes.clone())),
    ])
}

/// The status of a bill in the words of version 1: an affiliate's is received, then paid; an advertiser's is sent, then
/// received.
pub(super) const fn status(kind: InvoiceKind, status: InvoiceStatus) -> &'static str {
    match (kind, status) {
        (_, InvoiceStatus::Pending) => "Pending",
        (InvoiceKind::Payable, InvoiceStatus::Approved | InvoiceStatus::PartlyPaid) => "Received",
        (InvoiceKind::Payable, InvoiceStatus::Paid) => "Paid",
        (InvoiceKind::Receivable, InvoiceStatus::Approved | InvoiceStatus::PartlyPaid) => "Sent",
        (InvoiceKind::Receivable, InvoiceStatus::Paid) => "Received",
        (_, InvoiceStatus::Void) => "Void",
    }
}

async fn new_export(state: &AppState, call: Call, params: &Params, kind: InvoiceKind) -> Result<Value, Problem> {
    let (start, end) = params.days_in_either_order("start_date", "end_date")?;
    let name = match kind {
        InvoiceKind::Payable => "affiliate_id",
        InvoiceKind::Receivable => "advertiser_id",
    };
    let query = InvoiceQuery {
        kind: Some(kind),
        party_id: params.int(name)?,
        statuses: BILLS.to_vec(),
        ends_from: Some(Params::required("start_date", start)?),
        ends_through: Some(Params::required("end_date", end)?),
        ..InvoiceQuery::default()
    };
    let (offset, limit) = params.rows(quirks::ROWS)?;
    let found = state.run(move |engine| {
        let found = engine.find_invoices(&call, &query, offset)?;
        let (mut rows, mut next) = (Vec::new(), found.first);
        while let Some(first) = next.filter(|_| (rows.len() as i64) < limit) {
            let page = engine.list_invoices(&call, &query, first, PAGE.min(limit - rows.len() as i64))?;
            next = page.last().map(|bill| InvoiceId::new(bill.invoice.invoice_id.get().saturating_add(1)));
            rows.extend(page.iter().map(new_row));
        }
        Ok((rows, found.total))
    });
    let (rows, total) = found.await?;
    let (list, item) = match kind {
        InvoiceKind::Payable => ("affiliate_bills", "affiliate_bill"),
        InvoiceKind::Receivable => ("advertiser_bills", "advertiser_bill"),
    };
    Ok(succeeded(Value::Object(vec![(list, Value::List(item, rows)), ("total_rows", Value::Int(total))])))
}

/// The envelope of the pages of 2026.
pub(super) fn succeeded(response: Value) -> Value {
    Value::Object(vec![("request_status", Value::text(quirks::SUCCESS)), ("response", response)])
}

fn new_row(bill: &ListedInvoice) -> Value {
    let invoice = &bill.invoice;
    let kind = invoice.book.kind;
    let (id, name, total) = match kind {
        InvoiceKind::Payable => ("affiliate_id", "affiliate_name", "total_payout"),
        InvoiceKind::Receivable => ("advertiser_id", "advertiser_name", "total_revenue"),
    };
    Value::Object(vec![
        ("bill_id", Value::Int(invoice.invoice_id.get())),
        (id, Value::Int(invoice.book.party_id)),
        (name, Value::Text(invoice.party_name.clone())),
        ("bill_date", Value::Text(invoice.period.end.to_string())),
        ("bill_status", Value::text(status(kind, invoice.status))),
        (total, Value::Text(Money::new(invoice.billed_units, invoice.book.currency).to_decimal())),
        ("currency", Value::text(invoice.book.currency.code())),
    ])
}
