//! Rates of exchange: a file in, a range of days out.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query as Pairs, State};
use axum::http::{HeaderMap, StatusCode};
use quittance_engine::keys::Actor;
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};

use super::describe::{Given, Parameters};
use super::params::{Form, Param, Query, param};
use super::wire;

/// How many days are listed where the first one is not named.
const DAYS_LISTED: i32 = 7;

/// The days that are listed.
struct RateParameters;

impl Parameters for RateParameters {
    const ALL: &'static [Param] = &[
        param("from", Form::Day, "From this day on; left out: a week before the last."),
        param("through", Form::Day, "Up to this day; left out: today."),
    ];
}

/// Lists rates of exchange.
#[utoipa::path(get, path = "/rates", tag = "Rates", params(Given<RateParameters>),
    responses((status = 200, description = "The rates by day and pair.", body = wire::Rates)))]
pub(super) async fn list(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
) -> Result<Answer, Problem> {
    let query = Query::of(pairs, RateParameters::ALL)?;
    let (from, through) = (query.day("from")?, query.day("through")?);
    let call = actor.call((state.clock)());
    let rates = state.run(move |engine| {
        let through = match through {
            Some(through) => through,
            None => engine.zone_of(&call)?.day_of(call.now),
        };
        engine.rates(&call, from.unwrap_or(through.plus_days(-DAYS_LISTED)), through)
    });
    Answer::of(StatusCode::OK, &wire::Rates { rates: rates.await?.iter().map(wire::rate).collect() })
}

/// Where rates are from.
struct ImportParameters;

impl Parameters for ImportParameters {
    const ALL: &'static [Param] = &[param("source", Form::Text, "Where they are from; left out: `api`.")];
}

/// Imports rates of exchange.
///
/// The body is a file of the European Central Bank, CSV or XML, daily or historical, or rows of `date,base,quote,rate`.
#[utoipa::path(post, path = "/rates", tag = "Rates", params(Given<ImportParameters>),
    request_body(content((String = "text/csv"), (String = "application/xml"))),
    responses((status = 200, description = "What became of the rows.", body = wire::RatesReport)))]
pub(super) async fn import(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let query = Query::of(pairs, ImportParameters::ALL)?;
    let source = query.text("source").unwrap_or("api").to_owned();
    let call = actor.call((state.clock)());
    let content = body.clone();
    once(&state, &actor, "POST rates", &headers, &body, |_| async {
        let report = state.run(move |engine| engine.import_rates(&call, content.as_ref(), &source)).await?;
        Answer::of(StatusCode::OK, &wire::rates_report(&report))
    })
    .await
}
