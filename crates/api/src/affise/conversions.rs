//! Conversions: listed and shown.

use std::collections::HashMap;

use quittance_domain::conversion::{Conversion, TEXT_NAMES};
use quittance_domain::ids::{InvoiceId, InvoiceKind, PartyKind};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::money::Money;
use quittance_domain::time::Zone;
use quittance_engine::ingest::State;
use quittance_engine::keys::Role;
use quittance_engine::reference::Manager;
use quittance_engine::{Call, Engine, Error};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use serde_json::{Map, Value, json};

use super::conversion_filter::Wanted;
use super::params::{Page, required};
use super::quirks;
use super::sent::Asked;
use super::to_wire::{self, local_time};

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
    "fraud_risk_level",
    "decline_reason",
    "ios_idfa",
    "android_id",
    "forensiq",
];
/// The same of what clients read as a number.
const UNKNOWN_NUMBERS: &[&str] = &["city_id", "landing_id", "prelanding_id"];

/// What conversions are shown with.
struct Showing {
    zone: Zone,
    /// By id: the title, and whether it pays a share.
    offers: HashMap<i64, (String, bool)>,
    advertisers: HashMap<i64, String>,
    partners: HashMap<i64, Map<String, Value>>,
    /// An affiliate's own key does not see what the network earns.
    own: bool,
}

impl Showing {
    fn of(engine: &Engine, call: &Call, states: &[State], zone: Zone, own: bool) -> quittance_engine::Result<Showing> {
        let mut offers: Vec<i64> = states.iter().map(|state| state.known.conversion.offer_id.get()).collect();
        offers.sort_unstable();
        offers.dedup();
        let known = engine.offers_by_ids(call, &offers)?.into_iter().map(|offer| {
            let share = offer.payout.as_deref().is_some_and(|payout| payout.contains('%'));
            (offer.offer_id, (offer.name, share))
        });
        let mut advertisers: Vec<i64> =
            states.iter().filter_map(|state| Some(state.known.conversion.advertiser_id?.get())).collect();
        advertisers.sort_unstable();
        advertisers.dedup();
        let mut ids: Vec<i64> = states.iter().map(|state| state.known.conversion.affiliate_id.get()).collect();
        ids.sort_unstable();
        ids.dedup();
        let filter = quittance_engine::parties::PartyFilter { ids: Some(ids), ..Default::default() };
        let found = engine.parties(call, PartyKind::Affiliate, &filter, (0, i64::MAX))?;
        let managers = engine.managers(call)?;
        let partner = |row: &quittance_engine::parties::PartyRow| {
            let party = &row.party;
            let manager = managers.iter().find(|manager| Some(manager.manager_id) == party.manager_id);
            let shown = json!({
                "id": party.party_id, "title": party.name, "email": party.email.clone().unwrap_or_default(),
                "login": party.name, "name": party.name, "manager": manager.map(shown_manager),
                "manager_id": party.manager_id.map(quirks::manager_id),
            });
            (party.party_id, shown.as_object().cloned().unwrap_or_default())
        };
        Ok(Showing {
            zone,
            offers: known.collect(),
            advertisers: engine.party_names(call, PartyKind::Advertiser, &advertisers)?,
            partners: found.parties.iter().map(partner).collect(),
            own,
        })
    }

    /// A conversion, with what the advertiser owes for it in the payout's currency: it has one currency here.
    fn conversion(
        &self,
        state: &State,
        revenue: Option<Money>,
        payment: (&'static str, &'static str),
    ) -> quittance_engine::Result<Value> {
        let conversion: &Conversion = &state.known.conversion;
        let text = |name: &str| {
            let place = TEXT_NAMES.iter().position(|known| *known == name);
            place.and_then(|place| conversion.texts[place].as_deref()).unwrap_or("").to_owned()
        };
        let (offer, partner) = (conversion.offer_id.get(), conversion.affiliate_id.get());
        let advertiser = conversion.advertiser_id.map(|id| id.to_string()).unwrap_or_default();
        let at = local_time(conversion.occurred_at, &self.zone);
        let (title, share) = self.offers.get(&offer).cloned().unwrap_or_default();
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
            "payment_type": if share { "percent" } else { "fixed" },
            "payment_status": payment.0, "is_paid": payment.1,
            "created_at": at, "click_time": at, "updated_at": local_time(state.received_at, &self.zone),
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
        shown["fraud_type"] = json!([]);
        if !self.own {
            let earnings = revenue.map(|revenue| revenue.checked_sub(conversion.payout)).transpose()?;
            shown["revenue"] = revenue.map_or(Value::Null, number);
            shown["earnings"] = earnings.map_or(Value::Null, number);
            shown["supplier_id"] = advertiser.clone().into();
            let title = conversion.advertiser_id.and_then(|id| self.advertisers.get(&id.get()));
            shown["advertiser"] = json!({ "id": advertiser, "title": title.map_or("", String::as_str) });
        }
        Ok(shown)
    }
}

/// A partner's account manager.
fn shown_manager(manager: &Manager) -> Value {
    let (first, last) = to_wire::names(&manager.name);
    json!({
        "id": quirks::manager_id(manager.manager_id), "title": manager.name, "first_name": first, "last_name": last,
    })
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
pub(super) struct Payments(HashMap<InvoiceId, bool>);

impl Payments {
    /// Opened: on no invoice; pending: on one that is not completed; closed.
    pub(super) fn of(
        &mut self,
        engine: &Engine,
        call: &Call,
        id: &str,
    ) -> quittance_engine::Result<(&'static str, &'static str)> {
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

fn shown(
    engine: &Engine,
    call: &Call,
    states: &[State],
    zone: Zone,
    own: bool,
) -> quittance_engine::Result<Vec<Value>> {
    let showing = Showing::of(engine, call, states, zone, own)?;
    let revenues = engine.revenues_as_payouts(call, states)?;
    let mut payments = Payments::default();
    let one = |(state, revenue): (&State, Option<Money>)| {
        let payment = payments.of(engine, call, &state.known.conversion.conversion_id)?;
        showing.conversion(state, revenue, payment)
    };
    states.iter().zip(revenues).map(one).collect()
}

pub(super) async fn list(asked: Asked) -> Result<Answer, Problem> {
    // Older clients put the filters under one name; what stands beside that counts as well.
    let filters = match asked.params.branch("filter") {
        Some(nested) => asked.params.clone().under(nested.clone()),
        None => asked.params.clone(),
    };
    let own = asked.actor.role == Role::Affiliate;
    let hidden = |name: &&str| name.starts_with("revenue") || *name == "advertiser";
    if let Some(name) = filters.nodes().map(|(name, _)| name).find(hidden).filter(|_| own) {
        // What an affiliate does not see it cannot find out by asking for it either.
        return Err(Problem::bad_request(name, format!("{name}: Method does not allow this filter.")));
    }
    let mut wanted = Wanted::of(&filters)?;
    let page: Page = asked.params.page(quirks::ROWS)?;
    let scope = asked.scope;
    if own {
        wanted = wanted.of_partner(asked.actor.party_id.unwrap_or(0));
    }
    let listed = asked.read(move |engine, call| {
        let zone = wanted.zone(engine, call)?;
        let found = wanted.find(engine, call, scope, (page.offset, page.limit))?;
        to_wire::list("conversions", shown(engine, call, &found.states, zone, own)?, page, found.total)
    });
    listed.await
}

pub(super) async fn by_id(asked: Asked) -> Result<Answer, Problem> {
    let id = required("id", asked.params.text("id")?)?.to_owned();
    let scope = asked.scope;
    let found = asked.read(move |engine, call| {
        let states = engine.conversions_by_ids(call, &[&id])?;
        let conversion = states.first().map(|state| state.known.conversion.clone());
        let conversion = conversion.ok_or_else(|| Error::NotFound(format!("there is no conversion {id}")))?;
        scope.check(engine, call, PartyKind::Affiliate, conversion.affiliate_id.get())?;
        let zone = engine.zone_of(call)?;
        let mut one = shown(engine, call, &states, zone, false)?.pop().unwrap_or_default();
        // Texts or null here, numbers in lists [oas].
        for name in ["landing_id", "prelanding_id"] {
            one[name] = Value::Null;
        }
        one["status"] = quirks::conversion_code(conversion.status).into();
        for (name, other) in [
            ("createdAt", "created_at"),
            ("updatedAt", "updated_at"),
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
