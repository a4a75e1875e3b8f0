//! Conversions edited and imported.

use quittance_domain::conversion::{CONVERSION_ID_CHARS_MAX, ConversionRecord, ConversionStatus};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AffiliateId, OfferId, PartyKind};
use quittance_domain::time::{Zone, parse_instant};
use quittance_engine::ingest::{ConversionEdit, Positioned, State};
use quittance_engine::records::{Field, refused_id};
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use quittance_http::known::{Known, any, filter, full, full_rows, unkept};
use serde_json::{Value, json};

use super::conversion_filter::{FILTERS, Wanted};
use super::params::{Params, not, required};
use super::scope::Scope;
use super::sent::Asked;
use super::{quirks, to_wire};

/// The fields that a conversion can have in an import beside those that it needs, by our names.
const TEXTS: [(&str, &str); 4] =
    [("sum", "sale_amount"), ("goal", "goal"), ("click_id", "click_id"), ("comment", "comment")];

/// The names of what a conversion has, and of the parameters that set it.
const NAMES: &[(&str, &str)] =
    &[("payout", "payouts"), ("revenue", "revenue"), ("sale_amount", "sum"), ("comment", "comment")];

/// What an edit takes: the conversions by their ids, or by the filters of the list, and what becomes of them.
pub(super) const EDIT: &[Known] = &[
    full("ids"),
    full("all"),
    filter("params", FILTERS),
    any("status"),
    any("currency"),
    any("payouts"),
    any("revenue"),
    any("sum"),
    any("comment"),
    unkept("custom_field*"),
];
/// The same of one advertiser's.
pub(super) const EDIT_BY_ADVERTISER: &[Known] = &[
    full("advertiser_id"),
    full("ids"),
    full("all"),
    filter("params", FILTERS),
    any("status"),
    any("currency"),
    any("payouts"),
    any("revenue"),
    any("sum"),
    any("comment"),
    unkept("custom_field*"),
];
/// What an import takes. What is not kept here of a conversion changes nothing that is billed.
pub(super) const IMPORT: &[Known] = &[
    any("offer"),
    any("pid"),
    any("action_id"),
    any("click_id"),
    any("goal"),
    any("comment"),
    any("sum"),
    any("status"),
    any("created_at"),
    any("ip"),
    any("ua"),
    any("custom_field*"),
    any("send_affiliate_postbacks"),
];
/// What an import of several takes.
pub(super) const IMPORT_SEVERAL: &[Known] = &[full_rows("list", IMPORT), any("send_affiliate_postbacks")];

/// Which conversions are edited.
enum Which {
    Named(Vec<String>),
    Found(Box<Wanted>),
}

impl Which {
    fn of(params: &Params, most: i64) -> Result<Which, Problem> {
        let (all, named, found) = (params.flag("all")?, params.has("ids"), params.has("params"));
        // Of two ways to say which, one would be ignored.
        if all && named {
            return Err(Problem::bad_request("ids", "ids: they are given together with all; give one of them"));
        }
        if !all && found {
            return Err(Problem::bad_request("params", "params: they are for all=1; give that, or ids"));
        }
        if all {
            let filter = params.branch("params");
            let filter =
                filter.ok_or_else(|| Problem::bad_request("params", "params: This value should not be blank."))?;
            for name in ["date_from", "date_to"] {
                required(&format!("params[{name}]"), filter.day(name)?)?;
            }
            return Ok(Which::Found(Box::new(Wanted::of(filter)?)));
        }
        let ids: Vec<String> = params.texts("ids")?.into_iter().map(str::to_owned).collect();
        if ids.is_empty() || ids.len() as i64 > most {
            return Err(Problem::bad_request("ids", format!("ids: from 1 to {most} ids are expected.")));
        }
        Ok(Which::Named(ids))
    }

    fn states(&self, engine: &Engine, call: &Call, scope: Scope) -> quittance_engine::Result<Vec<State>> {
        match self {
            Which::Named(ids) => {
                let texts: Vec<&str> = ids.iter().map(String::as_str).collect();
                let mut found = engine.conversions_by_ids(call, &texts)?;
                let affiliates: Vec<i64> = found.iter().map(affiliate).collect();
                if let Some(reached) = scope.parties(engine, call, PartyKind::Affiliate, Some(affiliates))? {
                    found.retain(|state| reached.contains(&affiliate(state)));
                }
                let known = |id: &str| found.iter().any(|state| &*state.known.conversion.conversion_id == id);
                match ids.iter().find(|id| !known(id)) {
                    Some(id) => Err(Error::invalid("ids", format!("ids: Conversions [{id}] not found"))),
                    None => Ok(found),
                }
            }
            Which::Found(wanted) => {
                let found = wanted.find(engine, call, scope, (0, quirks::EDITED_MAX))?;
                if found.total > quirks::EDITED_MAX {
                    let detail =
                        format!("params: {} conversions are found, {} can be edited", found.total, quirks::EDITED_MAX);
                    return Err(Error::invalid("params", detail));
                }
                Ok(found.states)
            }
        }
    }
}

fn affiliate(state: &State) -> i64 {
    state.known.conversion.affiliate_id.get()
}

async fn edit_as(asked: Asked, route: &'static str, advertiser: Option<i64>, most: i64) -> Result<Answer, Problem> {
    let params = &asked.params;
    let which = Which::of(params, most)?;
    let status = params.text("status")?.map(str::to_owned);
    let parsed = |text: &str| {
        quirks::conversion_status(text).ok_or_else(|| not("status", text, "confirmed, pending, declined or hold"))
    };
    let text = |name: &str| Ok::<_, Problem>(params.text(name)?.map(str::to_owned));
    let currency = match text("currency")? {
        None => None,
        Some(code) => Some(Currency::parse(&code).map_err(|_| not("currency", &code, "a currency's code"))?),
    };
    let (payout, revenue) = (text("payouts")?, text("revenue")?);
    let edit = ConversionEdit {
        status: status.as_deref().map(parsed).transpose()?,
        payout_currency: currency,
        // Both are in one currency here; a revenue that is not sent stays what it is.
        revenue_currency: currency.filter(|_| revenue.is_some()),
        payout,
        revenue,
        sale_amount: text("sum")?,
        comment: params.given("comment")?.map(str::to_owned),
    };
    if edit == ConversionEdit::default() {
        let detail = "status, currency, payouts, revenue, sum, comment: give at least one of them";
        return Err(Problem::bad_request("status", detail));
    }
    let scope = asked.scope;
    let done = move |engine: &Engine, call: &Call| {
        if let Some(id) = advertiser.filter(|_| scope.manager().is_some())
            && !scope.reaches(engine, call, PartyKind::Advertiser, id)?
        {
            return Err(Error::invalid("advertiser_id", format!("advertiser_id: Advertisers [{id}] not found")));
        }
        let states = which.states(engine, call, scope)?;
        check(&states, advertiser)?;
        for (name, given) in [("revenue", edit.revenue.is_some()), ("sum", edit.sale_amount.is_some())] {
            if given {
                scope.check_revenue(engine, call, name, &states)?;
            }
        }
        let ids: Vec<String> = states.iter().map(|state| state.known.conversion.conversion_id.to_string()).collect();
        let edits: Vec<(String, ConversionEdit)> = ids.iter().map(|id| (id.clone(), edit.clone())).collect();
        engine.edit_shown_conversions(call, &edits).map_err(|error| super::error::renamed(error, NAMES))?;
        let echo = json!({
            "ids": ids, "status": status, "currency": currency.as_ref().map(Currency::code), "payouts": echoed(edit.payout.as_deref()),
            "revenue": echoed(edit.revenue.as_deref()),
        });
        to_wire::answer_with_message("data", echo, quirks::CHANGES)
    };
    asked.write(route, "", done).await
}

/// Refuses what is another advertiser's.
fn check(states: &[State], advertiser: Option<i64>) -> quittance_engine::Result<()> {
    for state in states {
        let conversion = &state.known.conversion;
        if advertiser.is_some() && conversion.advertiser_id.map(quittance_domain::ids::AdvertiserId::get) != advertiser
        {
            let detail = format!("ids: Conversions [{}] not found", conversion.conversion_id);
            return Err(Error::invalid("ids", detail));
        }
    }
    Ok(())
}

/// What was sent as the number that it is; null where nothing was.
fn echoed(text: Option<&str>) -> Value {
    let number = |text: &str| serde_json::from_str::<serde_json::Number>(text).map(Value::Number);
    text.map_or(Value::Null, |text| number(text).unwrap_or_else(|_| text.into()))
}

pub(super) async fn edit(asked: Asked) -> Result<Answer, Problem> {
    edit_as(asked, "POST /3.0/admin/conversion/edit", None, quirks::EDITED_MAX).await
}

pub(super) async fn edit_by_advertiser(asked: Asked) -> Result<Answer, Problem> {
    let advertiser = required("advertiser_id", asked.params.int("advertiser_id")?)?;
    let route = "POST /3.0/admin/conversion/edit-by-advertiser";
    edit_as(asked, route, Some(advertiser), quirks::EDITED_BY_ADVERTISER_MAX).await
}

/// A conversion to import: its record without an id, and what the answer repeats of it.
struct New {
    place: String,
    pid: i64,
    offer: i64,
    action_id: Option<String>,
    created_at: Option<String>,
    record: ConversionRecord,
    echo: Value,
}

impl New {
    fn of(params: &Params, place: String) -> Result<New, Problem> {
        let named = |problem: Problem| Problem { detail: format!("{place}{}", problem.detail), ..problem };
        New::read(params).map(|new| New { place: place.clone(), ..new }).map_err(named)
    }

    fn read(params: &Params) -> Result<New, Problem> {
        let offer = required("offer", params.int("offer")?)?;
        let pid = required("pid", params.int("pid")?)?;
        let status = match params.text("status")? {
            None => ConversionStatus::Approved,
            Some("pending_cap") => ConversionStatus::Pending,
            Some(text) => quirks::conversion_status(text)
                .ok_or_else(|| not("status", text, "confirmed, pending, declined or hold"))?,
        };
        let mut record = ConversionRecord {
            affiliate_id: Some(AffiliateId::new(pid)),
            offer_id: Some(OfferId::new(offer)),
            status: Some(status),
            ..ConversionRecord::default()
        };
        params.int("goal")?;
        for (name, own) in TEXTS {
            if let (Some(text), Some(field)) = (params.text(name)?, Field::named(own)) {
                let wrong = |error: quittance_engine::records::FieldError| {
                    let why = error.detail.strip_prefix(&format!("{own}: ")).unwrap_or(&error.detail).to_owned();
                    Problem::bad_request(name, format!("{name}: {why}"))
                };
                field.read(&mut record, text, &Zone::utc()).map_err(wrong)?;
            }
        }
        let text = |name: &str| Ok::<_, Problem>(params.text(name)?.map(str::to_owned));
        let action_id = text("action_id")?;
        if let Some(action) = &action_id {
            if let Some(why) = refused_id(action, false) {
                return Err(Problem::bad_request("action_id", format!("action_id: {why}")));
            }
            let id = quirks::conversion_id(pid, offer, action);
            if id.chars().count() > CONVERSION_ID_CHARS_MAX || id.chars().any(char::is_control) {
                return Err(not("action_id", action, "a printable text that is short enough"));
            }
        }
        let echo = json!({
            "offer": offer, "pid": pid, "action_id": action_id, "goal": params.int("goal")?, "ip": text("ip")?,
            "ua": text("ua")?, "sum": echoed(params.text("sum")?), "comment": text("comment")?,
        });
        Ok(New { place: String::new(), pid, offer, action_id, created_at: text("created_at")?, record, echo })
    }

    /// The record as it is ingested. `number` is its own where it has no id.
    fn record(&self, call: &Call, zone: &Zone, number: i64) -> quittance_engine::Result<ConversionRecord> {
        let at = match &self.created_at {
            None => call.now,
            Some(text) => {
                let day = quittance_domain::time::Day::parse(text).ok().map(|day| zone.start_of_day(day));
                let at = day.map_or_else(|| parse_instant(text, zone), Ok);
                at.map_err(|error| self.wrong("created_at", &error.to_string()))?
            }
        };
        let (today, day) = (zone.day_of(call.now), zone.day_of(at));
        if day > today || day < today.plus_months(-quirks::IMPORT_MONTHS) {
            return Err(self.wrong("created_at", "it is not within the last two months"));
        }
        let id = match &self.action_id {
            Some(action) => quirks::conversion_id(self.pid, self.offer, action),
            None => quirks::generated_id(number),
        };
        // The same again without a day is the same conversion.
        let (occurred_at, assumed_at) = if self.created_at.is_some() { (Some(at), None) } else { (None, Some(at)) };
        Ok(ConversionRecord { conversion_id: id.into(), occurred_at, assumed_at, ..self.record.clone() })
    }

    fn wrong(&self, name: &str, why: &str) -> Error {
        Error::invalid(name, format!("{}{name}: {why}", self.place))
    }
}

/// Offers say what a conversion pays: one that does not cannot be imported for. Without a revenue it is 0, as in every import.
fn check_offers(engine: &Engine, call: &Call, scope: Scope, news: &[New]) -> quittance_engine::Result<()> {
    let ids: Vec<i64> = news.iter().map(|new| new.offer).collect();
    let offers = engine.offers_by_ids(call, &ids)?;
    let partners = scope.parties(engine, call, PartyKind::Affiliate, Some(news.iter().map(|new| new.pid).collect()))?;
    for new in news {
        if partners.as_ref().is_some_and(|reached| !reached.contains(&new.pid)) {
            return Err(new.wrong("pid", &format!("Affiliates [{}] not found", new.pid)));
        }
        let offer = offers.iter().find(|offer| offer.offer_id == new.offer);
        let offer = offer.ok_or_else(|| new.wrong("offer", &format!("Offers [{}] not found", new.offer)))?;
        if offer.payout.is_none() {
            let why = format!("the offer {} ({}) has no payout", new.offer, offer.name);
            return Err(new.wrong("offer", &why));
        }
    }
    Ok(())
}

fn ingest(engine: &Engine, call: &Call, scope: Scope, news: &[New]) -> quittance_engine::Result<()> {
    check_offers(engine, call, scope, news)?;
    let zone = engine.zone_of(call)?;
    let without = news.iter().filter(|new| new.action_id.is_none()).count() as i64;
    let mut number = if without > 0 { engine.next_generated_conversions(call, without)? } else { 0 };
    let mut records = Vec::with_capacity(news.len());
    for (position, new) in (0_u64..).zip(news) {
        records.push(Positioned { position, record: new.record(call, &zone, number)? });
        number += i64::from(new.action_id.is_none());
    }
    if scope.manager().is_some() {
        // One that is known already is changed, and with its sum what its advertiser owes.
        let ids: Vec<&str> = records.iter().map(|row| &*row.record.conversion_id).collect();
        scope.check_revenue(engine, call, "sum", &engine.conversions_by_ids(call, &ids)?)?;
    }
    let report = engine.ingest(call, &records, Some(false))?;
    let Some(rejection) = report.rejections.first() else { return Ok(()) };
    let new = usize::try_from(rejection.position).ok().and_then(|place| news.get(place));
    let name = match rejection.field {
        "affiliate_id" => "pid",
        "offer_id" => "offer",
        "sale_amount" => "sum",
        field => field,
    };
    let why = rejection.detail.strip_prefix(&format!("{}: ", rejection.field)).unwrap_or(&rejection.detail);
    Err(new.map_or_else(|| Error::invalid(name, why), |new| new.wrong(name, why)))
}

pub(super) async fn import(asked: Asked) -> Result<Answer, Problem> {
    let new = New::of(&asked.params, String::new())?;
    let scope = asked.scope;
    let done = move |engine: &Engine, call: &Call| {
        let news = [new];
        ingest(engine, call, scope, &news)?;
        to_wire::answer_with_message("data", &news[0].echo, quirks::IMPORTS)
    };
    asked.write("POST /3.0/admin/conversion/import", "", done).await
}

pub(super) async fn import_several(asked: Asked) -> Result<Answer, Problem> {
    let scope = asked.scope;
    let rows = required("list", asked.params.rows("list")?.filter(|rows| !rows.is_empty()))?;
    if rows.len() as i64 > quirks::EDITED_MAX {
        return Err(Problem::bad_request(
            "list",
            format!("list: at most {} conversions are imported", quirks::EDITED_MAX),
        ));
    }
    let named = rows.into_iter().enumerate().map(|(i, row)| New::of(row, format!("list[{i}] ")));
    let news: Vec<New> = named.collect::<Result<_, _>>()?;
    let done = move |engine: &Engine, call: &Call| {
        ingest(engine, call, scope, &news)?;
        let list: Vec<&Value> = news.iter().map(|new| &new.echo).collect();
        to_wire::answer_with_message("data", json!({ "list": list }), quirks::IMPORTS)
    };
    asked.write("POST /3.0/admin/conversions/import", "", done).await
}
