//! Affiliates and advertisers of version 2, as far as billing needs them.

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use quittance_domain::ids::PartyKind;
use quittance_engine::keys::Actor;
use quittance_engine::{Engine, Error};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use serde_json::{Map, Value, json};

use super::params::Params;
use super::sent::Sent;
use super::{from_wire, quirks, to_wire};

pub(super) async fn affiliates(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let filter = from_wire::parties(&actor, &sent.params, "affiliate")?;
    let page = sent.params.rows(quirks::PARTY_ROWS)?;
    let call = actor.call((state.clock)());
    let listed = state.run(move |engine| engine.parties(&call, PartyKind::Affiliate, &filter, page)).await?;
    let rows: Vec<_> = listed.parties.iter().map(to_wire::affiliate).collect();
    to_wire::answer("affiliates", rows, Some(("total_rows", listed.total)))
}

pub(super) async fn advertisers(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(sent): Extension<Sent>,
) -> Result<Answer, Problem> {
    let filter = from_wire::parties(&actor, &sent.params, "advertiser")?;
    let page = sent.params.rows(quirks::PARTY_ROWS)?;
    let call = actor.call((state.clock)());
    let listed = state.run(move |engine| engine.parties(&call, PartyKind::Advertiser, &filter, page)).await?;
    let rows: Vec<_> = listed.parties.iter().map(to_wire::advertiser).collect();
    // The page of advertisers counts `total_records`, all others `total_rows`.
    to_wire::answer("advertisers", rows, Some(("total_records", listed.total)))
}

/// Names of this interface, and the keys of a party's entry that they stand for.
const NAMES: [(&str, &str); 4] = [
    ("account_manager_id", "manager"),
    ("website", "website"),
    ("phone", "phone"),
    // An id of CAKE's own table of countries: kept as it is sent.
    ("country_id", "country"),
];

/// The entry of a party that a request is about.
fn entry(params: &Params, kind: &str) -> Result<Map<String, Value>, Problem> {
    let mut entry = Map::new();
    if let Some(name) = params.text(&format!("{kind}_name")) {
        entry.insert("name".to_owned(), name.into());
    }
    if let Some(status) = from_wire::status(params, &format!("{kind}_status"))? {
        entry.insert("status".to_owned(), status.into());
    }
    for (name, key) in NAMES {
        let value: Option<Value> = match name {
            "account_manager_id" => params.int(name)?.map(Value::from),
            _ => params.text(name).map(Value::from),
        };
        entry.extend(value.map(|value| (key.to_owned(), value)));
    }
    let cycle = |text: &str| {
        let id: i64 = text.parse().ok()?;
        quirks::CYCLES.iter().find(|(known, _, _)| *known == id).map(|(_, cycle, _)| cycle.title())
    };
    if let Some(title) = params.parsed("billing_cycle_id", "an id of billing_cycles.json", cycle)? {
        entry.insert("billing_cycle".to_owned(), title.into());
    }
    if let Some(minimum) = params.text("minimum_payment_threshold") {
        entry.insert("minimum_payment".to_owned(), minimum.into());
    }
    Ok(entry)
}

/// The rail of a payment type's id.
fn rail(params: &Params) -> Result<Option<&'static str>, Problem> {
    let of_id = |text: &str| {
        let id: i64 = text.parse().ok()?;
        quirks::TYPES.iter().find(|(known, _, _)| *known == id).map(|(_, rail, _)| *rail)
    };
    params.parsed("payment_type_id", "an id of payment_types.json", of_id)
}

/// The method of a party that is paid by a rail: through the network's first payment system of it.
fn method(engine: &Engine, call: &quittance_engine::Call, rail: &str) -> quittance_engine::Result<Value> {
    let systems = engine.payment_systems(call)?;
    let found = systems.iter().find(|system| system.payment_type == rail).ok_or_else(|| {
        let name = quirks::payment_type(rail).1;
        let detail = format!("payment_type_id: the network has no payment system of the type {name}");
        Error::invalid("payment_type_id", detail)
    })?;
    Ok(json!([{ "system": found.system_id, "main": true }]))
}

/// What the engine says of an entry, in the names of this interface.
fn in_own_names(error: Error, kind: PartyKind) -> Error {
    let Error::Invalid { field, detail } = error else { return error };
    let own = match field.as_str() {
        "name" => format!("{kind}_name"),
        "status" => format!("{kind}_status"),
        "manager" => "account_manager_id".to_owned(),
        "country" => "country_id".to_owned(),
        "billing_cycle" => "billing_cycle_id".to_owned(),
        "minimum_payment" => "minimum_payment_threshold".to_owned(),
        field if field.starts_with("payment_methods") => "payment_type_id".to_owned(),
        field => field.to_owned(),
    };
    let why = detail.strip_prefix(&format!("{field}: ")).unwrap_or(&detail);
    Error::invalid(own.clone(), format!("{own}: {why}"))
}

/// Who is written: the id of one that is there, or none for a new one.
struct Write {
    state: AppState,
    actor: Actor,
    headers: HeaderMap,
    params: Params,
    route: &'static str,
    kind: PartyKind,
    id: Option<i64>,
}

impl Write {
    async fn carry_out(self, mut entry: Map<String, Value>) -> Result<Answer, Problem> {
        let Write { state, actor, headers, params, route, kind, id } = self;
        let rail = rail(&params)?;
        let call = actor.call((state.clock)());
        once(&state, &actor, route, &headers, &params.compared(), |claimed| async {
            let written = state.run(move |engine| {
                let call = quittance_engine::Call { claimed, ..call };
                if let Some(rail) = rail {
                    entry.insert("payment_methods".to_owned(), method(engine, &call, rail)?);
                }
                let written = match id {
                    Some(id) => engine.update_party(&call, kind, id, &entry),
                    None => engine.create_party(&call, kind, &entry),
                };
                let written = written.map_err(|error| in_own_names(error, kind))?;
                Ok(to_wire::written(&written.row, &engine.managers(&call)?, &engine.zone_of(&call)?))
            });
            written.await?
        })
        .await
    }
}

/// A new party needs a name and a manager; its status is this one where none is given.
fn new_entry(params: &Params, kind: &str, status: &str) -> Result<Map<String, Value>, Problem> {
    let mut entry = entry(params, kind)?;
    Params::required(&format!("{kind}_name"), params.text(&format!("{kind}_name")))?;
    Params::required("account_manager_id", params.text("account_manager_id"))?;
    entry.entry("status").or_insert_with(|| status.into());
    Ok(entry)
}

pub(super) async fn create_affiliate(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(Sent { params, .. }): Extension<Sent>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let entry = new_entry(&params, "affiliate", "pending")?;
    let (route, kind) = ("POST /api/2/affiliate.json", PartyKind::Affiliate);
    Write { state, actor, headers, params, route, kind, id: None }.carry_out(entry).await
}

pub(super) async fn update_affiliate(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(Sent { params, .. }): Extension<Sent>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    let entry = entry(&params, "affiliate")?;
    let id = Some(Params::required("affiliate_id", params.int("affiliate_id")?)?);
    let (route, kind) = ("POST /api/2/update_affiliate.json", PartyKind::Affiliate);
    Write { state, actor, headers, params, route, kind, id }.carry_out(entry).await
}

pub(super) async fn create_advertiser(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Extension(Sent { params, .. }): Extension<Sent>,
    headers: HeaderMap,
) -> Result<Answer, Problem> {
    if params.text("payment_type_id").is_some() {
        let detail = "payment_type_id: an advertiser pays the network, and has no payment type here";
        return Err(Problem::bad_request("payment_type_id", detail));
    }
    let entry = new_entry(&params, "advertiser", "active")?;
    let (route, kind) = ("POST /api/2/advertiser.json", PartyKind::Advertiser);
    Write { state, actor, headers, params, route, kind, id: None }.carry_out(entry).await
}
