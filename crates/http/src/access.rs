//! Who may do what: one table of routes and roles, checked for every request in one place.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use quittance_engine::keys::{Actor, KeyRefusal, Role};

use crate::problem::Problem;
use crate::state::{Allowance, AppState};

/// Which roles may call a route.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The method.
    pub method: &'static str,
    /// The route's pattern.
    pub route: &'static str,
    /// The roles.
    pub roles: &'static [Role],
}

/// The table of an interface, and the place in which its clients put their key.
#[derive(Clone)]
pub struct Access {
    state: AppState,
    rules: Arc<[Rule]>,
    secret: fn(&Request) -> Option<String>,
}

impl Access {
    /// A table, and how the key is found in a request.
    #[must_use]
    pub fn new(state: AppState, rules: &[Rule], secret: fn(&Request) -> Option<String>) -> Access {
        Access { state, rules: rules.into(), secret }
    }
}

/// The key of an `Authorization: Bearer` header.
#[must_use]
pub fn bearer(request: &Request) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim().to_owned())
}

/// A key that a layer above [`check`] has found where the table's own function does not look: in a body.
#[derive(Clone)]
pub struct SentKey(pub String);

/// The key that a layer above has found, else the query's parameter of a name.
#[must_use]
pub fn sent_or_query(request: &Request, name: &str) -> Option<String> {
    let sent = request.extensions().get::<SentKey>().map(|SentKey(key)| key.clone());
    sent.or_else(|| {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?.0;
        pairs.into_iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value)
    })
}

/// Finds out who calls, and refuses what the table does not allow. A route without a row is refused to everybody.
pub async fn check(State(access): State<Access>, mut request: Request, next: Next) -> Response {
    let secret = (access.secret)(&request);
    let client = access.state.proxies.client(request.extensions(), request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or_else(String::new, |path| path.as_str().to_owned());
    match admit(&access, secret, client, &method, &route).await {
        Ok((actor, allowance)) => {
            request.extensions_mut().insert(actor);
            let mut response = next.run(request).await;
            response.extensions_mut().insert(allowance);
            response
        }
        Err((problem, allowance)) => {
            let mut response = problem.into_response();
            allowance.map(|allowance| response.extensions_mut().insert(allowance));
            response
        }
    }
}

/// A layer over routes that change something on a GET: a HEAD, which must change nothing, is not one of their methods.
pub async fn no_head(request: Request, next: Next) -> Response {
    if request.method() != Method::HEAD {
        return next.run(request).await;
    }
    let allow = HeaderValue::from_static("GET, POST");
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, allow)]).into_response()
}

/// Who calls and what is left to the key; else the problem, with what is left where the key is known.
async fn admit(
    access: &Access,
    secret: Option<String>,
    client: Option<IpAddr>,
    method: &Method,
    route: &str,
) -> Result<(Actor, Allowance), (Problem, Option<Allowance>)> {
    let actor = authenticated(access, secret, client).await.map_err(|problem| (problem, None))?;
    let allowance = access.state.admit(actor.network.get(), actor.key.get()).map_err(|seconds| {
        let detail = "the key has made too many requests; try again later";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail);
        let none_left = Allowance { remaining: 0, ..access.state.whole_allowance() };
        (Problem { retry_after_seconds: Some(seconds), ..problem }, Some(none_left))
    })?;
    if allowed(&access.rules, method, route, actor.role) {
        return Ok((actor, allowance));
    }
    let detail = format!("a key with the role {} may not do this", actor.role);
    Err((Problem::new(StatusCode::FORBIDDEN, "forbidden", detail), Some(allowance)))
}

async fn authenticated(access: &Access, secret: Option<String>, client: Option<IpAddr>) -> Result<Actor, Problem> {
    let unauthorized = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
    let secret = secret.ok_or_else(|| unauthorized("a key is required: `quittance keys create` makes one"))?;
    let now = (access.state.clock)();
    match access.state.look_up(move |engine| engine.authenticate(&secret, client, now)).await? {
        Ok(actor) => {
            access.state.key_uses.remember(&actor, now);
            Ok(actor)
        }
        Err(refusal @ KeyRefusal::Address(_)) => {
            Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", refusal.to_string()))
        }
        Err(refusal) => Err(unauthorized(&refusal.to_string())),
    }
}

/// A HEAD is a GET whose answer has no body: whoever may ask the one may ask the other.
fn allowed(rules: &[Rule], method: &Method, route: &str, role: Role) -> bool {
    let method = if *method == Method::HEAD { Method::GET.as_str() } else { method.as_str() };
    let rule = rules.iter().find(|rule| rule.method == method && rule.route == route);
    rule.is_some_and(|rule| rule.roles.contains(&role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_a_row_is_refused_to_everybody() {
        let rules = [Rule { method: "GET", route: "/a", roles: &[Role::Viewer] }];
        assert!(allowed(&rules, &Method::GET, "/a", Role::Viewer));
        assert!(allowed(&rules, &Method::HEAD, "/a", Role::Viewer));
        assert!(!allowed(&rules, &Method::HEAD, "/a", Role::Admin));
        assert!(!allowed(&rules, &Method::GET, "/a", Role::Admin));
        assert!(!allowed(&rules, &Method::POST, "/a", Role::Viewer));
        assert!(!allowed(&rules, &Method::GET, "/b", Role::Admin));
    }

    #[test]
    fn a_bearer_is_read_whatever_the_case_of_its_scheme() {
        let mut request = Request::default();
        assert_eq!(bearer(&request), None);
        request.headers_mut().insert(header::AUTHORIZATION, "bearer qk_1".parse().unwrap());
        assert_eq!(bearer(&request).as_deref(), Some("qk_1"));
        request.headers_mut().insert(header::AUTHORIZATION, "Basic qk_1".parse().unwrap());
        assert_eq!(bearer(&request), None);
    }

    #[test]
    fn a_key_that_was_found_goes_before_the_querys() {
        let mut request = Request::default();
        *request.uri_mut() = "/a?x=1&api_key=qk%2D1".parse().unwrap();
        assert_eq!(sent_or_query(&request, "api_key").as_deref(), Some("qk-1"));
        assert_eq!(sent_or_query(&request, "key"), None);
        request.extensions_mut().insert(SentKey("qk_2".to_owned()));
        assert_eq!(sent_or_query(&request, "api_key").as_deref(), Some("qk_2"));
    }
}
