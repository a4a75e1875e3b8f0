//! The reference lists of version 1. Their ids are those of version 2: one network has one table of each.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use quittance_domain::currency::Currency;
use quittance_engine::keys::Actor;
use quittance_http::{AppState, Problem};

use super::bills::{list, respond};
use super::named;
use super::tree::Value;
use crate::cake::from_wire::within_a_year;
use crate::cake::quirks;
use crate::cake::reference::{shown_cycles, shown_types};
use crate::cake::sent::Sent;

/// The decimals of a rate (recorded).
const RATE_DECIMALS: usize = 10;

fn named_rows(rows: Vec<(i64, &'static str)>, names: (&'static str, &'static str)) -> Vec<Value> {
    let row = |(id, name): (i64, &str)| Value::Object(vec![(names.0, Value::Int(id)), (names.1, Value::text(name))]);
    rows.into_iter().map(row).collect()
}

fn whole(name: &'static str, item: &'static str, rows: Vec<Value>) -> Value {
    let total = rows.len() as i64;
    list(name, item, rows, total)
}

pub(super) async fn billing_cycles(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    let service = named("BillingCycles");
    let rows = named_rows(shown_cycles(&state, &actor).await?, ("billing_cycle_id", "billing_cycle_name"));
    respond(&service, service.form(&sent), &whole("billing_cycles", "billing_cycle", rows))
}

pub(super) async fn payment_types(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    let service = named("PaymentTypes");
    let rows = named_rows(shown_types(&state, &actor).await?, ("payment_type_id", "payment_type_name"));
    respond(&service, service.form(&sent), &whole("payment_types", "payment_type", rows))
}

pub(super) async fn payment_settings(Extension(sent): Extension<Sent>) -> Result<Response, Problem> {
    let service = named("PaymentSettings");
    let rows = named_rows(quirks::PAYMENT_SETTINGS.to_vec(), ("payment_setting_id", "payment_setting_name"));
    respond(&service, service.form(&sent), &whole("payment_settings", "payment_setting", rows))
}

/// A currency: here its symbol is its sign, and the code its abbreviation.
fn currency((id, currency): (i64, Currency)) -> Value {
    Value::Object(vec![
        ("currency_id", Value::Int(id)),
        ("currency_symbol", Value::Text(currency.symbol())),
        ("currency_name", Value::Text(quirks::currency_name(currency))),
        ("currency_abbr", Value::text(currency.code())),
    ])
}

pub(super) async fn currencies(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    let service = named("Currencies");
    let call = actor.call((state.clock)());
    let on = state.run(move |engine| engine.currencies_in_order(&call)).await?;
    let rows = quirks::currencies(&on).into_iter().map(currency).collect();
    respond(&service, service.form(&sent), &whole("currencies", "currency", rows))
}

pub(super) async fn exchange_rates(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Response, Problem> {
    let service = named("ExchangeRates");
    let (from, through) = sent.params.days_in_either_order("start_date", "end_date")?;
    let (from, through) = within_a_year(from, through)?;
    let call = actor.call((state.clock)());
    let (on, rates) =
        state.run(move |engine| Ok((engine.currencies_in_order(&call)?, engine.rates(&call, from, through)?))).await?;
    let known = quirks::currencies(&on);
    let of = |wanted: Currency| known.iter().copied().find(|(_, currency)| *currency == wanted).map(currency);
    // A currency that the network has not switched on has no id.
    let rows = rates.iter().filter_map(|rate| {
        Some(Value::Object(vec![
            ("base_currency", of(rate.base)?),
            ("quote_currency", of(rate.quoted)?),
            ("start_date", Value::day(Some(rate.day))),
            ("end_date", Value::day(Some(rate.day.plus_days(1)))),
            ("rate", Value::Decimal(ten_decimals(&rate.quote.quote.to_string()))),
        ]))
    });
    respond(&service, service.form(&sent), &whole("exchange_rates", "exchange_rate", rows.collect()))
}

fn ten_decimals(decimal: &str) -> String {
    let (whole, part) = decimal.split_once('.').unwrap_or((decimal, ""));
    let part = part.get(..RATE_DECIMALS).unwrap_or(part);
    format!("{whole}.{part:0<RATE_DECIMALS$}")
}
