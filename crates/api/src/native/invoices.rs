//! Looking at invoices. A party sees its own visible ones, without internal notes; a manager those of its parties.

use std::collections::HashMap;

use axum::Extension;
use axum::extract::{FromRequestParts, Path, Query as Pairs, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, RunId};
use quittance_domain::invoice::{InvoiceStatus, LineType};
use quittance_engine::invoices::{ConversionQuery, Invoice, InvoiceFilter};
use quittance_engine::keys::{Actor, Role};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::Answer;
use quittance_http::scope::{check_manager, own_kind, visible};
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::params::{Query, invoice_id};
use super::wire;

type Params = Pairs<Vec<(String, String)>>;

const LIST: &[&str] = &["limit", "cursor", "kind", "affiliate_id", "advertiser_id", "status", "currency", "run_id"];

fn filter(actor: &Actor, query: &Query) -> Result<InvoiceFilter, Problem> {
    let affiliate = query.int("affiliate_id")?;
    let advertiser = query.int("advertiser_id")?;
    if affiliate.is_some() && advertiser.is_some() {
        return Err(Problem::bad_request(
            "advertiser_id",
            "an invoice is with an affiliate or an advertiser, not both",
        ));
    }
    let kind = query.parsed("kind", "payable or receivable", InvoiceKind::parse)?;
    let of_party = affiliate.map(|_| InvoiceKind::Payable).or(advertiser.map(|_| InvoiceKind::Receivable));
    let mut filter = InvoiceFilter {
        kind: of_party.or(kind),
        party_id: affiliate.or(advertiser),
        status: query.parsed("status", "a status", InvoiceStatus::parse)?,
        currency: query.parsed("currency", "a currency", |code| Currency::parse(code).ok())?,
        run_id: query.int("run_id")?.map(RunId::new),
        visible_only: false,
    };
    if let Some(own) = own_kind(actor.role) {
        let other = filter.party_id.is_some_and(|id| Some(id) != actor.party_id);
        if other || filter.kind.is_some_and(|kind| kind != own) {
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", "the key sees its own invoices only"));
        }
        filter = InvoiceFilter { kind: Some(own), party_id: actor.party_id, visible_only: true, ..filter };
    }
    if actor.role == Role::Manager && filter.party_id.is_none() {
        return Err(Problem::bad_request("affiliate_id", "a manager's key lists the invoices of one party at a time"));
    }
    Ok(filter)
}

/// What an actor may see of an invoice.
fn shown(actor: &Actor, invoice: &Invoice) -> Value {
    let mut json = wire::invoice(invoice);
    if own_kind(actor.role).is_some()
        && let Some(members) = json.as_object_mut()
    {
        for inside in ["internal_notes", "run_id", "created_by"] {
            members.remove(inside);
        }
    }
    json
}

/// An invoice with its `ETag`.
pub(super) fn tagged(status: StatusCode, version: i64, body: &Value) -> Response {
    let mut response = Answer::json(status, body).into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

pub(super) async fn list(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Params,
) -> Result<Answer, Problem> {
    let query = Query::read(pairs, LIST)?;
    let limit = query.limit()?;
    let after = query.parsed("cursor", "a cursor of this list", |text| text.parse::<i64>().ok())?.unwrap_or(0);
    let filter = filter(&actor, &query)?;
    let call = actor.call((state.clock)());
    let page = state.run(move |engine| {
        if let (Some(kind), Some(party)) = (filter.kind, filter.party_id) {
            check_manager(engine, &actor, &call, kind.party_kind(), party)?;
        }
        let page = engine.invoices(&call, &filter, after, limit + 1)?;
        let more = page.len() as i64 > limit;
        let page = &page[..page.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
        let next = page.last().filter(|_| more).map(|last| last.invoice_id.to_string());
        let invoices: Vec<Value> = page.iter().map(|invoice| shown(&actor, invoice)).collect();
        Ok(json!({ "invoices": invoices, "next_cursor": next }))
    });
    Ok(Answer::json(StatusCode::OK, &page.await?))
}

pub(super) async fn one(subject: Subject) -> Result<Response, Problem> {
    let Subject { state, actor, id, .. } = subject;
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let invoice = visible(engine, &actor, &call, id)?;
        Ok((invoice.version, shown(&actor, &invoice)))
    });
    let (version, json) = found.await?;
    Ok(tagged(StatusCode::OK, version, &json))
}

/// The invoice that a request is about, and who asks.
pub(super) struct Subject {
    pub(super) state: AppState,
    pub(super) actor: Actor,
    pub(super) id: InvoiceId,
    /// The line or payment, where the path names one.
    pub(super) part: Option<String>,
}

impl FromRequestParts<AppState> for Subject {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Subject, Problem> {
        let broken = |what: &dyn std::fmt::Display| Problem::internal(what);
        let actor = parts.extensions.get::<Actor>().cloned().ok_or_else(|| broken(&"a route without its actor"))?;
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut path) = path.map_err(|error| broken(&error))?;
        let id = invoice_id(path.get("id").map_or("", String::as_str))?;
        Ok(Subject { state: state.clone(), actor, id, part: path.remove("line").or_else(|| path.remove("payment")) })
    }
}

impl Subject {
    /// A list that belongs to the invoice.
    async fn part(
        self,
        read: impl FnOnce(&Engine, &Call, &Invoice) -> quittance_engine::Result<Value> + Send + 'static,
    ) -> Result<Answer, Problem> {
        let Subject { state, actor, id, .. } = self;
        let call = actor.call((state.clock)());
        let json = state.run(move |engine| {
            let invoice = visible(engine, &actor, &call, id)?;
            read(engine, &call, &invoice)
        });
        Ok(Answer::json(StatusCode::OK, &json.await?))
    }
}

pub(super) async fn lines(subject: Subject) -> Result<Answer, Problem> {
    subject
        .part(|engine, call, invoice| {
            let lines = engine.invoice_lines(call, invoice.invoice_id)?;
            let lines: Vec<Value> = lines.iter().map(|line| wire::line(line, invoice.book.currency)).collect();
            Ok(json!({ "lines": lines }))
        })
        .await
}

pub(super) async fn corrections(subject: Subject) -> Result<Answer, Problem> {
    subject
        .part(|engine, call, invoice| {
            let lines = engine.invoice_lines(call, invoice.invoice_id)?;
            let corrections = lines.iter().filter(|line| line.line_type == LineType::Correction);
            let corrections: Vec<Value> = corrections.map(|line| wire::line(line, invoice.book.currency)).collect();
            Ok(json!({ "corrections": corrections }))
        })
        .await
}

pub(super) async fn payments(subject: Subject) -> Result<Answer, Problem> {
    subject
        .part(|engine, call, invoice| {
            let payments = engine.invoice_payments(call, invoice.invoice_id)?;
            let payments: Vec<Value> = payments.iter().map(wire::payment).collect();
            Ok(json!({ "payments": payments }))
        })
        .await
}

pub(super) async fn credit_notes(subject: Subject) -> Result<Answer, Problem> {
    subject
        .part(|engine, call, invoice| {
            let notes = engine.credit_notes(call, invoice.invoice_id)?;
            Ok(json!({ "credit_notes": notes.iter().map(wire::payment).collect::<Vec<_>>() }))
        })
        .await
}

pub(super) async fn history(subject: Subject) -> Result<Answer, Problem> {
    subject
        .part(|engine, call, invoice| {
            let history = engine.invoice_history(call, invoice.invoice_id)?;
            let history: Vec<Value> = history.iter().map(|row| wire::history(row, invoice.book.currency)).collect();
            Ok(json!({ "history": history }))
        })
        .await
}

pub(super) async fn ledger(subject: Subject) -> Result<Answer, Problem> {
    subject
        .part(|engine, call, invoice| {
            let postings = engine.invoice_postings(call, invoice.invoice_id)?;
            let postings: Vec<Value> = postings.iter().map(wire::posting).collect();
            Ok(json!({ "postings": postings }))
        })
        .await
}

pub(super) async fn conversions(subject: Subject, Pairs(pairs): Params) -> Result<Answer, Problem> {
    let query = Query::read(pairs, &["limit", "cursor", "line"])?;
    let wanted = ConversionQuery {
        line_no: query.int("line")?,
        after: query.text("cursor").map(str::to_owned),
        limit: usize::try_from(query.limit()?).unwrap_or(0),
    };
    subject
        .part(move |engine, call, invoice| {
            let page = engine.invoice_conversions(call, invoice.invoice_id, &wanted)?;
            let conversions: Vec<Value> = page.conversions.iter().map(wire::conversion).collect();
            Ok(json!({ "conversions": conversions, "next_cursor": page.next }))
        })
        .await
}
