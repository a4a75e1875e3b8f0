//! Changing invoices. Each answers the invoice as it is then, with its `ETag`.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use quittance_domain::ids::{InvoiceId, OfferId};
use quittance_domain::invoice::VoidReason;
use quittance_engine::invoices::{Invoice, InvoiceEdit, PaymentRequest, TakeOffRequest};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};

use super::invoices::tagged;
use super::params::{Body, if_match, invoice_id};
use super::wire;

/// What a request that changes an invoice brings.
struct Change {
    state: AppState,
    actor: Actor,
    id: InvoiceId,
    expected: Option<i64>,
    headers: HeaderMap,
    body: Bytes,
}

impl Change {
    fn read(state: AppState, actor: Actor, id: &str, headers: HeaderMap, body: Bytes) -> Result<Change, Problem> {
        let (id, expected) = (invoice_id(id)?, if_match(&headers)?);
        Ok(Change { state, actor, id, expected, headers, body })
    }

    /// Makes the change, once for an `Idempotency-Key`.
    async fn make(
        self,
        route: &'static str,
        status: StatusCode,
        act: impl FnOnce(&Engine, &Call, InvoiceId, Option<i64>) -> quittance_engine::Result<Invoice> + Send + 'static,
    ) -> Result<Response, Problem> {
        let Change { state, actor, id, expected, headers, body } = self;
        let call = actor.call((state.clock)());
        // The same key for another invoice is another request, so the address is part of what is compared.
        let compared: Bytes = [id.to_string().as_bytes(), b"\n", &body].concat().into();
        let answer = once(&state, &actor, route, &headers, &compared, |claimed| async {
            let call = Call { claimed, ..call };
            let invoice = state.run(move |engine| act(engine, &call, id, expected)).await?;
            Ok(Answer::json(status, &wire::invoice(&invoice)))
        });
        let answer = answer.await?;
        let version = serde_json::from_str::<serde_json::Value>(&answer.body).ok().and_then(|json| {
            let version = json.get("version")?.as_i64()?;
            Some((version, json))
        });
        Ok(match version {
            Some((version, json)) => tagged(answer.status, version, &json),
            None => answer.into_response(),
        })
    }
}

pub(super) async fn approve(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    Body::read(&body, &[])?;
    let change = Change::read(state, actor, &id, headers, body)?;
    change.make("POST approve", StatusCode::OK, |engine, call, id, version| engine.approve(call, id, version)).await
}

pub(super) async fn unapprove(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    Body::read(&body, &[])?;
    let change = Change::read(state, actor, &id, headers, body)?;
    change.make("POST unapprove", StatusCode::OK, |engine, call, id, version| engine.unapprove(call, id, version)).await
}

pub(super) async fn void(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let members = Body::read(&body, &["reason", "text"])?;
    let word = members.text("reason")?.unwrap_or_else(|| "other".to_owned());
    let reason = VoidReason::parse(&word).ok_or_else(|| {
        let known = VoidReason::ALL.map(VoidReason::as_str).join(", ");
        Problem::bad_request("/reason", format!("reason: {word:?} is none of {known}"))
    })?;
    let text = members.text("text")?.unwrap_or_default();
    let change = Change::read(state, actor, &id, headers, body)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.void(call, id, version, reason, &text);
    change.make("POST void", StatusCode::OK, act).await
}

pub(super) async fn take_off(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let members = Body::read(&body, &["conversions", "offers"])?;
    let (conversions, offers) = (members.texts("conversions")?, members.ids("offers")?);
    let request = match (conversions.is_empty(), offers.is_empty()) {
        (false, true) => TakeOffRequest::Conversions(conversions),
        (true, false) => TakeOffRequest::Offers(offers.into_iter().map(OfferId::new).collect()),
        _ => return Err(Problem::bad_request("/conversions", "either conversions or offers are to be named")),
    };
    let change = Change::read(state, actor, &id, headers, body)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.take_off(call, id, version, &request);
    change.make("POST take-off", StatusCode::OK, act).await
}

pub(super) async fn correct(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let members = Body::read(&body, &["amount", "comment"])?;
    let amount = Body::required("amount", members.amount("amount")?)?;
    let comment = members.text("comment")?.unwrap_or_default();
    let change = Change::read(state, actor, &id, headers, body)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.correct(call, id, version, &amount, &comment);
    change.make("POST corrections", StatusCode::CREATED, act).await
}

pub(super) async fn remove_correction(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path((id, line)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no correction {line:?}"));
    let line: i64 = line.parse().map_err(|_| absent())?;
    let change = Change::read(state, actor, &id, headers, Bytes::new())?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.remove_correction(call, id, version, line);
    change.make("DELETE corrections", StatusCode::OK, act).await
}

pub(super) async fn pay(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let members = Body::read(&body, &["amount", "date", "reference", "rail"])?;
    let request = PaymentRequest {
        amount: members.amount("amount")?,
        day: members.day("date")?,
        reference: members.text("reference")?.unwrap_or_default(),
        rail: members.text("rail")?,
    };
    let change = Change::read(state, actor, &id, headers, body)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.pay(call, id, version, &request);
    change.make("POST payments", StatusCode::CREATED, act).await
}

pub(super) async fn edit(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let known = ["public_notes", "internal_notes", "hidden", "due_date", "payment_terms"];
    let members = Body::read(&body, &known)?;
    let edit = InvoiceEdit {
        public_notes: members.text("public_notes")?,
        internal_notes: members.text("internal_notes")?,
        hidden: members.flag("hidden")?,
        due_day: members.day("due_date")?,
        payment_terms_days: members.int("payment_terms")?,
    };
    let change = Change::read(state, actor, &id, headers, body)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.edit(call, id, version, &edit);
    change.make("PATCH invoices", StatusCode::OK, act).await
}
