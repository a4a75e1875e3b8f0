//! Payment systems, currencies, offers; and what an affiliate's own key sees of its money.

use quittance_domain::currency::Currency;
use quittance_domain::money::{Money, Rounding};
use quittance_engine::parties::Funds;
use quittance_engine::reference::{Offer, OfferFilter, SwitchedOn};
use quittance_engine::{Call, Engine};
use quittance_http::Problem;
use quittance_http::idempotency::Answer;
use serde::Deserialize;

use super::quirks;
use super::sent::Asked;
use super::to_wire::{self, number, raw};
use super::wire::{self, Named};

/// A field of a payment system as it is kept.
#[derive(Deserialize)]
struct Field {
    id: i64,
    label: String,
    required: bool,
}

pub(super) async fn payment_systems(asked: Asked) -> Result<Answer, Problem> {
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
    let extended = asked.params.flag("extended")?;
    // Only what is switched on is known: the list is the same with and without it.
    asked.params.flag("get_only_active")?;
    let listed = asked.read(move |engine, call| {
        let on = engine.currencies(call)?;
        let base = engine.network(call.network)?.currency;
        let codes: Vec<Currency> = on.iter().map(|on| on.currency).collect();
        let worth = engine.worth_of_one(call, &codes)?;
        let rate =
            |currency: Currency| worth.iter().find(|worth| worth.currency() == currency).map(|worth| number(*worth));
        if extended {
            let quotes: Vec<_> = on.iter().map(|on| quote(on, base, rate(on.currency))).collect();
            return to_wire::answer("quotes", quotes);
        }
        let quotes = codes.iter().filter_map(|code| Some((code.code().to_owned(), rate(*code)?)));
        to_wire::answer("quotes", Named(quotes.collect()))
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
    let on = engine.currencies(call)?;
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
        let view = engine.party(call, quittance_domain::ids::PartyKind::Affiliate, affiliate)?;
        let funds = funds(engine, call, affiliate)?;
        let amount = |code: &str, of: fn(&Funds) -> Money| {
            let found =
                funds.iter().find(|(currency, _)| currency.code() == code).and_then(|(_, funds)| funds.as_ref());
            found
                .and_then(|funds| of(funds).round_to_minor(Rounding::HalfAwayFromZero).ok())
                .map_or("0.00".to_owned(), |money| to_wire::fixed(money, 2))
        };
        let party = &view.row.party;
        let method = view.methods.first();
        let user = serde_json::json!({
            "id": party.party_id,
            "email": party.email.clone().unwrap_or_default(),
            "login": party.name,
            "status": quirks::partner_code(&party.status),
            "ref_percent": view.row.profile.referrer.as_ref().and_then(|by| by.percent.clone()),
            "pay_sys": method.map_or(0, |method| method.method.system_id),
            "pay_acc": method.map(|method| method.details.values().cloned().collect::<Vec<_>>().join("\n")),
            "pay_acc_wmz": "",
            "balance_ru": amount("RUB", |funds| funds.available),
            "hold_ru": amount("RUB", |funds| funds.hold),
            "available_ru": amount("RUB", |funds| funds.available),
            "balance_usd": amount("USD", |funds| funds.available),
            "hold_usd": amount("USD", |funds| funds.hold),
            "available_usd": amount("USD", |funds| funds.available),
            "permissions": {},
        });
        to_wire::answer("user", user)
    });
    shown.await
}

pub(super) async fn offers(asked: Asked) -> Result<Answer, Problem> {
    let page = asked.params.page(quirks::ROWS)?;
    let filter = OfferFilter {
        id: asked.params.int("int_id")?.or(asked.params.int("id")?),
        advertiser_id: asked.params.int("advertiser")?,
        ..OfferFilter::default()
    };
    let listed = asked.read(move |engine, call| {
        let found = engine.offers(call, &filter, (page.offset, page.limit))?;
        let offers: Vec<_> = found.offers.iter().map(offer).collect();
        to_wire::list("offers", offers, page, found.total)
    });
    listed.await
}

/// An offer: an amount, or a share in percent.
fn offer(offer: &Offer) -> wire::Offer {
    let percent = offer.payout.as_deref().is_some_and(|text| text.contains('%'));
    let amount = |text: &Option<String>| raw(text.as_deref()?.trim_end_matches('%').trim());
    let payment = wire::OfferPayment {
        revenue: amount(&offer.payout),
        total: amount(&offer.revenue),
        currency: offer.payout_currency.as_ref().map(Currency::code),
        kind: if percent { "percent" } else { "fixed" },
    };
    wire::Offer {
        id: offer.offer_id,
        offer_id: offer.offer_id.to_string(),
        title: offer.name.clone(),
        advertiser: offer.advertiser_id.map(|id| id.to_string()),
        status: "active",
        hold_period: offer.hold_days,
        payments: vec![payment],
    }
}
