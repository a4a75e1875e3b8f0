//! The vendor's reference lists. Some clients ask for them without a key.

use axum::extract::State;
use axum::http::StatusCode;
use quittance_domain::currency::Currency;
use quittance_http::AppState;
use quittance_http::idempotency::Answer;
use serde_json::{Value, json};

use super::zones;

/// `GET /v1/meta/timezones`.
pub(super) async fn timezones(State(state): State<AppState>) -> Answer {
    Answer::json(StatusCode::OK, &json!({ "timezones": zones::all((state.clock)()) }))
}

/// `GET /v1/meta/currencies`.
pub(super) async fn currencies() -> Answer {
    let mut all: Vec<Currency> = Currency::all().collect();
    all.sort_by_key(|currency| currency.code());
    let all: Vec<Value> =
        all.iter().map(|currency| json!({ "currency_id": currency.code(), "name": currency.name() })).collect();
    Answer::json(StatusCode::OK, &json!({ "currencies": all }))
}
