//! Rates of exchange: a file in, a range of days out.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query as Pairs, State};
use axum::http::{HeaderMap, StatusCode};
use quittance_engine::keys::Actor;
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use serde_json::json;

use super::params::Query;
use super::wire;

/// How many days are listed where the first one is not named.
const DAYS_LISTED: i32 = 7;

pub(super) async fn list(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
) -> Result<Answer, Problem> {
    let query = Query::read(pairs, &["from", "through"])?;
    let (from, through) = (query.day("from")?, query.day("through")?);
    let call = actor.call((state.clock)());
    let rates = state.run(move |engine| {
        let through = match through {
            Some(through) => through,
            None => engine.zone_of(&call)?.day_of(call.now),
        };
        engine.rates(&call, from.unwrap_or(through.plus_days(-DAYS_LISTED)), through)
    });
    let rates: Vec<_> = rates.await?.iter().map(wire::rate).collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "rates": rates })))
}

pub(super) async fn import(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let query = Query::read(pairs, &["source"])?;
    let source = query.text("source").unwrap_or("api").to_owned();
    let call = actor.call((state.clock)());
    let content = body.clone();
    once(&state, &actor, "POST rates", &headers, &body, |_| async {
        let report = state.run(move |engine| engine.import_rates(&call, content.as_ref(), &source)).await?;
        Ok(Answer::json(StatusCode::OK, &wire::rates_report(&report)))
    })
    .await
}
