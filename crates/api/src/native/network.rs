//! The network itself: its settings, its history, the balances it brings along, and the end of a party's data.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Query as Pairs, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use quittance_domain::ids::PartyKind;
use quittance_engine::history::ChangeFilter;
use quittance_engine::keys::Actor;
use quittance_engine::networks::Network;
use quittance_engine::settings::Settings;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use serde_json::Value;

use super::describe::{Given, IfMatch, Listed, Parameters};
use super::events::Days;
use super::list::{Asked, List, Part, Window};
use super::params::{Body, Form, Param, Query, param};
use super::parties::{PartyPath, party_id};
use super::tags::{Expected, tagged};
use super::wire;

fn answer(network: &Network, settings: &Settings) -> Result<Response, Problem> {
    Ok(tagged(Answer::of(StatusCode::OK, &wire::network(network, settings))?))
}

/// Shows the network with its settings.
#[utoipa::path(get, path = "/network", tag = "Network",
    responses((status = 200, description = "The network.", body = wire::Network)))]
pub(super) async fn show(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
) -> Result<Response, Problem> {
    let call = actor.call((state.clock)());
    let (network, settings) =
        state.run(move |engine| Ok((engine.network(call.network)?, engine.network_settings(&call)?))).await?;
    answer(&network, &settings)
}

/// Sets settings of the network: all of them or none.
///
/// Texts, numbers, `true` and `false` as in the list; `null` is no value.
#[utoipa::path(patch, path = "/network", tag = "Network", params(IfMatch), request_body = wire::NetworkSettings,
    responses((status = 200, description = "The network as it is now.", body = wire::Network)))]
pub(super) async fn set(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let expected = Expected::of(&headers)?;
    let members = Body::of::<wire::NetworkSettings>(&body)?;
    let changes: Vec<(String, String)> = members.each(|name, value| match value {
        Value::Null => Ok((name.to_owned(), "none".to_owned())),
        Value::String(text) => Ok((name.to_owned(), text.clone())),
        Value::Number(_) | Value::Bool(_) => Ok((name.to_owned(), value.to_string())),
        _ => Err(Problem::bad_request(&format!("/{name}"), format!("{name}: {value} is no value of a setting"))),
    })?;
    let call = actor.call((state.clock)());
    let set = state.run(move |engine| {
        let changes: Vec<(&str, &str)> = changes.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let before = engine.network(call.network)?;
        let same = |settings: &Settings| expected.holds(&wire::network(&before, settings));
        let settings = engine.set_network_if(&call, &changes, &same)?;
        Ok((engine.network(call.network)?, settings))
    });
    let (network, settings) = set.await.map_err(Problem::in_body)?;
    answer(&network, &settings)
}

/// The history of what is no invoice.
pub(super) struct Changes {
    filter: ChangeFilter,
    days: Days,
}

impl List for Changes {
    type Row = wire::Change;
    type Key = i64;
    const NAME: &'static str = "changes";
    const SORTS: &'static [&'static str] = &["id"];
    const FILTERS: &'static [Param] = &[
        param("subject", Form::Text, "Only those of this kind of thing."),
        param("subject_id", Form::Text, "Only those of one thing. It goes with `subject`."),
        param("actor", Form::Text, "Only what was done by this one, as the history names it."),
        param("action", Form::Text, "Only this action."),
        param("from", Form::Day, "Not before this day."),
        param("to", Form::Day, "Not after this day."),
    ];

    fn part(&self, engine: &Engine, call: &Call, window: &Window<i64>) -> quittance_engine::Result<Part<Changes>> {
        let [from, before] = self.days.instants(engine, call)?;
        let mut filter = self.filter.clone();
        filter.from = from.unwrap_or(filter.from);
        filter.before = before.unwrap_or(filter.before);
        let found = engine.find_changes(call, &filter, window.after.unwrap_or(0), window.limit)?;
        Ok((found.rows.iter().map(|row| (row.change_no, wire::change(row))).collect(), found.next))
    }
}

/// Lists what has happened to what is no invoice, oldest first.
#[utoipa::path(get, path = "/changes", tag = "Network", params(Listed<Changes>),
    responses((status = 200, description = "A page of changes.", body = wire::ChangePage)))]
pub(super) async fn changes(asked: Asked) -> Result<Response, Problem> {
    let query = asked.query::<Changes>()?;
    let text = |name: &str| query.text(name).unwrap_or_default().to_owned();
    if query.text("subject_id").is_some() && query.text("subject").is_none() {
        return Err(Problem::bad_request("subject_id", "subject_id goes with subject: give both"));
    }
    let filter = ChangeFilter {
        subject: text("subject"),
        subject_id: text("subject_id"),
        actor: text("actor"),
        action: text("action"),
        ..ChangeFilter::default()
    };
    let days = Days::of(&query)?;
    asked.answer(&query, Changes { filter, days }).await
}

/// How opening balances are read.
struct BalancesParameters;

impl Parameters for BalancesParameters {
    const ALL: &'static [Param] = &[super::params::DECIMAL];
}

/// Takes over opening balances.
///
/// The body is CSV with the columns `kind` (affiliate or advertiser), `party_id`, `currency`, `amount` and, where it is
/// known, `date`.
#[utoipa::path(post, path = "/balances", tag = "Network", params(Given<BalancesParameters>),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, description = "What became of the rows.", body = wire::BalancesReport)))]
pub(super) async fn balances(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Pairs(pairs): Pairs<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let decimal = Query::of(pairs, BalancesParameters::ALL)?.decimal_mark()?.unwrap_or_default();
    let call = actor.call((state.clock)());
    let content = body.clone();
    once(&state, &actor, "POST balances", &headers, &body, |_| async {
        let report = state.run(move |engine| engine.import_balances_with(&call, content.as_ref(), decimal)).await?;
        Answer::of(StatusCode::OK, &wire::balances_report(&report))
    })
    .await
}

/// Erases the personal data of an affiliate, whose books are settled. A repeat changes nothing.
#[utoipa::path(post, path = "/affiliates/{id}/erase", tag = "Parties", params(PartyPath),
    responses((status = 200, description = "It is erased.", body = wire::Erased)))]
pub(super) async fn erase_affiliate(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    erase(&state, &actor, PartyKind::Affiliate, &id).await
}

/// Erases the personal data of an advertiser, whose books are settled. A repeat changes nothing.
#[utoipa::path(post, path = "/advertisers/{id}/erase", tag = "Parties", params(PartyPath),
    responses((status = 200, description = "It is erased.", body = wire::Erased)))]
pub(super) async fn erase_advertiser(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    erase(&state, &actor, PartyKind::Advertiser, &id).await
}

/// Erases the personal data of a party. A repeat changes nothing.
async fn erase(state: &AppState, actor: &Actor, kind: PartyKind, id: &str) -> Result<Answer, Problem> {
    let id = party_id(kind, id)?;
    let call: Call = actor.call((state.clock)());
    let erasure = state.run(move |engine| engine.erase_party(&call, kind, id)).await?;
    Answer::of(StatusCode::OK, &wire::Erased::party(kind, id, erasure))
}
