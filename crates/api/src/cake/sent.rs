//! What comes with a request: read once, before anybody looks who calls, since a key may be in the body.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_http::access::SentKey;
use quittance_http::limits::count;
use quittance_http::{AppState, Problem};

use super::params::{Params, json_members};
use super::quirks::KEY;

/// How the parameters came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transport {
    /// In the query.
    Query,
    /// In a form.
    Form,
    /// In a JSON object.
    Json,
}

/// A request as it is handled.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) params: Params,
    pub(super) transport: Transport,
}

/// Reads the query and the body. The whole body is there already.
pub(super) async fn read(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match open(&state, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn open(state: &AppState, request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    let bytes = to_bytes(body, count(state.limits.body_bytes_max)).await;
    let bytes = bytes.map_err(|error| Problem::bad_request("", format!("the body cannot be read: {error}")))?;
    let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes());
    let mut query = Params::of(pairs.into_owned().collect())?;
    let transport = transport(&parts.headers, bytes.is_empty());
    let mut sent = match transport {
        Transport::Query => query.clone(),
        Transport::Json => Params::of(json_members(&bytes)?)?,
        Transport::Form => Params::of(form_urlencoded::parse(&bytes).into_owned().collect())?,
    };
    let keys = (query.take(KEY), sent.take(KEY));
    if let Some(key) = one_key(keys)? {
        parts.extensions.insert(SentKey(key));
    }
    parts.extensions.insert(Sent { params: sent, transport });
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// A body that says that it is a form is one; any other is JSON, whatever it says: clients are careless about it.
fn transport(headers: &HeaderMap, empty: bool) -> Transport {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    match kind.split(';').next().unwrap_or("").trim() {
        _ if empty => Transport::Query,
        "application/x-www-form-urlencoded" => Transport::Form,
        _ => Transport::Json,
    }
}

/// The key that is sent. Two places may repeat it, and not contradict each other.
fn one_key((query, body): (Option<String>, Option<String>)) -> Result<Option<String>, Problem> {
    match (query, body) {
        (Some(query), Some(body)) if query != body => {
            Err(Problem::bad_request(KEY, format!("{KEY}: the query has one key and the body another")))
        }
        (query, body) => Ok(query.or(body)),
    }
}
