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
use utoipa::IntoParams;

use super::describe::IfMatch;
use super::invoices::{InvoicePath, Subject, tagged};
use super::params::{Body, if_match};
use super::payments::Repeats;
use super::wire;

/// The address of a correction.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct LinePath {
    /// The invoice's id.
    id: i64,
    /// The line's number.
    line: i64,
}

/// The address of a payment.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct PaymentPath {
    /// The invoice's id.
    id: i64,
    /// The payment's id.
    payment: i64,
}

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
            Answer::of(status, &wire::invoice(&invoice))
        });
        let answer = answer.await?;
        let body: Option<serde_json::Value> = serde_json::from_str(&answer.body).ok();
        let version = body.and_then(|body| body.get("version")?.as_i64());
        Ok(match version {
            Some(version) => tagged(answer, version),
            None => answer.into_response(),
        })
    }
}

/// Approves an invoice.
#[utoipa::path(post, path = "/invoices/{id}/approve", tag = "Invoices", params(InvoicePath, IfMatch),
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn approve(change: Change) -> Result<Response, Problem> {
    change.make("POST approve", StatusCode::OK, |engine, call, id, version| engine.approve(call, id, version)).await
}

/// Takes the approval of an invoice back, while nothing is paid.
#[utoipa::path(post, path = "/invoices/{id}/unapprove", tag = "Invoices", params(InvoicePath, IfMatch),
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn unapprove(change: Change) -> Result<Response, Problem> {
    change.make("POST unapprove", StatusCode::OK, |engine, call, id, version| engine.unapprove(call, id, version)).await
}

/// Takes up what has changed since an invoice was issued on the days that it bills.
#[utoipa::path(post, path = "/invoices/{id}/sync", tag = "Invoices", params(InvoicePath, IfMatch),
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn sync(change: Change) -> Result<Response, Problem> {
    change.make("POST sync", StatusCode::OK, |engine, call, id, version| engine.sync(call, id, version)).await
}

/// Makes an invoice void: what it took is unbilled again.
#[utoipa::path(post, path = "/invoices/{id}/void", tag = "Invoices", params(InvoicePath, IfMatch), request_body = Option<wire::VoidRequest>,
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn void(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::VoidRequest>(&change.body)?;
    let word = members.text("reason")?.unwrap_or_else(|| "other".to_owned());
    let reason = VoidReason::parse(&word).ok_or_else(|| {
        let known = VoidReason::ALL.map(VoidReason::as_str).join(", ");
        Problem::bad_request("/reason", format!("reason: {word:?} is none of {known}"))
    })?;
    let text = members.text("text")?.unwrap_or_default();
    let act = move |engine: &Engine, call: &Call, id, version| engine.void(call, id, version, reason, &text);
    change.make("POST void", StatusCode::OK, act).await
}

/// Takes conversions off an invoice: they are unbilled again.
#[utoipa::path(post, path = "/invoices/{id}/take-off", tag = "Invoices", params(InvoicePath, IfMatch), request_body = wire::TakeOffRequest,
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn take_off(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::TakeOffRequest>(&change.body)?;
    let (conversions, offers) = (members.texts("conversions")?, members.ids("offers")?);
    let request = match (conversions.is_empty(), offers.is_empty()) {
        (false, true) => TakeOffRequest::Conversions(conversions),
        (true, false) => TakeOffRequest::Offers(offers.into_iter().map(OfferId::new).collect()),
        _ => return Err(Problem::bad_request("/conversions", "either conversions or offers are to be named")),
    };
    let act = move |engine: &Engine, call: &Call, id, version| engine.take_off(call, id, version, &request);
    change.make("POST take-off", StatusCode::OK, act).await
}

/// Adds a correction to an invoice.
#[utoipa::path(post, path = "/invoices/{id}/corrections", tag = "Invoices", params(InvoicePath, IfMatch), request_body = wire::CorrectionRequest,
    responses((status = 201, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn correct(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::CorrectionRequest>(&change.body)?;
    let amount = Body::required("amount", members.amount("amount")?)?;
    let comment = members.text("comment")?.unwrap_or_default();
    let act = move |engine: &Engine, call: &Call, id, version| engine.correct(call, id, version, &amount, &comment);
    change.make("POST corrections", StatusCode::CREATED, act).await
}

/// Removes a correction from an invoice.
#[utoipa::path(delete, path = "/invoices/{id}/corrections/{line}", tag = "Invoices", params(LinePath, IfMatch),
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn remove_correction(change: Change) -> Result<Response, Problem> {
    let line = change.part.clone().unwrap_or_default();
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no correction {line:?}"));
    let line: i64 = line.parse().map_err(|_| absent())?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.remove_correction(call, id, version, line);
    change.make("DELETE corrections", StatusCode::OK, act).await
}

/// Records a payment of an invoice.
///
/// Where the invoice has a payment of the same reference, day and amount, and no `Idempotency-Key` tells that this is another
/// one, it is recorded, a header `Warning` names the earlier one, and so does an event.
#[utoipa::path(post, path = "/invoices/{id}/payments", tag = "Invoices", params(InvoicePath, IfMatch), request_body = Option<wire::PaymentRequest>,
    responses((status = 201, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn pay(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::PaymentRequest>(&change.body)?;
    let request = PaymentRequest {
        amount: members.amount("amount")?,
        currency: members.currency("currency")?,
        settles: members.amount("settles")?,
        day: members.day("date")?,
        reference: members.text("reference")?.unwrap_or_default(),
        rail: members.text("rail")?,
        ..PaymentRequest::default()
    };
    let repeats = Repeats::default();
    let noted = repeats.clone();
    let act = move |engine: &Engine, call: &Call, id, version| {
        let (invoice, repeated) = engine.pay_noting(call, id, version, &request)?;
        noted.note(repeated);
        Ok(invoice)
    };
    Ok(repeats.warn(change.make("POST payments", StatusCode::CREATED, act).await?))
}

/// The payment that the path names.
fn payment_id(change: &Change) -> Result<PaymentId, Problem> {
    let part = change.part.clone().unwrap_or_default();
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no payment {part:?}"));
    part.parse().map(PaymentId::new).map_err(|_| absent())
}

/// Records that a payment has come back.
#[utoipa::path(post, path = "/invoices/{id}/payments/{payment}/return", tag = "Invoices", params(PaymentPath, IfMatch), request_body = Option<wire::ReturnRequest>,
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn return_payment(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::ReturnRequest>(&change.body)?;
    let request = ReturnRequest {
        payment: payment_id(&change)?,
        amount: members.amount("amount")?,
        day: members.day("date")?,
        reason: members.text("reason")?.unwrap_or_default(),
    };
    let act = move |engine: &Engine, call: &Call, id, version| engine.return_payment(call, id, version, &request);
    change.make("POST return", StatusCode::OK, act).await
}

/// Takes a payment back that was recorded by mistake.
#[utoipa::path(post, path = "/invoices/{id}/payments/{payment}/reverse", tag = "Invoices", params(PaymentPath, IfMatch), request_body = Option<wire::ReasonRequest>,
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn reverse_payment(change: Change) -> Result<Response, Problem> {
    let reason = Body::of::<wire::ReasonRequest>(&change.body)?.text("reason")?.unwrap_or_default();
    let payment = payment_id(&change)?;
    let act =
        move |engine: &Engine, call: &Call, id, version| engine.reverse_payment(call, id, version, payment, &reason);
    change.make("POST reverse", StatusCode::OK, act).await
}

/// Gives up what is left to pay of an invoice.
#[utoipa::path(post, path = "/invoices/{id}/write-off", tag = "Invoices", params(InvoicePath, IfMatch), request_body = wire::WriteOffRequest,
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn write_off(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::WriteOffRequest>(&change.body)?;
    let reason = Body::required("reason", members.text("reason")?)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.write_off(call, id, version, &reason);
    change.make("POST write-off", StatusCode::OK, act).await
}

/// Issues a credit note about a paid invoice.
#[utoipa::path(post, path = "/invoices/{id}/credit-notes", tag = "Invoices", params(InvoicePath, IfMatch), request_body = wire::CreditNoteRequest,
    responses((status = 201, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn credit_note(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::CreditNoteRequest>(&change.body)?;
    let amount = Body::required("amount", members.amount("amount")?)?;
    let reason = Body::required("reason", members.text("reason")?)?;
    let act = move |engine: &Engine, call: &Call, id, version| engine.credit_note(call, id, version, &amount, &reason);
    change.make("POST credit-notes", StatusCode::CREATED, act).await
}

/// Changes notes, visibility, terms and papers of an invoice.
#[utoipa::path(patch, path = "/invoices/{id}", tag = "Invoices", params(InvoicePath, IfMatch), request_body = wire::InvoiceEditRequest,
    responses((status = 200, description = "The invoice as it is now.", body = wire::Invoice)))]
pub(super) async fn edit(change: Change) -> Result<Response, Problem> {
    let members = Body::of::<wire::InvoiceEditRequest>(&change.body)?;
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
