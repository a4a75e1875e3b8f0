//! Advertisers, listed with what the books know of them.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use quittance_domain::ids::PartyKind;
use quittance_engine::keys::Actor;
use quittance_engine::parties::PartyRow;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::from_wire::{Fields, Page, only_known, query};
use super::wire::{paging, seconds};
use super::{party_filter, zones};

/// Advertisers as they are shown in lists.
pub(super) fn shown(engine: &Engine, call: &Call, rows: &[PartyRow]) -> quittance_engine::Result<Vec<Value>> {
    let zone_id = zones::id_of(&engine.network(call.network)?.time_zone);
    Ok(rows.iter().map(|row| one(call, zone_id, row)).collect())
}

fn one(call: &Call, zone_id: i64, row: &PartyRow) -> Value {
    let party = &row.party;
    json!({
        "network_advertiser_id": party.party_id,
        "network_id": call.network.get(),
        "name": party.name,
        "account_status": party.status,
        "network_employee_id": party.manager_id.unwrap_or(0),
        "internal_notes": row.profile.notes.clone().unwrap_or_default(),
        "address_id": 0,
        "is_contact_address_enabled": false,
        "sales_manager_id": 0,
        "default_currency_id": party.currency.code(),
        "platform_name": "",
        "platform_url": row.profile.website.clone().unwrap_or_default(),
        "platform_username": "",
        "reporting_timezone_id": zone_id,
        "accounting_contact_email": party.email.clone().unwrap_or_default(),
        "time_created": seconds(row.created_at),
        "time_saved": seconds(row.updated_at),
        "relationship": { "labels": { "total": 0, "entries": [] } },
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
    let filter = party_filter::of_query(&actor, &pairs)?;
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let found = engine.parties(&call, PartyKind::Advertiser, &filter, (page.offset(), page.size))?;
        let rows = shown(engine, &call, &found.parties)?;
        Ok(json!({ "advertisers": rows, "paging": paging(page, found.total) }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}
