//! Users: people, and what they may do. Their keys follow them.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::ids::UserId;
use quittance_engine::keys::{Actor, Role};
use quittance_engine::users::{NewUser, User, UserEdit, UserFilter};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use utoipa::IntoParams;

use super::describe::{IfMatch, Listed};
use super::list::{Asked, List, Part, Window};
use super::params::{Body, Form, Param, param};
use super::tags::{Expected, tagged};
use super::wire;

/// The address of a user.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "it describes the address")]
struct UserPath {
    /// The user's id.
    id: i64,
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no user {text:?}"));
    text.parse().map(UserId::new).map_err(|_| absent())
}

/// The words of all roles.
const ROLES: [&str; Role::ALL.len()] = {
    let mut words = [""; Role::ALL.len()];
    let mut i = 0;
    while i < words.len() {
        words[i] = Role::ALL[i].as_str();
        i += 1;
    }
    words
};
const STATUSES: [&str; 2] = ["active", "disabled"];

fn is_active(word: &str) -> Option<bool> {
    STATUSES.contains(&word).then_some(word == STATUSES[0])
}

/// The role that a body names.
pub(super) fn role(members: &Body) -> Result<Option<Role>, Problem> {
    let Some(word) = members.text("role")? else { return Ok(None) };
    let wrong = || Problem::bad_request("/role", format!("role: {word:?} is none of {}", ROLES.join(", ")));
    Role::parse(&word).map(Some).ok_or_else(wrong)
}

/// The affiliate, advertiser or manager that a body names, with the role that it goes with.
pub(super) fn party(members: &Body) -> Result<Option<(Role, i64)>, Problem> {
    let mut party = None;
    for of in [Role::Affiliate, Role::Advertiser, Role::Manager] {
        let member = format!("{of}_id");
        let Some(id) = members.int(&member)? else { continue };
        if let Some((other, _)) = party.replace((of, id)) {
            let detail = format!("{member}: {other}_id is given, too; a role stands for one of them");
            return Err(Problem::bad_request(&format!("/{member}"), detail));
        }
    }
    Ok(party)
}

/// The party that goes with a role.
pub(super) fn party_of(role: Role, members: &Body) -> Result<Option<i64>, Problem> {
    match party(members)? {
        Some((of, _)) if of != role => {
            let detail = format!("{of}_id: it goes with the role {of}, not with {role}");
            Err(Problem::bad_request(&format!("/{of}_id"), detail))
        }
        party => Ok(party.map(|(_, id)| id)),
    }
}

fn answer(user: &User) -> Result<Response, Problem> {
    Ok(tagged(Answer::of(StatusCode::OK, &wire::user(user))?))
}

/// The users of the network.
pub(super) struct Users(UserFilter);

impl List for Users {
    type Row = wire::User;
    type Key = i64;
    const NAME: &'static str = "users";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[
        param("email", Form::Text, "Only the one with this address, however it is written."),
        param("role", Form::Word(&ROLES), "Only those with this role."),
        param("status", Form::Word(&STATUSES), "Only active, or only disabled ones."),
    ];

    fn part(&self, engine: &Engine, call: &Call, window: &Window<i64>) -> quittance_engine::Result<Part<Users>> {
        let found = engine.users(call, &self.0, window.after.unwrap_or(0), window.limit)?;
        Ok((found.rows.iter().map(|user| (user.id.get(), wire::user(user))).collect(), found.next))
    }
}

/// Lists the users, also disabled ones.
#[utoipa::path(get, path = "/users", tag = "Keys", params(Listed<Users>),
    responses((status = 200, description = "A page of users.", body = wire::UserPage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Users>()?;
    let filter = UserFilter {
        email: query.text("email").map(str::to_owned),
        role: query.parsed("role", &format!("one of {}", ROLES.join(", ")), Role::parse)?,
        active: query.parsed("status", "active or disabled", is_active)?,
    };
    asked.answer(&query, Users(filter)).await
}

/// Makes a user.
///
/// It does nothing until it has a key: `POST /keys` with its `user_id` makes one.
#[utoipa::path(post, path = "/users", tag = "Keys", request_body = wire::UserRequest,
    responses((status = 201, description = "The user.", body = wire::User)))]
pub(super) async fn create(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let members = Body::of::<wire::UserRequest>(&body)?;
    let role = Body::required("role", role(&members)?)?;
    let new = NewUser {
        email: Body::required("email", members.text("email")?)?,
        name: Body::required("name", members.text("name")?)?,
        role,
        party: party_of(role, &members)?,
    };
    let call = actor.call((state.clock)());
    let made = once(&state, &actor, "POST users", &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let user = state.run(move |engine| engine.create_user(&call, &new)).await.map_err(Problem::in_body)?;
        Answer::of(StatusCode::CREATED, &wire::user(&user))
    });
    Ok(tagged(made.await?))
}

/// Shows a user.
#[utoipa::path(get, path = "/users/{id}", tag = "Keys", params(UserPath),
    responses((status = 200, description = "The user.", body = wire::User)))]
pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (id, call) = (user_id(&id)?, actor.call((state.clock)()));
    answer(&state.run(move |engine| engine.user(&call, id)).await?)
}

/// Changes a user, disables or enables it.
///
/// Its keys have its new role at once, on all processes. While it is disabled they open nothing.
#[utoipa::path(patch, path = "/users/{id}", tag = "Keys", params(UserPath, IfMatch), request_body = wire::UserEditRequest,
    responses((status = 200, description = "The user as it is now.", body = wire::User)))]
pub(super) async fn edit(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let (id, members) = (user_id(&id)?, Body::of::<wire::UserEditRequest>(&body)?);
    let expected = Expected::of(&headers)?;
    let active = members.text("status")?.map(|word| {
        let wrong = || Problem::bad_request("/status", format!("status: {word:?} is not active or disabled"));
        is_active(&word).ok_or_else(wrong)
    });
    let edit = UserEdit {
        email: members.text("email")?,
        name: members.text("name")?,
        role: role(&members)?,
        party: party(&members)?,
        active: active.transpose()?,
    };
    let call = actor.call((state.clock)());
    let changed =
        state.run(move |engine| engine.edit_user(&call, id, &edit, &|user| expected.holds(&wire::user(user))));
    answer(&changed.await.map_err(Problem::in_body)?)
}

/// Erases the personal data of a user, disables it for good and revokes its keys.
///
/// What it did stays in the history, by its id. A repeat changes nothing.
#[utoipa::path(post, path = "/users/{id}/erase", tag = "Keys", params(UserPath),
    responses((status = 200, description = "The user as it is now.", body = wire::User)))]
pub(super) async fn erase(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let (id, call) = (user_id(&id)?, actor.call((state.clock)()));
    let erased = state.run(move |engine| engine.erase_user(&call, id)).await?;
    Answer::of(StatusCode::OK, &wire::user(&erased))
}
