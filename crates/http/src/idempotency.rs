//! The `Idempotency-Key` of every POST of every interface: the first request does the work, a repeat gets its answer.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use quittance_domain::ids::NetworkId;
use quittance_engine::idempotency::{Begun, Claim, Claimed, DONE_UNANSWERED, Held, Scope};
use quittance_engine::keys::Actor;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::problem::Problem;
use crate::state::AppState;

/// How long a request waits for its twin.
const WAIT_SECONDS: u64 = 30;
/// How often it looks.
const LOOK_MILLIS: u64 = 100;

tokio::task_local! {
    /// Is there while a request with a key is carried out.
    static KEYED: ();
}

/// Whether a request with an `Idempotency-Key` is being carried out.
pub(crate) fn keyed() -> bool {
    KEYED.try_with(|()| ()).is_ok()
}

/// An answer in JSON that can be kept and repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: String,
}

impl Answer {
    /// An answer of a status and a JSON value.
    #[must_use]
    pub fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
        Answer { status, body: body.to_string() }
    }

    /// An answer of a status and a value that is written as JSON.
    ///
    /// # Errors
    /// The value cannot be written, which is a defect.
    pub fn of(status: StatusCode, body: &impl Serialize) -> Result<Answer, Problem> {
        let body = serde_json::to_string(body).map_err(|error| Problem::internal(&error))?;
        Ok(Answer { status, body })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        (self.status, [(header::CONTENT_TYPE, json)], self.body).into_response()
    }
}

/// An answer with `null` in place of a member.
fn without(answer: Answer, member: &str) -> Answer {
    let parsed = Some(member).filter(|member| !member.is_empty()).and_then(|_| serde_json::from_str(&answer.body).ok());
    match parsed {
        Some(Value::Object(mut members)) => {
            members.insert(member.to_owned(), Value::Null);
            Answer { body: Value::Object(members).to_string(), ..answer }
        }
        _ => answer,
    }
}

/// The SHA-256 of bytes, in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A claim whose request is being carried out. Where the client goes away meanwhile, so does whoever would answer: then the
/// claim is given up, unless the effect was noted under it. What is just being done under it comes to nothing.
struct Unfinished {
    state: AppState,
    network: NetworkId,
    claimed: Claimed,
    claim: Claim,
    done: bool,
}

impl Unfinished {
    /// The request has come to its end.
    fn over(mut self) {
        self.done = true;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let Some(runtime) = Handle::try_current().ok().filter(|_| !self.done) else { return };
        let (state, network, claimed, claim) = (self.state.clone(), self.network, self.claimed.clone(), self.claim);
        runtime.spawn(async move {
            let released = state.run(move |engine| {
                let Claimed { key, route, idempotency_key, .. } = &claimed;
                engine.release_idempotency(&Scope { network, key: *key, route, idempotency_key }, claim)
            });
            if let Err(problem) = released.await {
                tracing::warn!(detail = %problem.detail, "an Idempotency-Key could not be given up");
            }
        });
    }
}

/// Does the work once for a key. Without a key it is done each time.
///
/// # Errors
/// The work's; the same key came with another body (422); a twin is not done after 30 seconds (409).
pub async fn once<F>(
    state: &AppState,
    actor: &Actor,
    route: &'static str,
    headers: &HeaderMap,
    body: &Bytes,
    work: impl FnOnce(Option<Claimed>) -> F,
) -> Result<Answer, Problem>
where
    F: Future<Output = Result<Answer, Problem>>,
{
    once_without(state, actor, route, "", headers, body, work).await
}

/// [`once`], of an answer with a member that is told this once: what is kept for a repeat has `null` there.
///
/// # Errors
/// As [`once`].
pub async fn once_without<F>(
    state: &AppState,
    actor: &Actor,
    route: &'static str,
    untold: &'static str,
    headers: &HeaderMap,
    body: &Bytes,
    work: impl FnOnce(Option<Claimed>) -> F,
) -> Result<Answer, Problem>
where
    F: Future<Output = Result<Answer, Problem>>,
{
    let Some(key) = headers.get("idempotency-key") else { return work(None).await };
    let key = key.to_str().map_err(|_| Problem::bad_request("Idempotency-Key", "Idempotency-Key is no plain text"))?;
    let (key, network, key_id) = (key.to_owned(), actor.network, actor.key);
    let hash = digest(body);
    let mut waits = false;
    for _ in 0..=(WAIT_SECONDS * 1000 / LOOK_MILLIS) {
        let (key, hash, now) = (key.clone(), hash.clone(), (state.clock)());
        let begun = state.run({
            let key = key.clone();
            move |engine| {
                let scope = Scope { network, key: key_id, route, idempotency_key: &key };
                // Whoever waits only looks, and writes nothing.
                let looked = if waits { engine.look_idempotency(&scope, &hash, now)? } else { None };
                looked.map_or_else(|| engine.claim_idempotency(&scope, &hash, now), Ok)
            }
        });
        waits = true;
        match begun.await? {
            Begun::InProgress => tokio::time::sleep(Duration::from_millis(LOOK_MILLIS)).await,
            Begun::Repeat { status: DONE_UNANSWERED, .. } => {
                let detail = "the request was carried out, but its answer was lost; read the object to see it";
                return Err(Problem::new(StatusCode::CONFLICT, "answer-lost", detail));
            }
            Begun::Repeat { status, answer } => {
                let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
                return Ok(Answer { status: status.unwrap_or(StatusCode::OK), body: answer });
            }
            Begun::Mismatch => {
                let detail = "the Idempotency-Key was used with another body; use a new key for a new request";
                return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail));
            }
            Begun::Fresh(claim) => {
                let (idempotency_key, held) = (key.clone(), Held::Claimed(claim));
                let claimed = Claimed { key: key_id, route: route.into(), idempotency_key, held };
                let held = Unfinished { state: state.clone(), network, claimed: claimed.clone(), claim, done: false };
                let done = KEYED.scope((), work(Some(claimed))).await;
                let kept = done.clone().map(|answer| without(answer, untold));
                let stored = state.run(move |engine| {
                    let scope = Scope { network, key: key_id, route, idempotency_key: &key };
                    match kept {
                        Ok(answer) => {
                            engine.finish_idempotency(&scope, claim, answer.status.as_u16().into(), &answer.body)
                        }
                        Err(_) => engine.release_idempotency(&scope, claim),
                    }
                });
                // The work is done whatever becomes of the note about it.
                if let Err(problem) = stored.await {
                    tracing::warn!(detail = %problem.detail, "an Idempotency-Key could not be kept");
                }
                held.over();
                return done;
            }
        }
    }
    let detail = "a request with the same Idempotency-Key is still under way; try again later";
    Err(Problem::new(StatusCode::CONFLICT, "in-progress", detail))
}
