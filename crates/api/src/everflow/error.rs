//! Errors in this vendor's envelope, and the headers that tell of the rate limit.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_http::problem::in_envelope;
use quittance_http::state::Allowance;
use quittance_http::{AppState, Problem};
use serde_json::json;

use super::quirks::{NO_KEY, OUT_OF_REALM};

/// Problems that keep their status whatever the interface: those of the `Idempotency-Key`.
const OWN_STATUS: [&str; 3] = ["idempotency-key-reused", "in-progress", "answer-lost"];

/// The engine's names of fields, as this vendor names them.
const FIELDS: [(&str, &str); 18] = [
    ("billing_cycle:", "billing.billing_frequency:"),
    ("cycle_days:", "billing.details:"),
    ("cycle_month:", "billing.details.starting_month:"),
    ("payment_terms:", "payment_terms:"),
    ("minimum_payment:", "billing.invoice_amount_threshold:"),
    ("auto_invoice:", "billing.is_invoice_creation_auto:"),
    ("auto_start:", "billing.auto_invoice_start_date:"),
    ("delay_days:", "billing.invoice_generation_days_delay:"),
    ("payment_methods[0].fields:", "billing.billing:"),
    ("currency:", "default_currency_id:"),
    ("manager:", "network_employee_id:"),
    ("notes:", "internal_notes:"),
    ("through:", "end_time:"),
    ("from:", "start_time:"),
    ("amount:", "details.amount:"),
    ("comment:", "details.notes:"),
    ("date:", "status:"),
    ("name:", "name:"),
];

/// The status of a problem: this vendor has 400 for whatever is wrong with a request.
fn status(problem: &Problem) -> StatusCode {
    match problem.status {
        _ if OWN_STATUS.contains(&problem.kind) => problem.status,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED | StatusCode::UNPROCESSABLE_ENTITY => {
            StatusCode::BAD_REQUEST
        }
        status => status,
    }
}

fn text(problem: &Problem) -> String {
    match problem.status {
        StatusCode::UNAUTHORIZED => NO_KEY.to_owned(),
        StatusCode::FORBIDDEN => OUT_OF_REALM.to_owned(),
        // Said by this interface itself, with its own names.
        StatusCode::BAD_REQUEST => problem.detail.clone(),
        _ => {
            let renamed = FIELDS
                .iter()
                .find_map(|(ours, theirs)| problem.detail.strip_prefix(ours).map(|rest| format!("{theirs}{rest}")));
            renamed.unwrap_or_else(|| problem.detail.clone())
        }
    }
}

/// One key by the documents, the other by clients: both say the same.
fn envelope(problem: &Problem) -> Response {
    let text = text(problem);
    let mut response = (status(problem), Json(json!({ "error": text, "Error": text }))).into_response();
    if let Some(seconds) = problem.retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A layer that gives every answer what this vendor's have: the envelope of errors, and the state of the rate limit.
pub(super) async fn dressed(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let answer = next.run(request).await;
    let allowance = answer.extensions().get::<Allowance>().copied();
    let allowance = allowance.unwrap_or_else(|| state.whole_allowance());
    let mut response = in_envelope(answer, envelope).await;
    let headers = response.headers_mut();
    headers.insert("x-ratelimit-limit", HeaderValue::from(allowance.limit));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(allowance.remaining));
    response
}

/// An address that this vendor does not have.
pub(super) async fn nothing_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing at this address")
}

/// Something that is not there, or not for this key.
pub(super) fn absent(what: impl Into<String>) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", what)
}

/// What was sent is wrong.
pub(super) fn bad(field: &str, detail: impl Into<String>) -> Problem {
    Problem::bad_request(field, detail)
}
