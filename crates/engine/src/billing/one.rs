//! One invoice that somebody asks for by name.

use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::Day;
use quittance_store::invoices::{Invoice, InvoiceFilter};
use quittance_store::{invoices, parties};

use super::{FirstDay, Parties, RunRequest};
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// The invoice that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OneInvoice {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The currency of its conversions; the party's own where not given.
    pub currency: Option<Currency>,
    /// The first day; the first unbilled one where not given.
    pub from: Option<Day>,
    /// The last day, inclusive.
    pub through: Day,
}

impl Engine {
    /// Issues one invoice for what one party has unbilled in a range of days. Minimum, hold, payment method do not keep it
    /// from being issued; a total of zero or less does.
    ///
    /// # Errors
    /// There is no such party, the days are not valid or in the future, there is nothing to bill, or it totals zero or
    /// less.
    pub fn bill_one(&self, call: &Call, one: &OneInvoice) -> Result<Invoice> {
        let OneInvoice { kind, party_id, through, .. } = *one;
        let party_kind = kind.party_kind();
        let party = self.store.read(|tx| parties::by_ids(tx, call.network, party_kind, &[party_id]))?.pop();
        let party = party.ok_or_else(|| Error::NotFound(format!("there is no {party_kind} {party_id}")))?;
        let currency = one.currency.unwrap_or(party.currency);
        let request = RunRequest {
            kind,
            from: one.from.map_or(FirstDay::FirstUnbilled, FirstDay::Day),
            parties: Parties::Only(vec![party_id]),
            currencies: Some(vec![currency]),
            unbound: true,
            positive: true,
            ..RunRequest::payable_through(through)
        };
        let report = self.bill(call, &request, &mut |_| {})?;
        if let Some(run_id) = report.run_id.filter(|_| report.invoices() > 0) {
            let of_run = InvoiceFilter {
                kind: Some(kind),
                party_id: Some(party_id),
                run_id: Some(run_id),
                ..InvoiceFilter::default()
            };
            let issued = self.store.read(|tx| invoices::list(tx, call.network, &of_run, 0, 1))?.pop();
            return issued.ok_or_else(|| Error::NotFound(format!("run {run_id} has issued nothing")));
        }
        let what = match report.skipped.first() {
            Some(skip) => {
                let total = quittance_domain::money::Money::new(skip.units, skip.currency);
                let missing = skip.missing_rate.as_ref().map_or(String::new(), |missing| format!(": {missing}"));
                format!("what is unbilled totals {total} ({}{missing})", skip.reason)
            }
            None => format!("nothing in {currency} is unbilled"),
        };
        Err(Error::Conflict(format!("there is nothing to bill {party_kind} {party_id} through {through}: {what}")))
    }
}
