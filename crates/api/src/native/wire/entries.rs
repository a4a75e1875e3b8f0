//! The lists that the rest refers to: offers, managers, payment systems, currencies, by the names of a network file.

use quittance_domain::currency::Currency;
use quittance_engine::ingest::HoldDaysReport;
use quittance_engine::reference::{
    Manager as KnownManager, Offer as KnownOffer, PaymentSystem as KnownSystem, SwitchedOn,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::{Amount, AmountGiven, Code, Id, RateGiven};

/// What is promoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offer {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Who pays for its conversions.
    pub advertiser: Option<i64>,
    /// Days from a conversion's day until it may be billed.
    pub hold_days: i64,
    /// The payout of a conversion that says none: an amount, or a share such as `12 %` of the sale amount.
    pub payout: Option<String>,
    /// What the payout is in; `null`: the affiliate's currency.
    pub payout_currency: Option<Code>,
    /// The revenue of a conversion that says none, in the same form.
    pub revenue: Option<String>,
}

impl From<&KnownOffer> for Offer {
    fn from(offer: &KnownOffer) -> Offer {
        Offer {
            id: offer.offer_id,
            name: offer.name.clone(),
            advertiser: offer.advertiser_id,
            hold_days: offer.hold_days,
            payout: offer.payout.clone(),
            payout_currency: offer.payout_currency.map(Code::from),
            revenue: offer.revenue.clone(),
        }
    }
}

/// A page of offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OfferPage {
    /// The offers, by id.
    pub offers: Vec<Offer>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What of an offer is to be set; what is left out stays, or has its default.
#[derive(Debug, Clone, ToSchema)]
pub struct OfferRequest {
    /// Its id; only of a new one, which gets the next free one where this is left out.
    #[schema(nullable = false, minimum = 1)]
    pub id: Option<i64>,
    /// Its name; a new one needs it.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// Who pays for its conversions.
    pub advertiser: Option<Id>,
    /// Days from a conversion's day until it may be billed.
    #[schema(nullable = false, minimum = 0)]
    pub hold_days: Option<i64>,
    /// The payout of a conversion that says none: an amount, or a share such as `12 %`.
    pub payout: Option<RateGiven>,
    /// What the payout is in.
    #[schema(pattern = "^([A-Z0-9]{3,10}|)$")]
    pub payout_currency: Option<String>,
    /// The revenue of a conversion that says none.
    pub revenue: Option<RateGiven>,
}

/// The hold days that an offer is to have.
#[derive(Debug, Clone, ToSchema)]
pub struct HoldDaysRequest {
    /// Days from a conversion's day until it may be billed.
    pub hold_days: i64,
    /// Whether they are applied to what is unbilled, too; left out: they count for conversions that come from now on.
    pub apply: Option<bool>,
}

/// The hold days of an offer, and what became of what it has unbilled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HoldDays {
    /// The offer.
    pub offer_id: i64,
    /// Its hold days now.
    pub hold_days: i64,
    /// Its hold days before.
    pub hold_days_before: i64,
    /// What became of what is unbilled; `null`: the days were not applied to it.
    pub applied: Option<HeldAnew>,
}

/// What became of the unbilled conversions of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldAnew {
    /// How many can be billed from another day on now.
    pub changed: u64,
    /// How many stay as they are, since an invoice of their affiliate or of their advertiser bills them already.
    pub billed: u64,
}

impl From<&HoldDaysReport> for HoldDays {
    fn from(report: &HoldDaysReport) -> HoldDays {
        HoldDays {
            offer_id: report.offer.offer_id,
            hold_days: report.offer.hold_days,
            hold_days_before: report.before,
            applied: report.applied.map(|applied| HeldAnew { changed: applied.changed, billed: applied.billed }),
        }
    }
}

/// An account manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Manager {
    /// The manager's id.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The address.
    pub email: Option<String>,
}

impl From<&KnownManager> for Manager {
    fn from(manager: &KnownManager) -> Manager {
        Manager { id: manager.manager_id, name: manager.name.clone(), email: manager.email.clone() }
    }
}

/// A page of managers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ManagerPage {
    /// The managers.
    pub managers: Vec<Manager>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What of a manager is to be set; what is left out stays.
#[derive(Debug, Clone, ToSchema)]
pub struct ManagerRequest {
    /// The id; only of a new one, which gets the next free one where this is left out.
    #[schema(nullable = false, minimum = 1)]
    pub id: Option<i64>,
    /// The name; a new one needs it.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// The address.
    pub email: Option<String>,
}

/// A rail as the network offers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentSystem {
    /// Its id.
    pub id: i64,
    /// Its title.
    pub title: String,
    /// The rail: `paypal`, `wire` and so on.
    pub r#type: String,
    /// What it pays in; `null`: any currency.
    pub currency: Option<Code>,
    /// The least amount that is paid through it, in its currency, else in the network's.
    pub minimum_payment: Option<Amount>,
    /// What a party must say to be paid through it.
    pub fields: Vec<SystemField>,
}

/// Something that a payment system needs to know of a party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SystemField {
    /// Its id.
    pub id: i64,
    /// What it is called.
    pub label: String,
    /// Whether a method needs it.
    pub required: bool,
}

impl PaymentSystem {
    /// A payment system of a network with a base currency.
    #[must_use]
    pub fn of(system: &KnownSystem, base: Currency) -> PaymentSystem {
        let currency = system.currency.unwrap_or(base);
        PaymentSystem {
            id: system.system_id,
            title: system.title.clone(),
            r#type: system.payment_type.clone(),
            currency: system.currency.map(Code::from),
            minimum_payment: system.minimum_units.map(|units| Amount::of(units, currency)),
            fields: serde_json::from_str(&system.fields).unwrap_or_default(),
        }
    }
}

/// A page of payment systems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentSystemPage {
    /// The payment systems.
    pub payment_systems: Vec<PaymentSystem>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What of a payment system is to be set; what is left out stays.
#[derive(Debug, Clone, ToSchema)]
pub struct PaymentSystemRequest {
    /// Its id; only of a new one, which gets the next free one where this is left out.
    #[schema(nullable = false, minimum = 1)]
    pub id: Option<i64>,
    /// Its title; a new one needs it.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    pub title: Option<String>,
    /// The rail; a new one needs it.
    #[schema(nullable = false, min_length = 1)]
    pub r#type: Option<String>,
    /// What it pays in.
    #[schema(pattern = "^([A-Z0-9]{3,10}|)$")]
    pub currency: Option<String>,
    /// The least amount that is paid through it.
    pub minimum_payment: Option<AmountGiven>,
    /// What a party must say to be paid through it: all fields.
    #[schema(nullable = false)]
    pub fields: Option<Vec<SystemFieldRequest>>,
}

/// A field of a payment system that is sent.
#[derive(Debug, Clone, ToSchema)]
pub struct SystemFieldRequest {
    /// Its id.
    pub id: Id,
    /// What it is called.
    #[schema(min_length = 1, max_length = 255)]
    pub label: String,
    /// Whether a method needs it; left out: no.
    #[schema(nullable = false)]
    pub required: Option<bool>,
}

/// A currency that is switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SwitchedCurrency {
    /// Its code.
    pub code: Code,
    /// The least amount that is invoiced in it.
    pub minimum_payment: Option<Amount>,
}

impl From<&SwitchedOn> for SwitchedCurrency {
    fn from(on: &SwitchedOn) -> SwitchedCurrency {
        SwitchedCurrency { code: on.currency.into(), minimum_payment: on.minimum.map(Amount::from) }
    }
}

/// A page of currencies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CurrencyPage {
    /// The currencies.
    pub currencies: Vec<SwitchedCurrency>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What of a currency is to be set.
#[derive(Debug, Clone, ToSchema)]
pub struct CurrencyRequest {
    /// Its code; only of one that is switched on.
    #[schema(nullable = false, pattern = "^[A-Z0-9]{3,10}$")]
    pub code: Option<String>,
    /// The least amount that is invoiced in it.
    pub minimum_payment: Option<AmountGiven>,
}
