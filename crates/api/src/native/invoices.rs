//! Looking at invoices. A party sees its own visible ones, without internal notes; a manager those of its parties.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::ids::InvoiceId;
use quittance_engine::invoices::{ConversionQuery, Invoice};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::Answer;
use quittance_http::scope::{own_kind, visible};
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::Listed;
use super::invoice_list::InvoiceList;
use super::list::{Asked, List, Part, Window};
use super::params::{Form, Param, invoice_id, param};
use super::wire;

/// The address of an invoice.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
pub(super) struct InvoicePath {
    /// The invoice's id.
    id: i64,
}

/// What an actor may see of an invoice.
pub(super) fn shown(actor: &Actor, invoice: &Invoice) -> wire::Invoice {
    let shown = wire::invoice(invoice);
    if own_kind(actor.role).is_some() { shown.for_party() } else { shown }
}

/// An answer with its `ETag`.
pub(super) fn tagged(answer: Answer, version: i64) -> Response {
    let mut response = answer.into_response();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Lists invoices.
///
/// A party's own key sees its own visible ones, a manager's those of the parties that it looks after.
#[utoipa::path(get, path = "/invoices", tag = "Invoices", params(Listed<InvoiceList>),
    responses((status = 200, description = "A page of invoices.", body = wire::InvoicePage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<InvoiceList>()?;
    let list = InvoiceList::read(&asked.actor, &query)?;
    asked.answer(&query, list).await
}

/// Shows an invoice.
#[utoipa::path(get, path = "/invoices/{id}", tag = "Invoices", params(InvoicePath),
    responses((status = 200, description = "The invoice.", body = wire::Invoice)))]
pub(super) async fn one(subject: Subject) -> Result<Response, Problem> {
    let Subject { state, actor, id, .. } = subject;
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let invoice = visible(engine, &actor, &call, id)?;
        Ok((invoice.version, shown(&actor, &invoice)))
    });
    let (version, invoice) = found.await?;
    Ok(tagged(Answer::of(StatusCode::OK, &invoice)?, version))
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
        let actor = parts.extensions.get::<Actor>().cloned();
        let actor = actor.ok_or_else(|| Problem::internal(&"a route without its actor"))?;
        let path = Path::<HashMap<String, String>>::from_request_parts(parts, state).await;
        let Path(mut path) = path.map_err(|error| Problem::bad_request("", format!("the address: {error}")))?;
        let id = invoice_id(path.get("id").map_or("", String::as_str))?;
        Ok(Subject { state: state.clone(), actor, id, part: path.remove("line").or_else(|| path.remove("payment")) })
    }
}

/// The conversions of an invoice.
pub(super) struct OfInvoice {
    actor: Actor,
    id: InvoiceId,
    line: Option<i64>,
}

impl List for OfInvoice {
    type Row = wire::InvoiceConversion;
    type Key = String;
    const NAME: &'static str = "conversions";
    const SORTS: &'static [&'static str] = &["day"];
    const FILTERS: &'static [Param] = &[param("line", Form::Int, "Only those of this line.")];

    fn part(&self, engine: &Engine, call: &Call, window: &Window<String>) -> quittance_engine::Result<Part<OfInvoice>> {
        visible(engine, &self.actor, call, self.id)?;
        let limit = usize::try_from(window.limit).unwrap_or(0);
        let query = ConversionQuery { line_no: self.line, after: window.after.clone(), limit };
        let page = engine.invoice_conversions(call, self.id, &query)?;
        let rows = page.conversions.iter().map(|entry| (entry.cursor.clone(), wire::conversion(entry)));
        Ok((rows.collect(), page.next))
    }
}

/// Lists the conversions of an invoice.
#[utoipa::path(get, path = "/invoices/{id}/conversions", tag = "Invoices", params(InvoicePath, Listed<OfInvoice>),
    responses((status = 200, description = "A page of its conversions.", body = wire::InvoiceConversionPage)))]
pub(super) async fn conversions(subject: Subject, asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<OfInvoice>()?;
    let list = OfInvoice { actor: subject.actor, id: subject.id, line: query.int("line")? };
    asked.answer(&query, list).await
}
