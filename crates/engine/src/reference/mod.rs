//! The lists that the rest refers to: payment systems, currencies, account managers, offers.

mod edit;

use std::collections::{BTreeMap, BTreeSet};

pub use self::edit::Known;
use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_domain::rates::Rate;
pub use quittance_store::parties::{Manager, Offer, OfferFilter, PaymentSystem};
use quittance_store::{parties, rates};

use crate::error::Result;
use crate::{Call, Engine};

/// The most offers of one page.
const PAGE_MAX: i64 = 10_000;

/// A currency that a network has switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SwitchedOn {
    /// The currency.
    pub currency: Currency,
    /// The least amount that is invoiced in it.
    pub minimum: Option<Money>,
}

/// A page of offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfferPage {
    /// The offers, by id.
    pub offers: Vec<Offer>,
    /// How many the filter finds in all.
    pub total: i64,
}

impl Engine {
    /// The payment systems, by id.
    ///
    /// # Errors
    /// What the store says.
    pub fn payment_systems(&self, call: &Call) -> Result<Vec<PaymentSystem>> {
        self.store.read(|tx| Ok(parties::systems(tx, call.network)?))
    }

    /// The currencies that are switched on, by code.
    ///
    /// # Errors
    /// What the store says.
    pub fn currencies(&self, call: &Call) -> Result<Vec<SwitchedOn>> {
        let rows = self.store.read(|tx| parties::currencies(tx, call.network))?;
        let on = |(currency, units): (Currency, Option<i64>)| SwitchedOn {
            currency,
            minimum: units.map(|units| Money::new(units, currency)),
        };
        Ok(rows.into_iter().map(on).collect())
    }

    /// The currencies that are switched on and the network's own, which always is, by code.
    ///
    /// # Errors
    /// What the store says.
    pub fn currencies_and_base(&self, call: &Call) -> Result<Vec<SwitchedOn>> {
        let mut on = self.currencies(call)?;
        let base = self.network(call.network)?.currency;
        if !on.iter().any(|on| on.currency == base) {
            on.push(SwitchedOn { currency: base, minimum: None });
            on.sort_by_key(|on| on.currency.code());
        }
        Ok(on)
    }

    /// The ids of the custom fields that affiliates have, each once and in order.
    ///
    /// # Errors
    /// What the store says.
    pub fn custom_field_ids(&self, call: &Call) -> Result<Vec<i64>> {
        let texts = self.store.read(|tx| parties::custom_fields(tx, call.network))?;
        let mut ids = BTreeSet::new();
        for text in texts {
            let fields: BTreeMap<i64, String> = serde_json::from_str(&text)
                .map_err(|error| quittance_store::Error::Corrupt(format!("custom fields {text}: {error}")))?;
            ids.extend(fields.into_keys());
        }
        Ok(ids.into_iter().collect())
    }

    /// The network's base currency and those that are switched on, in the order in which they were: a currency keeps its
    /// place.
    ///
    /// # Errors
    /// What the store says.
    pub fn currencies_in_order(&self, call: &Call) -> Result<Vec<Currency>> {
        let base = self.network(call.network)?.currency;
        let on = self.store.read(|tx| parties::currencies_by_activation(tx, call.network))?;
        Ok(std::iter::once(base).chain(on.into_iter().filter(|currency| *currency != base)).collect())
    }

    /// The titles of the billing cycles that parties have.
    ///
    /// # Errors
    /// What the store says.
    pub fn cycles_in_use(&self, call: &Call) -> Result<Vec<String>> {
        self.store.read(|tx| Ok(parties::cycles(tx, call.network)?))
    }

    /// How many units of other currencies stand for one of the network's, by the rates of today and as far before as they may
    /// be old. Those without a rate are left out.
    ///
    /// # Errors
    /// What the store says.
    pub fn rates_of_base(&self, call: &Call, currencies: &[Currency]) -> Result<Vec<(Currency, Rate)>> {
        let settings = self.network_settings(call)?;
        let (base, age_days_max) = (settings.currency, settings.rate_max_age_days);
        let today = self.zone_of(call)?.day_of(call.now);
        let table = self.store.read(|tx| rates::table(tx, call.network, today.plus_days(-age_days_max), today))?;
        let rate = |currency: &Currency| Some((*currency, table.rate(base, *currency, today, age_days_max, base)?));
        Ok(currencies.iter().filter_map(rate).collect())
    }

    /// The account managers, by id.
    ///
    /// # Errors
    /// What the store says.
    pub fn managers(&self, call: &Call) -> Result<Vec<Manager>> {
        self.store.read(|tx| Ok(parties::managers(tx, call.network)?))
    }

    /// A page of offers by id, and how many there are in all: at most `limit`, or 10,000, after the first `offset`.
    ///
    /// # Errors
    /// What the store says.
    pub fn offers(&self, call: &Call, filter: &OfferFilter, (offset, limit): (i64, i64)) -> Result<OfferPage> {
        self.store.read(|tx| {
            let page = (offset.max(0), limit.clamp(0, PAGE_MAX));
            let offers = parties::offers_listed(tx, call.network, filter, page)?;
            Ok(OfferPage { offers, total: parties::count_offers(tx, call.network, filter)? })
        })
    }

    /// The offers of these ids that there are, by id.
    ///
    /// # Errors
    /// What the store says.
    pub fn offers_by_ids(&self, call: &Call, ids: &[i64]) -> Result<Vec<Offer>> {
        self.store.read(|tx| Ok(parties::offers_by_ids(tx, call.network, ids)?))
    }
}
