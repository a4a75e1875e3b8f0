//! Looking at invoices.

use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_store::invoices::{self, HistoryRow, Invoice, InvoiceFilter, Line, Payment};
use quittance_store::ledger::{self, ListedPosting, PostingFilter, PostingPlace};
use quittance_store::{Tx, accruals, parties};

use super::change::no_invoice;
use super::{AccrualFilter, DayAccrual};
use crate::error::Result;
use crate::history::Found;
use crate::{Call, Engine};

/// The most rows of one page, and one more: it tells whether there is another page.
pub(super) const PAGE_MAX: i64 = 1001;

/// Which parties' invoices are looked for; `None` asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartiesAsked {
    /// Of the parties that one of these managers looks after.
    pub managers: Option<Vec<i64>>,
    /// Of the parties whose name holds this.
    pub name_part: Option<String>,
}

impl Engine {
    /// One invoice.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn invoice(&self, call: &Call, id: InvoiceId) -> Result<Invoice> {
        self.store.read(|tx| found(tx, call, id))
    }

    /// A page of at most 1001 invoices in the order of their ids, after an id (0: the first page).
    ///
    /// # Errors
    /// What the store says.
    pub fn invoices(&self, call: &Call, filter: &InvoiceFilter, after: i64, limit: i64) -> Result<Vec<Invoice>> {
        self.store.read(|tx| Ok(invoices::list(tx, call.network, filter, after, limit.min(PAGE_MAX))?))
    }

    /// The same, also of parties that somebody looks after or whose name holds a part. What is asked for may be rare: the page
    /// ends after a bounded search, and says how far that has come.
    ///
    /// # Errors
    /// What the store says.
    pub fn invoices_part(
        &self,
        call: &Call,
        (filter, parties): (&InvoiceFilter, &PartiesAsked),
        after: i64,
        limit: i64,
    ) -> Result<Found<Invoice, i64>> {
        let limit = limit.clamp(1, PAGE_MAX);
        let found = self.store.read(|tx| {
            if *parties == PartiesAsked::default() {
                return invoices::list_part(tx, call.network, filter, after, limit);
            }
            let kind = filter.kind.unwrap_or(InvoiceKind::Payable);
            let part = parties.name_part.as_deref().unwrap_or("");
            let matching = parties::matching(tx, call.network, kind.party_kind(), parties.managers.as_deref(), part)?;
            let filter = InvoiceFilter { kind: Some(kind), parties: Some(matching), ..filter.clone() };
            invoices::list_part(tx, call.network, &filter, after, limit)
        });
        let (rows, next) = found?;
        Ok(Found { rows, next })
    }

    /// The highest id of an invoice; 0 where there is none.
    ///
    /// # Errors
    /// What the store says.
    pub fn last_invoice_id(&self, call: &Call) -> Result<i64> {
        self.store.read(|tx| Ok(invoices::last_id(tx, call.network)?))
    }

    /// A page of at most 1001 postings of the ledger by day, after a place.
    ///
    /// # Errors
    /// What the store says.
    pub fn postings(
        &self,
        call: &Call,
        filter: &PostingFilter,
        after: Option<PostingPlace>,
        limit: i64,
    ) -> Result<Vec<ListedPosting>> {
        self.store.read(|tx| Ok(ledger::listed(tx, call.network, filter, after, limit.min(PAGE_MAX))?))
    }

    /// The lines of an invoice in order.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn invoice_lines(&self, call: &Call, id: InvoiceId) -> Result<Vec<Line>> {
        self.store.read(|tx| {
            let place = found(tx, call, id)?.place();
            Ok(invoices::lines(tx, call.network, place)?)
        })
    }

    /// The payments of an invoice, oldest first.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn invoice_payments(&self, call: &Call, id: InvoiceId) -> Result<Vec<Payment>> {
        self.store.read(|tx| {
            let place = found(tx, call, id)?.place();
            Ok(invoices::payments(tx, call.network, place)?)
        })
    }

    /// The history of an invoice, oldest first.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn invoice_history(&self, call: &Call, id: InvoiceId) -> Result<Vec<HistoryRow>> {
        self.store.read(|tx| {
            let place = found(tx, call, id)?.place();
            Ok(invoices::history(tx, call.network, place)?)
        })
    }

    /// A page of at most 1001 accruals in the order of party, currency, day and offer, after the last of the page
    /// before.
    ///
    /// # Errors
    /// What the store says.
    pub fn accruals(
        &self,
        call: &Call,
        filter: &AccrualFilter,
        after: Option<DayAccrual>,
        limit: i64,
    ) -> Result<Vec<DayAccrual>> {
        self.store.read(|tx| Ok(accruals::list(tx, call.network, filter, after, limit.min(PAGE_MAX))?))
    }
}

pub(super) fn found(tx: &mut dyn Tx, call: &Call, id: InvoiceId) -> Result<Invoice> {
    invoices::one(tx, call.network, id)?.ok_or_else(|| no_invoice(id))
}
