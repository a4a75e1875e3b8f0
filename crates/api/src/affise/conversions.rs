//! Conversions: listed and shown.

use std::collections::HashMap;

use quittance_domain::conversion::{Conversion, ConversionStatus, TEXT_NAMES};
use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::money::Money;
use quittance_domain::time::{Timestamp, Zone};
use quittance_engine::ingest::{ConversionFilter, State};
use quittance_engine::keys::Role;
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use serde_json::{Map, Value, json};

use super::params::{Page, Params, not, required};
use super::sent::Asked;
use super::to_wire::{self, local_time};
use super::{payments, quirks};

/// The days of a list that names none: a week ago to today.
const DAYS: i32 = 7;
/// What a list can be asked for. Any other filter is refused: to ignore it would show, or change, too much.
const FILTERS: &[&str] = &[
    "date_from",
    "date_to",
    "status",
    "offer",
    "advertiser",
    "partner",
    "action_id",
    "invoice_id",
    "update_from_date",
    "update_from_hour",
    "update_to_date",
    "update_to_hour",
    "page",
    "limit",
    "timezone",
    "filter",
    "orderType",
    "order",
];

/// What a tracker knows of a conversion and Quittance does not: clients expect it to be there.
const UNKNOWN_TEXTS: &[&str] = &[
    "sub6",
    "sub7",
    "sub8",
    "country_name",
    "city",
    "isp_code",
    "ip",
    "ua",
    "browser",
    "os",
    "device",
    "device_type",
    "referrer",
    "ref_id",
    "custom_field_1",
    "custom_field_2",
    "custom_field_3",
    "custom_field_4",
    "custom_field_5",
    "custom_field_6",
    "custom_field_7",
];
/// The same of what clients read as a number.
const UNKNOWN_NUMBERS: &[&str] = &["city_id", "landing_id", "prelanding_id"];

/// What a list is asked for.
pub(super) struct Wanted {
    from: Option<quittance_domain::time::Day>,
    through: Option<quittance_domain::time::Day>,
    statuses: Vec<ConversionStatus>,
    partners: Vec<i64>,
    offers: Vec<i64>,
    advertisers: Vec<i64>,
    action_id: Option<String>,
    invoice_id: Option<i64>,
    updated: payments::Updated,
}

impl Wanted {
    pub(super) fn of(params: &Params) -> Result<Wanted, Problem> {
        if let Some((name, _)) = params.nodes().find(|(name, _)| !FILTERS.contains(name)) {
            return Err(Problem::bad_request(name, format!("{name}: Method does not allow this filter.")));
        }
        let status = |text: &str| quirks::conversion_status(text).ok_or_else(|| not("status", text, "1, 2, 3 or 5"));
        Ok(Wanted {
            from: params.day("date_from")?,
            through: params.day("date_to")?,
            statuses: params.texts("status")?.into_iter().map(status).collect::<Result<_, _>>()?,
            partners: params.ints("partner")?,
            offers: params.ints("offer")?,
            advertisers: params.ints("advertiser")?,
            action_id: params.text("action_id")?.map(str::to_owned),
            invoice_id: params.int("invoice_id")?,
            updated: payments::updated(params)?,
        })
    }

    fn filter(&self, engine: &Engine, call: &Call) -> quittance_engine::Result<ConversionFilter> {
        let zone = engine.zone_of(call)?;
        let today = zone.day_of(call.now);
        let through = self.through.unwrap_or(today);
        let from = self.from.unwrap_or_else(|| through.plus_days(-DAYS));
        Ok(ConversionFilter {
            statuses: self.statuses.clone(),
            affiliates: self.partners.clone(),
            offers: self.offers.clone(),
            advertisers: self.advertisers.clone(),
            changed: self.changed(&zone),
            ..ConversionFilter::of_days(from, through)
        })
    }

    /// When the conversions that are asked for were changed last.
    fn changed(&self, zone: &Zone) -> Option<(Timestamp, Timestamp)> {
        let (from, before) = payments::instants(self.updated, zone);
        let bounded = from.is_some() || before.is_some();
        let first = Timestamp::from_micros(i64::MIN);
        let last = Timestamp::from_micros(i64::MAX);
        bounded.then(|| (from.unwrap_or(first), before.unwrap_or(last)))
    }

    /// Whether a conversion that was found by its id or its invoice is asked for.
    fn takes(&self, state: &State, zone: &Zone) -> bool {
        let conversion = &state.known.conversion;
        let day = zone.day_of(conversion.occurred_at);
        let one_of = |list: &[i64], id: Option<i64>| list.is_empty() || id.is_some_and(|id| list.contains(&id));
        one_of(&self.partners, Some(conversion.affiliate_id.get()))
            && one_of(&self.offers, Some(conversion.offer_id.get()))
            && one_of(&self.advertisers, conversion.advertiser_id.map(quittance_domain::ids::AdvertiserId::get))
            && (self.statuses.is_empty() || self.statuses.contains(&conversion.status))
            && self.from.is_none_or(|from| day >= from)
            && self.through.is_none_or(|through| day <= through)
            && self.changed(zone).is_none_or(|(from, before)| (from..before).contains(&state.received_at))
    }

    /// The conversions of a page, and how many there are in all.
    pub(super) fn find(&self, engine: &Engine, call: &Call, page: (i64, i64)) -> quittance_engine::Result<Found> {
        let ids = match (&self.action_id, self.invoice_id) {
            (None, None) => {
                let list = engine.conversions(call, &self.filter(engine, call)?, page)?;
                return Ok(Found { states: list.conversions, total: list.total });
            }
            (Some(action), _) => {
                // The id of an imported one begins with it; a tracker's own id is it.
                let found = engine.conversions_starting(call, &format!("{action}-"))?;
                let ids = found.into_iter().filter_map(|state| {
                    let Conversion { conversion_id, affiliate_id, offer_id, .. } = state.known.conversion;
                    let own = quirks::action_id(&conversion_id, affiliate_id.get(), offer_id.get()) == action;
                    own.then(|| conversion_id.to_string())
                });
                std::iter::once(action.clone()).chain(ids).collect()
            }
            (None, Some(number)) => {
                let invoice = payments::payment(engine, call, number)?;
                let window = (0, usize::try_from(quirks::EDITED_MAX).unwrap_or(usize::MAX));
                let (rows, _) = engine.invoice_conversions_at(call, invoice.invoice_id, window)?;
                rows.into_iter().map(|row| row.conversion_id).collect::<Vec<String>>()
            }
        };
        let mut ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        ids.sort_unstable();
        ids.dedup();
        let zone = engine.zone_of(call)?;
        let mut states = engine.conversions_by_ids(call, &ids)?;
        states.retain(|state| self.takes(state, &zone));
        let total = states.len() as i64;
        let (offset, limit) = page;
        let skip = usize::try_from(offset).unwrap_or(usize::MAX);
        let states = states.into_iter().skip(skip).take(usize::try_from(limit).unwrap_or(0)).collect();
        Ok(Found { states, total })
    }
}

/// A page of conversions.
pub(super) struct Found {
    pub(super) states: Vec<State>,
    pub(super) total: i64,
}

/// What conversions are shown with.
struct Showing {
    zone: Zone,
    offers: HashMap<i64, String>,
    partners: HashMap<i64, Map<String, Value>>,
    /// An affiliate's own key does not see what the network earns.
    own: bool,
}

impl Showing {
    fn of(engine: &Engine, call: &Call, states: &[State], own: bool) -> quittance_engine::Result<Showing> {
        let mut offers: Vec<i64> = states.iter().map(|state| state.known.conversion.offer_id.get()).collect();
        offers.sort_unstable();
        offers.dedup();
        let names = engine.offers_by_ids(call, &offers)?.into_iter().map(|offer| (offer.offer_id, offer.name));
        let mut ids: Vec<i64> = states.iter().map(|state| state.known.conversion.affiliate_id.get()).collect();
        ids.sort_unstable();
        ids.dedup();
        let filter = quittance_engine::parties::PartyFilter { ids: Some(ids), ..Default::default() };
        let found = engine.parties(call, PartyKind::Affiliate, &filter, (0, i64::MAX))?;
        let partner = |row: &quittance_engine::parties::PartyRow| {
            let party = &row.party;
            let shown = json!({
                "id": party.party_id.to_string(), "title": party.name, "email": party.email.clone().unwrap_or_default(),
                "login": party.name, "name": party.name, "manager_id": party.manager_id.map(quirks::manager_id),
            });
            (party.party_id, shown.as_object().cloned().unwrap_or_default())
        };
        Ok(Showing {
            zone: engine.zone_of(call)?,
            offers: names.collect(),
            partners: found.parties.iter().map(partner).collect(),
            own,
        })
    }

    fn conversion(&self, conversion: &Conversion, payment: (&'static str, &'static str)) -> Value {
        let text = |name: &str| {
            let place = TEXT_NAMES.iter().position(|known| *known == name);
            place.and_then(|place| conversion.texts[place].as_deref()).unwrap_or("").to_owned()
        };
        let (offer, partner) = (conversion.offer_id.get(), conversion.affiliate_id.get());
        let advertiser = conversion.advertiser_id.map(|id| id.to_string()).unwrap_or_default();
        let at = local_time(conversion.occurred_at, &self.zone);
        let title = self.offers.get(&offer).cloned().unwrap_or_default();
        let mut shown = json!({
            "id": conversion.conversion_id,
            "conversion_id": conversion.conversion_id,
            "cbid": text("click_id"),
            "action_id": quirks::action_id(&conversion.conversion_id, partner, offer),
            "status": quirks::conversion_word(conversion.status),
            "offer_id": offer,
            "offer": { "id": offer, "title": title, "offer_id": offer.to_string(), "url": "", "external_id": "" },
            "partner_id": partner,
            "partner": self.partners.get(&partner),
            "goal": text("goal"), "goal_value": text("goal"),
            "currency": conversion.payout.currency().code(),
            "sum": decimal(&text("sale_amount")),
            "payouts": number(conversion.payout),
            "payment_type": "fixed",
            "payment_status": payment.0, "is_paid": payment.1,
            "created_at": at, "click_time": at,
            "clickid": text("click_id"), "country": text("country"), "comment": text("comment"),
        });
        for name in ["sub1", "sub2", "sub3", "sub4", "sub5"] {
            shown[name] = text(name).into();
        }
        for name in UNKNOWN_TEXTS {
            shown[*name] = "".into();
        }
        for name in UNKNOWN_NUMBERS {
            shown[*name] = 0.into();
        }
        for name in ["district", "hold_date_expire"] {
            shown[name] = Value::Null;
        }
        if !self.own {
            let same = conversion.revenue.currency() == conversion.payout.currency();
            let earnings = conversion.revenue.checked_sub(conversion.payout).ok().filter(|_| same);
            shown["revenue"] = number(conversion.revenue);
            shown["earnings"] = earnings.map_or(json!(0), number);
            shown["supplier_id"] = advertiser.clone().into();
            shown["advertiser"] = json!({ "id": advertiser, "title": "" });
        }
        shown
    }
}

fn number(money: Money) -> Value {
    decimal(&to_wire::plain(money))
}

/// A decimal as a number; 0 where there is none.
fn decimal(text: &str) -> Value {
    serde_json::from_str::<serde_json::Number>(text).map_or(json!(0), Value::Number)
}

/// How far conversions are paid, each invoice looked at once.
#[derive(Default)]
struct Payments(HashMap<InvoiceId, bool>);

impl Payments {
    /// Opened: on no invoice; pending: on one that is not completed; closed.
    fn of(&mut self, engine: &Engine, call: &Call, id: &str) -> quittance_engine::Result<(&'static str, &'static str)> {
        let entries = engine.conversion(call, id)?.entries;
        let payable =
            entries.iter().rev().find(|entry| entry.kind == InvoiceKind::Payable && !entry.amount.is_negative());
        let Some(invoice) = payable.and_then(|entry| entry.invoice_id) else { return Ok(("opened", "1")) };
        let paid = match self.0.get(&invoice) {
            Some(paid) => *paid,
            None => engine.invoice(call, invoice)?.status == InvoiceStatus::Paid,
        };
        self.0.insert(invoice, paid);
        Ok(if paid { ("closed", "2") } else { ("pending", "3") })
    }
}

fn shown(engine: &Engine, call: &Call, states: &[State], own: bool) -> quittance_engine::Result<Vec<Value>> {
    let showing = Showing::of(engine, call, states, own)?;
    let mut payments = Payments::default();
    let one = |state: &State| {
        let conversion = &state.known.conversion;
        Ok(showing.conversion(conversion, payments.of(engine, call, &conversion.conversion_id)?))
    };
    states.iter().map(one).collect()
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Problem> {
    let mut wanted = Wanted::of(&asked.params)?;
    if let Some(old) = asked.params.branch("filter") {
        // Older clients put the filters under one name.
        wanted = Wanted::of(old)?;
    }
    let page: Page = asked.params.page(quirks::ROWS)?;
    let own = (asked.actor.role == Role::Affiliate).then(|| asked.actor.party_id.unwrap_or(0));
    if let Some(affiliate) = own {
        wanted.partners = vec![affiliate];
    }
    let listed = asked.read(move |engine, call| {
        let found = wanted.find(engine, call, (page.offset, page.limit))?;
        to_wire::list("conversions", shown(engine, call, &found.states, own.is_some())?, page, found.total)
    });
    listed.await
}

pub(super) async fn by_id(asked: Asked) -> Result<Answer, Problem> {
    let id = required("id", asked.params.text("id")?)?.to_owned();
    let found = asked.read(move |engine, call| {
        let states = engine.conversions_by_ids(call, &[&id])?;
        let conversion = states.first().map(|state| state.known.conversion.clone());
        let conversion = conversion.ok_or_else(|| Error::NotFound(format!("there is no conversion {id}")))?;
        let mut one = shown(engine, call, &states, false)?.pop().unwrap_or_default();
        one["status"] = quirks::conversion_code(conversion.status).into();
        for (name, other) in [
            ("createdAt", "created_at"),
            ("updatedAt", "created_at"),
            ("charge", "revenue"),
            ("earning", "earnings"),
            ("click_id", "clickid"),
        ] {
            one[name] = one[other].clone();
        }
        to_wire::answer("conversion", one)
    });
    found.await
}
