//! Lists of invoices in an order that is asked for, from any place in them.

use quittance_store::invoices::{self, Invoice};
pub use quittance_store::invoices::{Listed as ListedAs, SortBy, SortedQuery};

use super::read::PAGE_MAX;
use crate::error::Result;
use crate::{Call, Engine};

/// A page of a list in an order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SortedInvoices {
    /// The invoices.
    pub invoices: Vec<Invoice>,
    /// How many the queries find in all.
    pub total: i64,
}

impl Engine {
    /// A page of what queries find, those of the first query before those of the next: at most `limit`, or 1000, after the
    /// first `offset`.
    ///
    /// # Errors
    /// What the store says.
    pub fn sorted_invoices(
        &self,
        call: &Call,
        queries: &[SortedQuery],
        (offset, limit): (i64, i64),
    ) -> Result<SortedInvoices> {
        self.store.read(|tx| {
            let mut page = SortedInvoices::default();
            let (mut skip, mut left) = (offset.max(0), limit.clamp(0, PAGE_MAX));
            for query in queries {
                let total = invoices::count_sorted(tx, call.network, query)?;
                let ids = invoices::sorted(tx, call.network, query, (skip, left), total)?;
                skip = skip.saturating_sub(total).max(0);
                left = left.saturating_sub(ids.len() as i64);
                page.total = page.total.saturating_add(total);
                for id in ids {
                    page.invoices.extend(invoices::one(tx, call.network, id)?);
                }
            }
            Ok(page)
        })
    }

    /// The invoice of a kind that has a number.
    ///
    /// # Errors
    /// There is no such invoice.
    pub fn invoice_by_number(
        &self,
        call: &Call,
        kind: quittance_domain::ids::InvoiceKind,
        number: i64,
    ) -> Result<Invoice> {
        self.store.read(|tx| {
            let id = invoices::id_of_number(tx, call.network, kind, number)?;
            let invoice = id.map(|id| invoices::one(tx, call.network, id)).transpose()?.flatten();
            invoice.ok_or_else(|| crate::Error::NotFound(format!("there is no {kind} invoice of the number {number}")))
        })
    }
}
