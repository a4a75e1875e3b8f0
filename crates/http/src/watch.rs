//! The request log and the numbers per route. Neither holds a key: of the address only the route's pattern is kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;

static REQUESTS: AtomicU64 = AtomicU64::new(1);

/// Logs and counts a request.
pub async fn watch(request: Request, next: Next) -> Response {
    let id = REQUESTS.fetch_add(1, Ordering::Relaxed);
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "unknown".to_owned(), |p| p.as_str().to_owned());
    let start = Instant::now();
    let mut response = next.run(request).await;
    let elapsed = start.elapsed();
    let status = response.status().as_u16();
    let labels = [("method", method.to_string()), ("route", route.clone()), ("status", status.to_string())];
    metrics::counter!("quittance_http_requests_total", &labels).increment(1);
    metrics::histogram!("quittance_http_request_seconds", "route" => route.clone()).record(elapsed.as_secs_f64());
    tracing::info!(request_id = id, %method, route, status, micros = elapsed.as_micros() as u64, "request");
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}
