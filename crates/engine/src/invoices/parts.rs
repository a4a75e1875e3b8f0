//! What belongs to one invoice, a page at a time: there can be very much of it.

use quittance_store::invoices::{self, HistoryRow, Invoice, Line, Payment};
use quittance_store::ledger::{self, EntryPlace, StoredPosting};

use super::read::PAGE_MAX;
use crate::error::Result;
use crate::history::Found;
use crate::{Call, Engine};

/// How many line numbers one search for corrections looks at.
const LOOKED_AT_MAX: i64 = 10_000;

impl Engine {
    /// A page of at most 1001 lines of an invoice in order, after a number (0: the first page).
    ///
    /// # Errors
    /// What the store says.
    pub fn invoice_lines_after(&self, call: &Call, invoice: &Invoice, after: i64, limit: i64) -> Result<Vec<Line>> {
        let place = invoice.place();
        self.store.read(|tx| Ok(invoices::lines_after(tx, call.network, place, after, limit.min(PAGE_MAX))?))
    }

    /// A page of at most 1001 corrections of an invoice in order, after the number of a line.
    ///
    /// # Errors
    /// What the store says.
    pub fn invoice_corrections_after(
        &self,
        call: &Call,
        invoice: &Invoice,
        after: i64,
        limit: i64,
    ) -> Result<Found<Line, i64>> {
        let (place, through) = (invoice.place(), after.saturating_add(LOOKED_AT_MAX));
        let limit = limit.min(PAGE_MAX);
        let range = (after, through);
        let rows = self.store.read(|tx| invoices::corrections_after(tx, call.network, place, range, limit))?;
        let full = i64::try_from(rows.len()).is_ok_and(|count| count == limit);
        let next = match rows.last() {
            Some(last) if full => Some(last.line_no),
            _ => Some(through).filter(|through| *through < invoice.next_line.saturating_sub(1)),
        };
        Ok(Found { rows, next })
    }

    /// A page of at most 1001 payments of an invoice, oldest first, after an id (0: the first page).
    ///
    /// # Errors
    /// What the store says.
    pub fn invoice_payments_after(
        &self,
        call: &Call,
        invoice: &Invoice,
        after: i64,
        limit: i64,
    ) -> Result<Vec<Payment>> {
        let place = invoice.place();
        self.store.read(|tx| Ok(invoices::payments_after(tx, call.network, place, after, limit.min(PAGE_MAX))?))
    }

    /// A page of at most 1001 credit notes about an invoice, oldest first, after the id of one (0: the first page).
    ///
    /// # Errors
    /// What the store says.
    pub fn credit_notes_after(&self, call: &Call, invoice: &Invoice, after: i64, limit: i64) -> Result<Vec<Payment>> {
        let place = invoice.place();
        self.store.read(|tx| Ok(invoices::credit_notes_after(tx, call.network, place, after, limit.min(PAGE_MAX))?))
    }

    /// A page of at most 1001 rows of the history of an invoice, oldest first, after a version (0: the first page).
    ///
    /// # Errors
    /// What the store says.
    pub fn invoice_history_after(
        &self,
        call: &Call,
        invoice: &Invoice,
        after: i64,
        limit: i64,
    ) -> Result<Vec<HistoryRow>> {
        let place = invoice.place();
        self.store.read(|tx| Ok(invoices::history_after(tx, call.network, place, after, limit.min(PAGE_MAX))?))
    }

    /// A page of at most 1001 postings of an invoice in the ledger, oldest first, after a place.
    ///
    /// # Errors
    /// What the store says.
    pub fn invoice_postings_after(
        &self,
        call: &Call,
        invoice: &Invoice,
        after: Option<EntryPlace>,
        limit: i64,
    ) -> Result<Found<StoredPosting, EntryPlace>> {
        let (place, limit) = (invoice.place(), limit.min(PAGE_MAX));
        let of = (place.kind, place.party_id, place.invoice_id);
        let (rows, next) = self.store.read(|tx| ledger::of_invoice_after(tx, call.network, of, after, limit))?;
        Ok(Found { rows, next })
    }
}
