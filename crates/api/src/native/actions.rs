//! Changing invoices. Each answers the invoice as it is then, with its `ETag`.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use quittance_domain::ids::{InvoiceId, OfferId, PaymentId};
use quittance_domain::invoice::VoidReason;
use quittance_engine::invoices::{Invoice, InvoiceEdit, PaymentRequest, ReturnRequest, TakeOffRequest};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::limits::count;
use quittance_http::{AppState, Problem};

use super::invoices::{Subject, tagged};
use super::params::{Body, if_match};
use super::wire;

/// What a request that changes an invoice brings.
pub(super) struct Change {
    state: AppState,
    actor: Actor,
    id: InvoiceId,
    /// The line or payment that the path names.
    part: Option<String>,
    expected: Option<i64>,
    headers: HeaderMap,
    body: Bytes,
}

impl FromRequest<AppState> for Change {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Change, Problem> {
        let (mut parts, body) = request.into_parts();
        let Subject { state, actor, id, part } = Subject::from_request_parts(&mut parts, state).await?;
        let (expected, headers) = (if_match(&parts.headers)?, parts.headers);
        let body = to_bytes(body, count(state.limits.body_bytes_max)).await;
        let body = body.map_err(|error| Problem::bad_request("", format!("the body cannot be read: {error}")))?;
        Ok(Change { state, actor, id, part, expected, headers, body })
    }
}

impl Change {
    /// Makes the change, once for an `Idempotency-Key`.
    async fn make(
        self,
        route: &'static str,
        status: StatusCode,
        act: impl FnOnce(&Engine, &Call, InvoiceId, Option<i64>) -> quittance_engine::Result<Invoice> + Send + 'static,
    ) -> Result<Response, Problem> {
        let Change { state, actor, id, expected, headers, body, .. } = self;
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

pub(super) async fn approve(change: Change) -> Result<Response, Problem> {
    Body::read(&change.body, &[])?;
    change.make("POST approve", StatusCode::OK, |engine, call, id, version| engine.approve(call, id, version)).await
}

pub(super) async fn unapprove(change: Change) -> Result<Response, Problem> {
    Body::read(&change.body, &[])?;
    change.make("POST unapprove", StatusCode::OK, |engine, call, id, version| engine.unapprove(call, id, version)).await
}

pub(super) async fn sync(change: Change) -> Result<Response, Problem> {
    Body::read(&change.body, &[])?;
    change.make("POST sync", StatusCode::OK, |engine, call, id, version| engine.sync(call, id, version)).await
}

pub(super) async fn void(change: Change) -> Result<Response, Problem> {
    let members = Body::read(&change.body, &["reason", "text"])?;
    let word = members.text("reason")?.unwrap_or_else(|| "other".to_owned());
    let reason = VoidReason::parse(&word).ok_or_else(|| {
        let known = VoidReason::ALL.map(VoidReason::as_str).join(", ");
        Problem::bad_request("/reason", format!("reason: {word:?} is none of {known}"))
    })?;
    let text = members.text("text")?.unwrap_or_default();
    let act = move |engine: &Engine, call: &Call, id, version| engine.void(call, id, version, reason, &text);
    change.make("POST void", StatusCode::OK, act).await
}

pub(super) async fn take_off(change: Change) -> Result<Response, Problem> {
    let members = Body::read(&change.body, &["conversions", "offers"])?;
    let (conversions, offers) = (members.texts("conversions")?, members.ids("offers")?);
    let request = match (conversions.is_empty(), offers.is_empty()) {
        (false, true) => TakeOffRequest::Conversions(conversions),
        (true, false) => TakeOffRequest::Offers(offers.into_iter().map(OfferId::new).collect()),
        _ => return Err(Problem::bad_request("/conversions", "either conversions or offers are to be named")),
    };
    let act = move |engine: &Engine, call: &Call, id, version| engine.take_off(call, id, version, &request);
    change.make("POST take-off", StatusCode::OK, act).await
}

pub(super) async fn correct(change: Change) -> Result<Response, Problem> {
    let members = Body::read(&change.body, &["amount", "comment"])?;
    let amount = Body::required("amount", members.amount("amount")?)?;
    let comment = members.text("comment")?.unwrap_or_default();
    let act = move |engine: &Engine, call: &Call, id, version| engine.correct(call, id, version, &amount, &comment);
    change.make("POST corrections", StatusCode::CREATED, act).await
}

pub(super) async fn remove_correction(change: Change) -> Result<Response, Problem> {
    let line = change.part.clone().unwrap_or_default();
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no correction {line:?}"));
    let line: i64 = line.parse().map_err(|_| absent())?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.remove_correction(call, id, version, line);
    change.make("DELETE corrections", StatusCode::OK, act).await
}

pub(super) async fn pay(change: Change) -> Result<Response, Problem> {
    let members = Body::read(&change.body, &["amount", "currency", "settles", "date", "reference", "rail"])?;
    let request = PaymentRequest {
        amount: members.amount("amount")?,
        currency: members.currency("currency")?,
        settles: members.amount("settles")?,
        day: members.day("date")?,
        reference: members.text("reference")?.unwrap_or_default(),
        rail: members.text("rail")?,
    };
    let act = move |engine: &Engine, call: &Call, id, version| engine.pay(call, id, version, &request);
    change.make("POST payments", StatusCode::CREATED, act).await
}

/// The payment that the path names.
fn payment_id(change: &Change) -> Result<PaymentId, Problem> {
    let part = change.part.clone().unwrap_or_default();
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no payment {part:?}"));
    part.parse().map(PaymentId::new).map_err(|_| absent())
}

pub(super) async fn return_payment(change: Change) -> Result<Response, Problem> {
    let members = Body::read(&change.body, &["amount", "date", "reason"])?;
    let request = ReturnRequest {
        payment: payment_id(&change)?,
        amount: members.amount("amount")?,
        day: members.day("date")?,
        reason: members.text("reason")?.unwrap_or_default(),
    };
    let act = move |engine: &Engine, call: &Call, id, version| engine.return_payment(call, id, version, &request);
    change.make("POST return", StatusCode::OK, act).await
}

pub(super) async fn reverse_payment(change: Change) -> Result<Response, Problem> {
    let reason = Body::read(&change.body, &["reason"])?.text("reason")?.unwrap_or_default();
    let payment = payment_id(&change)?;
    let act =
        move |engine: &Engine, call: &Call, id, version| engine.reverse_payment(call, id, version, payment, &reason);
    change.make("POST reverse", StatusCode::OK, act).await
}

pub(super) async fn write_off(change: Change) -> Result<Response, Problem> {
    let members = Body::read(&change.body, &["reason"])?;
    let reason = Body::required("reason", members.text("reason")?)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.write_off(call, id, version, &reason);
    change.make("POST write-off", StatusCode::OK, act).await
}

pub(super) async fn credit_note(change: Change) -> Result<Response, Problem> {
    let members = Body::read(&change.body, &["amount", "reason"])?;
    let amount = Body::required("amount", members.amount("amount")?)?;
    let reason = Body::required("reason", members.text("reason")?)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.credit_note(call, id, version, &amount, &reason);
    change.make("POST credit-notes", StatusCode::CREATED, act).await
}

pub(super) async fn edit(change: Change) -> Result<Response, Problem> {
    let known =
        ["public_notes", "internal_notes", "hidden", "due_date", "payment_terms", "document_number", "document_date"];
    let members = Body::read(&change.body, &known)?;
    let edit = InvoiceEdit {
        public_notes: members.text("public_notes")?,
        internal_notes: members.text("internal_notes")?,
        hidden: members.flag("hidden")?,
        due_day: members.day("due_date")?,
        payment_terms_days: members.int("payment_terms")?,
        document_number: members.text("document_number")?,
        document_day: members.day("document_date")?.map(Some),
    };
    let act = move |engine: &Engine, call: &Call, id, version| engine.edit(call, id, version, &edit);
    change.make("PATCH invoices", StatusCode::OK, act).await
}
