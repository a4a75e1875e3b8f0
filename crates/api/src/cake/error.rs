//! Failures of version 2: a status and one small object.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_http::Problem;
use serde::Serialize;

use super::quirks;

/// The body of a failure.
#[derive(Serialize)]
struct Failure<'a> {
    request_status: &'static str,
    message: &'a str,
}

/// The status of a problem in this interface: what the engine refuses is a bad parameter here, of whatever kind.
fn status(problem: &Problem) -> StatusCode {
    match problem.kind {
        "invalid" | "conflict" | "changed-meanwhile" => StatusCode::BAD_REQUEST,
        _ => problem.status,
    }
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
    let body = serde_json::to_string(&body).unwrap_or_default();
    let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = (status(problem), [json], body).into_response();
    if let Some(seconds) = problem.retry_after_seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use quittance_engine::ErrorKind;
    use quittance_http::problem::table;

    #[test]
    fn every_kind_of_failure_has_its_status() {
        for (kind, expected) in [
            (ErrorKind::NotFound, 404),
            (ErrorKind::Invalid, 400),
            (ErrorKind::Conflict, 400),
            (ErrorKind::Forbidden, 403),
            (ErrorKind::Stale, 400),
            (ErrorKind::Busy, 503),
            (ErrorKind::Internal, 500),
        ] {
            let (status_of_kind, name) = table(kind);
            assert_eq!(status(&Problem::new(status_of_kind, name, "")).as_u16(), expected, "{kind:?}");
        }
    }

    #[test]
    fn what_is_said_later_is_kept() {
        let problem = Problem { retry_after_seconds: Some(3), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "x", "y") };
        assert_eq!(envelope(&problem).headers()["retry-after"], "3");
    }
}
