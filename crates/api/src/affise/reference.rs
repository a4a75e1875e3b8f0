//! Payment systems, currencies, custom fields; and what an affiliate's own key sees of itself and its money.

use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_domain::money::{Money, Rounding};
use quittance_engine::parties::{Funds, PartyRow, PartyView};
use quittance_engine::reference::SwitchedOn;
use quittance_engine::{Call, Engine};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use serde::Deserialize;
use serde_json::{Value, json};

use super::quirks;
use super::sent::Asked;
use super::to_wire::{self, raw};
use super::wire::{self, Named};

/// A field of a payment system as it is kept.
#[derive(Deserialize)]
struct Field {
    id: i64,
    label: String,
    required: bool,
}

pub(super) async fn payment_systems(asked: Asked) -> Result<Answer, Problem> {
    asked.params.only(&[])?;
    let listed = asked.read(|engine, call| {
        let system = |system: quittance_engine::reference::PaymentSystem| {
            let fields: Vec<Field> = serde_json::from_str(&system.fields).unwrap_or_default();
            let field =
                |field: Field| wire::SystemField { id: field.id, lang_label: field.label, required: field.required };
            wire::PaymentSystem {
                id: system.system_id,
                lang_label: system.title,
                fields: fields.into_iter().map(field).collect(),
                currency: system.currency.map(|currency| currency.code()),
            }
        };
        let systems: Vec<_> = engine.payment_systems(call)?.into_iter().map(system).collect();
        to_wire::answer("payment_systems", systems)
    });
    listed.await
}

pub(super) async fn currencies(asked: Asked) -> Result<Answer, Problem> {
    asked.params.only(&["extended", "get_only_active"])?;
    let extended = asked.params.flag("extended")?;
    // Only what is switched on is known: the list is the same with and without it.
    asked.params.flag("get_only_active")?;
    let listed = asked.read(move |engine, call| {
        let on = engine.currencies_and_base(call)?;
        let base = engine.network(call.network)?.currency;
        let codes: Vec<Currency> = on.iter().map(|on| on.currency).collect();
        let rates = engine.rates_of_base(call, &codes)?;
        let rate = |currency: Currency| {
            let found = rates.iter().find(|(other, _)| *other == currency);
            found.and_then(|(_, rate)| raw(&quirks::rate(rate)))
        };
        if extended {
            let quotes: Vec<_> = on.iter().map(|on| quote(on, base, rate(on.currency))).collect();
            return to_wire::answer("quotes", quotes);
        }
        let quotes = codes.iter().filter_map(|code| Some((code.code().to_owned(), rate(*code)?)));
        to_wire::answer("quotes", Named(quotes.collect()))
    });
    listed.await
}

/// The custom fields that partners have. Their names stand in the vendor's account alone.
pub(super) async fn custom_fields(asked: Asked) -> Result<Answer, Problem> {
    asked.params.only(&[])?;
    let listed = asked.read(|engine, call| {
        let field =
            |id: i64| wire::FieldOfPartners { id, name: "", required: false, field_type: "text", field_values: None };
        let fields: Vec<_> = engine.custom_field_ids(call)?.into_iter().map(field).collect();
        to_wire::answer("fields", fields)
    });
    listed.await
}

fn quote(on: &SwitchedOn, base: Currency, rate: Option<Box<serde_json::value::RawValue>>) -> wire::Quote {
    wire::Quote {
        _id: quirks::currency_id(on.currency),
        code: on.currency.code(),
        active: true,
        default: on.currency == base,
        rate: rate.or_else(|| raw("0")).unwrap_or_default(),
        min_payment: on.minimum.map_or(0, whole),
        is_crypto: on.currency.billing_digits() > 6,
    }
}

/// The whole units of an amount, rounded up: a client that pays no less than this is not refused.
fn whole(money: Money) -> i64 {
    let unit = 10_i64.pow(money.currency().billing_digits());
    money.units().div_euclid(unit) + i64::from(money.units().rem_euclid(unit) > 0)
}

fn funds(engine: &Engine, call: &Call, affiliate: i64) -> quittance_engine::Result<Vec<(Currency, Option<Funds>)>> {
    let funds = engine.affiliate_funds(call, &[affiliate])?;
    let on = engine.currencies_and_base(call)?;
    Ok(on.iter().map(|on| (on.currency, funds.get(&(affiliate, on.currency)).copied())).collect())
}

pub(super) async fn own_balance(asked: Asked) -> Result<Answer, Problem> {
    let affiliate = asked.actor.party_id.unwrap_or(0);
    let shown = asked.read(move |engine, call| {
        let funds = funds(engine, call, affiliate)?;
        let kind = |of: fn(wire::Balance) -> Box<serde_json::value::RawValue>| {
            let one = |(currency, funds): &(Currency, Option<Funds>)| {
                (currency.code().to_owned(), of(to_wire::balance(funds.as_ref())))
            };
            Named(funds.iter().map(one).collect())
        };
        let balance = wire::OwnBalance {
            balance: kind(|balance| balance.balance),
            hold: kind(|balance| balance.hold),
            available: kind(|balance| balance.available),
        };
        to_wire::answer("balance", balance)
    });
    shown.await
}

pub(super) async fn me(asked: Asked) -> Result<Answer, Problem> {
    let affiliate = asked.actor.party_id.unwrap_or(0);
    let shown = asked.read(move |engine, call| {
        let view = engine.party(call, PartyKind::Affiliate, affiliate)?;
        let mut user = of_me(engine, call, &view)?;
        let funds = funds(engine, call, affiliate)?;
        let amount = |code: &str, of: fn(&Funds) -> Money| {
            let found =
                funds.iter().find(|(currency, _)| currency.code() == code).and_then(|(_, funds)| funds.as_ref());
            found
                .and_then(|funds| of(funds).round_to_minor(Rounding::HalfAwayFromZero).ok())
                .map_or("0.00".to_owned(), |money| to_wire::fixed(money, 2))
        };
        for (suffix, code) in [("ru", "RUB"), ("usd", "USD")] {
            let available = amount(code, |funds| funds.available);
            user[format!("balance_{suffix}")] = available.clone().into();
            user[format!("hold_{suffix}")] = amount(code, |funds| funds.hold).into();
            user[format!("available_{suffix}")] = available.into();
        }
        to_wire::answer("user", user)
    });
    shown.await
}

/// What an affiliate is told of itself besides its money: the keys of the documents, empty where nothing is kept or where it
/// is the network's affair.
fn of_me(engine: &Engine, call: &Call, view: &PartyView) -> quittance_engine::Result<Value> {
    let PartyRow { party, profile, created_at, updated_at } = &view.row;
    let referrer = profile.referrer.as_ref();
    let method = view.methods.first();
    let managers = engine.managers(call)?;
    let manager = managers.iter().find(|manager| Some(manager.manager_id) == party.manager_id);
    let account = method.map(|method| method.details.values().cloned().collect::<Vec<_>>().join("\n"));
    let no_sub = json!({ "value": "", "except": 0 });
    Ok(json!({
        "partner_id": party.party_id,
        "needAcceptTerms": false,
        "manager": manager.map(|manager| json!({
            "name": manager.name, "email": manager.email.clone().unwrap_or_default(), "skype": "", "work_hours": "",
        })),
        "id": party.party_id.to_string(),
        "api_key": "",
        "info": null,
        "created_at": to_wire::utc(*created_at),
        "settings": null,
        "email": party.email.clone().unwrap_or_default(),
        "login": party.name,
        "name": party.name,
        "company": null,
        "status": quirks::partner_code(&party.status),
        "updated_at": to_wire::utc(*updated_at),
        "confirm_code": null,
        "ref": referrer.map_or_else(|| "0".to_owned(), |by| by.affiliate.to_string()),
        "lang": "en",
        "timezone": null,
        "level": null,
        "manager_id": party.manager_id.map(quirks::manager_id).unwrap_or_default(),
        "notes": "",
        "ref_percent": referrer.and_then(|by| by.percent.clone()).unwrap_or_else(|| "0".to_owned()),
        "pay_sys": method.map(|method| method.method.system_id.to_string()),
        "pay_acc": account.unwrap_or_default(),
        "pay_acc_wmz": "",
        "address_1": "",
        "address_2": null,
        "city": "",
        "country": profile.country.clone().unwrap_or_default(),
        "zip_code": null,
        "phone": profile.phone,
        "sub_accounts": { "1": no_sub, "2": no_sub },
        "tipalti_info": "",
        "contact_person": "",
        "tags": null,
        "type": "affiliate",
        "permissions": {},
        "work_hours": "",
        "last_login_at": "",
    }))
}
