//! Offers: listed, and one.

use std::collections::HashMap;

use axum::extract::Path;
use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_engine::parties::PartyFilter;
use quittance_engine::reference::{Offer, OfferFilter};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use serde_json::{Map, Value, json};

use super::params::{Params, not};
use super::payments::id;
use super::sent::Asked;
use super::{quirks, to_wire, wire};

/// What can be asked for.
const FILTERS: &[&str] = &["q", "id", "ids", "int_id", "advertiser", "status", "sort"];
/// The statuses of offers [oas]. Every offer is active here.
const STATUSES: [&str; 3] = ["active", "stopped", "suspended"];
const ACTIVE: &str = "active";

/// What one offer is described by and Quittance does not keep: clients expect each to be there, and of its type.
const UNKNOWN_TEXTS: &[&str] = &[
    "external_offer_id",
    "bundle_id",
    "macro_url",
    "url",
    "cross_postback_url",
    "url_preview",
    "preview_url",
    "domain_url",
    "trafficback_url",
    "logo",
    "logo_source",
    "strictly_connection_type",
    "notes",
    "allowed_ip",
    "disallowed_ip",
    "hash_password",
    "redirect_type",
    "updated_at",
    "created_at",
    "click_session",
];
/// The same of numbers.
const UNKNOWN_NUMBERS: &[&str] =
    &["is_top", "strictly_country", "notice_percent_overcap", "cr", "epc", "allow_deeplink", "hide_caps"];
/// The same of what is so or not.
const UNKNOWN_FLAGS: &[&str] = &[
    "hide_payments",
    "use_http",
    "is_redirect_overcap",
    "required_approval",
    "is_cpi",
    "disabled_choice_postback_status",
    "allow_impressions",
    "uniq_ip_only",
    "reject_not_uniq_ip",
    "reject_not_unique_ip",
];
/// The same of lists.
const UNKNOWN_LISTS: &[&str] = &[
    "sources",
    "tags",
    "partner_payments",
    "landings",
    "strictly_os",
    "strictly_brands",
    "categories",
    "full_categories",
    "sub_restrictions",
    "creatives",
    "caps",
    "commission_tiers",
    "strictly_isp",
    "restriction_isp",
    "strictly_devices",
    "caps_status",
    "smartlink_categories",
    "targeting",
];
/// The same of objects.
const UNKNOWN_OBJECTS: &[&str] = &["description_lang", "kpi", "sub_accounts"];
/// The same of what clients know to be null, or have no one type for.
const NULLS: &[&str] = &[
    "hide_referer",
    "start_at",
    "stop_at",
    "auto_offer_connect",
    "creatives_zip",
    "search_empty_sub",
    "minimal_click_session",
    "io_document",
];

/// What a list is asked for.
fn filter(params: &Params) -> Result<OfferFilter, Problem> {
    params.only(FILTERS)?;
    // Each of the lists holds for itself.
    let mut ids: Option<Vec<i64>> = None;
    for name in ["id", "ids", "int_id"] {
        let Some(asked) = params.ids(name)? else { continue };
        ids = Some(match ids {
            None => asked,
            Some(before) => before.into_iter().filter(|id| asked.contains(id)).collect(),
        });
    }
    let statuses = params.texts("status")?;
    if let Some(word) = statuses.iter().find(|word| !STATUSES.contains(word)) {
        return Err(not("status", word, "active, stopped or suspended"));
    }
    if !statuses.is_empty() && !statuses.contains(&ACTIVE) {
        ids = Some(Vec::new());
    }
    Ok(OfferFilter {
        ids,
        advertisers: params.ids("advertiser")?,
        name_part_or_id: params.text("q")?.map(str::to_owned),
        backwards: backwards(params)?,
        ..OfferFilter::default()
    })
}

/// Whether `sort[id]` asks for the last one first. No other order is kept.
fn backwards(params: &Params) -> Result<bool, Problem> {
    let Some(sort) = params.branch("sort") else {
        return match params.text("sort")? {
            None => Ok(false),
            Some(text) => Err(not("sort", text, "asc or desc under id")),
        };
    };
    if let Some((name, _)) = sort.nodes().find(|(name, _)| *name != "id") {
        return Err(not("sort", name, "id: no other order is served"));
    }
    match sort.text("id")? {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("asc") => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("desc") => Ok(true),
        Some(word) => Err(not("sort[id]", word, "asc or desc")),
    }
}

/// A fixed amount of an offer in a currency.
fn fixed(text: Option<&str>, currency: Currency) -> Option<Money> {
    Money::parse(text?.trim(), currency).ok()
}

/// What the advertisers owe for conversions of offers, by offer, where it is a fixed amount in another currency than the
/// payout: converted by the rates of today, and none where there is no rate.
fn totals(engine: &Engine, call: &Call, offers: &[Offer]) -> quittance_engine::Result<HashMap<i64, Option<Money>>> {
    let ids: Vec<i64> = offers.iter().filter_map(|offer| offer.advertiser_id).collect();
    let filter = PartyFilter { ids: Some(ids), ..PartyFilter::default() };
    let advertisers = engine.parties(call, PartyKind::Advertiser, &filter, (0, i64::MAX))?.parties;
    let currencies: HashMap<i64, Currency> =
        advertisers.iter().map(|row| (row.party.party_id, row.party.currency)).collect();
    let base = engine.network(call.network)?.currency;
    let today = engine.zone_of(call)?.day_of(call.now);
    let apart = |offer: &Offer| {
        let own = offer.advertiser_id.and_then(|id| currencies.get(&id).copied()).unwrap_or(base);
        let shown = offer.payout_currency.filter(|shown| *shown != own)?;
        Some((offer.offer_id, (fixed(offer.revenue.as_deref(), own)?, today, shown)))
    };
    let (ids, wanted): (Vec<_>, Vec<_>) = offers.iter().filter_map(apart).unzip();
    Ok(ids.into_iter().zip(engine.in_currencies(call, &wanted)?).collect())
}

/// An offer: an amount, or a share in percent.
fn shown(offer: &Offer, totals: &HashMap<i64, Option<Money>>) -> wire::Offer {
    let percent = offer.payout.as_deref().is_some_and(|text| text.contains('%'));
    let amount = |text: &Option<String>| to_wire::trimmed(text.as_deref()?.trim_end_matches('%').trim());
    let total = match totals.get(&offer.offer_id) {
        Some(converted) => converted.map(to_wire::number),
        None => amount(&offer.revenue),
    };
    let payment = wire::OfferPayment {
        revenue: amount(&offer.payout),
        total,
        currency: offer.payout_currency.as_ref().map(Currency::code),
        kind: if percent { "percent" } else { "fixed" },
    };
    wire::Offer {
        id: offer.offer_id,
        offer_id: offer.offer_id.to_string(),
        title: offer.name.clone(),
        advertiser: offer.advertiser_id.map(|id| id.to_string()),
        status: ACTIVE,
        hold_period: offer.hold_days,
        payments: vec![payment],
    }
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Problem> {
    let page = asked.params.page(quirks::ROWS)?;
    let filter = filter(&asked.params)?;
    let listed = asked.read(move |engine, call| {
        let found = engine.offers(call, &filter, (page.offset, page.limit))?;
        let totals = totals(engine, call, &found.offers)?;
        let offers: Vec<_> = found.offers.iter().map(|offer| shown(offer, &totals)).collect();
        to_wire::list("offers", offers, page, found.total)
    });
    listed.await
}

pub(super) async fn one(asked: Asked, Path(text): Path<String>) -> Result<Answer, Problem> {
    let number = id(&text)?;
    let found = asked.read(move |engine, call| {
        let offers = engine.offers_by_ids(call, &[number])?;
        let offer = offers.first().ok_or_else(|| Error::NotFound(format!("there is no offer {number}")))?;
        let zone = engine.network(call.network)?.time_zone;
        let shown = shown(offer, &totals(engine, call, &offers)?);
        to_wire::answer("offer", whole(&shown, &zone))
    });
    found.await
}

/// An offer with every key that clients look for: what is not known of it is empty.
fn whole(offer: &wire::Offer, zone: &str) -> Value {
    let mut shown = Map::new();
    for (names, nothing) in [
        (UNKNOWN_TEXTS, json!("")),
        (UNKNOWN_NUMBERS, json!(0)),
        (UNKNOWN_FLAGS, json!(false)),
        (UNKNOWN_LISTS, json!([])),
        (UNKNOWN_OBJECTS, json!({})),
        (NULLS, Value::Null),
    ] {
        shown.extend(names.iter().map(|name| ((*name).to_owned(), nothing.clone())));
    }
    for (name, value) in [("use_https", json!(true)), ("privacy", json!("public")), ("caps_timezone", json!(zone))] {
        shown.insert(name.to_owned(), value);
    }
    if let Value::Object(known) = json!(offer) {
        shown.extend(known);
    }
    Value::Object(shown)
}
