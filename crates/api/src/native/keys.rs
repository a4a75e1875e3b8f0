//! Access keys: made, listed, revoked. Secrets are shown once and kept nowhere.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::ids::{KeyId, UserId};
use quittance_engine::addresses::AddressRanges;
use quittance_engine::keys::{Actor, KeyLimits, NewKey};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once_without};
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::Listed;
use super::list::{Asked, List, Window};
use super::params::{Body, Form, Param, param};
use super::{users, wire};

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
pub(super) struct Keys {
    user: Option<i64>,
}

impl List for Keys {
    type Row = wire::Key;
    type Key = i64;
    const NAME: &'static str = "keys";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[param("user_id", Form::Int, "Only those of this user.")];

    fn page(
        &self,
        engine: &Engine,
        call: &Call,
        window: &Window<i64>,
    ) -> quittance_engine::Result<Vec<(i64, wire::Key)>> {
        let mut keys = engine.keys(call)?;
        keys.retain(|key| self.user.is_none_or(|user| key.user == Some(UserId::new(user))));
        Ok(window.of_whole(keys.iter().map(|key| (key.id.get(), wire::key(key))).collect()))
    }
}

/// Lists the access keys, also revoked ones.
#[utoipa::path(get, path = "/keys", tag = "Keys", params(Listed<Keys>),
    responses((status = 200, description = "A page of keys.", body = wire::KeyPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Keys>()?;
    let user = query.int("user_id")?;
    asked.answer(&query, Keys { user }).await
}

/// Who is to hold a key.
enum Holder {
    /// Whoever has it, with a role of its own.
    Anybody(NewKey),
    /// A user.
    User(UserId, String),
}

impl Holder {
    fn read(members: &Body) -> Result<Holder, Problem> {
        let name = members.text("name")?.unwrap_or_default();
        let (role, party) = (users::role(members)?, users::party(members)?);
        let Some(user) = members.int("user_id")? else {
            let role = Body::required("role", role)?;
            return Ok(Holder::Anybody(NewKey { role, party: users::party_of(role, members)?, name }));
        };
        let given = role.map(|_| "role".to_owned()).or(party.map(|(of, _)| format!("{of}_id")));
        match given {
            None => Ok(Holder::User(UserId::new(user), name)),
            Some(member) => {
                let detail = format!("{member}: a key of a user has what the user has; leave it out");
                Err(Problem::bad_request(&format!("/{member}"), detail))
            }
        }
    }

    fn make(&self, engine: &Engine, call: &Call, limits: &KeyLimits, secret: &str) -> quittance_engine::Result<KeyId> {
        match self {
            Holder::Anybody(new) => engine.create_limited_key(call, new, limits, secret),
            Holder::User(user, name) => engine.create_user_key(call, *user, name, limits, secret),
        }
    }
}

fn limits(members: &Body) -> Result<KeyLimits, Problem> {
    let addresses = members.texts("allowed_addresses")?;
    let allowed = AddressRanges::parse("/allowed_addresses", addresses.iter().map(String::as_str));
    Ok(KeyLimits { expires_at: members.instant("expires_at")?, allowed: allowed.map_err(|error| Problem::of(&error))? })
}

/// Makes an access key.
///
/// Of a user it has the user's role, now and whenever that changes. The answer shows its secret, this once: only a hash of it is kept. A repeat with the same `Idempotency-Key` is answered
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
    let (holder, limits) = (Holder::read(&members)?, limits(&members)?);
    let call = actor.call((state.clock)());
    once_without(&state, &actor, "POST keys", SECRET, &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let secret = state.secret()?;
        let made = secret.clone();
        let key = state.run(move |engine| {
            let id = holder.make(engine, &call, &limits, &made)?;
            engine.key(&call, id)
        });
        let key = key.await.map_err(Problem::in_body)?;
        Answer::of(StatusCode::CREATED, &wire::NewKey { key: wire::key(&key), secret: Some(secret) })
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
