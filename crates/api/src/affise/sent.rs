//! What comes with a request: read once, after it is known who calls.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::sent::{Content, Encoding, Reading, Sent, kept, pairs};
use quittance_http::{AppState, Problem, known};

use super::params::Params;
use super::quirks;
use super::scope::Scope;
use super::{WRITES, Write};

/// A request as it is handled.
pub(super) struct Asked {
    pub(super) state: AppState,
    pub(super) actor: Actor,
    pub(super) call: Call,
    pub(super) params: Params,
    /// Whose parties the key reaches.
    pub(super) scope: Scope,
    headers: HeaderMap,
}

impl FromRequestParts<AppState> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Asked, Problem> {
        let actor: Actor = kept(parts)?;
        let call = actor.call((state.clock)());
        let scope = Scope::of(&actor);
        let params: Params = kept(parts)?;
        check_known(parts, &params)?;
        Ok(Asked { state: state.clone(), call, actor, scope, params, headers: parts.headers.clone() })
    }
}

/// Refuses what a request that changes something says and its route does not take.
fn check_known(parts: &Parts, params: &Params) -> Result<(), Problem> {
    if matches!(parts.method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).trim_end_matches('/');
    let is = |write: &&Write| write.route == route && parts.method == write.method;
    let write =
        WRITES.iter().find(is).ok_or_else(|| Problem::internal(&format!("{route} does not say what it takes")))?;
    let said = params.nodes().filter(|(name, _)| !name.eq_ignore_ascii_case(quirks::KEY));
    known::check(said, write.known, "")
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
        let Asked { state, actor, call, params, headers, .. } = self;
        let wait = Duration::from_millis(state.limits.run_answer_millis_max);
        let mut compared = place.as_bytes().to_vec();
        compared.extend_from_slice(&params.compared());
        once(&state, &actor, route, &headers, &Bytes::from(compared), |claimed| async {
            // The answer for a key is the one of its effect, which is undone where another answer was kept before it.
            let keyed = claimed.is_some();
            let call = Call { claimed, ..call };
            let done = tokio::spawn({
                let state = state.clone();
                async move { state.run(move |engine| work(engine, &call)).await }
            });
            // No time at all is none: a timer would let the run go ahead by as much as a tick.
            let waited = match wait {
                _ if keyed => Some(done.await),
                Duration::ZERO => None,
                wait => tokio::time::timeout(wait, done).await.ok(),
            };
            match waited {
                Some(Ok(done)) => done,
                Some(Err(panic)) => Err(Problem::internal(&panic)),
                None => super::to_wire::generating(),
            }
        })
        .await
    }
}

/// The key of a request: of a header, else of the query, whatever the case of its name.
pub(super) fn key(request: &Request) -> Option<String> {
    let of_header = request.headers().get(quirks::KEY).and_then(|value| value.to_str().ok()).map(str::to_owned);
    of_header.filter(|key| !key.trim().is_empty()).map(|key| key.trim().to_owned()).or_else(|| {
        let mut pairs = pairs(request.uri().query().unwrap_or("").as_bytes()).into_iter();
        pairs.find(|(name, value)| name.eq_ignore_ascii_case(quirks::KEY) && !value.is_empty()).map(|(_, key)| key)
    })
}

/// How this interface reads what is sent.
pub(super) const READING: Reading = Reading { encoding, keep };

/// Clients are careless about the type of a body: what looks like a JSON object is one, and anything unknown a form.
fn encoding(kind: &str, body: &[u8]) -> Encoding {
    match kind {
        "multipart/form-data" => Encoding::Parts,
        "application/x-www-form-urlencoded" => Encoding::Form,
        _ if body.first() == Some(&b'{') || kind.ends_with("json") => Encoding::Json,
        _ => Encoding::Form,
    }
}

/// The parameters: those of the body go before those of the query, which may have the key among them.
fn keep(sent: Sent, parts: &mut Parts) -> Result<(), Problem> {
    let is_key = |(name, _): &(String, String)| name.eq_ignore_ascii_case(quirks::KEY);
    let query = Params::of_pairs(sent.query.into_iter().filter(|pair| !is_key(pair)))?;
    let body = match sent.content {
        Content::Nothing => Params::default(),
        Content::Pairs(pairs) => Params::of_pairs(pairs)?,
        Content::Json(bytes) => Params::of_json(&bytes)?,
    };
    parts.extensions.insert(query.under(body));
    Ok(())
}
