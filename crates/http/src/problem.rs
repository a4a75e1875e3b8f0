//! Errors on the wire: problem details by RFC 9457, made from the engine's kinds of failure by one table.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_engine::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::idempotency::keyed;

/// Counts internal errors, so that what a client is told leads to the line in the log.
static INTERNAL_ERRORS: AtomicU64 = AtomicU64::new(1);

/// An error as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// What kind of problem, as the last part of its type.
    pub kind: &'static str,
    /// What is wrong, with the value, and what to do.
    pub detail: String,
    /// The fields at fault, each with its JSON pointer or the name of its parameter.
    pub fields: Vec<(String, String)>,
    /// When to try again, in seconds.
    pub retry_after_seconds: Option<u64>,
}

/// The status and type of each kind of failure. Every interface starts from this table.
#[must_use]
pub fn table(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
        ErrorKind::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
        ErrorKind::Conflict => (StatusCode::CONFLICT, "conflict"),
        ErrorKind::Forbidden => (StatusCode::FORBIDDEN, "forbidden"),
        ErrorKind::Stale => (StatusCode::PRECONDITION_FAILED, "changed-meanwhile"),
        ErrorKind::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl Problem {
    /// A problem of a status and kind.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Problem {
        Problem { status, kind, detail: detail.into(), fields: Vec::new(), retry_after_seconds: None }
    }

    /// What was sent cannot be read: status 400, with the field where there is one.
    #[must_use]
    pub fn bad_request(field: &str, detail: impl Into<String>) -> Problem {
        let detail = detail.into();
        let fields = if field.is_empty() { Vec::new() } else { vec![(field.to_owned(), detail.clone())] };
        Problem { fields, ..Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail) }
    }

    /// The same with JSON pointers to the fields of a body, which the engine names as a network file does:
    /// `payment_methods[0].system` is `/payment_methods/0/system`.
    #[must_use]
    pub fn in_body(mut self) -> Problem {
        for (pointer, _) in &mut self.fields {
            if !pointer.starts_with('/') {
                *pointer = format!("/{}", pointer.replace("].", "/").replace(['.', '['], "/").replace(']', ""));
            }
        }
        self
    }

    /// The server cannot do it now.
    #[must_use]
    pub fn unavailable() -> Problem {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "the server is stopping or overloaded");
        Problem { retry_after_seconds: Some(5), ..problem }
    }

    /// A defect: logged whole under an id, shown as that id.
    #[must_use]
    pub fn internal(error: &dyn std::fmt::Display) -> Problem {
        let id = INTERNAL_ERRORS.fetch_add(1, Ordering::Relaxed);
        tracing::error!(error_id = id, error = %error, "internal error");
        let detail = format!("an internal error happened; the server's log has it as error_id={id}");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    /// A failure of the engine.
    #[must_use]
    pub fn of(error: &Error) -> Problem {
        let (status, kind) = table(error.kind());
        match (error.kind(), error) {
            (ErrorKind::Internal, _) => Problem::internal(error),
            (ErrorKind::Busy, _) => {
                if error.is_gone() {
                    tracing::error!(error = %error, "the database is gone");
                } else {
                    tracing::warn!(error = %error, "the database is not available");
                }
                let detail = match (error.is_definitive(), keyed()) {
                    (true, _) => "the database is not available now; nothing was changed",
                    (false, true) => {
                        "the database was lost while the change was made; repeat the request with the same Idempotency-Key"
                    }
                    (false, false) => {
                        "the database was lost while the change was made: look whether it was before you repeat the request"
                    }
                };
                Problem { retry_after_seconds: Some(5), ..Problem::new(status, kind, detail) }
            }
            (_, Error::Invalid { field, detail }) if !field.is_empty() => {
                Problem { fields: vec![(field.clone(), detail.clone())], ..Problem::new(status, kind, detail) }
            }
            _ => Problem::new(status, kind, error.to_string()),
        }
    }

    /// The status in an interface that knows one alone for whatever the engine refuses: a bad request.
    #[must_use]
    pub fn vendor_status(&self) -> StatusCode {
        match self.kind {
            "invalid" | "conflict" | "changed-meanwhile" => StatusCode::BAD_REQUEST,
            _ => self.status,
        }
    }

    /// An answer of a status with a body in JSON, for an interface with an envelope of its own. It says when to try again
    /// where the problem does.
    #[must_use]
    pub fn in_json(&self, status: StatusCode, body: &impl serde::Serialize) -> Response {
        let body = serde_json::to_string(body).unwrap_or_default();
        let json = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut response = (status, [json], body).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }

    /// The body of RFC 9457.
    #[must_use]
    pub fn body(&self) -> Value {
        let mut body = json!({
            "type": format!("urn:quittance:problem:{}", self.kind),
            "title": self.kind.replace('-', " "),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if !self.fields.is_empty() {
            let errors = self.fields.iter().map(|(pointer, detail)| json!({ "pointer": pointer, "detail": detail }));
            body["errors"] = errors.collect();
        }
        if let Some(id) = crate::watch::request_id() {
            body["request_id"] = id.into();
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // So that an interface with an envelope of its own can put it there instead.
        response.extensions_mut().insert(self);
        response
    }
}

/// An answer as an interface with an envelope of its own gives it: what is a problem, also one that the framework has
/// found, in that envelope, all else as it is.
pub async fn in_envelope(response: Response, envelope: fn(&Problem) -> Response) -> Response {
    let response = in_problem_form(response).await;
    match response.extensions().get::<Problem>() {
        Some(problem) => envelope(problem),
        None => response,
    }
}

/// Gives an answer that the framework has made (an unknown route, a body over the limit) the body that all errors have.
pub async fn in_problem_form(response: Response) -> Response {
    let json = response.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes().ends_with(b"json"));
    let status = response.status();
    if json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (kind, detail) = match status {
        StatusCode::NOT_FOUND => ("not-found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => ("method-not-allowed", "this address does not take this method"),
        StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is larger than the server takes; send it in parts"),
        _ => ("bad-request", "the request cannot be read"),
    };
    Problem::new(status, kind, detail).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_failure_has_its_status() {
        let statuses = [
            (ErrorKind::NotFound, 404, 404),
            (ErrorKind::Invalid, 422, 400),
            (ErrorKind::Conflict, 409, 400),
            (ErrorKind::Forbidden, 403, 403),
            (ErrorKind::Stale, 412, 400),
            (ErrorKind::Busy, 503, 503),
            (ErrorKind::Internal, 500, 500),
        ];
        for (kind, ours, vendors) in statuses {
            let (status, name) = table(kind);
            assert_eq!(status.as_u16(), ours);
            assert_eq!(Problem::new(status, name, "").vendor_status().as_u16(), vendors, "{kind:?}");
        }
    }

    #[test]
    fn what_is_said_later_is_kept() {
        let problem = Problem { retry_after_seconds: Some(3), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, "x", "y") };
        let response = problem.in_json(problem.status, &"y");
        assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &HeaderValue::from(3)));
        assert_eq!(response.headers()["content-type"], "application/json");
    }

    #[test]
    fn a_field_of_a_body_has_a_json_pointer() {
        for (field, pointer) in [
            ("name", "/name"),
            ("payment_methods[0].system", "/payment_methods/0/system"),
            ("fields[2].id", "/fields/2/id"),
            ("cycle_days", "/cycle_days"),
            ("/amount", "/amount"),
            ("tax.rate", "/tax/rate"),
            ("list[1]", "/list/1"),
        ] {
            assert_eq!(Problem::bad_request(field, "wrong").in_body().fields[0].0, pointer);
        }
    }

    #[test]
    fn an_internal_error_shows_nothing_but_its_id() {
        let problem = Problem::internal(&"the table api_keys is gone");
        assert!(!problem.body().to_string().contains("api_keys"));
        assert!(problem.detail.contains("error_id="));
    }
}
