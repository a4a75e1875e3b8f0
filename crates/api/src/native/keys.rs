//! Access keys: made, listed, revoked. Secrets are shown once and kept nowhere.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::ids::KeyId;
use quittance_engine::addresses::AddressRanges;
use quittance_engine::keys::{Actor, KeyLimits, NewKey, Role};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once_without};
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::Listed;
use super::list::{Asked, List, Window};
use super::params::{Body, Param};
use super::wire;

/// The member of an answer that is not kept for repeats.
pub(super) const SECRET: &str = "secret";

/// The address of a key.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct KeyPath {
    /// The key's id.
    id: i64,
}

fn key_id(text: &str) -> Result<KeyId, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no key {text:?}"));
    text.parse().map(KeyId::new).map_err(|_| absent())
}

/// The keys of the network.
pub(super) struct Keys;

impl List for Keys {
    type Row = wire::Key;
    type Key = i64;
    const NAME: &'static str = "keys";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<i64>,
    ) -> quittance_engine::Result<Vec<(i64, wire::Key)>> {
        let keys = engine.keys(call)?;
        Ok(window.of_whole(keys.iter().map(|key| (key.id.get(), wire::key(key))).collect()))
    }
}

/// Lists the access keys, also revoked ones.
#[utoipa::path(get, path = "/keys", tag = "Keys", params(Listed<Keys>),
    responses((status = 200, description = "A page of keys.", body = wire::KeyPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Keys>()?;
    asked.answer(&query, Keys).await
}

/// What is to be made.
fn request(members: &Body) -> Result<(NewKey, KeyLimits), Problem> {
    let word = Body::required("role", members.text("role")?)?;
    let role = Role::parse(&word).ok_or_else(|| {
        let known = Role::ALL.map(Role::as_str).join(", ");
        Problem::bad_request("/role", format!("role: {word:?} is none of {known}"))
    })?;
    let named = [Role::Affiliate, Role::Advertiser, Role::Manager].map(|of| (of, format!("{of}_id")));
    let mut party = None;
    for (of, member) in &named {
        let Some(id) = members.int(member)? else { continue };
        if *of != role {
            let detail = format!("{member}: it goes with the role {of}, not with {role}");
            return Err(Problem::bad_request(&format!("/{member}"), detail));
        }
        party = Some(id);
    }
    let addresses = members.texts("allowed_addresses")?;
    let allowed = AddressRanges::parse("/allowed_addresses", addresses.iter().map(String::as_str));
    let limits = KeyLimits {
        expires_at: members.instant("expires_at")?,
        allowed: allowed.map_err(|error| Problem::of(&error))?,
    };
    Ok((NewKey { role, party, name: members.text("name")?.unwrap_or_default() }, limits))
}

/// Makes an access key.
///
/// The answer shows its secret, this once: only a hash of it is kept. A repeat with the same `Idempotency-Key` is answered
/// without it; revoke the key then, and make another.
#[utoipa::path(post, path = "/keys", tag = "Keys", request_body = wire::KeyRequest,
    responses((status = 201, description = "The key with its secret.", body = wire::NewKey)))]
pub(super) async fn create(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let members = Body::of::<wire::KeyRequest>(&body)?;
    let (new, limits) = request(&members)?;
    let call = actor.call((state.clock)());
    once_without(&state, &actor, "POST keys", SECRET, &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let secret = state.secret()?;
        let made = secret.clone();
        let key = state.run(move |engine| {
            let id = engine.create_limited_key(&call, &new, &limits, &made)?;
            engine.key(&call, id)
        });
        Answer::of(StatusCode::CREATED, &wire::NewKey { key: wire::key(&key.await?), secret: Some(secret) })
    })
    .await
}

/// Shows an access key.
#[utoipa::path(get, path = "/keys/{id}", tag = "Keys", params(KeyPath),
    responses((status = 200, description = "The key.", body = wire::Key)))]
pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let (id, call) = (key_id(&id)?, actor.call((state.clock)()));
    let key = state.run(move |engine| engine.key(&call, id)).await?;
    Answer::of(StatusCode::OK, &wire::key(&key))
}

/// Revokes an access key at once and for good. A repeat changes nothing.
#[utoipa::path(delete, path = "/keys/{id}", tag = "Keys", params(KeyPath),
    responses((status = 200, description = "The key, which opens nothing any more.", body = wire::Key)))]
pub(super) async fn revoke(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let (id, call) = (key_id(&id)?, actor.call((state.clock)()));
    let key = state.run(move |engine| {
        engine.revoke_key(&call, id)?;
        engine.key(&call, id)
    });
    Answer::of(StatusCode::OK, &wire::key(&key.await?))
}
