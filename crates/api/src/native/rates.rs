//! Rates of exchange: a file in, a range of days out.

use std::fmt;
use std::str::FromStr;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Query as Pairs, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::currency::Currency;
use quittance_domain::time::Day;
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};

use super::describe::{Given, Listed, Parameters};
use super::list::{Asked, List, Window};
use super::params::{Form, Param, Query, param};
use super::wire;

/// How many days are listed where the first one is not named.
const DAYS_LISTED: i32 = 7;

/// The list of rates.
pub(super) struct Rates {
    from: Option<Day>,
    through: Option<Day>,
}

/// The place of a rate: its day and its pair.
#[derive(Clone, PartialEq)]
pub(super) struct Place(Day, Currency, Currency);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0.number(), self.1, self.2)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Place, ()> {
        let parts: Vec<&str> = text.split('.').collect();
        let [day, base, quoted] = parts[..] else { return Err(()) };
        let currency = |code| Currency::parse(code).map_err(drop);
        Ok(Place(Day::from_number(day.parse().map_err(drop)?), currency(base)?, currency(quoted)?))
    }
}

impl List for Rates {
    type Row = wire::Rate;
    type Key = Place;
    const NAME: &'static str = "rates";
    const SORTS: &'static [&'static str] = &["date"];
    const FILTERS: &'static [Param] = &[
        param("from", Form::Day, "From this day on; left out: a week before the last."),
        param("through", Form::Day, "Up to this day; left out: today."),
    ];

    fn page(&self, engine: &Engine, call: &Call, window: &Window<Place>) -> Result<Vec<(Place, wire::Rate)>, Error> {
        let through = self.through.map_or_else(|| engine.day_of(call, call.now), Ok)?;
        let from = self.from.unwrap_or(through.plus_days(-DAYS_LISTED));
        let after = window.after.clone().map(|Place(day, base, quoted)| (day, base, quoted));
        let rates = engine.rates_after(call, (from, through), after, window.limit)?;
        Ok(rates.iter().map(|rate| (Place(rate.day, rate.base, rate.quoted), wire::rate(rate))).collect())
    }
}

/// Lists rates of exchange.
#[utoipa::path(get, path = "/rates", tag = "Rates", params(Listed<Rates>),
    responses((status = 200, description = "A page of rates, by day and pair.", body = wire::RatePage)))]
pub(super) async fn list(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Rates>()?;
    let list = Rates { from: query.day("from")?, through: query.day("through")? };
    asked.answer(&query, list).await
}

/// Where rates are from.
struct ImportParameters;

impl Parameters for ImportParameters {
    const ALL: &'static [Param] =
        &[param("source", Form::Text, "Where they are from; left out: `api`."), super::params::DECIMAL];
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
    let decimal = query.decimal_mark()?.unwrap_or_default();
    let call = actor.call((state.clock)());
    let content = body.clone();
    once(&state, &actor, "POST rates", &headers, &body, |_| async {
        let report =
            state.run(move |engine| engine.import_rates_with(&call, content.as_ref(), &source, decimal)).await?;
        Answer::of(StatusCode::OK, &wire::rates_report(&report))
    })
    .await
}
