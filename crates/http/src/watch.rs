//! The request log, the id of each request, and the numbers per route. None holds a key: of the address only the route's
//! pattern is kept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use crate::measure::names;
use crate::state::AppState;

/// The header that carries the id of a request, both ways.
const HEADER: &str = "x-request-id";
/// The longest id of a proxy before us that is taken over.
const ID_LENGTH_MAX: usize = 64;

static REQUESTS: AtomicU64 = AtomicU64::new(1);

tokio::task_local! {
    static REQUEST_ID: String;
}

/// The id of the request that is being answered, where one is.
#[must_use]
pub fn request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// The id that a proxy before us gave, where it is a plain one.
fn given(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(HEADER)?.to_str().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    ((1..=ID_LENGTH_MAX).contains(&id.len()) && id.bytes().all(plain)).then(|| id.to_owned())
}

/// Logs and counts a request. Everything that is logged on its way carries its id, and so does its answer.
pub async fn watch(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let new = || format!("{}-{}", state.instance, REQUESTS.fetch_add(1, Ordering::Relaxed));
    let id = given(request.headers()).unwrap_or_else(new);
    let method = request.method().clone();
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "unknown".to_owned(), |p| p.as_str().to_owned());
    let span = tracing::info_span!("request", id, %method, route);
    let answer = async {
        let start = Instant::now();
        metrics::gauge!(names::REQUESTS_OPEN).increment(1);
        let response = next.run(request).await;
        metrics::gauge!(names::REQUESTS_OPEN).decrement(1);
        let elapsed = start.elapsed();
        let status = response.status().as_u16();
        let labels = [("method", method.to_string()), ("route", route.clone()), ("status", status.to_string())];
        metrics::counter!(names::REQUESTS, &labels).increment(1);
        metrics::histogram!(names::REQUEST_SECONDS, "route" => route.clone()).record(elapsed.as_secs_f64());
        tracing::info!(status, micros = elapsed.as_micros() as u64, "request");
        response
    };
    let mut response = REQUEST_ID.scope(id.clone(), answer.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_id_of_a_proxy_is_taken_over() {
        let sent = |id: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HEADER, HeaderValue::from_static(id));
            given(&headers)
        };
        assert_eq!(sent("a-1_B.c").as_deref(), Some("a-1_B.c"));
        assert_eq!(sent(""), None);
        assert_eq!(sent("a b"), None);
        assert_eq!(sent("a\"}"), None);
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
