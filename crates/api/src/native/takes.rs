//! What each route takes, by its own description: no parameter that it does not describe, and no body where it describes
//! none. A route that is added is held to it without a word of its own.

use std::collections::HashMap;
use std::sync::LazyLock;

use axum::body::{Body as Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_http::limits::count;
use quittance_http::sent::pairs;
use quittance_http::{Limits, Problem};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn};

use super::params::{Body, Query};

/// The header that names a request.
const KEY: &str = "Idempotency-Key";
/// The longest name of a request.
const KEY_CHARS_MAX: usize = 255;

/// What a route takes.
struct Takes {
    parameters: Vec<String>,
    body: bool,
}

impl Takes {
    fn of(operation: &Operation) -> Takes {
        let described = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        let of_query = described.filter(|parameter| matches!(parameter.parameter_in, ParameterIn::Query));
        Takes {
            parameters: of_query.map(|parameter| parameter.name.clone()).collect(),
            body: operation.request_body.is_some(),
        }
    }
}

/// All routes, by their addresses and methods.
static TAKES: LazyLock<HashMap<(String, Method), Takes>> = LazyLock::new(|| {
    let mut takes = HashMap::new();
    for (path, item) in super::description().paths.paths {
        let methods = [
            (Method::GET, item.get),
            (Method::POST, item.post),
            (Method::PUT, item.put),
            (Method::PATCH, item.patch),
            (Method::DELETE, item.delete),
        ];
        for (method, operation) in methods {
            takes.extend(operation.map(|operation| ((path.clone(), method), Takes::of(&operation))));
        }
    }
    takes
});

/// A layer that refuses what a route does not take.
pub(super) async fn taken(State(limits): State<Limits>, request: Request, next: Next) -> Response {
    match checked(limits, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Refuses an `Idempotency-Key` of the wrong form also where a repeat changes nothing anyway.
fn check_key(headers: &HeaderMap) -> Result<(), Problem> {
    for key in headers.get_all(KEY) {
        let plain = key.as_bytes().iter().all(u8::is_ascii_graphic) && (1..=KEY_CHARS_MAX).contains(&key.len());
        if !plain {
            let detail = format!("{KEY}: it is no text of 1 to {KEY_CHARS_MAX} printable characters without spaces");
            return Err(Problem::bad_request(KEY, detail));
        }
    }
    Ok(())
}

async fn checked(limits: Limits, request: Request) -> Result<Request, Problem> {
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let method = if reads { Method::GET } else { request.method().clone() };
    let Some(takes) = TAKES.get(&(route, method)) else { return Ok(request) };
    let known: Vec<&str> = takes.parameters.iter().map(String::as_str).collect();
    if *request.method() == Method::POST {
        check_key(request.headers())?;
    }
    Query::read(pairs(request.uri().query().unwrap_or("").as_bytes()), &known)?;
    if reads || takes.body {
        return Ok(request);
    }
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, count(limits.body_bytes_max)).await;
    let bytes = bytes.map_err(|error| Problem::bad_request("", format!("the body cannot be read: {error}")))?;
    Body::none(&bytes)?;
    Ok(Request::from_parts(parts, Bytes::from(bytes)))
}
