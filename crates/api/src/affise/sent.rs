//! What comes with a request: read once, after it is known who calls.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Multipart, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::limits::count;
use quittance_http::{AppState, Problem};

use super::params::Params;
use super::quirks;

/// A request as it is handled.
pub(super) struct Asked {
    pub(super) state: AppState,
    pub(super) actor: Actor,
    pub(super) call: Call,
    pub(super) params: Params,
    headers: HeaderMap,
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Asked, Problem> {
        let missing = || Problem::internal(&"a request was not read");
        let actor = parts.extensions.get::<Actor>().cloned().ok_or_else(missing)?;
        let params = parts.extensions.get::<Params>().cloned().ok_or_else(missing)?;
        let call = actor.call((state.clock)());
        Ok(Asked { state: state.clone(), call, actor, params, headers: parts.headers.clone() })
    }
}

impl Asked {
    /// Reads with the engine.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine, &Call) -> quittance_engine::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let call = self.call.clone();
        self.state.run(move |engine| work(engine, &call)).await
    }

    /// Changes something once for an `Idempotency-Key`. `place` says what of, beside the parameters.
    pub(super) async fn write(
        self,
        route: &'static str,
        place: &str,
        work: impl FnOnce(&Engine, &Call) -> quittance_engine::Result<Answer> + Send + 'static,
    ) -> Result<Answer, Problem> {
        let Asked { state, actor, call, params, headers } = self;
        let mut compared = place.as_bytes().to_vec();
        compared.extend_from_slice(&params.compared());
        once(&state, &actor, route, &headers, &Bytes::from(compared), |claimed| async {
            let call = Call { claimed, ..call };
            let done = tokio::spawn({
                let state = state.clone();
                async move { state.run(move |engine| work(engine, &call)).await }
            });
            match tokio::time::timeout(quirks::WAIT, done).await {
                Ok(Ok(done)) => done,
                Ok(Err(panic)) => Err(Problem::internal(&panic)),
                Err(_) => super::to_wire::generating(),
            }
        })
        .await
    }
}

/// The key of a request: of a header, else of the query, whatever the case of its name.
pub(super) fn key(request: &Request) -> Option<String> {
    let of_header = request.headers().get(quirks::KEY).and_then(|value| value.to_str().ok()).map(str::to_owned);
    of_header.filter(|key| !key.trim().is_empty()).map(|key| key.trim().to_owned()).or_else(|| {
        let pairs = form_urlencoded::parse(request.uri().query().unwrap_or("").as_bytes());
        let mut keys = pairs.filter(|(name, value)| name.eq_ignore_ascii_case(quirks::KEY) && !value.is_empty());
        keys.next().map(|(_, key)| key.into_owned())
    })
}

/// Reads the query and the body.
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
    let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or("").as_bytes()).into_owned();
    let query = Params::of_pairs(pairs.filter(|(name, _)| !name.eq_ignore_ascii_case(quirks::KEY)))?;
    let sent = body_params(state, &parts, bytes).await?;
    parts.extensions.insert(query.under(sent));
    Ok(Request::from_parts(parts, Body::empty()))
}

async fn body_params(state: &AppState, parts: &Parts, bytes: Bytes) -> Result<Params, Problem> {
    // An empty body says nothing, whatever its type claims to be.
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Params::default());
    }
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match kind.as_str() {
        "multipart/form-data" => multipart(state, parts, bytes).await,
        "application/x-www-form-urlencoded" => Params::of_pairs(form_urlencoded::parse(&bytes).into_owned()),
        _ if bytes.first() == Some(&b'{') || kind.ends_with("json") => Params::of_json(&bytes),
        _ => Params::of_pairs(form_urlencoded::parse(&bytes).into_owned()),
    }
}

async fn multipart(state: &AppState, parts: &Parts, bytes: Bytes) -> Result<Params, Problem> {
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
    Params::of_pairs(pairs)
}
