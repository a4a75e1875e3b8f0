//! A server over a database, called without a network between, with a key of each role.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use quittance_api::routes;
use quittance_engine::keys::{NewKey, Role};
use quittance_engine::{Call, Engine};
use quittance_http::{AppState, Limits};
use serde_json::Value;
use tower::ServiceExt;

/// The server.
pub(crate) struct Server {
    state: AppState,
}

/// What it has answered.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// The status.
    pub(crate) status: StatusCode,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body.
    pub(crate) text: String,
}

impl Answered {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
}

/// The secret of the key of a role.
pub(crate) fn secret(role: Role) -> String {
    format!("qk_{:0>40}", role.as_str())
}

impl Server {
    /// A server over an engine, at the instant of a call. Keys of parties stand for the party 1.
    pub(crate) fn start(engine: Engine, call: &Call, limits: Limits) -> Server {
        for role in Role::ALL {
            let new = NewKey { role, party: role.stands_for_one().then_some(1), name: String::new() };
            // A network without managers has no key of one.
            let made = engine.create_key(call, &new, &secret(role));
            assert!(made.is_ok() || role == Role::Manager, "{made:?}");
        }
        Server::over(engine, call, limits)
    }

    /// The same with the keys that there are.
    pub(crate) fn over(engine: Engine, call: &Call, limits: Limits) -> Server {
        let now = call.now;
        Server { state: AppState::new(Arc::new(engine), Arc::new(move || now), limits, None) }
    }

    /// The same, with a secret for new keys.
    #[allow(dead_code, reason = "not every file of tests makes keys")]
    pub(crate) fn drawing(self, secret: &str) -> Server {
        let secret = secret.to_owned();
        Server { state: self.state.with_secrets(Arc::new(move || Some(secret.clone()))) }
    }

    /// Sends a request.
    pub(crate) fn send(&self, request: Request<Body>) -> Answered {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        self.send_in(&runtime, request)
    }

    /// Sends a request from a runtime of the caller.
    pub(crate) fn send_in(&self, runtime: &tokio::runtime::Runtime, request: Request<Body>) -> Answered {
        runtime.block_on(async {
            let response = routes(self.state.clone()).oneshot(request).await.unwrap();
            let (status, headers) = (response.status(), response.headers().clone());
            let body: Bytes = axum::body::to_bytes(response.into_body(), 1 << 26).await.unwrap();
            Answered { status, headers, text: String::from_utf8(body.to_vec()).unwrap() }
        })
    }

    /// A GET with the key of a role in the query.
    pub(crate) fn get(&self, role: Role, path: &str) -> Answered {
        let separator = if path.contains('?') { '&' } else { '?' };
        let uri = format!("{path}{separator}api_key={}", secret(role));
        self.send(Request::builder().uri(uri).body(Body::empty()).unwrap())
    }

    /// A POST of a body of a type, with further headers.
    pub(crate) fn post(&self, path: &str, content_type: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let mut request = Request::builder().method("POST").uri(path).header("content-type", content_type);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap())
    }

    /// A POST of a JSON object into which the key of a role is put.
    pub(crate) fn json(&self, role: Role, path: &str, mut body: Value) -> Answered {
        body["api_key"] = secret(role).into();
        self.post(path, "application/json", &[], &body.to_string())
    }
}
