//! What a client has sent: the pairs of its query and what its body holds, read once. What a dialect makes of it is its own.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::header;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::limits::count;
use crate::problem::Problem;
use crate::state::AppState;

/// Names with their values, in the order in which they came.
pub type Pairs = Vec<(String, String)>;

/// A request that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The pairs of the query.
    pub query: Pairs,
    /// The body.
    pub content: Content,
}

/// What a body holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing, or white space.
    Nothing,
    /// The pairs of a form, or the texts of its parts; files are left out.
    Pairs(Pairs),
    /// What should be JSON, as it came.
    Json(Bytes),
}

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `a=1&b=2`.
    Form,
    /// The parts of `multipart/form-data`.
    Parts,
    /// JSON.
    Json,
}

/// What is a dialect's own about reading.
#[derive(Clone, Copy)]
pub struct Reading {
    /// How a body is read, by its media type in lower case without parameters (empty where there is none) and its bytes.
    pub encoding: fn(&str, &[u8]) -> Encoding,
    /// Puts what was sent where the dialect's handlers find it.
    pub keep: fn(Sent, &mut Parts) -> Result<(), Problem>,
}

/// A layer that reads the query and the body of each request, and leaves the body where it was.
pub async fn read(State((state, reading)): State<(AppState, Reading)>, request: Request, next: Next) -> Response {
    match open(&state, reading, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn open(state: &AppState, reading: Reading, request: Request) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    let bytes = to_bytes(body, count(state.limits.body_bytes_max)).await.map_err(|error| unreadable(&error))?;
    let sent = Sent {
        query: pairs(parts.uri.query().unwrap_or("").as_bytes()),
        content: content(state, reading, &parts, &bytes).await?,
    };
    (reading.keep)(sent, &mut parts)?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    Problem::bad_request("", format!("the body cannot be read: {error}"))
}

/// What a layer above has put into a request: who calls, or what [`Reading::keep`] has kept.
///
/// # Errors
/// It is not there: the routes lack that layer.
pub fn kept<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Problem> {
    parts.extensions.get::<T>().cloned().ok_or_else(|| Problem::internal(&"a request was not read"))
}

/// The pairs of a query or a form.
#[must_use]
pub fn pairs(text: &[u8]) -> Pairs {
    form_urlencoded::parse(text).into_owned().collect()
}

async fn content(state: &AppState, reading: Reading, parts: &Parts, bytes: &Bytes) -> Result<Content, Problem> {
    // An empty body says nothing, whatever its type claims to be.
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Content::Nothing);
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    Ok(match (reading.encoding)(&kind, bytes) {
        Encoding::Form => Content::Pairs(pairs(bytes)),
        Encoding::Json => Content::Json(bytes.clone()),
        Encoding::Parts => Content::Pairs(texts_of_parts(state, parts, bytes.clone()).await?),
    })
}

async fn texts_of_parts(state: &AppState, parts: &Parts, bytes: Bytes) -> Result<Pairs, Problem> {
    let bad = |error: &dyn std::fmt::Display| Problem::bad_request("", format!("the parts cannot be read: {error}"));
    let mut request = Request::new(Body::from(bytes));
    *request.headers_mut() = parts.headers.clone();
    let mut multipart = Multipart::from_request(request, state).await.map_err(|error| bad(&error))?;
    let mut pairs = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(|error| bad(&error))? {
        let Some(name) = field.name().map(str::to_owned) else { continue };
        // A file has nothing to say here.
        if field.file_name().is_none() {
            pairs.push((name, field.text().await.map_err(|error| bad(&error))?));
        }
    }
    Ok(pairs)
}
