//! The network itself: its settings, its history, the balances it brings along, and the end of a party's data.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query as Pairs, State};
use axum::http::{HeaderMap, StatusCode};
use quittance_domain::ids::PartyKind;
use quittance_engine::Call;
use quittance_engine::keys::Actor;
use quittance_engine::networks::Network;
use quittance_engine::settings::{NAMES, Settings};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::params::{Body, Query};
use super::wire;

fn answer(network: &Network, settings: &Settings) -> Answer {
    Answer::json(StatusCode::OK, &wire::network(network, settings))
}

pub(super) async fn show(State(state): State<AppState>, Extension(actor): Extension<Actor>) -> Result<Answer, Problem> {
    let call = actor.call((state.clock)());
    let (network, settings) =
        state.run(move |engine| Ok((engine.network(call.network)?, engine.network_settings(&call)?))).await?;
    Ok(answer(&network, &settings))
}

/// Sets what the members say: texts, numbers, `true` and `false` as in the list; `null` is no value.
pub(super) async fn set(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let members = Body::read(&body, &NAMES)?;
    let changes: Vec<(String, String)> = members.each(|name, value| match value {
        Value::Null => Ok((name.to_owned(), "none".to_owned())),
        Value::String(text) => Ok((name.to_owned(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Ok((name.to_owned(), value.to_string())),
        _ => Err(Problem::bad_request(&format!("/{name}"), format!("{name}: {value} is no value of a setting"))),
    })?;
    let call = actor.call((state.clock)());
    let set = state.run(move |engine| {
        let changes: Vec<(&str, &str)> = changes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let settings = engine.set_network(&call, &changes)?;
        Ok((engine.network(call.network)?, settings))
    });
    let (network, settings) = set.await?;
    Ok(answer(&network, &settings))
}

/// The history of what is no invoice, oldest first.
pub(super) async fn changes(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
) -> Result<Answer, Problem> {
    let query = Query::read(pairs, &["subject", "cursor", "limit"])?;
    let (after, limit) = (query.int("cursor")?.unwrap_or(0), query.limit()?);
    let subject = query.text("subject").map(str::to_owned);
    let call = actor.call((state.clock)());
    let rows = state.run(move |engine| engine.changes(&call, after, subject.as_deref(), limit)).await?;
    let next = rows.last().filter(|_| i64::try_from(rows.len()) == Ok(limit)).map(|row| row.change_no.to_string());
    let changes: Vec<Value> = rows.iter().map(wire::change).collect();
    Ok(Answer::json(StatusCode::OK, &json!({ "changes": changes, "next_cursor": next })))
}

/// Takes over opening balances from a CSV file.
pub(super) async fn balances(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let call = actor.call((state.clock)());
    let content = body.clone();
    once(&state, &actor, "POST balances", &headers, &body, |_| async {
        let report = state.run(move |engine| engine.import_balances(&call, content.as_ref())).await?;
        Ok(Answer::json(StatusCode::OK, &wire::balances_report(&report)))
    })
    .await
}

pub(super) async fn erase_affiliate(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    erase(&state, &actor, PartyKind::Affiliate, &id).await
}

pub(super) async fn erase_advertiser(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    erase(&state, &actor, PartyKind::Advertiser, &id).await
}

/// Erases the personal data of a party. A repeat changes nothing.
async fn erase(state: &AppState, actor: &Actor, kind: PartyKind, id: &str) -> Result<Answer, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {kind} {id:?}"));
    let id: i64 = id.parse().map_err(|_| absent())?;
    let call: Call = actor.call((state.clock)());
    state.run(move |engine| engine.erase_party(&call, kind, id)).await?;
    Ok(Answer::json(StatusCode::OK, &json!({ "erased": { "kind": kind.as_str(), "id": id } })))
}
