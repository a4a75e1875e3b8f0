//! One invoice of an affiliate up to a sum: whether it may be issued is decided where it is issued.

use quittance_domain::ids::{InvoiceId, PartyKind};
use quittance_domain::money::Money;
use quittance_store::invoices;

use super::payout::{PayoutConditions, payout_conditions};
use super::{Parties, RunRequest};
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// Why no invoice was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumRefusal {
    /// The sum, or all that is unbilled, is below the least amount that is invoiced.
    BelowMinimum(Money),
    /// The affiliate has no payment method where one is required.
    NoPaymentMethod,
    /// Nothing is unbilled, or it totals zero or less.
    NothingUnbilled,
}

impl Engine {
    /// Issues an invoice of as many unbilled conversions as add up to a sum, the last one whole; of all where they come to
    /// less. It is approved at once.
    ///
    /// # Errors
    /// There is no such affiliate, or a value is not valid.
    pub fn bill_sum(
        &self,
        call: &Call,
        affiliate: i64,
        sum: Money,
        internal_notes: &str,
    ) -> Result<std::result::Result<InvoiceId, SumRefusal>> {
        let settings = self.network_settings(call)?;
        let today = self.zone_of(call)?.day_of(call.now);
        if self.known_parties(call, PartyKind::Affiliate, &[affiliate])?.is_empty() {
            return Err(Error::NotFound(format!("there is no affiliate {affiliate}")));
        }
        let before = self.payout_conditions(call, affiliate, sum.currency())?;
        if let Some(refusal) = refused(&before, Some(sum)) {
            return Ok(Err(refusal));
        }
        let request = RunRequest {
            parties: Parties::Only(vec![affiliate]),
            currencies: Some(vec![sum.currency()]),
            sum: Some(sum),
            positive: true,
            approve: true,
            internal_notes: internal_notes.to_owned(),
            ..RunRequest::payable_through(today)
        };
        let mut refusal = None;
        let issued = self.bill_at_once(call, &request, &mut |tx, _, _, issued| {
            // What decides may have changed since it was looked at; who changes it waits for this transaction now.
            let conditions = payout_conditions(tx, call, settings.clone(), today, affiliate, sum.currency())?;
            let invoice = issued.first().map(|id| invoices::one(tx, call.network, *id)).transpose()?.flatten();
            let total = invoice.as_ref().map(|invoice| Money::new(invoice.billed_units, invoice.book.currency));
            refusal = match (&invoice, refused(&conditions, total)) {
                (None, _) => Some(SumRefusal::NothingUnbilled),
                (Some(_), refusal) => refusal,
            };
            match (invoice, refusal) {
                (Some(invoice), None) => {
                    crate::idempotency::mark_done(tx, call)?;
                    Ok(invoice.invoice_id)
                }
                // What was done is taken back with the transaction.
                _ => Err(Error::Conflict("no invoice of the sum was issued".to_owned())),
            }
        });
        match (issued, refusal) {
            (Err(Error::Conflict(_)), Some(refusal)) => Ok(Err(refusal)),
            (issued, _) => issued.map(Ok),
        }
    }
}

fn refused(conditions: &PayoutConditions, amount: Option<Money>) -> Option<SumRefusal> {
    if amount.is_some_and(|amount| amount.units() < conditions.minimum.units()) {
        return Some(SumRefusal::BelowMinimum(conditions.minimum));
    }
    (!conditions.payable).then_some(SumRefusal::NoPaymentMethod)
}
