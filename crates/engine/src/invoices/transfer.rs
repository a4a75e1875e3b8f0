//! One transfer of money over several invoices of a party.

use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceId, PaymentId};
use quittance_domain::invoice::{InvoiceStatus, PaymentSource};
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_store::invoices::{self, Invoice, InvoiceFilter, Payment};
use quittance_store::{Tx, accruals, networks};

use super::actions::whole_amount;
use super::change::Change;
use super::pay::{PaymentRequest, check};
use super::repeats;
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// The most invoices that one transfer pays.
const INVOICES_MAX: usize = 1_000;

impl Engine {
    /// Records one transfer that pays several invoices of a book: those that are named, in that order, else all that are
    /// approved and not paid, the earliest due first. Each is paid as far as the amount goes. What is left is kept as
    /// the party's credit where the network's setting allows it.
    ///
    /// # Errors
    /// The amount is missing, none, or more than is owed and may not be kept; a named invoice is not of this book, or
    /// cannot be paid; the day is in the future or before the period of an invoice that it pays.
    pub fn pay_party(
        &self,
        call: &Call,
        book: Book,
        request: &PaymentRequest,
        named: &[InvoiceId],
    ) -> Result<Vec<Invoice>> {
        self.pay_party_noting(call, book, request, named).map(|(invoices, _)| invoices)
    }

    /// [`Engine::pay_party`], which also answers the first payment of the transfer that this one repeats.
    ///
    /// # Errors
    /// As [`Engine::pay_party`].
    pub fn pay_party_noting(
        &self,
        call: &Call,
        book: Book,
        request: &PaymentRequest,
        named: &[InvoiceId],
    ) -> Result<(Vec<Invoice>, Option<PaymentId>)> {
        check(request)?;
        if request.currency.is_some_and(|currency| currency != book.currency) || request.settles.is_some() {
            let detail = "currency: a transfer over several invoices is in their currency; pay each by itself instead";
            return Err(Error::invalid("/currency", detail));
        }
        let text = request.amount.as_ref().ok_or_else(|| Error::invalid("/amount", "amount is missing"))?;
        let amount = whole_amount("/amount", text, book.currency)?;
        if !amount.is_positive() {
            return Err(Error::invalid("/amount", format!("amount: {text} is not above zero")));
        }
        let keeps_rest = self.network_settings(call)?.overpayment_is_credit;
        let today = self.zone_of(call)?.day_of(call.now);
        self.store.write(|tx| {
            // In the order of every change, so that a twin of this transfer waits here and then finds it.
            networks::present(tx, call.network)?;
            accruals::lock_book(tx, call.network, book)?;
            let day = request.day.unwrap_or(today);
            let repeated = repeats::of_transfer(tx, call, &repeats::Transfer { book, named, amount, day }, request)?;
            let ids = payable(tx, call, book, named)?;
            let mut transfer = Transfer { tx, call, request, today, left: amount, id: None, paid: Vec::new() };
            for id in &ids {
                transfer.pay(*id, book)?;
            }
            let (paid, transfer_id) = transfer.end(keeps_rest)?;
            if let (Some(repeated), Some(id)) = (&repeated, transfer_id) {
                repeats::tell_of_transfer(tx, call, book, (id, amount), repeated);
            }
            crate::idempotency::mark_done(tx, call)?;
            Ok((paid, repeated.map(|repeated| repeated.payment_id)))
        })
    }
}

/// The invoices that a transfer pays, in order.
fn payable(tx: &mut dyn Tx, call: &Call, book: Book, named: &[InvoiceId]) -> Result<Vec<InvoiceId>> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let mut found = Vec::new();
    for status in [InvoiceStatus::Approved, InvoiceStatus::PartlyPaid] {
        let filter = InvoiceFilter {
            kind: Some(book.kind),
            party_id: Some(book.party_id),
            currency: Some(book.currency),
            statuses: vec![status],
            ..InvoiceFilter::default()
        };
        found.extend(invoices::list(tx, call.network, &filter, 0, INVOICES_MAX as i64)?);
    }
    found.retain(|invoice| invoice.billed_units > invoice.paid_units);
    found.sort_by_key(|invoice| (invoice.due_day, invoice.invoice_id));
    Ok(found.into_iter().map(|invoice| invoice.invoice_id).collect())
}

struct Transfer<'a> {
    tx: &'a mut dyn Tx,
    call: &'a Call,
    request: &'a PaymentRequest,
    today: Day,
    left: Money,
    /// The first payment's id.
    id: Option<PaymentId>,
    paid: Vec<Invoice>,
}

impl Transfer<'_> {
    fn pay(&mut self, id: InvoiceId, book: Book) -> Result<()> {
        if !self.left.is_positive() {
            return Ok(());
        }
        let mut change = Change::open(self.tx, self.call, id, self.today)?;
        if change.invoice.book != book {
            let (kind, party, currency) = (book.kind.party_kind(), book.party_id, book.currency);
            let detail = format!("invoices: invoice {id} is not one of {kind} {party} in {currency}");
            return Err(Error::invalid("/invoices", detail));
        }
        let status = change.invoice.status;
        if matches!(status, InvoiceStatus::Paid | InvoiceStatus::Void) {
            return Err(Error::Conflict(format!("invoice {id} is {status}: nothing is left to pay")));
        }
        let day = change.paid_day(self.request.day)?;
        if status == InvoiceStatus::Pending {
            change.approve()?;
        }
        let balance = change.balance()?;
        let units = self.left.units().min(balance.units());
        if units > 0 {
            let rail = match &self.request.rail {
                Some(rail) => rail.clone(),
                None => change.rail()?,
            };
            let amount = change.money(units);
            let payment = change.payment(PaymentSource::Money, amount, day, &rail, &self.request.reference)?;
            let transfer_id = *self.id.get_or_insert(payment.payment_id);
            change.settle(Payment { transfer_id, ..payment })?;
            self.left = self.left.checked_sub(amount)?;
        }
        self.paid.push(change.invoice);
        Ok(())
    }

    /// Keeps what is left as credit, or refuses all of it.
    fn end(mut self, keeps_rest: bool) -> Result<(Vec<Invoice>, Option<PaymentId>)> {
        if !self.left.is_positive() {
            return Ok((self.paid, self.id));
        }
        let last = self.paid.last().map(|invoice| invoice.invoice_id).filter(|_| keeps_rest && self.id.is_some());
        let Some(last) = last else {
            let detail = format!(
                "amount: it is {} more than is owed; with the setting overpayment=credit that is kept for the next invoice",
                self.left
            );
            return Err(Error::invalid("/amount", detail));
        };
        let mut change = Change::open(self.tx, self.call, last, self.today)?;
        let day = change.paid_day(self.request.day)?;
        let rail = match &self.request.rail {
            Some(rail) => rail.clone(),
            None => change.rail()?,
        };
        let of = change.payment(PaymentSource::Money, self.left, day, &rail, &self.request.reference)?;
        change.keep_as_credit(Payment { transfer_id: self.id.unwrap_or(of.transfer_id), ..of })?;
        let invoice = change.invoice;
        self.paid.pop();
        self.paid.push(invoice);
        Ok((self.paid, self.id))
    }
}
