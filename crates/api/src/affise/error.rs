//! Failures on the wire: one small object, with the text under both of the names under which clients look for it.

use axum::http::StatusCode;
use axum::response::Response;
use quittance_engine::invoices::Invoice;
use quittance_engine::{Error, ErrorKind};
use quittance_http::Problem;
use serde::Serialize;

use super::quirks;

/// The body of a failure.
#[derive(Serialize)]
struct Failure<'a> {
    status: i64,
    error: &'a str,
    message: &'a str,
}

/// The kind of a problem about an address that there is not.
const NO_PAGE: &str = "no-page";

/// There is nothing at this address.
pub(super) async fn no_page() -> Problem {
    no_page_here()
}

/// The same.
pub(super) fn no_page_here() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, NO_PAGE, quirks::PAGE_NOT_FOUND)
}

/// The status and the text of a problem: what the engine refuses is a bad request, of whatever kind.
fn said(problem: &Problem) -> (StatusCode, String) {
    let status = problem.vendor_status();
    let text = match status {
        StatusCode::UNAUTHORIZED => quirks::TOKEN_IS_NECESSARY.to_owned(),
        StatusCode::FORBIDDEN => quirks::AUTH_DENIED.to_owned(),
        StatusCode::NOT_FOUND if problem.kind != NO_PAGE => quirks::RESOURCE_NOT_FOUND.to_owned(),
        StatusCode::INTERNAL_SERVER_ERROR => format!("{} ({})", quirks::SERVER_ERROR, problem.detail),
        _ => problem.detail.clone(),
    };
    (status, text)
}

/// A problem in this interface's envelope.
pub(super) fn envelope(problem: &Problem) -> Response {
    let (status, text) = said(problem);
    let body = Failure { status: quirks::FAILURE, error: &text, message: &text };
    problem.in_json(status, &body)
}

/// A refusal of the engine in the words of this interface: the parameter by its name here.
pub(super) fn renamed(error: Error, names: &[(&str, &str)]) -> Error {
    let Error::Invalid { field, detail } = error else { return error };
    let name = field.trim_start_matches('/');
    let Some((_, wire)) = names.iter().find(|(known, _)| *known == name) else {
        return Error::Invalid { field, detail };
    };
    let rest = detail.strip_prefix(name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&detail);
    Error::invalid(*wire, format!("{wire}: {rest}"))
}

/// A refusal that depends on where an invoice stands, as clients know it where it is paid.
pub(super) fn of_state(error: Error, invoice: &Invoice) -> Error {
    match error.kind() {
        ErrorKind::Conflict => Error::Conflict(match quirks::final_status(invoice) {
            Some(word) => format!("Payment has status {word}"),
            None => error.to_string(),
        }),
        _ => error,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_the_name_that_the_client_sent() {
        let error = Error::invalid("/amount", "amount: 1.234 has more decimals than the 2");
        assert_eq!(renamed(error, &[("amount", "revenue")]).to_string(), "revenue: 1.234 has more decimals than the 2");
    }
}
