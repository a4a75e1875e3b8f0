//! Changes of conversions: their status, amounts, sale amount and notes. Each stays until the tracker says something new of
//! the conversion, and reaches the next invoice.

use std::collections::{BTreeMap, HashSet};

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use quittance_domain::conversion::ConversionStatus;
use quittance_engine::ingest::{ConversionEdit, State as Stored};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine};
use quittance_http::idempotency::{Answer, once};
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::conversions::{absent, text_of};
use super::error::bad;
use super::from_wire::Fields;
use super::quirks::IDS_MAX;
use super::wire::amount;

/// Changes conversions, all of them or none.
fn change(engine: &Engine, call: &Call, edits: &[(String, ConversionEdit)]) -> quittance_engine::Result<()> {
    let ids: Vec<&str> = edits.iter().map(|(id, _)| id.as_str()).collect();
    let known = engine.conversions_by_ids(call, &ids)?;
    let known: HashSet<&str> = known.iter().map(|state| &*state.known.conversion.conversion_id).collect();
    if let Some(unknown) = ids.iter().find(|id| !known.contains(**id)) {
        return Err(absent(unknown));
    }
    engine.edit_shown_conversions(call, edits)?;
    Ok(())
}

async fn edit(state: &AppState, actor: &Actor, edits: Vec<(String, ConversionEdit)>) -> Result<Answer, Problem> {
    let call = actor.call((state.clock)());
    state.run(move |engine| change(engine, &call, &edits)).await?;
    Ok(Answer::json(StatusCode::OK, &json!({ "result": true })))
}

pub(super) async fn set_status(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let body = Fields::of_body(&body)?;
    let mut ids = body.texts("conversion_ids")?;
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() {
        return Err(bad("conversion_ids", "conversion_ids is required"));
    }
    let word = body.text(&["conversion_status"])?;
    let word = body.required("conversion_status", word)?;
    let status = match word.as_str() {
        "approved" => ConversionStatus::Approved,
        "rejected" => ConversionStatus::Rejected,
        "pending" => ConversionStatus::Pending,
        other => {
            return Err(body.invalid("conversion_status", &format!("{other:?} is none of approved, rejected, pending")));
        }
    };
    let to = ConversionEdit { status: Some(status), ..ConversionEdit::default() };
    edit(&state, &actor, ids.into_iter().map(|id| (id, to.clone())).collect()).await
}

/// The conversion of the path, which a body may name too.
fn named(id: &str, body: &Fields) -> Result<(), Problem> {
    match body.text(&["conversion_id"])? {
        Some(other) if other != id => {
            Err(body.invalid("conversion_id", &format!("{other:?} is not {id:?}, as in the address")))
        }
        _ => Ok(()),
    }
}

pub(super) async fn set_amounts(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let body = Fields::of_body(&body)?;
    named(&id, &body)?;
    let (payout, revenue) = (body.amount(&["payout"])?, body.amount(&["revenue"])?);
    if payout.is_none() && revenue.is_none() {
        return Err(bad("payout", "payout or revenue is required"));
    }
    let to = ConversionEdit { payout, revenue, ..ConversionEdit::default() };
    edit(&state, &actor, vec![(id, to)]).await
}

pub(super) async fn set_notes(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let body = Fields::of_body(&body)?;
    named(&id, &body)?;
    let notes = body.text(&["notes"])?;
    let to = ConversionEdit { comment: Some(body.required("notes", notes)?), ..ConversionEdit::default() };
    edit(&state, &actor, vec![(id, to)]).await
}

pub(super) async fn set_sale_amount(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let body = Fields::of_body(&body)?;
    named(&id, &body)?;
    let sale = body.amount(&["sale_amount"])?;
    let sale = body.required("sale_amount", sale)?;
    // Empty text would take the sale amount away, and the vendor's are from 0 on.
    if sale.is_empty() || sale.starts_with('-') {
        return Err(body.invalid("sale_amount", &format!("{sale:?} is not a decimal number from 0 on")));
    }
    let to = ConversionEdit { sale_amount: Some(sale), ..ConversionEdit::default() };
    edit(&state, &actor, vec![(id, to)]).await
}

/// The payouts that a bulk adjustment asks for, by conversion, in its order.
fn adjustments(body: &Fields) -> Result<Vec<(String, String)>, Problem> {
    let rows = body.objects("conversions")?;
    if rows.is_empty() {
        return Err(bad("conversions", "conversions is required: objects of conversion_id and payout_amount"));
    }
    if rows.len() > IDS_MAX {
        return Err(body.invalid("conversions", &format!("at most {IDS_MAX} are taken")));
    }
    let row = |row: Fields| {
        let (id, payout) = (row.text(&["conversion_id"])?, row.amount(&["payout_amount", "payout"])?);
        Ok((row.required("conversion_id", id)?, row.required("payout_amount", payout)?))
    };
    rows.into_iter().map(row).collect()
}

/// What the conversions pay after an adjustment, in the order in which they were asked for.
fn adjusted(engine: &Engine, call: &Call, ids: &[&str]) -> quittance_engine::Result<Value> {
    let states = engine.conversions_by_ids(call, ids)?;
    let by_id: BTreeMap<&str, &Stored> =
        states.iter().map(|state| (&*state.known.conversion.conversion_id, state)).collect();
    let row = |state: &&Stored| {
        let conversion = &state.known.conversion;
        json!({
            "conversion_id": &*conversion.conversion_id,
            "payout_amount": amount(conversion.payout),
            "transaction_id": text_of(conversion, "click_id"),
        })
    };
    let rows: Vec<Value> = ids.iter().filter_map(|id| by_id.get(id)).map(row).collect();
    Ok(json!({ "results": rows }))
}

pub(super) async fn adjust(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, Problem> {
    let wanted = adjustments(&Fields::of_body(&body)?)?;
    let call = actor.call((state.clock)());
    once(
        &state,
        &actor,
        "POST /v1/networks/reporting/conversions/bulkpayoutadjustment",
        &headers,
        &body,
        |claimed| async {
            let call = Call { claimed, ..call };
            let done = state.run(move |engine| {
                let to = |payout: &String| ConversionEdit { payout: Some(payout.clone()), ..ConversionEdit::default() };
                let edits: Vec<_> = wanted.iter().map(|(id, payout)| (id.clone(), to(payout))).collect();
                change(engine, &call, &edits)?;
                let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
                adjusted(engine, &call, &ids)
            });
            Ok(Answer::json(StatusCode::OK, &done.await?))
        },
    )
    .await
}
