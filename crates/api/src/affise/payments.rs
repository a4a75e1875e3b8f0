//! Payments: listed, and one.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::time::{Day, Timestamp, Zone};
use quittance_engine::invoices::{DestinationFilter, Invoice, NewestQuery};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use quittance_http::pages::{self, Page};

use super::error::no_page_here;
use super::params::{Params, not, required};
use super::scope::Scope;
use super::sent::Asked;
use super::to_wire::{self, Showing};
use super::{quirks, wire};

/// How many payments are read, and written to the client, at a time.
const TOGETHER: usize = 50;
/// The hours of a day.
const HOURS: i64 = 24;
/// An hour in microseconds.
const HOUR_MICROS: i64 = 3_600_000_000;

/// What can be asked for.
const FILTERS: &[&str] = &[
    "date_from",
    "date_to",
    "id",
    "status",
    "aid",
    "manager_id",
    "payment_system",
    "payment_account",
    "update_from_date",
    "update_from_hour",
    "update_to_date",
    "update_to_hour",
];

/// A day and an hour of it.
type Hour = (Day, i64);

/// `update_from_date`, `update_from_hour` and so on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hours(Option<Hour>, Option<Hour>);

impl Hours {
    pub(super) fn of(params: &Params) -> Result<Hours, Problem> {
        Ok(Hours(
            at(params, "update_from_date", "update_from_hour", 0)?,
            at(params, "update_to_date", "update_to_hour", HOURS - 1)?,
        ))
    }

    /// The first instant, and the first one after the last.
    pub(super) fn instants(self, zone: &Zone) -> (Option<Timestamp>, Option<Timestamp>) {
        let from = self.0.map(|(day, hour)| plus_hours(zone.start_of_day(day), hour));
        (from, self.1.map(|(day, hour)| plus_hours(zone.start_of_day(day), hour + 1)))
    }
}

/// What a list is asked for.
struct Wanted {
    from: Day,
    through: Day,
    updated: Hours,
    query: NewestQuery,
    managers: Option<Vec<i64>>,
    destination: DestinationFilter,
}

impl Wanted {
    fn of(params: &Params) -> Result<Wanted, Problem> {
        params.only(FILTERS)?;
        let from = required("date_from", params.day("date_from")?)?;
        let through = required("date_to", params.day("date_to")?)?;
        let status = |code: i64| {
            quirks::status_of(code).ok_or_else(|| not("status", &code.to_string(), "one of -1, 1, 2, 3, 4"))
        };
        let manager = |text: &&str| {
            quirks::manager_of(text).ok_or_else(|| not("manager_id", text, "an id of 24 hexadecimal digits"))
        };
        let managers = params.texts("manager_id")?.iter().map(manager).collect::<Result<Vec<_>, _>>()?;
        let texts = |name: &str| Ok::<_, Problem>(params.texts(name)?.into_iter().map(str::to_owned).collect());
        Ok(Wanted {
            from,
            through,
            updated: Hours::of(params)?,
            query: NewestQuery {
                kind: InvoiceKind::Payable,
                created_from: Timestamp::from_micros(i64::MIN),
                created_before: Timestamp::from_micros(i64::MAX),
                ids: params.ids("id")?,
                parties: params.ids("aid")?,
                statuses: params.ints("status")?.into_iter().map(status).collect::<Result<_, _>>()?,
                updated_from: None,
                updated_before: None,
                systems: None,
            },
            managers: Some(managers).filter(|managers| !managers.is_empty()),
            destination: DestinationFilter { systems: texts("payment_system")?, accounts: texts("payment_account")? },
        })
    }

    /// The query, now that the zone is known, and whose affiliates managers look after.
    fn query(&self, engine: &Engine, call: &Call, scope: Scope, zone: &Zone) -> quittance_engine::Result<NewestQuery> {
        let mut query = self.query.clone();
        query.created_from = zone.start_of_day(self.from);
        query.created_before = zone.start_of_day(self.through.plus_days(1));
        (query.updated_from, query.updated_before) = self.updated.instants(zone);
        let kind = query.kind.party_kind();
        if let Some(managers) = &self.managers {
            let mut managed = engine.managed_parties(call, kind, managers)?;
            if let Some(parties) = &query.parties {
                managed.retain(|id| parties.contains(id));
            }
            query.parties = Some(managed);
        }
        query.parties = scope.parties(engine, call, kind, query.parties)?;
        Ok(query)
    }
}

fn at(params: &Params, day: &str, hour: &str, default: i64) -> Result<Option<Hour>, Problem> {
    let given = params.int(hour)?;
    let hours = given.unwrap_or(default);
    if !(0..HOURS).contains(&hours) {
        return Err(not(hour, &hours.to_string(), "an hour from 0 to 23"));
    }
    match params.day(day)? {
        // An hour alone asks for something that nothing can be found by.
        None if given.is_some() => required(day, None),
        found => Ok(found.map(|day| (day, hours))),
    }
}

fn plus_hours(at: Timestamp, hours: i64) -> Timestamp {
    Timestamp::from_micros(at.micros().saturating_add(hours * HOUR_MICROS))
}

pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let wanted = Wanted::of(&asked.params)?;
    let page = asked.params.page(quirks::PAYMENTS)?;
    let scope = asked.scope;
    let started = asked.read(move |engine, call| {
        let showing = Showing::of(engine, call)?;
        let query = wanted.query(engine, call, scope, &showing.zone)?;
        let rows = (page.offset, page.limit);
        let found = match wanted.destination == DestinationFilter::default() {
            true => engine.newest_invoices(call, &query, rows)?,
            false => engine.destined_invoices(call, &query, &wanted.destination, rows)?,
        };
        let first = text(engine, &showing, &found.ids, 0)?;
        Ok((showing, found, first))
    });
    let (showing, found, first) = started.await?;
    let head = format!(r#"{{"status":{},"payments":["#, quirks::SUCCESS);
    let (number, limit, total) = (page.page, page.limit, found.total);
    let tail = format!(r#"],"pagination":{{"page":{number},"limit":{limit},"total":{total}}}}}"#);
    let state = asked.state.clone();
    let body = pages::body(head, first, tail, move |next| {
        let (state, showing, ids) = (state.clone(), showing.clone(), found.ids.clone());
        async move { state.run(move |engine| text(engine, &showing, &ids, next)).await }
    });
    let json = HeaderValue::from_static("application/json");
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, json)], body).into_response())
}

/// The payments from a place on as text, and where the next ones start.
fn text(engine: &Engine, showing: &Showing, ids: &[InvoiceId], from: usize) -> quittance_engine::Result<Page<usize>> {
    let to = ids.len().min(from + TOGETHER);
    let shown = engine.shown_invoices(&showing.call, &ids[from..to])?;
    let mut text = String::new();
    for (i, payment) in showing.payments(engine, shown)?.iter().enumerate() {
        if i > 0 || from > 0 {
            text.push(',');
        }
        text.push_str(&to_wire::json(payment)?);
    }
    Ok(Page { text, next: Some(to).filter(|to| *to < ids.len()) })
}

/// The id in an address. What is no number is no address.
pub(super) fn id(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| no_page_here())
}

/// A payment that is there for this interface and this key: no receivable, and none that was deleted.
pub(super) fn payment(engine: &Engine, call: &Call, scope: Scope, id: i64) -> quittance_engine::Result<Invoice> {
    let invoice = engine.invoice(call, InvoiceId::new(id))?;
    let deleted = invoice.voided.as_ref().is_some_and(|voided| voided.reason == "deleted");
    if invoice.book.kind != InvoiceKind::Payable || deleted {
        return Err(Error::NotFound(format!("there is no payment {id}")));
    }
    scope.check(engine, call, invoice.book.kind.party_kind(), invoice.book.party_id)?;
    Ok(invoice)
}

pub(super) async fn one(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let id = id(&text)?;
    let scope = asked.scope;
    let found = asked.read(move |engine, call| {
        let invoice = payment(engine, call, scope, id)?;
        let showing = Showing::of(engine, call)?;
        let shown = engine.shown_invoices(call, &[invoice.invoice_id])?;
        let payment: Option<wire::Payment> = showing.payments(engine, shown)?.pop();
        to_wire::answer("payment", payment)
    });
    found.await
}
