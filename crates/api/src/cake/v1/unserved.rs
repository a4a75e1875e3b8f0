//! Addresses of the `.asmx` services that are not served: told in the form in which version 1 tells every failure, which is
//! the only one that its clients can read.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use quittance_http::Problem;

use super::NAME_SPACE;
use super::answer::{Form, failed, typed, under_d};
use super::tree;

/// Where the services of all versions are, those of the network's people and those of affiliates.
const PLACES: [&str; 3] = ["/api", "/affiliates/api", "/affiliate/api"];
/// What the accounting services have in the names of their root elements.
const ACCOUNTING: &str = "accounting.asmx";

/// How much of an address is repeated to a client.
const PATH_CHARS_MAX: usize = 100;

/// Answers at every address below the services at which nothing else does. No key is needed to be told so.
pub(super) fn routes() -> Router {
    PLACES.iter().fold(Router::new(), |router, place| {
        let below = ["", "/", "/{version}", "/{version}/", "/{version}/{*rest}"];
        below.iter().fold(router, |router, rest| router.route(&format!("{place}{rest}"), any(nothing_here)))
    })
}

async fn nothing_here(request: Request) -> Response {
    let path = request.uri().path();
    let shown: String = path.chars().take(PATH_CHARS_MAX).collect();
    let value = failed(format!("there is no service at {shown}"));
    let (form, body) = if wants_json(request.method(), request.headers()) {
        (Form::UnderD, under_d(&value).map_err(std::io::Error::from))
    } else {
        (Form::Xml, tree::xml(&root(path), NAME_SPACE, &value))
    };
    body.map_or_else(|error| Problem::internal(&error).into_response(), |body| typed(form, body))
}

/// A body that is neither a form nor XML is JSON, whatever it says.
fn wants_json(method: &Method, headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_xml = kind.windows(3).any(|part| part == b"xml");
    *method == Method::POST && !is_xml && !kind.starts_with(b"application/x-www-form-urlencoded")
}

/// The root element by the rule that most of the documents follow: `ExportBuyerBills` of the accounting services answers
/// `export_buyer_bills_accounting_response`.
fn root(path: &str) -> String {
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let (method, service) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let mut name = String::new();
    if service.ends_with(".asmx") && method.chars().all(|c| c.is_ascii_alphabetic()) {
        for c in method.chars() {
            if c.is_ascii_uppercase() && !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        }
        name.push('_');
        if service == ACCOUNTING {
            name.push_str("accounting_");
        }
    }
    name + "response"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_follow_the_rule_of_the_documents() {
        for (path, expected) in [
            ("/api/1/accounting.asmx/ExportBuyerBills", "export_buyer_bills_accounting_response"),
            ("/api/1/accounting.asmx/MarkBuyerBillAsSent/", "mark_buyer_bill_as_sent_accounting_response"),
            ("/api/5/export.asmx/Affiliates", "affiliates_response"),
            ("/api/1/accounting.asmx", "response"),
            ("/api/1/get.asmx/%3Cx%3E", "response"),
            ("/api/1", "response"),
        ] {
            assert_eq!(root(path), expected);
        }
    }
}
