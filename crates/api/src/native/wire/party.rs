//! Affiliates and advertisers: their billing settings by the names of a network file, and how they stand.

use std::collections::BTreeMap;

use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_engine::parties::{MethodView, PartyBalance, PartyRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::values::{Amount, AmountGiven, Code, Id, Instant};

/// An affiliate or an advertiser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Party {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its address.
    pub email: Option<String>,
    /// `active`, `pending`, `inactive` or `suspended`.
    pub status: String,
    /// The account manager who looks after it.
    pub manager: Option<i64>,
    /// What its amounts are in where nothing else says so.
    pub currency: Code,
    /// The billing cycle; `null` is manual.
    pub billing_cycle: Option<String>,
    /// Days from the end of a period to the due date; `null` leaves it to the cycle.
    pub payment_terms: Option<i64>,
    /// The least amount that is invoiced, in its currency.
    pub minimum_payment: Option<Amount>,
    /// It is not billed.
    pub on_hold: bool,
    /// Its new invoices are hidden from it.
    pub hidden_default: bool,
    /// `per_currency`: an invoice for each currency; `convert`: everything in its currency.
    pub currency_policy: String,
    /// Its invoices are made by the schedule.
    pub auto_invoice: bool,
    /// Nothing earlier is invoiced by the schedule.
    pub auto_start: Option<String>,
    /// Days from the end of a period to the making of its invoice.
    pub delay_days: i64,
    /// The days on which periods of the cycle start.
    pub cycle_days: Vec<i64>,
    /// The month in which periods of several months start.
    pub cycle_month: Option<i64>,
    /// Where bi-weekly periods count from.
    pub cycle_anchor: Option<String>,
    /// The last day whose conversions were billed before it moved over.
    pub billed_elsewhere_through: Option<String>,
    /// Who has referred it, and what that one is paid for it.
    pub referrer: Option<Referrer>,
    /// How it is taxed.
    pub tax: Option<PartyTax>,
    /// Its site.
    pub website: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its country.
    pub country: Option<String>,
    /// Notes that it does not see.
    pub notes: Option<String>,
    /// Its payment methods in their order; only where one party is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub payment_methods: Option<Vec<PaymentMethod>>,
    /// When it was made.
    pub created_at: Instant,
    /// When it was last changed.
    pub updated_at: Instant,
}

/// Who has referred an affiliate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Referrer {
    /// That affiliate.
    pub affiliate: i64,
    /// Its share in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub percent: Option<String>,
    /// What the share is of: `payout` (the default), `revenue`, `margin`, or `flat`: a fee, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub basis: Option<String>,
    /// The fee.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fee: Option<String>,
    /// From which amount on there is a share.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub threshold: Option<String>,
    /// The last day whose conversions are shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub until: Option<String>,
    /// For how many months there is a share, from the first commission on that is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 1, maximum = 1200)]
    pub months: Option<i64>,
}

/// How a party is taxed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PartyTax {
    /// Its tax id.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<String>,
    /// `none`, `rate`, `reverse_charge` or `exempt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub mode: Option<String>,
    /// The rate in percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate: Option<String>,
    /// What the line says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub text: Option<String>,
    /// The types of the lines that are taxed; left out: all but opening balances.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub lines: Option<Vec<String>>,
}

/// A party's own details for a payment system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentMethod {
    /// The payment system.
    pub system: i64,
    /// What it is for; `null`: any currency that the system pays in.
    pub currency: Option<Code>,
    /// It goes before others for the same currency.
    pub main: bool,
    /// The details, by the ids of the system's fields.
    pub fields: BTreeMap<String, String>,
}

/// The rules of a party as they are kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Rules {
    currency_policy: Option<String>,
    auto_invoice: bool,
    auto_start: Option<String>,
    delay_days: i64,
    cycle_days: Vec<i64>,
    cycle_month: Option<i64>,
    cycle_anchor: Option<String>,
    billed_elsewhere_through: Option<String>,
    referrer: Option<Referrer>,
    tax: Option<PartyTax>,
}

/// A party; with its methods where they are known.
#[must_use]
pub fn party(row: &PartyRow, methods: Option<&[MethodView]>) -> Party {
    let (party, profile) = (&row.party, &row.profile);
    let rules: Rules = serde_json::from_str(&party.rules).unwrap_or_default();
    let method = |view: &MethodView| PaymentMethod {
        system: view.method.system_id,
        currency: view.method.currency.map(Code::from),
        main: view.method.main,
        fields: view.details.clone(),
    };
    Party {
        id: party.party_id,
        name: party.name.clone(),
        email: party.email.clone(),
        status: party.status.clone(),
        manager: party.manager_id,
        currency: party.currency.into(),
        billing_cycle: party.billing_cycle.clone(),
        payment_terms: party.payment_terms_days,
        minimum_payment: party.minimum_units.map(|units| Amount::of(units, party.currency)),
        on_hold: party.on_hold,
        hidden_default: party.hidden_default,
        currency_policy: rules.currency_policy.unwrap_or_else(|| "per_currency".to_owned()),
        auto_invoice: rules.auto_invoice,
        auto_start: rules.auto_start,
        delay_days: rules.delay_days,
        cycle_days: rules.cycle_days,
        cycle_month: rules.cycle_month,
        cycle_anchor: rules.cycle_anchor,
        billed_elsewhere_through: rules.billed_elsewhere_through,
        referrer: rules.referrer,
        tax: rules.tax,
        website: profile.website.clone(),
        phone: profile.phone.clone(),
        country: profile.country.clone(),
        notes: profile.notes.clone(),
        payment_methods: methods.map(|methods| methods.iter().map(method).collect()),
        created_at: row.created_at.into(),
        updated_at: row.updated_at.into(),
    }
}

/// A page of affiliates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AffiliatePage {
    /// The affiliates, by id.
    pub affiliates: Vec<Party>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A page of advertisers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AdvertiserPage {
    /// The advertisers, by id.
    pub advertisers: Vec<Party>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// What of a party is to be set. What is left out stays, or has its default; an empty text or `null` takes a value away.
#[derive(Debug, Clone, ToSchema)]
pub struct PartyRequest {
    /// Its name; a new party needs one.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    pub name: Option<String>,
    /// Its address.
    pub email: Option<String>,
    /// `active`, `pending`, `inactive` or `suspended`.
    #[schema(nullable = false, pattern = "^(active|pending|inactive|suspended)$")]
    pub status: Option<String>,
    /// The account manager who looks after it.
    pub manager: Option<Id>,
    /// What its amounts are in.
    #[schema(nullable = false, pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: Option<String>,
    /// `Net 7`, `Net 15`, `Net 30`, `weekly`, `bi-weekly`, `twice a month`, `monthly`, `two-monthly`, `quarterly` or
    /// `manual`.
    pub billing_cycle: Option<String>,
    /// Days from the end of a period to the due date.
    #[schema(minimum = 0)]
    pub payment_terms: Option<i64>,
    /// The least amount that is invoiced.
    pub minimum_payment: Option<AmountGiven>,
    /// It is not billed.
    #[schema(nullable = false)]
    pub on_hold: Option<bool>,
    /// Its new invoices are hidden from it.
    #[schema(nullable = false)]
    pub hidden_default: Option<bool>,
    /// `per_currency` or `convert`.
    #[schema(pattern = "^(per_currency|convert|)$")]
    pub currency_policy: Option<String>,
    /// Its invoices are made by the schedule.
    pub auto_invoice: Option<bool>,
    /// Nothing earlier is invoiced by the schedule.
    #[schema(pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2}|)$")]
    pub auto_start: Option<String>,
    /// Days from the end of a period to the making of its invoice.
    #[schema(minimum = 0)]
    pub delay_days: Option<i64>,
    /// The days on which periods of the cycle start.
    pub cycle_days: Option<Vec<i64>>,
    /// The month in which periods of several months start.
    #[schema(minimum = 1, maximum = 12)]
    pub cycle_month: Option<i64>,
    /// Where bi-weekly periods count from.
    #[schema(pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2}|)$")]
    pub cycle_anchor: Option<String>,
    /// The last day whose conversions were billed before it moved over.
    #[schema(pattern = "^([0-9]{4}-[0-9]{2}-[0-9]{2}|)$")]
    pub billed_elsewhere_through: Option<String>,
    /// Who has referred an affiliate.
    pub referrer: Option<Referrer>,
    /// How it is taxed.
    pub tax: Option<PartyTax>,
    /// Its site.
    pub website: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its country.
    pub country: Option<String>,
    /// Notes that it does not see.
    pub notes: Option<String>,
    /// An affiliate's payment methods: all of them.
    #[schema(nullable = false)]
    pub payment_methods: Option<Vec<MethodRequest>>,
}

/// A payment method that is sent.
#[derive(Debug, Clone, ToSchema)]
pub struct MethodRequest {
    /// The payment system.
    pub system: Id,
    /// What it is for.
    #[schema(nullable = false, pattern = "^[A-Z0-9]{3,10}$")]
    pub currency: Option<String>,
    /// It goes before others for the same currency.
    #[schema(nullable = false)]
    pub main: Option<bool>,
    /// The details, by the ids of the system's fields.
    #[schema(nullable = false)]
    pub fields: Option<BTreeMap<String, String>>,
}

/// How a party stands in a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Balance {
    /// The affiliate that is owed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub affiliate_id: Option<i64>,
    /// The advertiser that owes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub advertiser_id: Option<i64>,
    /// The currency.
    pub currency: Code,
    /// What its invoices that are not void bill.
    pub billed: Amount,
    /// What was paid on them.
    pub paid: Amount,
    /// What is left to pay.
    pub balance: Amount,
    /// Its credit.
    pub credit: Amount,
    /// What is approved and on no invoice yet.
    pub unbilled: Amount,
}

/// How a party stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Balances {
    /// By currency.
    pub balances: Vec<Balance>,
}

/// A page of balances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BalancePage {
    /// The balances, by party and currency.
    pub balances: Vec<Balance>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// How a party stands in a currency.
#[must_use]
pub fn balance(kind: PartyKind, party: i64, balance: &PartyBalance) -> Balance {
    let (affiliate_id, advertiser_id) = super::party_ids(kind.invoice_kind(), party);
    let amount = |money: Money| Amount::from(money);
    Balance {
        affiliate_id,
        advertiser_id,
        currency: balance.billed.currency().into(),
        billed: amount(balance.billed),
        paid: amount(balance.paid),
        balance: amount(balance.balance),
        credit: amount(balance.credit),
        unbilled: amount(balance.unbilled),
    }
}
