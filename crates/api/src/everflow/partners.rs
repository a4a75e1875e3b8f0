//! Partners: listed, read, made and replaced.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use quittance_domain::ids::PartyKind;
use quittance_engine::keys::Actor;
use quittance_engine::parties::{Party, PartyRow};
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::scope::check_manager;
use quittance_http::{AppState, Problem};
use serde_json::{Map, Value, json};

use super::error::absent;
use super::from_wire::{Fields, Page, only_known, query, relationships};
use super::wire::{amount, paging, seconds};
use super::{partner_billing, party_filter};

const KIND: PartyKind = PartyKind::Affiliate;

/// What is asked for beside a partner's own keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    billing: bool,
    balance: bool,
}

impl Asked {
    pub(super) fn read(pairs: &[(String, String)]) -> Asked {
        let names = relationships(pairs);
        let asks = |name: &str| names.iter().any(|asked| *asked == name || *asked == "all");
        Asked { billing: asks("billing"), balance: asks("affiliate_payment_balance") }
    }
}

pub(super) fn shown(
    engine: &Engine,
    call: &Call,
    rows: &[PartyRow],
    asked: Asked,
) -> quittance_engine::Result<Vec<Value>> {
    let ids: Vec<i64> = rows.iter().map(|row| row.party.party_id).collect();
    let methods = if asked.billing { engine.party_methods(call, KIND, &ids)? } else { Default::default() };
    let outstanding = if asked.balance { engine.outstanding(call, KIND, &ids)? } else { Default::default() };
    let one = |row: &PartyRow| {
        let party = &row.party;
        let mut relationship = json!({ "labels": { "total": 0, "entries": [] } });
        if asked.billing {
            let methods = methods.get(&party.party_id).map_or(&[][..], Vec::as_slice);
            relationship["billing"] = partner_billing::shown(party, methods);
        }
        if asked.balance {
            let balances = outstanding.get(&party.party_id).map_or(&[][..], Vec::as_slice);
            let entries: Vec<Value> = balances
                .iter()
                .map(|balance| json!({ "currency_id": balance.currency().code(), "balance": amount(*balance) }))
                .collect();
            relationship["affiliate_payment_balance"] = json!({ "total": entries.len(), "entries": entries });
        }
        partner(call, row, relationship)
    };
    Ok(rows.iter().map(one).collect())
}

/// Who has referred a partner.
fn referrer_of(party: &Party) -> Option<i64> {
    let rules: Map<String, Value> = serde_json::from_str(&party.rules).unwrap_or_default();
    rules.get("referrer")?.get("affiliate")?.as_i64()
}

fn partner(call: &Call, row: &PartyRow, relationship: Value) -> Value {
    let party = &row.party;
    json!({
        "network_affiliate_id": party.party_id,
        "network_id": call.network.get(),
        "name": party.name,
        "account_status": party.status,
        "network_employee_id": party.manager_id.unwrap_or(0),
        "internal_notes": row.profile.notes.clone().unwrap_or_default(),
        "has_notifications": false,
        "network_traffic_source_id": 0,
        "account_executive_id": 0,
        "adress_id": 0,
        "default_currency_id": party.currency.code(),
        "is_contact_address_enabled": false,
        "enable_media_cost_tracking_links": false,
        "referrer_id": referrer_of(party).unwrap_or(0),
        "time_created": seconds(row.created_at),
        "time_saved": seconds(row.updated_at),
        "relationship": relationship,
    })
}

pub(super) async fn list(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    uri: Uri,
) -> Result<Answer, Problem> {
    let pairs = query(&uri)?;
    only_known(&pairs, &["filter", "relationship"])?;
    let page = Page::read(&pairs, &Fields::of_body(b"")?)?;
    let (asked, filter) = (Asked::read(&pairs), party_filter::of_query(&actor, &pairs)?);
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let found = engine.parties(&call, KIND, &filter, (page.offset(), page.size))?;
        let rows = shown(engine, &call, &found.parties, asked)?;
        Ok(json!({ "affiliates": rows, "paging": paging(page, found.total) }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

fn partner_id(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| absent(format!("there is no affiliate {text:?}")))
}

pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Answer, Problem> {
    let (id, asked) = (partner_id(&id)?, Asked::read(&query(&uri)?));
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let row = engine.party(&call, KIND, id)?.row;
        check_manager(engine, &actor, &call, KIND, id)?;
        only(shown(engine, &call, &[row], asked)?)
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

fn only(mut shown: Vec<Value>) -> quittance_engine::Result<Value> {
    shown.pop().ok_or_else(|| quittance_engine::Error::NotFound("there is no such affiliate".to_owned()))
}

/// What a body says of a party besides its billing, as its entry in a network file.
pub(super) fn plain_entry(body: &Fields) -> Result<Map<String, Value>, Problem> {
    let mut entry = Map::new();
    let name = body.text(&["name"])?;
    entry.insert("name".to_owned(), body.required("name", name)?.into());
    let status = body.text(&["account_status"])?;
    entry.insert("status".to_owned(), status.unwrap_or_else(|| "active".to_owned()).into());
    let manager = body.int(&["network_employee_id"])?.filter(|id| *id != 0);
    entry.insert("manager".to_owned(), manager.map_or(Value::Null, Value::from));
    entry.insert("notes".to_owned(), body.text(&["internal_notes"])?.unwrap_or_default().into());
    if let Some(currency) = body.currency(&["default_currency_id"])? {
        entry.insert("currency".to_owned(), currency.code().into());
    }
    Ok(entry)
}

/// Refuses what a partner that was sent back says otherwise and cannot change here.
fn unchanged(body: &Fields, id: i64, before: &Party) -> Result<(), Problem> {
    for (name, own) in [("network_affiliate_id", id), ("referrer_id", referrer_of(before).unwrap_or(0))] {
        if body.int(&[name])?.is_some_and(|given| given != own && given != 0) {
            return Err(body.invalid(name, &format!("the partner's is {own}, and is not set here")));
        }
    }
    Ok(())
}

/// The entry that a network file would have for what was sent; `before` is the party where there is one.
fn entry(engine: &Engine, call: &Call, body: &Fields, before: Option<&Party>) -> Result<Map<String, Value>, Problem> {
    let of_engine = |error: quittance_engine::Error| Problem::of(&error);
    let mut entry = plain_entry(body)?;
    // A partner that is read without its billing and sent back keeps it.
    let billing = match body.has("billing") {
        true => Some(body.object("billing")?),
        false => match body.object("relationship")?.object("billing")? {
            nested if nested.keys().is_empty() => None,
            nested => Some(nested),
        },
    };
    if let Some(billing) = billing {
        let systems = engine.payment_systems(call).map_err(of_engine)?;
        partner_billing::read(&billing, before, &systems, &mut entry)?;
    }
    Ok(entry)
}

const WITH_BILLING: Asked = Asked { billing: true, balance: false };

pub(super) async fn create(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let fields = Fields::of_body(&body)?;
    let call = actor.call((state.clock)());
    once(&state, &actor, "POST /v1/networks/affiliates", &headers, &body, |claimed| async {
        let call = Call { claimed, ..call };
        let made = state.run(move |engine| {
            let entry = match entry(engine, &call, &fields, None) {
                Ok(entry) => entry,
                Err(problem) => return Ok(Err(problem)),
            };
            let row = engine.create_party(&call, KIND, &entry)?.row;
            Ok(Ok(only(shown(engine, &call, &[row], WITH_BILLING)?)?))
        });
        Ok(Answer::json(StatusCode::OK, &made.await??))
    })
    .await
}

pub(super) async fn update(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let (id, fields) = (partner_id(&id)?, Fields::of_body(&body)?);
    let call = actor.call((state.clock)());
    let changed = state.run(move |engine| {
        let before = engine.party(&call, KIND, id)?.row.party;
        if let Err(problem) = unchanged(&fields, id, &before) {
            return Ok(Err(problem));
        }
        let entry = match entry(engine, &call, &fields, Some(&before)) {
            Ok(entry) => entry,
            Err(problem) => return Ok(Err(problem)),
        };
        let row = engine.update_party(&call, KIND, id, &entry)?.row;
        Ok(Ok(only(shown(engine, &call, &[row], WITH_BILLING)?)?))
    });
    Ok(Answer::json(StatusCode::OK, &changed.await??))
}
