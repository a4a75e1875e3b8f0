//! Invoices that have become overdue: told once of each.

use quittance_store::invoices;

use super::{EventType, INVOICE, invoice_facts, tell};
use crate::error::Result;
use crate::{Call, Engine};

/// How many invoices one transaction tells of.
const TOGETHER_MAX: i64 = 500;

impl Engine {
    /// Tells of invoices that are past due and not paid, and were not told of before. Answers how many.
    ///
    /// # Errors
    /// What the store says.
    pub fn tell_overdue(&self, call: &Call) -> Result<u64> {
        let today = self.zone_of(call)?.day_of(call.now);
        let mut told = 0;
        // Most looks find none, and need not wait for a writer.
        while self.store.read(|tx| invoices::any_overdue(tx, call.network, today))? {
            let more = self.store.write(|tx| {
                let overdue = invoices::lock_overdue(tx, call.network, today, TOGETHER_MAX)?;
                for place in &overdue {
                    let Some(invoice) = invoices::one(tx, call.network, place.invoice_id)? else { continue };
                    let row = invoices::last_row(tx, call.network, *place)?;
                    let Some(row) = row.map(|row| invoices::HistoryRow { action: "overdue".to_owned(), ..row }) else {
                        continue;
                    };
                    let subject = (INVOICE, Some(place.invoice_id.get()));
                    tell(tx, call, EventType::InvoiceOverdue, subject, invoice_facts(&invoice, &row));
                }
                invoices::set_overdue(tx, call.network, &overdue, call.now)?;
                Ok::<_, crate::Error>(overdue.len() as u64)
            })?;
            if more == 0 {
                break;
            }
            told += more;
        }
        Ok(told)
    }
}
