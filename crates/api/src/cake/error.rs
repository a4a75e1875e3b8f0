//! Failures of version 2: a status and one small object.

use axum::http::StatusCode;
use axum::response::Response;
use quittance_http::Problem;
use serde::Serialize;

use super::quirks;

/// The body of a failure.
#[derive(Serialize)]
struct Failure<'a> {
    request_status: &'static str,
    message: &'a str,
}

/// What a problem says, beginning as clients know it where the key is at fault.
pub(super) fn message(problem: &Problem) -> String {
    if problem.status == StatusCode::UNAUTHORIZED {
        return format!("{}: {}", quirks::INVALID_KEY, problem.detail);
    }
    problem.detail.clone()
}

/// A problem in this interface's envelope.
pub(super) fn envelope(problem: &Problem) -> Response {
    let body = Failure { request_status: quirks::ERROR, message: &message(problem) };
    problem.in_json(problem.vendor_status(), &body)
}
