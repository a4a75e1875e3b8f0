//! The reference of the native interface: its OpenAPI 3.1 document, made from the code, and a page to browse it and to try
//! requests. Both are served to everybody; they hold nothing of any network.

mod document;

use std::sync::OnceLock;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

/// Where the document is.
pub const DOCUMENT: &str = "/billing/v1/openapi.json";
/// Where the page is.
pub const PAGE: &str = "/billing/v1/docs";

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the page may load: nothing from another host.
const POLICY: &str = "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'";

/// The OpenAPI document of the native interface and of the postback.
#[must_use]
pub fn openapi() -> Value {
    document::document()
}

/// The routes. They need no key.
pub fn routes() -> Router {
    Router::new()
        .route(DOCUMENT, get(served))
        .route(PAGE, get(|| async { asset("text/html; charset=utf-8", HTML) }))
        .route("/billing/v1/docs/page.css", get(|| async { asset("text/css; charset=utf-8", STYLE) }))
        .route("/billing/v1/docs/page.js", get(|| async { asset("text/javascript; charset=utf-8", SCRIPT) }))
}

async fn served() -> Response {
    static TEXT: OnceLock<String> = OnceLock::new();
    asset("application/json", TEXT.get_or_init(|| openapi().to_string()))
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let security = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
    ];
    (security, text).into_response()
}
