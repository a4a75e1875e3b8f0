//! One transfer of money over several invoices of a party.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceId, InvoiceKind, PaymentId};
use quittance_engine::Call;
use quittance_engine::invoices::PaymentRequest;
use quittance_engine::keys::Actor;
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};

use super::params::Body;
use super::wire;

/// Records one transfer of money over several invoices of a party.
///
/// Where there was a transfer of the same reference, day, amount and invoices, and no `Idempotency-Key` tells that this is
/// another one, it is recorded, a header `Warning` names the earlier one, and so does an event.
#[utoipa::path(post, path = "/payments", tag = "Invoices", request_body = wire::TransferRequest,
    responses((status = 201, description = "The invoices that it pays, as they are now.", body = wire::Invoices)))]
pub(super) async fn pay(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let members = Body::of::<wire::TransferRequest>(&body)?;
    let (kind, party_id) = match (members.int("affiliate_id")?, members.int("advertiser_id")?) {
        (Some(id), None) => (InvoiceKind::Payable, id),
        (None, Some(id)) => (InvoiceKind::Receivable, id),
        _ => return Err(Problem::bad_request("/affiliate_id", "either affiliate_id or advertiser_id is to be given")),
    };
    let currency = Body::required("currency", members.currency("currency")?)?;
    let request = PaymentRequest {
        amount: Some(Body::required("amount", members.amount("amount")?)?),
        day: members.day("date")?,
        reference: members.text("reference")?.unwrap_or_default(),
        rail: members.text("rail")?,
        ..PaymentRequest::default()
    };
    let named: Vec<InvoiceId> = members.ids("invoices")?.into_iter().map(InvoiceId::new).collect();
    let book = Book { kind, party_id, currency };
    let call = actor.call((state.clock)());
    let repeats = Repeats::default();
    let answer = once(&state, &actor, "POST payments", &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let done = state.run(move |engine| engine.pay_party_noting(&call, book, &request, &named)).await?;
        let (paid, repeated) = done;
        repeats.note(repeated);
        Answer::of(StatusCode::CREATED, &wire::Invoices { invoices: paid.iter().map(wire::invoice).collect() })
    });
    let answer = answer.await?;
    Ok(repeats.warn(answer.into_response()))
}

/// The payment that a request repeats, once that is known.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<Option<PaymentId>>>);

impl Repeats {
    /// Notes it.
    pub(super) fn note(&self, repeated: Option<PaymentId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = repeated;
    }

    /// An answer that warns of it.
    pub(super) fn warn(&self, mut answer: Response) -> Response {
        let repeated = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let warning = repeated.and_then(|id| {
            let text = format!(
                "199 quittance \"payment {id} has the same reference, day, amount and invoices; reverse one of them, or send an \
                 Idempotency-Key with payments that are meant\""
            );
            HeaderValue::from_str(&text).ok()
        });
        if let Some(warning) = warning {
            answer.headers_mut().insert(header::WARNING, warning);
        }
        answer
    }
}
