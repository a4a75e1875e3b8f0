//! What decides whether a party is billed: its rules, its payment methods, minimums, what rounding has left.

use std::collections::{BTreeMap, HashMap};

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::money::Money;
use quittance_domain::planner::Conditions;
use quittance_domain::rates::RateTable;
use quittance_domain::time::Day;
use quittance_store::parties::{self, Party, PaymentMethod, PaymentSystem};
use quittance_store::{Tx, extras, invoices, rates};
use serde::Deserialize;

use super::RunRequest;
use super::entries::Wanted;
use super::extras::BonusRules;
use crate::error::Result;
use crate::party_rules::{CurrencyPolicy, PartyRules, Referrer};
use crate::settings::Settings;

/// What a whole run has in common.
pub(super) struct Setup {
    pub(super) network: NetworkId,
    pub(super) settings: Settings,
    currencies: HashMap<Currency, Option<i64>>,
    systems: HashMap<i64, PaymentSystem>,
    /// The volume bonuses.
    pub(super) bonuses: Vec<BonusRules>,
    /// What is wanted of single conversions.
    pub(super) wanted: Wanted,
    /// The rates of the run's last day and as far before it as they may be old.
    pub(super) rates: RateTable,
}

impl Setup {
    /// What a run needs to know of its network.
    pub(super) fn load(tx: &mut dyn Tx, network: NetworkId, settings: Settings, request: &RunRequest) -> Result<Setup> {
        let through = request.through;
        let offers = match &request.advertisers {
            Some(advertisers) => parties::offers_of_advertisers(tx, network, advertisers)?,
            None => Vec::new(),
        };
        let wanted = Wanted::new(request, &offers);
        let systems = parties::systems(tx, network)?.into_iter().map(|s| (s.system_id, s)).collect();
        let currencies = parties::currencies(tx, network)?.into_iter().collect();
        let rates = rates::table(tx, network, through.plus_days(-settings.rate_max_age_days), through)?;
        let bonuses = BonusRules::all(tx, network)?;
        Ok(Setup { network, settings, currencies, systems, bonuses, wanted, rates })
    }
}

/// A field of a payment system, as far as it matters here.
#[derive(Deserialize)]
struct RequiredField {
    id: i64,
    required: bool,
}

/// What the conditions of some parties depend on.
pub(super) struct Facts {
    pub(super) parties: HashMap<i64, Party>,
    pub(super) rules: HashMap<i64, PartyRules>,
    methods: BTreeMap<i64, Vec<PaymentMethod>>,
    pub(super) remainders: HashMap<Book, i64>,
    /// The day of the first commission that was shared, by referrer and referred affiliate, where a term counts from there.
    first_shared: HashMap<(i64, i64), Day>,
}

impl Facts {
    pub(super) fn load(tx: &mut dyn Tx, setup: &Setup, kind: InvoiceKind, ids: &[i64]) -> Result<Facts> {
        let party_kind = kind.party_kind();
        let parties = parties::by_ids(tx, setup.network, party_kind, ids)?;
        let mut methods: BTreeMap<i64, Vec<PaymentMethod>> = BTreeMap::new();
        for method in parties::methods_of(tx, setup.network, party_kind, ids)? {
            methods.entry(method.party_id).or_default().push(method);
        }
        let rules = parties.iter().map(|party| Ok((party.party_id, PartyRules::of(party)?)));
        let rules: HashMap<i64, PartyRules> = rules.collect::<Result<_>>()?;
        let counts_months = |rules: &PartyRules| rules.referrer.as_ref().is_some_and(|by| by.months.is_some());
        let first_shared = match kind {
            InvoiceKind::Payable if rules.values().any(counts_months) => {
                extras::first_shared(tx, setup.network, ids)?.into_iter().collect()
            }
            _ => HashMap::new(),
        };
        Ok(Facts {
            rules,
            first_shared,
            parties: parties.into_iter().map(|p| (p.party_id, p)).collect(),
            methods,
            remainders: invoices::remainders(tx, setup.network, kind, ids)?.into_iter().collect(),
        })
    }

    /// Who has referred a party.
    pub(super) fn referrer(&self, party_id: i64) -> Option<&Referrer> {
        self.rules.get(&party_id)?.referrer.as_ref()
    }

    /// The day of the first commission of a party that was shared with the referrer of today.
    pub(super) fn first_shared(&self, party_id: i64) -> Option<Day> {
        self.first_shared.get(&(self.referrer(party_id)?.affiliate, party_id)).copied()
    }

    /// The currency into which all of a party is converted; `None`: each of its books is billed by itself.
    pub(super) fn converts_into(&self, party_id: i64) -> Option<Currency> {
        let rules = self.rules.get(&party_id)?;
        let party = self.parties.get(&party_id)?;
        (rules.currency_policy == CurrencyPolicy::Convert).then_some(party.currency)
    }

    /// The conditions of an invoice of a party in a currency.
    pub(super) fn conditions(&self, setup: &Setup, book: Book) -> Conditions {
        let party = self.parties.get(&book.party_id);
        let methods = self.methods.get(&book.party_id).map_or(&[][..], Vec::as_slice);
        let method = method_for(methods, &setup.systems, book.currency);
        let system = method.and_then(|method| setup.systems.get(&method.system_id));
        let of_system = system.and_then(|system| minimum_of(system, setup.settings.currency, book.currency));
        let of_party = party.filter(|p| p.currency == book.currency).and_then(|p| p.minimum_units);
        let of_currency = setup.currencies.get(&book.currency).copied().flatten();
        let on_hold = party.is_some_and(|party| party.on_hold);
        match book.kind {
            InvoiceKind::Payable => Conditions {
                on_hold,
                payable: method.is_some_and(|method| is_complete(method, system))
                    || !setup.settings.require_payment_method,
                minimum_units: of_system.or(of_party).or(of_currency).unwrap_or(0),
                unbound: false,
            },
            // Payment systems and the minimums of currencies are about paying out.
            InvoiceKind::Receivable => {
                Conditions { on_hold, payable: true, minimum_units: of_party.unwrap_or(0), unbound: false }
            }
        }
    }
}

/// The payment method with which an amount in a currency would be paid: the main one, else the first, of those in
/// the currency; else of those that name none.
pub(crate) fn method_for<'a>(
    methods: &'a [PaymentMethod],
    systems: &HashMap<i64, PaymentSystem>,
    currency: Currency,
) -> Option<&'a PaymentMethod> {
    let currency_of =
        |m: &PaymentMethod| m.currency.or_else(|| systems.get(&m.system_id).and_then(|system| system.currency));
    let best = |wanted: Option<Currency>| {
        let fitting = methods.iter().filter(|m| currency_of(m) == wanted);
        fitting.min_by_key(|m| (!m.main, m.method_no))
    };
    best(Some(currency)).or_else(|| best(None))
}

/// Whether a method has the fields that its system requires now: it may have asked for less when the method was made.
fn is_complete(method: &PaymentMethod, system: Option<&PaymentSystem>) -> bool {
    let fields = system.and_then(|system| serde_json::from_str::<Vec<RequiredField>>(&system.fields).ok());
    let values: BTreeMap<String, String> = serde_json::from_str(&method.fields).unwrap_or_default();
    let given = |field: &RequiredField| values.contains_key(&field.id.to_string());
    fields.unwrap_or_default().iter().filter(|field| field.required).all(given)
}

/// A payment system's minimum in a currency. One that names no currency states it in the network's, and means the same
/// figure in each.
fn minimum_of(system: &PaymentSystem, network_currency: Currency, currency: Currency) -> Option<i64> {
    let minimum = Money::new(system.minimum_units?, system.currency.unwrap_or(network_currency));
    if system.currency.is_some() {
        return Some(minimum.units()).filter(|_| minimum.currency() == currency);
    }
    Money::parse(&minimum.to_decimal(), currency).ok().map(Money::units)
}
