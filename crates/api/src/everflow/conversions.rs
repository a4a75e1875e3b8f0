//! Conversions as this vendor's clients read them: listed, summed up, and one by one.

use std::collections::HashMap;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use quittance_domain::conversion::{COMMENT, Conversion, ConversionStatus, TEXT_NAMES};
use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_domain::time::{Timestamp, Zone, parse_instant};
use quittance_engine::ingest::{ConversionFilter, ConversionSums, State as Stored, sale_amount};
use quittance_engine::keys::Actor;
use quittance_engine::{Call, Engine, Error};
use quittance_http::idempotency::Answer;
use quittance_http::{AppState, Problem};
use serde_json::{Value, json};

use super::from_wire::{Fields, Page, query};
use super::quirks::{IDS_MAX, UNKNOWN_TRAFFIC};
use super::wire::{amount, amount_or_null, paging, seconds};
use super::{snapshots, zones};

/// The vendor's status; what its tracker holds is not decided yet.
pub(super) fn status(ours: ConversionStatus) -> &'static str {
    match ours {
        ConversionStatus::Approved => "approved",
        ConversionStatus::Rejected => "rejected",
        ConversionStatus::Pending | ConversionStatus::Hold => "pending",
    }
}

/// What conversions refer to by name.
struct Names {
    offers: HashMap<i64, String>,
    affiliates: HashMap<i64, String>,
    advertisers: HashMap<i64, String>,
}

/// A conversion with what it was before.
struct Whole {
    /// The states, the oldest first and the present one last.
    states: Vec<Stored>,
    /// What each was worth.
    amounts: Vec<Amounts>,
}

/// What a state of a conversion was worth in the currency in which the conversion is shown, by the rate of its day; none where
/// there is no rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Amounts {
    pub(super) payout: Option<Money>,
    pub(super) revenue: Option<Money>,
}

/// Conversions with what they were before. A conversion has one currency here, the one of its present payout: all rates are
/// looked up at once.
fn whole(engine: &Engine, call: &Call, found: Vec<Stored>) -> quittance_engine::Result<Vec<Whole>> {
    let revised = found.iter().filter(|state| state.known.revision > 1);
    let revised: Vec<&str> = revised.map(|state| &*state.known.conversion.conversion_id).collect();
    let mut earlier = engine.earlier_states(call, &revised)?;
    let histories = found.into_iter().map(|present| {
        let mut states = earlier.remove(&*present.known.conversion.conversion_id).unwrap_or_default();
        states.push(present);
        states
    });
    let histories: Vec<Vec<Stored>> = histories.collect();
    let wanted = histories.iter().flat_map(|states| {
        let shown = states.last().map(|present| present.known.conversion.payout.currency());
        states.iter().zip(std::iter::repeat(shown)).filter_map(|(state, shown)| Some((state, shown?)))
    });
    let wanted = wanted.flat_map(|(state, shown)| {
        let (conversion, day) = (&state.known.conversion, state.known.place.posting_day);
        [conversion.payout, conversion.revenue].map(|amount| (amount, day, shown))
    });
    let converted = engine.in_currencies(call, &wanted.collect::<Vec<_>>())?;
    let mut amounts = converted.chunks_exact(2).map(|pair| Amounts { payout: pair[0], revenue: pair[1] });
    let one = |states: Vec<Stored>| Whole { amounts: amounts.by_ref().take(states.len()).collect(), states };
    Ok(histories.into_iter().map(one).collect())
}

impl Names {
    fn of(engine: &Engine, call: &Call, states: &[Stored]) -> quittance_engine::Result<Names> {
        let ids = |id: &dyn Fn(&Conversion) -> Option<i64>| {
            let mut ids: Vec<i64> = states.iter().filter_map(|state| id(&state.known.conversion)).collect();
            ids.sort_unstable();
            ids.dedup();
            ids
        };
        let offers = engine.offers_by_ids(call, &ids(&|c| Some(c.offer_id.get())))?;
        let affiliates = ids(&|c| Some(c.affiliate_id.get()));
        let advertisers = ids(&|c| c.advertiser_id.map(|id| id.get()));
        Ok(Names {
            offers: offers.into_iter().map(|offer| (offer.offer_id, offer.name)).collect(),
            affiliates: engine.party_names(call, PartyKind::Affiliate, &affiliates)?,
            advertisers: engine.party_names(call, PartyKind::Advertiser, &advertisers)?,
        })
    }
}

/// A descriptive text of a conversion by its name; empty where it has none.
pub(super) fn text_of<'a>(conversion: &'a Conversion, name: &str) -> &'a str {
    let place = TEXT_NAMES.iter().position(|known| *known == name);
    place.and_then(|place| conversion.texts[place].as_deref()).unwrap_or_default()
}

/// The conversions as they are shown.
fn all_shown(engine: &Engine, call: &Call, found: Vec<Stored>) -> quittance_engine::Result<Vec<Value>> {
    let names = Names::of(engine, call, &found)?;
    let whole = whole(engine, call, found)?;
    Ok(whole.iter().filter_map(|one| shown(one, &names)).collect())
}

fn shown(whole: &Whole, names: &Names) -> Option<Value> {
    let (state, worth) = (whole.states.last()?, whole.amounts.last()?);
    let conversion = &state.known.conversion;
    let text = |name: &str| text_of(conversion, name);
    let named = |key: &str, id: i64, names: &HashMap<i64, String>| json!({ key: id, "name": names.get(&id).cloned().unwrap_or_default() });
    let sale = sale_amount(text("sale_amount"), conversion.payout.currency()).map_or(json!(0), amount);
    let mut fields = json!({
        "conversion_id": &*conversion.conversion_id,
        "transaction_id": text("click_id"),
        "conversion_unix_timestamp": seconds(conversion.occurred_at),
        "click_unix_timestamp": 0,
        "status": status(conversion.status),
        "is_event": !text("goal").is_empty(),
        "event": text("goal"),
        "payout": amount(conversion.payout),
        "revenue": amount_or_null(worth.revenue),
        "sale_amount": sale,
        "payout_type": "cpa",
        "revenue_type": "rpa",
        "currency_id": conversion.payout.currency().code(),
        "is_scrub": false,
        "order_id": "",
        "coupon_code": "",
        "network_offer_payout_revenue_id": 0,
        "country": text("country"),
        "notes": text(TEXT_NAMES[COMMENT]),
        "relationship": {
            "offer": named("network_offer_id", conversion.offer_id.get(), &names.offers),
            "affiliate": named("network_affiliate_id", conversion.affiliate_id.get(), &names.affiliates),
            "advertiser": named("network_advertiser_id", conversion.advertiser_id.map_or(0, |id| id.get()), &names.advertisers),
            "snapshots": snapshots::of(&whole.states, &whole.amounts),
        },
    });
    for sub in ["sub1", "sub2", "sub3", "sub4", "sub5"] {
        fields[sub] = text(sub).into();
    }
    Some(fields)
}

/// The zone of a query: the one whose id it names, else the network's.
fn zone(body: &Fields, own: &Zone) -> Result<Zone, Problem> {
    match body.int(&["timezone_id"])? {
        // 0 is the absence of a value; a network's zone that the vendor does not have is shown by the id of another one.
        None | Some(0) => Ok(own.clone()),
        Some(id) if id == zones::id_of(own.name()) => Ok(own.clone()),
        Some(id) => zones::of_id(id)
            .ok_or_else(|| body.invalid("timezone_id", &format!("{id} is none of the ids from 1 to 99"))),
    }
}

/// An instant that a query names: a day begins at midnight, and one that ends it goes on to the next one's; a second that
/// ends it belongs to it.
fn instant(body: &Fields, name: &str, zone: &Zone, ends: bool) -> Result<Timestamp, Problem> {
    let text = body.text(&[name])?;
    let text = body.required(name, text)?;
    if text.len() <= "YYYY-MM-DD".len() {
        let day = body.day(&[name])?;
        let day = body.required(name, day)?;
        return Ok(zone.start_of_day(day.plus_days(i32::from(ends))));
    }
    let at = parse_instant(&text, zone).map_err(|error| body.invalid(name, &error.to_string()))?;
    Ok(if ends { Timestamp::from_micros(at.micros() + 1_000_000) } else { at })
}

/// What a query asks for. Whole days of the network's zone are days in the books; any other range is one of the instants at
/// which conversions happened.
fn filter(body: &Fields, own: &Zone) -> Result<ConversionFilter, Problem> {
    let zone = zone(body, own)?;
    let (from, before) = (instant(body, "from", &zone, false)?, instant(body, "to", &zone, true)?);
    if before <= from {
        return Err(body.invalid("to", "it is before from"));
    }
    let last = Timestamp::from_micros(before.micros() - 1);
    let mut filter = ConversionFilter::of_days(own.day_of(from), own.day_of(last));
    let whole = (own.start_of_day(filter.from), own.start_of_day(filter.through.plus_days(1)));
    if whole != (from, before) {
        filter.occurred = (from, before);
    }
    let asked = body.object("query")?;
    check_served(body, &asked)?;
    for wanted in asked.objects("filters")? {
        narrow(&mut filter, &wanted)?;
    }
    Ok(filter)
}

/// Refuses what would find fewer conversions and is not known here: a list or a sum of all would be taken for that of a few.
fn check_served(body: &Fields, query: &Fields) -> Result<(), Problem> {
    if query.asks("search_terms") {
        return Err(query.invalid("search_terms", "it is not served; filters are"));
    }
    match UNKNOWN_TRAFFIC.iter().find(|name| body.asks(name)) {
        Some(name) => Err(body.invalid(name, "it is not served: Quittance does not know the traffic of conversions")),
        None => Ok(()),
    }
}

/// One filter of a query: of several for one resource one is enough, those for different ones must all hold.
fn narrow(filter: &mut ConversionFilter, wanted: &Fields) -> Result<(), Problem> {
    let resource = wanted.text(&["resource_type"])?;
    let resource = wanted.required("resource_type", resource)?;
    let value = wanted.amount(&["filter_id_value"])?;
    let value = wanted.required("filter_id_value", value)?;
    let wrong = |what: &str| wanted.invalid("filter_id_value", &format!("{value:?} is no {what}"));
    let ids = match resource.as_str() {
        "offer" => &mut filter.offers,
        "affiliate" => &mut filter.affiliates,
        "advertiser" => &mut filter.advertisers,
        "status" => {
            let known = ConversionStatus::parse(&value).ok_or_else(|| wrong("status"))?;
            // What the tracker holds is shown as pending.
            let held = (known == ConversionStatus::Pending).then_some(ConversionStatus::Hold);
            filter.statuses.extend(std::iter::once(known).chain(held));
            return Ok(());
        }
        other => {
            let detail = format!("{other:?} is not served; offer, affiliate, advertiser and status are");
            return Err(wanted.invalid("resource_type", &detail));
        }
    };
    if ids.len() >= IDS_MAX {
        return Err(wanted.invalid("resource_type", &format!("at most {IDS_MAX} of {resource:?} are taken")));
    }
    ids.push(value.parse().map_err(|_| wrong("id"))?);
    Ok(())
}

pub(super) async fn list(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    uri: Uri,
    body: Bytes,
) -> Result<Answer, Problem> {
    let body = Fields::of_body(&body)?;
    let page = Page::read(&query(&uri)?, &body)?;
    let call = actor.call((state.clock)());
    let filter = filter(&body, &own_zone(&state, &call).await?)?;
    let found = state.run(move |engine| {
        let found = engine.conversions(&call, &filter, (page.offset(), page.size))?;
        let rows = all_shown(engine, &call, found.conversions)?;
        Ok(json!({ "conversions": rows, "paging": paging(page, found.total) }))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

/// The zone of the network's days.
async fn own_zone(state: &AppState, call: &Call) -> Result<Zone, Problem> {
    let call = call.clone();
    state.run(move |engine| engine.zone_of(&call)).await
}

/// What the vendor's table of conversions has below it. Amounts are those of the approved ones.
fn summary(sums: &ConversionSums) -> Value {
    let of = |status: ConversionStatus| sums.counts.get(&status).copied().unwrap_or(0);
    let pending = of(ConversionStatus::Pending) + of(ConversionStatus::Hold);
    let (approved, rejected) = (of(ConversionStatus::Approved), of(ConversionStatus::Rejected));
    json!({
        "total": approved + pending + rejected,
        "approved": approved,
        "pending": pending,
        "invalid": 0,
        "rejected_manual": rejected,
        "rejected_scrub": 0,
        "payout": amount(sums.payout),
        "revenue": amount(sums.revenue),
        "gross_sales": amount(sums.sales),
        "has_multi_currencies": sums.converted,
    })
}

pub(super) async fn sums(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    body: Bytes,
) -> Result<Answer, Problem> {
    let body = Fields::of_body(&body)?;
    let call = actor.call((state.clock)());
    let filter = filter(&body, &own_zone(&state, &call).await?)?;
    let into = match body.text(&["currency_id"])?.as_deref() {
        None | Some("") => None,
        Some(_) => body.currency(&["currency_id"])?,
    };
    let sums = state.run(move |engine| engine.sum_conversions(&call, &filter, into)).await?;
    Ok(Answer::json(StatusCode::OK, &summary(&sums)))
}

pub(super) async fn one(
    State(state): State<AppState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Answer, Problem> {
    let call = actor.call((state.clock)());
    let found = state.run(move |engine| {
        let found = engine.conversions_by_ids(&call, &[&id])?;
        all_shown(engine, &call, found)?.pop().ok_or_else(|| absent(&id))
    });
    Ok(Answer::json(StatusCode::OK, &found.await?))
}

/// That there is no conversion of an id.
pub(super) fn absent(id: &str) -> Error {
    Error::NotFound(format!("there is no conversion {id:?}"))
}
