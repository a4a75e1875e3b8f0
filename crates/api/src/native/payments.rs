//! One transfer of money over several invoices of a party.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_engine::Call;
use quittance_engine::invoices::PaymentRequest;
use quittance_engine::keys::Actor;
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};

use super::params::Body;
use super::wire;

/// Records one transfer of money over several invoices of a party.
#[utoipa::path(post, path = "/payments", tag = "Invoices", request_body = wire::TransferRequest,
    responses((status = 201, description = "The invoices that it pays, as they are now.", body = wire::Invoices)))]
pub(super) async fn pay(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
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
    once(&state, &actor, "POST payments", &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let paid = state.run(move |engine| engine.pay_party(&call, book, &request, &named)).await?;
        Answer::of(StatusCode::CREATED, &wire::Invoices { invoices: paid.iter().map(wire::invoice).collect() })
    })
    .await
}
