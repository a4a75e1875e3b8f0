//! What affiliates have earned and have not been paid out.

use std::collections::BTreeMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::money::{Money, sum_units};
use quittance_store::parties;

use crate::error::Result;
use crate::{Call, Engine, unbilled};

/// What an affiliate has in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Funds {
    /// The payouts of its conversions on hold.
    pub hold: Money,
    /// What is approved and on no invoice that is paid: unbilled, or billed by an invoice that is still open, whatever has
    /// been paid of that.
    pub available: Money,
}

/// Funds by affiliate and currency; where there are none there is no entry.
pub type FundsByAffiliate = BTreeMap<(i64, Currency), Funds>;

impl Engine {
    /// What affiliates have earned and have not been paid out.
    ///
    /// # Errors
    /// A sum that does not fit, or what the store says.
    pub fn affiliate_funds(&self, call: &Call, affiliates: &[i64]) -> Result<FundsByAffiliate> {
        let kind = InvoiceKind::Payable;
        self.store.read(|tx| {
            let open = parties::open_billed(tx, call.network, kind, affiliates)?;
            let held = parties::held(tx, call.network, affiliates)?;
            let unbilled = unbilled::of_parties(tx, call.network, kind, affiliates)?;
            let keys = open.keys().chain(held.keys()).chain(unbilled.keys());
            let funds = keys.map(|key| {
                let money = |units| Money::new(units, key.1);
                let of = |amounts: &parties::Amounts| amounts.get(key).copied().unwrap_or(0);
                let approved = sum_units([of(&open), unbilled.get(key).map_or(0, |tally| tally.units)])?;
                Ok((*key, Funds { hold: money(of(&held)), available: money(approved) }))
            });
            funds.collect()
        })
    }
}
