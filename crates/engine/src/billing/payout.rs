//! What an affiliate has to bring along to be invoiced.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, PartyKind};
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_store::{Tx, parties};

use super::RunRequest;
use super::facts::{Facts, Setup};
use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::{Call, Engine};

/// The conditions of an affiliate's invoices in a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayoutConditions {
    /// It has a payment method where one is required.
    pub payable: bool,
    /// The least amount that is invoiced.
    pub minimum: Money,
}

impl Engine {
    /// The conditions under which a run would invoice an affiliate in a currency.
    ///
    /// # Errors
    /// There is no such affiliate.
    pub fn payout_conditions(&self, call: &Call, affiliate: i64, currency: Currency) -> Result<PayoutConditions> {
        let settings = self.network_settings(call)?;
        let today = self.zone_of(call)?.day_of(call.now);
        self.store.read(|tx| {
            if parties::by_ids(tx, call.network, PartyKind::Affiliate, &[affiliate])?.is_empty() {
                return Err(Error::NotFound(format!("there is no affiliate {affiliate}")));
            }
            payout_conditions(tx, call, settings.clone(), today, affiliate, currency)
        })
    }
}

/// The conditions as they are in a transaction.
pub(super) fn payout_conditions(
    tx: &mut dyn Tx,
    call: &Call,
    settings: Settings,
    today: Day,
    affiliate: i64,
    currency: Currency,
) -> Result<PayoutConditions> {
    let setup = Setup::load(tx, call.network, settings, &RunRequest::payable_through(today))?;
    let facts = Facts::load(tx, &setup, InvoiceKind::Payable, &[affiliate])?;
    let conditions = facts.conditions(&setup, Book { kind: InvoiceKind::Payable, party_id: affiliate, currency });
    Ok(PayoutConditions { payable: conditions.payable, minimum: Money::new(conditions.minimum_units, currency) })
}
