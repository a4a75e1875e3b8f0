//! Offers, read-only, with the keys that billing needs.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use quittance_engine::Call;
use quittance_engine::keys::Actor;
use quittance_engine::reference::{Offer, OfferFilter};
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::error::absent;
use super::from_wire::{Fields, Page, only_known, query};
use super::wire::paging;

fn shown(call: &Call, offer: &Offer) -> Value {
    json!({
        "network_offer_id": offer.offer_id,
        "network_id": call.network.get(),
        "network_advertiser_id": offer.advertiser_id.unwrap_or(0),
        "name": offer.name,
        "offer_status": "active",
        "currency_id": offer.payout_currency.map_or("", |currency| currency.code()),
    })
}

pub(super) async fn list(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    uri: Uri,
) -> Result<Answer, Problem> {
    let pairs = query(&uri)?;
    only_known(&pairs, &["relationship"])?;
    let page = Page::read(&pairs, &Fields::of_body(b"")?)?;
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let filter = OfferFilter { after: i64::MIN, ..OfferFilter::default() };
        let found = engine.offers(&call, &filter, (page.offset(), page.size))?;
        let offers: Vec<Value> = found.offers.iter().map(|offer| shown(&call, offer)).collect();
        Ok(json!({ "offers": offers, "paging": paging(page, found.total) }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let none = || absent(format!("there is no offer {id:?}"));
    let number: i64 = id.parse().map_err(|_| none())?;
    let call = actor.call((state.clock)());
    let found = {
        let call = call.clone();
        state.run(move |engine| engine.offers_by_ids(&call, &[number])).await?
    };
    let offer = found.first().ok_or_else(none)?;
    Ok(Answer::json(StatusCode::OK, &shown(&call, offer)))
}
