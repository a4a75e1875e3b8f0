//! What every change of an invoice goes through: lock, check the version, change, write with a row of history.

use quittance_domain::accrual::Book;
use quittance_domain::ids::{EntryId, InvoiceId};
use quittance_domain::invoice::{InvoiceState, InvoiceStatus, LineType, VoidReason};
use quittance_domain::ledger::Booking;
use quittance_domain::money::{Money, MoneyError, sum_units};
use quittance_domain::time::{Day, Timestamp};
use quittance_store::invoices::{self, HistoryRow, Invoice, Line};
use quittance_store::ledger::{self, BookedEntry};
use quittance_store::networks::Present;
use quittance_store::{Tx, accruals, networks};
use serde_json::{Value, json};

use super::destination;
use crate::billing::issue::ENTRY_IDS;
use crate::error::{Error, Result};
use crate::{Call, Engine, events};

/// An invoice that is being changed, in the transaction that changes it.
pub(super) struct Change<'t> {
    pub(super) tx: &'t mut dyn Tx,
    pub(super) call: &'t Call,
    /// The day on which it happens.
    pub(super) today: Day,
    /// What of the books is open.
    pub(super) present: Present,
    /// The invoice as it is by now.
    pub(super) invoice: Invoice,
    /// Its state with its facts.
    pub(super) state: InvoiceState,
    /// The status in the last row of its history.
    recorded: InvoiceStatus,
}

impl Engine {
    /// Changes one invoice. `expected` is the version that the caller has read, where it insists on it.
    pub(super) fn change<T>(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        mut work: impl FnMut(&mut Change<'_>) -> Result<T>,
    ) -> Result<Invoice> {
        self.change_in_turn(call, (id, expected), |_| Ok(()), |change, ()| work(change))
    }

    /// The same with something that is done first, before the invoice is read and anything is locked.
    pub(super) fn change_in_turn<B, T>(
        &self,
        call: &Call,
        (id, expected): (InvoiceId, Option<i64>),
        mut first: impl FnMut(&mut dyn Tx) -> Result<B>,
        mut work: impl FnMut(&mut Change<'_>, B) -> Result<T>,
    ) -> Result<Invoice> {
        let today = self.zone_of(call)?.day_of(call.now);
        self.store.write(|tx| {
            let begun = first(tx)?;
            let mut change = Change::open(tx, call, id, today)?;
            if let Some(expected) = expected.filter(|version| *version != change.invoice.version) {
                return Err(Error::Stale { expected, present: change.invoice.version });
            }
            work(&mut change, begun)?;
            crate::idempotency::mark_done(change.tx, call)?;
            Ok(change.invoice)
        })
    }
}

/// What the lines of an invoice book.
pub(crate) fn booking(book: Book, lines: &[Line]) -> Booking {
    let mut booking = Booking::default();
    for line in lines {
        let amount = Money::new(line.units, book.currency);
        let source = Money::new(line.source_units(), line.source_currency(book.currency));
        booking.bill(book.kind, line.line_type, amount, source);
    }
    booking
}

/// The error for an invoice that is not there.
pub(super) fn no_invoice(id: InvoiceId) -> Error {
    Error::NotFound(format!("there is no invoice {id}"))
}

/// The first row's details: what an invoice's editable facts were at issue, so that its history can be replayed.
pub(crate) fn issue_details(invoice: &Invoice) -> String {
    facts(invoice).to_string()
}

/// The facts that can be edited.
pub(crate) fn facts(invoice: &Invoice) -> Value {
    let mut facts = json!({
        "hidden": invoice.hidden,
        "due_date": invoice.due_day.to_string(),
        "payment_terms": invoice.payment_terms_days,
        "public_notes": invoice.public_notes,
        "internal_notes": invoice.internal_notes,
    });
    // Of most invoices there is no such paper.
    if let Some(number) = &invoice.document_number {
        facts[DOCUMENT[0]] = number.as_str().into();
    }
    if let Some(day) = invoice.document_day {
        facts[DOCUMENT[1]] = day.to_string().into();
    }
    facts
}

/// The facts that are there only while there is such a paper.
pub(crate) const DOCUMENT: [&str; 2] = ["document_number", "document_date"];

impl<'t> Change<'t> {
    /// Locks an invoice and its book. Whoever changes invoices takes these locks in this order.
    pub(super) fn open(tx: &'t mut dyn Tx, call: &'t Call, id: InvoiceId, today: Day) -> Result<Change<'t>> {
        // The epoch first: giving back needs it, and a run must never wait for a change that waits for the run.
        let present = networks::present(tx, call.network)?;
        let invoice = invoices::one(tx, call.network, id)?.ok_or_else(|| no_invoice(id))?;
        accruals::lock_book(tx, call.network, invoice.book)?;
        let invoice = invoices::lock(tx, call.network, id)?.ok_or_else(|| no_invoice(id))?;
        let history = invoices::history(tx, call.network, invoice.place())?;
        let (state, recorded) = (state(&invoice, &history), invoice.status);
        Ok(Change { tx, call, today, present, invoice, state, recorded })
    }

    /// What is left to pay.
    pub(super) fn balance(&self) -> Result<Money> {
        let units = self.invoice.billed_units.checked_sub(self.invoice.paid_units);
        Ok(self.money(units.ok_or(MoneyError::Overflow)?))
    }

    pub(super) fn money(&self, units: i64) -> Money {
        Money::new(units, self.invoice.book.currency)
    }

    pub(super) fn at(&self) -> Timestamp {
        self.call.now
    }

    pub(super) fn by(&self) -> String {
        self.call.actor.clone()
    }

    /// Takes the next state from a transition of the present one.
    pub(super) fn transition<E: Into<Error>>(
        &mut self,
        next: impl FnOnce(InvoiceState) -> std::result::Result<InvoiceState, E>,
    ) -> Result<()> {
        self.state = next(self.state.clone()).map_err(Into::into)?;
        self.invoice.status = self.state.status();
        Ok(())
    }

    /// The lines as they are by now.
    pub(super) fn lines(&mut self) -> Result<Vec<Line>> {
        Ok(invoices::lines(self.tx, self.call.network, self.invoice.place())?)
    }

    /// Takes over what the lines bill now, and books the difference to what they billed before.
    pub(super) fn rebill(&mut self, before: &[Line]) -> Result<()> {
        self.tax_again()?;
        let after = self.lines()?;
        self.invoice.billed_units = sum_units(after.iter().map(|line| line.units))?;
        let difference = booking(self.invoice.book, &after).less(booking(self.invoice.book, before));
        self.book("adjust", self.invoice.version + 1, self.today, &difference)
    }

    /// Brings the tax line up to date with the others.
    fn tax_again(&mut self) -> Result<()> {
        let lines = self.lines()?;
        for line in lines.iter().filter(|line| line.line_type == LineType::Tax) {
            let Some(tax) = &line.tax else { continue };
            let units =
                tax.on(lines.iter().map(|line| (line.line_type, line.units)), self.invoice.book.currency)?.units();
            if units != line.units {
                let line = Line { units, ..line.clone() };
                invoices::update_line(self.tx, self.call.network, self.invoice.place(), &line)?;
            }
        }
        Ok(())
    }

    /// Appends an entry to the ledger, on a day or the first open one after it.
    pub(super) fn book(&mut self, event: &'static str, document_no: i64, day: Day, booking: &Booking) -> Result<()> {
        let Some(entry) = booking.entry()? else { return Ok(()) };
        let entry_id = EntryId::new(networks::next(self.tx, self.call.network, ENTRY_IDS, 1, 1)?);
        let booked = BookedEntry {
            book: self.invoice.book,
            entry_id,
            invoice_id: self.invoice.invoice_id,
            event,
            document_no,
            posting_day: self.present.posting_day(day),
            recorded_at: self.call.now,
            entry,
        };
        Ok(ledger::add(self.tx, self.call.network, &[booked])?)
    }

    /// Writes the invoice as it is now, with a row of history, and tells others.
    pub(super) fn record(&mut self, action: &str, details: &Value) -> Result<()> {
        self.invoice.version += 1;
        self.invoice.updated_at = self.call.now;
        let row = HistoryRow {
            version: self.invoice.version,
            happened_at: self.call.now,
            actor: self.call.actor.clone(),
            action: action.to_owned(),
            status: self.invoice.status,
            billed_units: self.invoice.billed_units,
            paid_units: self.invoice.paid_units,
            details: details.to_string(),
        };
        invoices::update(self.tx, self.call.network, &self.invoice, &row)?;
        let before = std::mem::replace(&mut self.recorded, self.invoice.status);
        events::tell_invoice(self.tx, self.call, &self.invoice, &row, Some(before));
        destination::settle(self.tx, self.call.network, &self.invoice)
    }
}

/// An invoice's state with the facts that its history knows.
fn state(invoice: &Invoice, history: &[HistoryRow]) -> InvoiceState {
    let last = |action: &str| history.iter().rev().find(|row| row.action == action);
    let facts = |row: Option<&HistoryRow>| {
        row.map_or((invoice.created_at, String::new()), |row| (row.happened_at, row.actor.clone()))
    };
    let (approved_at, approved_by) = facts(last("approved"));
    let (at, by) = facts(history.last());
    match invoice.status {
        InvoiceStatus::Pending => InvoiceState::Pending,
        InvoiceStatus::Approved => InvoiceState::Approved { at: approved_at, by: approved_by },
        InvoiceStatus::PartlyPaid => InvoiceState::PartlyPaid { approved_at, approved_by },
        InvoiceStatus::Paid => InvoiceState::Paid { approved_at, approved_by, at, by },
        InvoiceStatus::Void => {
            let voided = invoice.voided.as_ref();
            let reason = voided.and_then(|v| VoidReason::parse(&v.reason)).unwrap_or(VoidReason::Other);
            let text = voided.map(|v| v.text.clone()).unwrap_or_default();
            InvoiceState::Void { at, by, reason, text }
        }
    }
}
