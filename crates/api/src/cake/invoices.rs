//! Invoices of version 2: listed, made, moved to another status, opened down to their conversions.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::invoice::{InvoiceStatus, VoidReason};
use quittance_domain::time::Zone;
use quittance_engine::billing::OneInvoice;
use quittance_engine::invoices::{InvoiceConversion, InvoiceQuery, PaymentRequest};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine, Error, ErrorKind};
use quittance_http::idempotency::{Answer, once};
use quittance_http::pages::{self, Page};
use quittance_http::scope::{check_manager, visible};
use quittance_http::{AppState, Problem};
use serde::Serialize;

use super::params::Params;
use super::sent::Sent;
use super::{from_wire, quirks, to_wire, wire};

/// How many invoices are read, and written to the client, at a time.
const PAGE: i64 = 100;

/// Where a list goes on: the next id, and how many rows are still to come.
type Next = (InvoiceId, i64);

/// What every page of one list is read with.
#[derive(Clone)]
struct Listing {
    call: Call,
    query: InvoiceQuery,
    zone: Zone,
}

impl Listing {
    /// A page as text; further pages begin with a comma.
    fn page(&self, engine: &Engine, (first, left): Next, is_first: bool) -> quittance_engine::Result<Page<Next>> {
        let asked = left.min(PAGE);
        let rows = engine.list_invoices(&self.call, &self.query, first, asked)?;
        let mut text = String::new();
        for (i, row) in rows.iter().enumerate() {
            if i > 0 || !is_first {
                text.push(',');
            }
            let row = to_wire::json(&to_wire::invoice(row, &self.zone));
            text.push_str(&row.map_err(|problem| Error::Conflict(problem.detail))?);
        }
        let more = rows.len() as i64 == asked && left > asked;
        let next = rows.last().filter(|_| more).map(|row| {
            let after = row.invoice.invoice_id.get().saturating_add(1);
            (InvoiceId::new(after), left - asked)
        });
        Ok(Page { text, next })
    }
}

pub(super) async fn list(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    let query = from_wire::invoices(&actor, &sent.params)?;
    let (offset, limit) = sent.params.rows(quirks::ROWS)?;
    let call = actor.call((state.clock)());
    let started = state.run_list(move |engine| {
        if let (Some(kind), Some(party)) = (query.kind, query.party_id) {
            check_manager(engine, &actor, &call, kind.party_kind(), party)?;
        }
        let zone = engine.zone_of(&call)?;
        let found = engine.find_invoices(&call, &query, offset)?;
        let listing = Listing { call, query, zone };
        // No further than the last that was found: what few rows a filter takes may lie far from the end.
        let left = limit.min(found.total.saturating_sub(offset));
        let first = match found.first {
            Some(first) => listing.page(engine, (first, left), true)?,
            None => Page { text: String::new(), next: None },
        };
        Ok((listing, first, found.total))
    });
    let (listing, first, total) = started.await?;
    let head = format!(r#"{{"request_status":"{}","response":{{"invoices":["#, quirks::SUCCESS);
    let tail = format!(r#"],"total_rows":{total}}}}}"#);
    let body = pages::body(head, first, tail, move |next| {
        let (state, listing) = (state.clone(), listing.clone());
        async move { state.run_list(move |engine| listing.page(engine, next, false)).await }
    });
    Ok(json_body(body))
}

fn json_body(body: Body) -> Response {
    let json = HeaderValue::from_static("application/json");
    (StatusCode::OK, [(header::CONTENT_TYPE, json)], body).into_response()
}

/// An invoice as the answer of what has changed it.
fn shown(engine: &Engine, call: &Call, id: InvoiceId) -> quittance_engine::Result<Result<Answer, Problem>> {
    let zone = engine.zone_of(call)?;
    let listed = engine.listed_invoice(call, id)?;
    Ok(to_wire::answer("invoice", to_wire::invoice(&listed, &zone), None))
}

pub(super) async fn create(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let params = &sent.params;
    let (from, through) = params.days("start_date", "end_date")?;
    let one = OneInvoice {
        kind: InvoiceKind::Payable,
        party_id: Params::required("affiliate_id", params.int("affiliate_id")?)?,
        currency: None,
        from: Some(Params::required("start_date", from)?),
        through: Params::required("end_date", through)?,
    };
    let call = actor.call((state.clock)());
    once(&state, &actor, "POST /api/2/invoice.json", &headers, &params.compared(), |_| async {
        let made = state.run(move |engine| {
            let made = engine.bill_one(&call, &one).map_err(in_own_names)?;
            shown(engine, &call, made.invoice_id)
        });
        made.await?
    })
    .await
}

/// What the engine says of a new invoice, in the names of this interface.
fn in_own_names(error: Error) -> Error {
    match &error {
        // What is to be made is not there yet: an unknown affiliate is a bad parameter.
        Error::NotFound(detail) => Error::invalid("affiliate_id", format!("affiliate_id: {detail}")),
        Error::Invalid { field, detail } if field == "/through" => {
            let why = detail.strip_prefix("through: ").unwrap_or(detail);
            Error::invalid("end_date", format!("end_date: {why}"))
        }
        _ => error,
    }
}

pub(super) async fn update(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let params = &sent.params;
    let id = InvoiceId::new(Params::required("invoice_id", params.int("invoice_id")?)?);
    let wanted = params.parsed("invoice_status", "Pending, Approved, Paid or Void", quirks::statuses)?;
    let wanted = Params::required("invoice_status", wanted)?;
    let call = actor.call((state.clock)());
    once(&state, &actor, "POST /api/2/update_invoice.json", &headers, &params.compared(), |claimed| async {
        let moved = state.run(move |engine| {
            move_to(engine, &Call { claimed, ..call.clone() }, id, &wanted)?;
            shown(engine, &call, id)
        });
        moved.await?
    })
    .await
}

/// Moves an invoice to a status. It may be there already.
fn move_to(engine: &Engine, call: &Call, id: InvoiceId, wanted: &[InvoiceStatus]) -> quittance_engine::Result<()> {
    let present = engine.invoice(call, id)?;
    let Some(target) = wanted.first().filter(|_| !wanted.contains(&present.status)) else { return Ok(()) };
    let moved = match (target, present.status) {
        (InvoiceStatus::Approved, InvoiceStatus::Pending) => engine.approve(call, id, None),
        (InvoiceStatus::Pending, _) => engine.unapprove(call, id, None),
        (InvoiceStatus::Paid, _) => engine.pay(call, id, None, &PaymentRequest::default()),
        (InvoiceStatus::Void, _) => engine.void(call, id, None, VoidReason::Other, ""),
        _ => Err(Error::Conflict("nothing leaves that status".to_owned())),
    };
    moved.map(|_| ()).map_err(|error| match error.kind() {
        ErrorKind::Conflict | ErrorKind::Invalid => {
            let (from, to) = (quirks::status_name(present.status), quirks::status_name(*target));
            let detail = format!("invoice_status: invoice {id} is {from} and cannot become {to}: {error}");
            Error::invalid("invoice_status", detail)
        }
        _ => error,
    })
}

/// The rows of `invoice_conversions.json`.
#[derive(Serialize)]
struct Conversions<'a> {
    conversions: Vec<wire::InvoiceConversion<'a>>,
    total_rows: usize,
}

pub(super) async fn conversions(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let id = Params::required("invoice_id", sent.params.int("invoice_id")?)?;
    let (offset, limit) = sent.params.rows(quirks::ROWS)?;
    let window = (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(limit).unwrap_or(0));
    let call = actor.call((state.clock)());
    let listed = state.run(move |engine| {
        let zone = engine.zone_of(&call)?;
        let (rows, total) = match visible(engine, &actor, &call, InvoiceId::new(id)) {
            // A read that finds nothing is an empty list.
            Err(Error::NotFound(_)) => (Vec::new(), 0),
            Err(error) => return Err(error),
            Ok(invoice) => {
                let (rows, total) = engine.invoice_conversions_at(&call, invoice.invoice_id, window)?;
                (rows, total)
            }
        };
        let facts = Facts::of(engine, &call, &rows)?;
        let conversions = rows.iter().map(|row| facts.row(row, &zone)).collect();
        Ok(to_wire::answer("response", Conversions { conversions, total_rows: total }, None))
    });
    listed.await?
}

/// What the rows of a page need besides their entries.
struct Facts {
    affiliates: HashMap<String, i64>,
    offers: HashMap<i64, String>,
}

impl Facts {
    fn of(engine: &Engine, call: &Call, rows: &[InvoiceConversion]) -> quittance_engine::Result<Facts> {
        let mut ids: Vec<&str> = rows.iter().map(|row| row.conversion_id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let mut offers: Vec<i64> = rows.iter().map(|row| row.offer_id).collect();
        offers.sort_unstable();
        offers.dedup();
        let known = engine.conversions_by_ids(call, &ids)?;
        let affiliates = known.iter().map(|state| {
            let conversion = &state.known.conversion;
            (conversion.conversion_id.to_string(), conversion.affiliate_id.get())
        });
        let names = engine.offers_by_ids(call, &offers)?.into_iter().map(|offer| (offer.offer_id, offer.name));
        Ok(Facts { affiliates: affiliates.collect(), offers: names.collect() })
    }

    fn row<'a>(&'a self, row: &'a InvoiceConversion, zone: &Zone) -> wire::InvoiceConversion<'a> {
        wire::InvoiceConversion {
            conversion_id: to_wire::conversion_id(&row.conversion_id),
            conversion_date: to_wire::local_time(row.occurred_at, zone),
            affiliate_id: self.affiliates.get(&row.conversion_id).copied(),
            offer_id: row.offer_id,
            offer_name: self.offers.get(&row.offer_id).map(String::as_str),
            payout: to_wire::number(row.amount),
            currency_symbol: row.amount.currency().code(),
        }
    }
}
