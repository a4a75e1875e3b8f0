//! The reference lists of version 2: all of a list, or the row of one id.

use axum::Extension;
use axum::extract::State;
use quittance_engine::keys::Actor;
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};

use super::sent::Sent;
use super::{quirks, to_wire, wire};

pub(super) async fn billing_cycles(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let id = sent.params.int("billing_cycle_id")?;
    let rows: Vec<wire::Cycle> = shown_cycles(&state, &actor)
        .await?
        .into_iter()
        .filter(|(known, _)| id.is_none_or(|id| id == *known))
        .map(|(known, name)| wire::Cycle { billing_cycle_id: known, billing_cycle_name: name })
        .collect();
    to_wire::answer("billing_cycles", rows, None)
}

/// The billing cycles that a network shows: the seed's, and those that parties have.
pub(super) async fn shown_cycles(state: &AppState, actor: &Actor) -> Result<Vec<(i64, &'static str)>, Problem> {
    let call = actor.call((state.clock)());
    let used = state.run(move |engine| engine.cycles_in_use(&call)).await?;
    let used: Vec<i64> = used.iter().map(|title| quirks::cycle(Some(title)).0).collect();
    let shown = quirks::CYCLES.iter().filter(|(id, _, _)| *id <= quirks::SEED_CYCLES || used.contains(id));
    Ok(shown.map(|(id, _, name)| (*id, *name)).collect())
}

pub(super) async fn payment_methods(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let id = sent.params.int("payment_method_id")?;
    let call = actor.call((state.clock)());
    let systems = state.run(move |engine| engine.payment_systems(&call)).await?;
    let wanted = systems.into_iter().filter(|system| id.is_none_or(|id| id == system.system_id));
    let rows: Vec<wire::Method> = wanted
        .map(|system| wire::Method {
            payment_method_id: system.system_id,
            payment_type_id: quirks::payment_type(&system.payment_type).0,
            payment_method_name: system.title,
        })
        .collect();
    to_wire::answer("payment_methods", rows, None)
}

pub(super) async fn payment_types(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let id = sent.params.int("payment_type_id")?;
    let rows: Vec<wire::PaymentType> = shown_types(&state, &actor)
        .await?
        .into_iter()
        .filter(|(known, _)| id.is_none_or(|id| id == *known))
        .map(|(known, name)| wire::PaymentType { payment_type_id: known, payment_type_name: name })
        .collect();
    to_wire::answer("payment_types", rows, None)
}

/// The payment types that a network shows: the seed's, and those of its payment systems.
pub(super) async fn shown_types(state: &AppState, actor: &Actor) -> Result<Vec<(i64, &'static str)>, Problem> {
    let call = actor.call((state.clock)());
    let systems = state.run(move |engine| engine.payment_systems(&call)).await?;
    let used: Vec<i64> = systems.iter().map(|system| quirks::payment_type(&system.payment_type).0).collect();
    let shown = quirks::TYPES.iter().filter(|(id, _, _)| *id <= quirks::SEED_TYPES || used.contains(id));
    Ok(shown.map(|(id, _, name)| (*id, *name)).collect())
}

pub(super) async fn currencies(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let id = sent.params.int("currency_id")?;
    let symbol = sent.params.text("currency_symbol").map(str::to_owned);
    let call = actor.call((state.clock)());
    let on = state.run(move |engine| engine.currencies_in_order(&call)).await?;
    let rows: Vec<wire::CurrencyRow> = quirks::currencies(&on)
        .into_iter()
        .filter(|(known, _)| id.is_none_or(|id| id == *known))
        .filter(|(_, currency)| symbol.as_ref().is_none_or(|symbol| symbol.eq_ignore_ascii_case(currency.code())))
        .map(|(known, currency)| wire::CurrencyRow {
            currency_id: known,
            currency_name: quirks::currency_name(currency),
            currency_symbol: currency.code(),
        })
        .collect();
    to_wire::answer("currencies", rows, None)
}
