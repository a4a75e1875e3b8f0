//! A network for the tests of the Affise interface, and calls as Affise's clients make them.

use axum::body::Body;
use axum::http::Request;
use quittance_engine::keys::Role;
use quittance_http::Limits;
use quittance_testkit::{Network, TestDatabase};
use serde_json::{Value, json};

use crate::server::{Answered, Server, secret};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A network with USD (minimum 5) and EUR, PayPal, a manager, and the affiliates 1 and 2 that can be paid; 3 cannot. It is
/// noon of 2026-01-31.
pub(crate) fn network(database: &TestDatabase) -> Network {
    let mut network = Network::create(database.engine());
    network.at("2026-01-31");
    let method = |who: &str| json!([{ "system": 13, "currency": "USD", "main": true, "fields": { "4": format!("{who}@example.com") } }]);
    let file = json!({
        "network": { "require_payment_method": true },
        "currencies": [{ "code": "USD", "minimum_payment": "5" }, { "code": "EUR" }],
        "payment_systems": [{
            "id": 13, "title": "PayPal", "type": "paypal", "currency": "USD",
            "fields": [{ "id": 4, "label": "Email", "required": true }],
        }],
        "managers": [{ "id": 31, "name": "Dana Reyes", "email": "dana@example.com" }],
        "affiliates": [
            { "id": 1, "manager": 31, "payment_methods": method("one") },
            { "id": 2, "payment_methods": method("two") },
        ],
    });
    let report = network.engine.import_network(network.call.now, Some("test"), &file).expect("an import");
    report.expect("a file without problems");
    network
}

/// The interface over a network.
pub(crate) struct Affise {
    server: Server,
}

impl Affise {
    /// Serves a network.
    pub(crate) fn serve(database: &TestDatabase, network: &Network) -> Affise {
        Affise::serve_with(database, network, Limits::default())
    }

    /// The same within other limits.
    pub(crate) fn serve_with(database: &TestDatabase, network: &Network, limits: Limits) -> Affise {
        Affise { server: Server::start(database.engine(), &network.call, limits) }
    }

    /// Another server over a network that is served, with the same keys.
    pub(crate) fn serve_again(database: &TestDatabase, network: &Network) -> Affise {
        Affise { server: Server::over(database.engine(), &network.call, Limits::default()) }
    }

    /// Serves a network; new keys get this secret.
    pub(crate) fn serve_with_secret(database: &TestDatabase, network: &Network, secret: &str) -> Affise {
        let server = Server::start(database.engine(), &network.call, Limits::default());
        Affise { server: server.drawing(secret) }
    }

    /// Sends a request from a runtime that goes on afterwards.
    pub(crate) fn send_in(&self, runtime: &tokio::runtime::Runtime, request: Request<Body>) -> Answered {
        self.server.send_in(runtime, request)
    }

    pub(crate) fn send(&self, request: Request<Body>) -> Answered {
        self.server.send(request)
    }

    pub(crate) fn call(&self, role: Role, method: &str, path: &str, kind: &str, body: &str) -> Answered {
        let request = Request::builder().method(method).uri(path).header("API-Key", secret(role));
        self.send(request.header("content-type", kind).body(Body::from(body.to_owned())).unwrap())
    }

    /// A GET of an administrator that is answered with success.
    pub(crate) fn get(&self, path: &str) -> Value {
        success(&self.call(Role::Admin, "GET", path, FORM, ""))
    }

    /// A form of an administrator that is answered with success.
    pub(crate) fn post(&self, path: &str, form: &str) -> Value {
        success(&self.call(Role::Admin, "POST", path, FORM, form))
    }

    /// A DELETE of an administrator that is answered with success.
    pub(crate) fn delete(&self, path: &str) -> Value {
        success(&self.call(Role::Admin, "DELETE", path, FORM, ""))
    }

    /// The text with which a form of an administrator is refused as a bad request.
    pub(crate) fn refused(&self, path: &str, form: &str) -> String {
        failure(&self.call(Role::Admin, "POST", path, FORM, form), 400)
    }

    /// The payments of the month.
    pub(crate) fn payments(&self) -> Vec<Value> {
        let list = self.get("/3.1/payments?date_from=2026-01-01&date_to=2026-01-31");
        list["payments"].as_array().unwrap().clone()
    }
}

/// The body of a success.
pub(crate) fn success(answered: &Answered) -> Value {
    assert_eq!(answered.status, 200, "{}", answered.text);
    assert_eq!(answered.headers["content-type"], "application/json");
    let body = answered.json();
    assert_eq!(body["status"], 1, "{body}");
    body
}

/// The text of a failure, which has it twice.
pub(crate) fn failure(answered: &Answered, status: u16) -> String {
    assert_eq!(answered.status.as_u16(), status, "{}", answered.text);
    assert_eq!(answered.headers["content-type"], "application/json");
    let body = answered.json();
    let text = body["error"].as_str().unwrap().to_owned();
    assert_eq!(body, json!({ "status": 2, "error": text, "message": text }));
    text
}
