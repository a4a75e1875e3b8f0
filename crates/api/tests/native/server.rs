//! A server over a network with two invoices, called without a network between, with a key of each role.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use quittance_api::routes;
use quittance_domain::ids::PartyKind;
use quittance_domain::time::Timestamp;
use quittance_engine::billing::RunRequest;
use quittance_engine::keys::{NewKey, Role};
use quittance_http::{AppState, Limits};
use quittance_testkit::{Network, TestDatabase, day};
use serde_json::Value;
use tower::ServiceExt;

use crate::contract;

/// The server. The affiliate, advertiser and manager of its keys have the id 1; the manager looks after affiliate 1.
pub(crate) struct Server {
    pub(crate) state: AppState,
    pub(crate) network: Network,
}

/// What it has answered.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("a text")
    }
}

pub(crate) fn secret(role: Role) -> String {
    format!("qk_{:0>40}", role.as_str())
}

/// A server with the usual limits.
pub(crate) fn server(database: &TestDatabase) -> Server {
    Server::start(database, Limits::default())
}

impl Server {
    pub(crate) fn start(database: &TestDatabase, limits: Limits) -> Server {
        let mut network = Network::create(database.engine());
        network.at("2026-02-01");
        let managers = serde_json::json!({ "managers": [{ "id": 1, "name": "Dana Reyes" }] });
        network.engine.import_network(network.call.now, Some("test"), &managers).unwrap().unwrap();
        network.set_party(PartyKind::Affiliate, r#"{"id":1,"manager":1}"#);
        network.set_party(PartyKind::Advertiser, r#"{"id":1,"manager":1}"#);
        network.approve("a1 1 1 2026-01-05 10.00\na2 1 1 2026-01-06 2.50\nb1 2 1 2026-01-31 7");
        network.engine.bill(&network.call, &RunRequest::payable_through(day("2026-01-31")), &mut |_| {}).unwrap();
        for role in Role::ALL {
            let new = NewKey { role, party: role.stands_for_one().then_some(1), name: String::new() };
            network.engine.create_key(&network.call, &new, &secret(role)).unwrap();
        }
        let now: Timestamp = network.call.now;
        let engine = Arc::new(database.engine());
        let state = AppState::new(engine, Arc::new(move || now), limits, None)
            .with_secrets(Arc::new(|| Some(format!("qk_{}", "07".repeat(32)))));
        Server { state, network }
    }

    /// Sends a request, and compares the answer with the document.
    pub(crate) fn send(&self, request: Request<Body>) -> Answered {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.answer(request))
    }

    /// The same for a test that has a runtime.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Answered {
        let (method, uri) = (request.method().to_string(), request.uri().to_string());
        let response = routes(self.state.clone()).oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec();
        if !headers.contains_key("content-encoding") {
            contract::check(&method, &uri, status, &headers, &body);
        }
        Answered { status, headers, body }
    }

    /// A request of a role with further headers.
    pub(crate) fn with(&self, role: Role, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        let mut request = Request::builder().method(method).uri(format!("/billing/v1{path}"));
        request = request.header("authorization", format!("Bearer {}", secret(role)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).unwrap())
    }

    pub(crate) fn call(&self, role: Role, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let answered = self.with(role, method, path, &[], body);
        (answered.status, answered.json())
    }
}
