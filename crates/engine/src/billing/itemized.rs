//! One invoice that somebody asks for with what it is to be for: issued whole, in one transaction.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::period::Period;
use quittance_domain::time::Day;
use quittance_store::accruals;
use quittance_store::invoices::Invoice;

use super::{FirstDay, Parties, RunRequest};
use crate::error::{Error, Result};
use crate::invoices::{ItemizedRevision, check_edit, check_items, itemized};
use crate::{Call, Engine};

/// The invoice that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemizedInvoice {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// The party.
    pub party_id: i64,
    /// The currency of its conversions.
    pub currency: Currency,
    /// The first day; where the last invoice ended, else the first unbilled one, where not given.
    pub from: Option<Day>,
    /// The last day, inclusive.
    pub through: Day,
    /// What it is to be for, what it says, and whether it is paid. With items, the unbilled conversions of their offers alone
    /// are billed; without, all.
    pub revision: ItemizedRevision,
}

impl Engine {
    /// Issues an invoice for what one party has unbilled in a range of days, made up to what it is to be for. Nothing keeps
    /// it from being issued: neither minimum, hold or payment method, nor that there is nothing to bill.
    ///
    /// # Errors
    /// There is no such party, the days are not valid or in the future, or a value is not valid.
    pub fn issue_itemized(&self, call: &Call, asked: &ItemizedInvoice) -> Result<Invoice> {
        let ItemizedInvoice { kind, party_id, currency, from, through, ref revision } = *asked;
        check_edit(&revision.edit)?;
        let items = revision.items.as_deref().unwrap_or_default();
        check_items(items, currency)?;
        if self.known_parties(call, kind.party_kind(), &[party_id])?.is_empty() {
            let party = kind.party_kind();
            return Err(Error::invalid(format!("/{party}_id"), format!("there is no {party} {party_id}")));
        }
        let request = RunRequest {
            kind,
            from: from.map_or(FirstDay::FirstUnbilled, FirstDay::Day),
            parties: Parties::Only(vec![party_id]),
            currencies: Some(vec![currency]),
            offers: (!items.is_empty()).then(|| items.iter().map(|item| item.offer_id).collect()),
            unbound: true,
            ..RunRequest::payable_through(through)
        };
        self.bill_at_once(call, &request, &mut |tx, work, run_id, issued| {
            let id = match issued.first() {
                Some(id) => *id,
                None => {
                    let book = Book { kind, party_id, currency };
                    let next = accruals::lock_book(tx, call.network, book)?.and_then(|state| state.next_start);
                    let start = from.or(next).map_or(through, |start| start.min(through));
                    work.issue_empty(tx, run_id, party_id, currency, Period { start, end: through })?
                }
            };
            let invoice = itemized(tx, call, id, work.today, revision)?;
            crate::idempotency::mark_done(tx, call)?;
            Ok(invoice)
        })
    }
}
