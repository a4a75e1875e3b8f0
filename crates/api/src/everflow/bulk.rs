//! Bulk edits of partners and advertisers, and their previews.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use quittance_domain::ids::PartyKind;
use quittance_engine::Call;
use quittance_engine::keys::Actor;
use quittance_engine::parties::{PartyFilter, PartyProblem, PartyRow};
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::error::bad;
use super::from_wire::Fields;
use super::patchable::{Patch, Patches};
use super::quirks::PATCHED_MAX;

/// What is asked for: which parties get what.
struct Bulk {
    kind: PartyKind,
    ids: Vec<i64>,
    patches: Patches,
}

impl Bulk {
    fn read(kind: PartyKind, body: &Bytes) -> Result<Bulk, Problem> {
        let body = Fields::of_body(body)?;
        let key = format!("network_{}_ids", kind.as_str());
        let ids = body.ids(&[&key])?;
        let mut ids = body.required(&key, ids)?;
        ids.sort_unstable();
        ids.dedup();
        if ids.len() > PATCHED_MAX {
            return Err(body.invalid(&key, &format!("at most {PATCHED_MAX} are changed at a time")));
        }
        Ok(Bulk { kind, ids, patches: Patches::read(&body, kind.as_str())? })
    }

    /// What is wrong with the change of a party, and the property that it is about.
    fn told(&self, problem: &PartyProblem) -> (Option<String>, String) {
        let field = self.patches.field_of(&problem.field);
        let detail = &problem.detail;
        let named = field.clone().filter(|field| !detail.starts_with(field.as_str()));
        let starts = detail.starts_with("billing_frequency_");
        let text = match named {
            Some(field) if !starts => format!("{field}: {detail}"),
            _ => detail.clone(),
        };
        (field, text)
    }
}

async fn apply(state: AppState, actor: Actor, kind: PartyKind, body: Bytes) -> Result<Answer, Problem> {
    let bulk = Bulk::read(kind, &body)?;
    let call = actor.call((state.clock)());
    let done = state.run(move |engine| {
        let problems = engine.update_parties(&call, kind, &bulk.ids, &|row| bulk.patches.entry(row))?;
        Ok(problems.first().map(|problem| format!("{kind} {}: {}", problem.party_id, bulk.told(problem).1)))
    });
    match done.await? {
        None => Ok(Answer::json(StatusCode::OK, &json!({ "result": true }))),
        Some(wrong) => Err(bad("fields", wrong)),
    }
}

/// The change of one property of a party.
fn change(call: &Call, bulk: &Bulk, row: &PartyRow, patch: &Patch, wrong: Option<&str>) -> Value {
    let (word, party) = (bulk.kind.as_str(), &row.party);
    let field = |value: Value| json!({ "field_type": patch.field, "field_value": value, "operator": "overwrite" });
    json!({
        format!("network_{word}"): {
            format!("network_{word}_id"): party.party_id,
            "network_id": call.network.get(),
            "name": party.name,
            "account_status": party.status,
        },
        "change_status": if wrong.is_some() { "error" } else { "ok" },
        "current_field": field(bulk.patches.current(row, patch)),
        "changed_field": field(patch.value.clone()),
        "error_message": wrong.unwrap_or(""),
        "related_changes": "",
    })
}

/// The changes of parties one by one, and what is wrong with parties as a whole.
fn preview(call: &Call, bulk: &Bulk, rows: &[PartyRow], problems: &[PartyProblem]) -> Value {
    let (mut changes, mut errors) = (Vec::new(), Vec::new());
    let resource = |id: i64, text: &str| json!({ "resource_id": id, "error_message": text });
    for id in &bulk.ids {
        let Some(row) = rows.iter().find(|row| row.party.party_id == *id) else {
            errors.push(resource(*id, &format!("there is no {} {id}", bulk.kind)));
            continue;
        };
        let told: Vec<_> = problems.iter().filter(|one| one.party_id == *id).map(|one| bulk.told(one)).collect();
        for patch in &bulk.patches.patches {
            let own = told.iter().find(|(field, _)| field.as_ref() == Some(&patch.field));
            changes.push(change(call, bulk, row, patch, own.map(|(_, text)| text.as_str())));
        }
        let named =
            |field: &Option<String>| bulk.patches.patches.iter().any(|patch| Some(&patch.field) == field.as_ref());
        errors.extend(told.iter().filter(|(field, _)| !named(field)).map(|(_, text)| resource(*id, text)));
    }
    json!({ "changes": changes, "resource_errors": errors })
}

async fn submit(state: AppState, actor: Actor, kind: PartyKind, body: Bytes) -> Result<Answer, Problem> {
    let bulk = Bulk::read(kind, &body)?;
    let call = actor.call((state.clock)());
    let shown = state.run(move |engine| {
        let filter = PartyFilter { after: i64::MIN, ids: Some(bulk.ids.clone()), ..PartyFilter::default() };
        let rows = engine.parties_page(&call, kind, &filter, bulk.ids.len() as i64)?;
        let known: Vec<i64> = rows.iter().map(|row| row.party.party_id).collect();
        let problems = engine.check_parties(&call, kind, &known, &|row| bulk.patches.entry(row))?;
        Ok(preview(&call, &bulk, &rows, &problems))
    });
    Ok(Answer::json(StatusCode::OK, &shown.await?))
}

pub(super) async fn apply_to_partners(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    apply(state, actor, PartyKind::Affiliate, body).await
}

pub(super) async fn apply_to_advertisers(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    apply(state, actor, PartyKind::Advertiser, body).await
}

pub(super) async fn preview_of_partners(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    submit(state, actor, PartyKind::Affiliate, body).await
}

pub(super) async fn preview_of_advertisers(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    submit(state, actor, PartyKind::Advertiser, body).await
}
