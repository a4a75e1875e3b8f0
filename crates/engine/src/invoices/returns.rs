//! After the end: payments that came back or were recorded by mistake, balances given up, credit notes.

use quittance_domain::ids::{InvoiceId, PaymentId};
use quittance_domain::invoice::{InvoiceStatus, LineType, PaymentSource};
use quittance_domain::ledger::Booking;
use quittance_domain::money::sum_units;
use quittance_domain::time::Day;
use quittance_store::invoices::{self, Foreign, Invoice, Payment};
use quittance_store::networks;
use serde_json::json;

use super::actions::{bounded, whole_amount};
use super::change::Change;
use super::pay::{REFERENCE_CHARS_MAX, booking_of, details};
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// A payment that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnRequest {
    /// The payment.
    pub payment: PaymentId,
    /// How much of it, as a decimal; all that is left of it where not given.
    pub amount: Option<String>,
    /// The day it came back; today where not given.
    pub day: Option<Day>,
    /// Why, in the bank's words or yours.
    pub reason: String,
}

impl Engine {
    /// Records that a payment, or a part of it, came back. The invoice is approved or partly paid again.
    ///
    /// # Errors
    /// There is no such invoice or payment of it, the amount is more than is left of the payment, the day is in the
    /// future or before the payment, or the invoice's version is not `expected`.
    pub fn return_payment(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        request: &ReturnRequest,
    ) -> Result<Invoice> {
        bounded("/reason", &request.reason, REFERENCE_CHARS_MAX)?;
        self.change(call, id, expected, |change| change.return_payment(request))
    }

    /// Takes back the record of a payment that was never made. Unlike a return, all of it goes, on the day it is for.
    ///
    /// # Errors
    /// There is no such invoice or payment of it, some of it came back already, or the invoice's version is not
    /// `expected`.
    pub fn reverse_payment(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        payment: PaymentId,
        reason: &str,
    ) -> Result<Invoice> {
        bounded("/reason", reason, REFERENCE_CHARS_MAX)?;
        self.change(call, id, expected, |change| change.reverse_payment(payment, reason))
    }

    /// Gives up what is left to pay of an invoice: it is paid from then on.
    ///
    /// # Errors
    /// There is no such invoice, nothing is left to pay, it is paid or void, the reason is empty, or its version is not
    /// `expected`.
    pub fn write_off(&self, call: &Call, id: InvoiceId, expected: Option<i64>, reason: &str) -> Result<Invoice> {
        reasoned(reason)?;
        self.change(call, id, expected, |change| change.write_off(reason))
    }

    /// Issues a credit note about a paid invoice: so much less was owed. The amount is the party's credit.
    ///
    /// # Errors
    /// There is no such invoice, it is not paid, the amount is more than it billed less its other credit notes, the
    /// reason is empty, or its version is not `expected`.
    pub fn credit_note(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        amount: &str,
        reason: &str,
    ) -> Result<Invoice> {
        reasoned(reason)?;
        self.change(call, id, expected, |change| change.credit_note(amount, reason))
    }
}

fn reasoned(reason: &str) -> Result<()> {
    if reason.trim().is_empty() {
        return Err(Error::invalid("/reason", "reason: say why; it is kept with the books"));
    }
    bounded("/reason", reason, REFERENCE_CHARS_MAX)
}

impl Change<'_> {
    /// A payment in money of this invoice, and how much is left of it in billing units.
    fn payment_left(&mut self, id: PaymentId) -> Result<(Payment, i64)> {
        let (network, book) = (self.call.network, self.invoice.book);
        let payment = invoices::payment_of(self.tx, network, book.kind, book.party_id, id)?;
        let of_invoice =
            |p: &Payment| p.invoice_id == Some(self.invoice.invoice_id) && p.source == PaymentSource::Money;
        let payment = payment.filter(of_invoice).ok_or_else(|| {
            Error::NotFound(format!("invoice {} has no payment {id} in money", self.invoice.invoice_id))
        })?;
        let left = invoices::left_of_payment(self.tx, network, book.kind, book.party_id, id)?;
        Ok((payment, left))
    }

    fn return_payment(&mut self, request: &ReturnRequest) -> Result<()> {
        let (payment, left_units) = self.payment_left(request.payment)?;
        let left = self.money(left_units);
        let amount = match &request.amount {
            Some(text) => whole_amount("/amount", text, left.currency())?,
            None => left,
        };
        if !amount.is_positive() || amount.units() > left.units() {
            let detail = format!("amount: {amount} cannot come back, {left} of payment {} is left", request.payment);
            return Err(Error::invalid("/amount", detail));
        }
        if payment.foreign.is_some() && amount.units() != payment.units {
            let detail = "amount: a payment in another currency comes back whole, or not at all";
            return Err(Error::invalid("/amount", detail));
        }
        let day = request.day.unwrap_or(self.today);
        if day > self.today || day < payment.paid_day {
            let paid = payment.paid_day;
            let detail = format!("date: {day} is not between the payment, {paid}, and today, {}", self.today);
            return Err(Error::invalid("/date", detail));
        }
        self.take_back(&payment, amount.units(), PaymentSource::Return, day, &request.reason)
    }

    fn reverse_payment(&mut self, id: PaymentId, reason: &str) -> Result<()> {
        let (payment, left_units) = self.payment_left(id)?;
        if left_units != payment.units {
            let detail = format!("payment {id} came back already, in part or whole: return the rest of it instead");
            return Err(Error::Conflict(detail));
        }
        self.take_back(&payment, left_units, PaymentSource::Reversal, payment.paid_day, reason)
    }

    /// Takes an amount of a payment back. What it had settled is owed again; of a void invoice, what was the party's
    /// credit is not any more.
    fn take_back(&mut self, of: &Payment, units: i64, source: PaymentSource, day: Day, reason: &str) -> Result<()> {
        let (kind, amount) = (self.invoice.book.kind, self.money(-units));
        let left = sum_units([self.invoice.paid_units, -units])?;
        if self.invoice.status == InvoiceStatus::Void {
            let credit = invoices::credit(self.tx, self.call.network, self.invoice.book)?;
            let credit = self.money(credit);
            if credit.units() < units {
                let detail = format!(
                    "the payment became credit when invoice {} was voided, and only {credit} of it is not used: return a \
                     payment of the invoice that used it",
                    self.invoice.invoice_id
                );
                return Err(Error::Conflict(detail));
            }
        } else {
            let left = self.money(left);
            self.transition(|state| state.return_payment(left))?;
        }
        self.invoice.paid_units = left;
        let back = |foreign: Foreign| {
            Ok::<_, Error>(Foreign { paid: foreign.paid.negate()?, worth_units: -foreign.worth_units })
        };
        let foreign = of.foreign.map(back).transpose()?;
        let new = self.payment(source, amount, day, &of.rail, reason)?;
        let payment = Payment { of_payment: Some(of.payment_id), foreign, ..new };
        invoices::add_payment(self.tx, self.call.network, kind, &payment)?;
        self.book(source.as_str(), payment.payment_id.get(), day, &booking_of(kind, &payment))?;
        let action = if source == PaymentSource::Return { "payment_returned" } else { "payment_reversed" };
        let mut said = details(&payment);
        said["of_payment"] = of.payment_id.get().into();
        self.record(action, &said)
    }

    fn write_off(&mut self, reason: &str) -> Result<()> {
        if self.invoice.status == InvoiceStatus::Pending {
            self.approve()?;
        }
        let balance = self.balance()?;
        let payment = self.payment(PaymentSource::WriteOff, balance, self.today, "write_off", reason)?;
        self.add_payment(&payment)?;
        let mut booking = Booking::default();
        booking.write_off(self.invoice.book.kind, balance);
        self.book("write_off", payment.payment_id.get(), self.today, &booking)?;
        self.record("written_off", &details(&payment))
    }

    /// Takes back what was given up of the invoice, before it is voided: that is neither paid nor the party's credit.
    pub(super) fn take_back_write_offs(&mut self) -> Result<()> {
        let (network, kind, place) = (self.call.network, self.invoice.book.kind, self.invoice.place());
        let payments = invoices::payments(self.tx, network, place)?;
        for of in payments.into_iter().filter(|payment| payment.source == PaymentSource::WriteOff) {
            let amount = self.money(of.units);
            let new = self.payment(PaymentSource::Reversal, amount.negate()?, self.today, &of.rail, "")?;
            let payment = Payment { of_payment: Some(of.payment_id), ..new };
            invoices::add_payment(self.tx, network, kind, &payment)?;
            self.invoice.paid_units = sum_units([self.invoice.paid_units, payment.units])?;
            let mut booking = Booking::default();
            booking.write_off(kind, amount);
            let (event, id) = (PaymentSource::Reversal.as_str(), payment.payment_id.get());
            self.book(event, id, self.today, &booking.reversed())?;
        }
        Ok(())
    }

    /// Refuses to void an invoice about which there is a credit note: the note would take back what was never billed.
    pub(super) fn refuse_noted(&mut self) -> Result<()> {
        let notes = invoices::credit_notes(self.tx, self.call.network, self.invoice.place())?;
        let Some(note) = notes.first() else { return Ok(()) };
        let (id, number) = (self.invoice.invoice_id, note.number.unwrap_or_default());
        let detail =
            format!("credit note {number} is about invoice {id}, so it cannot be voided: add a correction instead");
        Err(Error::Conflict(detail))
    }

    fn credit_note(&mut self, amount: &str, reason: &str) -> Result<()> {
        if self.invoice.status != InvoiceStatus::Paid {
            let status = self.invoice.status;
            return Err(Error::Conflict(format!(
                "the invoice is {status}: a credit note is about a paid one; add a correction to this one instead"
            )));
        }
        let amount = whole_amount("/amount", amount, self.invoice.book.currency)?;
        let (network, kind, place) = (self.call.network, self.invoice.book.kind, self.invoice.place());
        let before = invoices::credit_notes(self.tx, network, place)?;
        let noted = sum_units(before.iter().map(|note| note.units))?;
        let left = self.money(sum_units([self.invoice.billed_units, -noted])?);
        if !amount.is_positive() || amount.units() > left.units() {
            let detail = format!(
                "amount: {amount} is not above zero and up to {left}, which the invoice billed and no \
                credit note took back"
            );
            return Err(Error::invalid("/amount", detail));
        }
        let number = networks::next(self.tx, network, &credit_note_counter(kind), 1, 1)?;
        let new = self.payment(PaymentSource::CreditNote, amount, self.today, "credit_note", reason)?;
        let note =
            Payment { invoice_id: None, about_invoice: Some(self.invoice.invoice_id), number: Some(number), ..new };
        invoices::add_payment(self.tx, network, kind, &note)?;
        let mut booking = Booking::default();
        booking.bill(kind, LineType::Correction, amount, amount);
        self.book("credit_note", note.payment_id.get(), self.today, &booking.reversed())?;
        let said = json!({ "number": number, "amount": amount.to_decimal(), "reason": reason });
        self.record("credit_noted", &said)
    }
}

/// The counter of the numbers of credit notes about one kind of invoice.
pub(crate) fn credit_note_counter(kind: quittance_domain::ids::InvoiceKind) -> String {
    format!("credit_note_number {kind}")
}
