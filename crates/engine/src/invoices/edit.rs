//! Editing what an invoice says besides its amounts.

use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Day;
use quittance_store::invoices::Invoice;
use serde_json::{Map, json};

use super::actions::bounded;
use super::change::{Change, facts};
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// The longest note, in characters.
pub(crate) const NOTE_CHARS_MAX: usize = 10_000;
/// The longest number of the other side's paper, in characters.
const DOCUMENT_NUMBER_CHARS_MAX: usize = 100;
/// The longest payment terms.
const PAYMENT_TERMS_DAYS_MAX: i64 = 3650;

/// What is to be changed; `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceEdit {
    /// Notes that the party sees.
    pub public_notes: Option<String>,
    /// Notes that it does not.
    pub internal_notes: Option<String>,
    /// Whether the party sees the invoice.
    pub hidden: Option<bool>,
    /// The number of the other side's paper; an empty one takes it away.
    pub document_number: Option<String>,
    /// The day of that paper; the inner `None` takes it away.
    pub document_day: Option<Option<Day>>,
    /// When payment is due.
    pub due_day: Option<Day>,
    /// Days from the end of the period to the due date, which moves with it unless it is given too.
    pub payment_terms_days: Option<i64>,
}

impl Engine {
    /// Edits an invoice. Notes and visibility can be edited at any time, the due date until it is paid or void.
    ///
    /// # Errors
    /// There is no such invoice, a value is not valid, the invoice's status does not allow it, or its version is not
    /// `expected`.
    pub fn edit(&self, call: &Call, id: InvoiceId, expected: Option<i64>, edit: &InvoiceEdit) -> Result<Invoice> {
        check(edit)?;
        self.change(call, id, expected, |change| change.edit(edit))
    }
}

/// What can be said of an edit without its invoice.
pub(crate) fn check(edit: &InvoiceEdit) -> Result<()> {
    bounded("/public_notes", edit.public_notes.as_deref().unwrap_or(""), NOTE_CHARS_MAX)?;
    bounded("/internal_notes", edit.internal_notes.as_deref().unwrap_or(""), NOTE_CHARS_MAX)?;
    bounded("/document_number", edit.document_number.as_deref().unwrap_or(""), DOCUMENT_NUMBER_CHARS_MAX)?;
    if let Some(days) = edit.payment_terms_days.filter(|days| !(0..=PAYMENT_TERMS_DAYS_MAX).contains(days)) {
        let detail = format!("payment_terms: {days} is not between 0 and {PAYMENT_TERMS_DAYS_MAX} days");
        return Err(Error::invalid("/payment_terms", detail));
    }
    Ok(())
}

impl Change<'_> {
    pub(super) fn edit(&mut self, edit: &InvoiceEdit) -> Result<()> {
        let closed = matches!(self.invoice.status, InvoiceStatus::Paid | InvoiceStatus::Void);
        if closed && (edit.due_day.is_some() || edit.payment_terms_days.is_some()) {
            let status = self.invoice.status;
            return Err(Error::Conflict(format!("the invoice is {status}: its due date can no longer change")));
        }
        let before = facts(&self.invoice);
        let invoice = &mut self.invoice;
        if let Some(notes) = &edit.public_notes {
            invoice.public_notes.clone_from(notes);
        }
        if let Some(notes) = &edit.internal_notes {
            invoice.internal_notes.clone_from(notes);
        }
        if let Some(number) = &edit.document_number {
            invoice.document_number = Some(number.clone()).filter(|number| !number.is_empty());
        }
        invoice.document_day = edit.document_day.unwrap_or(invoice.document_day);
        invoice.hidden = edit.hidden.unwrap_or(invoice.hidden);
        if let Some(days) = edit.payment_terms_days {
            invoice.payment_terms_days = Some(days);
            let days = i32::try_from(days).unwrap_or(i32::MAX);
            invoice.due_day = invoice.period.end.plus_days(days);
        }
        invoice.due_day = edit.due_day.unwrap_or(invoice.due_day);
        let after = facts(&self.invoice);
        let mut changed = Map::new();
        if let (Some(before), Some(after)) = (before.as_object(), after.as_object()) {
            for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
                let (old, new) = (before.get(name), after.get(name));
                if old != new {
                    changed.insert(name.clone(), json!({ "from": old, "to": new }));
                }
            }
        }
        if changed.is_empty() { Ok(()) } else { self.record("edited", &changed.into()) }
    }
}
