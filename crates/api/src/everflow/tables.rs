//! Tables of partners and advertisers: searched by name, filtered, in pages.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_engine::keys::Actor;
use quittance_engine::parties::PartyRow;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::from_wire::{Fields, Page, query};
use super::party_filter::TableFilter;
use super::wire::{amount, paging};
use super::{advertisers, partners};

/// The keys that rows of the vendor's table of partners have besides those of a partner.
fn with_table_keys(
    engine: &Engine,
    call: &Call,
    rows: &[PartyRow],
    shown: Vec<Value>,
) -> quittance_engine::Result<Vec<Value>> {
    let managers = engine.managers(call)?;
    let managers: HashMap<i64, String> = managers.into_iter().map(|one| (one.manager_id, one.name)).collect();
    let ids: Vec<i64> = rows.iter().map(|row| row.party.party_id).collect();
    let outstanding = engine.outstanding(call, PartyKind::Affiliate, &ids)?;
    let add = |(row, mut shown): (&PartyRow, Value)| {
        let party = &row.party;
        let left = outstanding.get(&party.party_id).into_iter().flatten();
        let own = left.copied().find(|left| left.currency() == party.currency);
        shown["account_manager_id"] = party.manager_id.unwrap_or(0).into();
        shown["account_manager_name"] =
            party.manager_id.and_then(|id| managers.get(&id)).cloned().unwrap_or_default().into();
        shown["account_executive_name"] = "".into();
        shown["balance"] = amount(own.unwrap_or(Money::zero(party.currency)));
        shown["today_revenue"] = "".into();
        shown["last_login"] = 0.into();
        shown["global_tracking_domain_url"] = "".into();
        shown["network_country_code"] = row.profile.country.clone().unwrap_or_default().into();
        shown
    };
    Ok(rows.iter().zip(shown).map(add).collect())
}

async fn table(state: AppState, actor: Actor, uri: Uri, body: Bytes, kind: PartyKind) -> Result<Answer, Problem> {
    let (pairs, body) = (query(&uri)?, Fields::of_body(&body)?);
    let page = Page::read(&pairs, &body)?;
    let filter = TableFilter::read(&actor, kind, &body)?;
    let asked = partners::Asked::read(&pairs);
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let filter = filter.resolve(engine, &call, kind)?;
        let found = engine.parties(&call, kind, &filter, (page.offset(), page.size))?;
        let (key, rows) = match kind {
            PartyKind::Affiliate => {
                let shown = partners::shown(engine, &call, &found.parties, asked)?;
                ("affiliates", with_table_keys(engine, &call, &found.parties, shown)?)
            }
            PartyKind::Advertiser => ("advertisers", advertisers::shown(engine, &call, &found.parties)?),
        };
        Ok(json!({ key: rows, "paging": paging(page, found.total) }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

pub(super) async fn of_partners(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    uri: Uri,
    body: Bytes,
) -> Result<Answer, Problem> {
    table(state, actor, uri, body, PartyKind::Affiliate).await
}

pub(super) async fn of_advertisers(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    uri: Uri,
    body: Bytes,
) -> Result<Answer, Problem> {
    table(state, actor, uri, body, PartyKind::Advertiser).await
}
