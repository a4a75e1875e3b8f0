//! One invoice that somebody asks for, with everything it is to say: issued whole, in one transaction.

use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::period::Period;
use quittance_store::invoices::Invoice;
use quittance_store::parties;

use super::{FirstDay, Parties, RunRequest};
use crate::error::{Error, Result};
use crate::invoices::{InvoiceEdit, check_corrections, check_edit, dress};
use crate::{Call, Engine};

/// The invoice that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedInvoice {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The currency of its conversions; the party's own where not given.
    pub currency: Option<Currency>,
    /// The days whose unbilled conversions it bills.
    pub period: Period,
    /// What it says; what is left out is as the party's settings have it.
    pub edit: InvoiceEdit,
    /// Amounts, each a decimal of the currency, with their comments.
    pub corrections: Vec<(String, String)>,
    /// It is paid at once, in whole.
    pub settled: bool,
}

impl Engine {
    /// Issues an invoice for what one party has unbilled in a period, with corrections. Nothing keeps it from being
    /// issued: neither minimum, hold or payment method, nor that there is nothing to bill.
    ///
    /// # Errors
    /// There is no such party, the days are not valid or in the future, a correction is not valid, or a total that is not
    /// above zero is to be paid.
    pub fn issue_asked(&self, call: &Call, asked: &AskedInvoice) -> Result<Invoice> {
        let AskedInvoice { kind, party_id, period, .. } = *asked;
        check_edit(&asked.edit)?;
        let party_kind = kind.party_kind();
        let party = self.store.read(|tx| parties::by_ids(tx, call.network, party_kind, &[party_id]))?.pop();
        let party = party.ok_or_else(|| {
            Error::invalid(format!("/{party_kind}_id"), format!("there is no {party_kind} {party_id}"))
        })?;
        let currency = asked.currency.unwrap_or(party.currency);
        check_corrections(&asked.corrections, currency)?;
        let request = RunRequest {
            kind,
            from: FirstDay::Day(period.start),
            parties: Parties::Only(vec![party_id]),
            currencies: Some(vec![currency]),
            unbound: true,
            ..RunRequest::payable_through(period.end)
        };
        self.bill_at_once(call, &request, &mut |tx, work, run_id, issued| {
            let id = match issued.first() {
                Some(id) => *id,
                None => work.issue_empty(tx, run_id, party_id, currency, period)?,
            };
            let invoice = dress(tx, call, id, work.today, &asked.edit, &asked.corrections, asked.settled)?;
            crate::idempotency::mark_done(tx, call)?;
            Ok(invoice)
        })
    }
}
