//! A server whose clock the tests set, with a key of each role.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use quittance_domain::conversion::{ConversionRecord, ConversionStatus};
use quittance_domain::time::{Timestamp, Zone, parse_instant};
use quittance_engine::keys::{NewKey, Role};
use quittance_engine::{Call, Engine};
use quittance_http::{AppState, Limits};
use quittance_testkit::TestDatabase;
use serde_json::{Value, json};
use tower::ServiceExt;

/// Where invoices of partners are.
pub(crate) const BILLINGS: &str = "/v1/networks/billings/affiliates";
/// Where a partner sees its own.
pub(crate) const OWN: &str = "/v1/affiliates/billings/affiliates";

pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) call: Call,
    routes: Router,
    clock: Arc<AtomicI64>,
}

/// The key of a role; of a party where it stands for one.
pub(crate) fn secret(role: Role, party: i64) -> String {
    format!("qk_{:0>40}", format!("{}{party}", role.as_str()))
}

impl Server {
    /// A server over a network made of a file.
    pub(crate) fn of(database: &TestDatabase, file: &Value, limits: Limits) -> Server {
        let engine = Arc::new(database.engine());
        let clock = Arc::new(AtomicI64::new(0));
        let report = engine.import_network(Timestamp::from_micros(0), None, file).unwrap().unwrap();
        let call = Call {
            network: report.network.network_id,
            actor: "test".into(),
            now: Timestamp::from_micros(0),
            claimed: None,
        };
        for role in [Role::Admin, Role::Finance, Role::Viewer, Role::Tracker] {
            engine.create_key(&call, &NewKey { role, party: None, name: String::new() }, &secret(role, 0)).unwrap();
        }
        for (list, role) in
            [("affiliates", Role::Affiliate), ("advertisers", Role::Advertiser), ("managers", Role::Manager)]
        {
            for party in file[list].as_array().into_iter().flatten() {
                let party = party["id"].as_i64().unwrap();
                let key = NewKey { role, party: Some(party), name: String::new() };
                engine.create_key(&call, &key, &secret(role, party)).unwrap();
            }
        }
        let now = Arc::clone(&clock);
        let now = move || Timestamp::from_micros(now.load(Ordering::Relaxed));
        let state = AppState::new(Arc::clone(&engine), Arc::new(now), limits, None);
        Server { engine, call, routes: quittance_api::routes(state), clock }
    }

    /// Sets the clock to an instant in UTC, or to Unix seconds.
    pub(crate) fn at(&mut self, instant: &str) {
        let instant = parse_instant(instant, &Zone::utc()).unwrap();
        self.clock.store(instant.micros(), Ordering::Relaxed);
        self.call.now = instant;
    }

    /// Approves conversions: `id affiliate offer day payout revenue`, one a line.
    pub(crate) fn approve(&self, lines: &str) {
        lines.lines().filter(|line| !line.trim().is_empty()).for_each(|line| self.receive("approved", line, |_| {}));
    }

    /// Receives a conversion in a status, with what else the tracker says of it.
    pub(crate) fn receive(&self, status: &str, line: &str, more: impl FnOnce(&mut ConversionRecord)) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let zone = self.engine.zone_of(&self.call).unwrap();
        let mut record = ConversionRecord {
            conversion_id: words[0].into(),
            affiliate_id: Some(quittance_domain::ids::AffiliateId::new(words[1].parse().unwrap())),
            offer_id: Some(quittance_domain::ids::OfferId::new(words[2].parse().unwrap())),
            status: ConversionStatus::parse(status),
            occurred_at: Some(parse_instant(&format!("{} 12:00:00", words[3]), &zone).unwrap()),
            payout: Some(words[4].into()),
            revenue: words.get(5).map(|revenue| (*revenue).into()),
            ..Default::default()
        };
        more(&mut record);
        let record = quittance_engine::ingest::Positioned { position: 1, record };
        let report = self.engine.ingest(&self.call, &[record], None).unwrap();
        assert_eq!(report.counts.rejected, 0, "{:?}", report.rejections);
    }

    pub(crate) fn send(&self, request: Request<Body>) -> (StatusCode, Value, HeaderMap) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let response = self.routes.clone().oneshot(request).await.unwrap();
            let (status, headers) = (response.status(), response.headers().clone());
            let body = axum::body::to_bytes(response.into_body(), 1 << 26).await.unwrap();
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null), headers)
        })
    }

    /// A request as a key; the answer must be what it is said to be.
    pub(crate) fn ask(&self, key: &str, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("X-Eflow-API-Key", key);
        let (status, json, headers) = self.send(request.body(Body::from(body.to_owned())).unwrap());
        for header in ["x-ratelimit-limit", "x-ratelimit-remaining"] {
            assert!(headers.contains_key(header), "{method} {path} has no {header}");
        }
        let failed = !status.is_success();
        assert_eq!(json.get("error").is_some(), failed, "{method} {path}: {status} {json}");
        assert_eq!(json.get("error"), json.get("Error"), "{method} {path}");
        (status, json)
    }

    /// A request of the network's own.
    pub(crate) fn network(&self, method: &str, path: &str, body: &str) -> (StatusCode, Value) {
        self.ask(&secret(Role::Admin, 0), method, path, body)
    }

    /// A request that succeeds.
    pub(crate) fn ok(&self, method: &str, path: &str, body: &str) -> Value {
        let (status, json) = self.network(method, path, body);
        assert_eq!(status, StatusCode::OK, "{method} {path} {body}: {json}");
        json
    }

    /// A request that is refused, with what the message says.
    pub(crate) fn refused(&self, method: &str, path: &str, body: &str, status: u16, says: &str) {
        let (found, json) = self.network(method, path, body);
        let text = json["error"].as_str().unwrap_or_default();
        assert_eq!(found.as_u16(), status, "{method} {path} {body}: {json}");
        assert!(text.contains(says), "{method} {path} {body}: {text:?} does not say {says:?}");
    }

    pub(crate) fn verified(&self) {
        for report in self.engine.verify(&self.call, false).unwrap() {
            assert!(report.ok(), "{}: {:#?}", report.id, report.violations);
        }
    }
}

/// A network of three partners, an advertiser and two offers, in UTC.
pub(crate) fn file() -> Value {
    json!({
        "network": { "name": "test", "time_zone": "UTC", "currency": "USD", "require_payment_method": "false" },
        "currencies": [{ "code": "USD" }, { "code": "EUR" }],
        "payment_systems": [{ "id": 1, "title": "Mass", "type": "masspay" }, { "id": 2, "title": "ACH", "type": "ach" },
            { "id": 3, "title": "PayPal", "type": "paypal", "fields": [{ "id": 1, "label": "Email", "required": true }] }],
        "managers": [{ "id": 3, "name": "Dana" }, { "id": 4, "name": "Kim" }],
        "advertisers": [{ "id": 1, "name": "Acme" }],
        "affiliates": [
            { "id": 1, "name": "Media One", "manager": 3, "payment_methods": [{ "system": 2, "main": true }] },
            { "id": 2, "name": "Google", "manager": 4 },
            { "id": 3, "name": "Third" },
        ],
        "offers": [{ "id": 1, "name": "First Offer", "advertiser": 1 }, { "id": 2, "name": "Second Offer", "advertiser": 1 }],
    })
}

/// A server over that network, on the 10th of February 2026.
pub(crate) fn server(database: &TestDatabase) -> Server {
    let mut server = Server::of(database, &file(), Limits::default());
    server.at("2026-02-10T12:00:00Z");
    server
}
