//! Payments that come again: of the same day, with the same reference. That is one payment recorded twice far more often than
//! two payments, so it is refused, or told.

use quittance_domain::accrual::Book;
use quittance_domain::ids::{InvoiceId, PaymentId};
use quittance_domain::money::{Money, sum_units};
use quittance_domain::time::Day;
use quittance_store::Tx;
use quittance_store::invoices::{self, Payment};
use serde_json::json;

use super::change::Change;
use super::pay::PaymentRequest;
use crate::Call;
use crate::error::{Error, Result};
use crate::events::{EventType, tell};

/// What becomes of a payment where such a one is recorded already. What came back since does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnRepeat {
    /// It is recorded. Where reference, day, amount and invoices are the same and the request has no key of its own, an event
    /// tells it.
    #[default]
    Told,
    /// It is refused: where it has a reference, one of the same day and invoices whatever the amount; where it has none, one
    /// of the same amount.
    Refused,
    /// It is recorded: somebody has said that it is another one.
    Meant,
}

/// What one transfer pays.
pub(super) struct Transfer<'a> {
    pub(super) book: Book,
    pub(super) named: &'a [InvoiceId],
    pub(super) amount: Money,
    pub(super) day: Day,
}

/// The payment of an invoice that a request repeats, where it may.
pub(super) fn of_invoice(change: &mut Change<'_>, request: &PaymentRequest, day: Day) -> Result<Option<Payment>> {
    let said = change.said_to_settle(request);
    let (id, book) = (change.invoice.invoice_id, change.invoice.book);
    let mut found = candidates(change.tx, change.call, book, day, request)?;
    found.retain(|payment| payment.invoice_id == Some(id) || payment.about_invoice == Some(id));
    let repeated = match said {
        _ if request.on_repeat == OnRepeat::Refused && !request.reference.is_empty() => found.into_iter().next(),
        None => None,
        Some(amount) => of_amount(&found, amount)?.cloned(),
    };
    judged(request, repeated)
}

/// The first payment of the transfer that a request repeats, where it may.
pub(super) fn of_transfer(
    tx: &mut dyn Tx,
    call: &Call,
    transfer: &Transfer<'_>,
    request: &PaymentRequest,
) -> Result<Option<Payment>> {
    let found = candidates(tx, call, transfer.book, transfer.day, request)?;
    let among = |payment: &Payment| {
        let of = payment.invoice_id.or(payment.about_invoice);
        transfer.named.is_empty() || of.is_some_and(|id| transfer.named.contains(&id))
    };
    let by_reference = request.on_repeat == OnRepeat::Refused && !request.reference.is_empty();
    let repeated = if by_reference {
        found.into_iter().find(among)
    } else {
        let of_named: Vec<PaymentId> = found.iter().filter(|p| among(p)).map(|p| p.transfer_id).collect();
        let whole: Vec<Payment> = found.into_iter().filter(|p| of_named.contains(&p.transfer_id)).collect();
        of_amount(&whole, transfer.amount)?.cloned()
    };
    judged(request, repeated)
}

/// The standing payments of a book of the request's day and reference.
fn candidates(tx: &mut dyn Tx, call: &Call, book: Book, day: Day, request: &PaymentRequest) -> Result<Vec<Payment>> {
    let unasked = request.on_repeat == OnRepeat::Told && call.claimed.is_some();
    if unasked || request.on_repeat == OnRepeat::Meant {
        return Ok(Vec::new());
    }
    Ok(invoices::alike(tx, call.network, book, day, &request.reference)?)
}

/// The first payment of a transfer that came to an amount in all.
fn of_amount(payments: &[Payment], amount: Money) -> Result<Option<&Payment>> {
    for payment in payments {
        let of_it = payments.iter().filter(|other| other.transfer_id == payment.transfer_id);
        if sum_units(of_it.map(|other| other.units))? == amount.units() {
            return Ok(Some(payment));
        }
    }
    Ok(None)
}

fn judged(request: &PaymentRequest, repeated: Option<Payment>) -> Result<Option<Payment>> {
    let Some(payment) = repeated.as_ref().filter(|_| request.on_repeat == OnRepeat::Refused) else {
        return Ok(repeated);
    };
    let (id, day, at) = (payment.payment_id, payment.paid_day, payment.recorded_at);
    let amount = format!("{} {}", Money::new(payment.units, payment.currency).to_decimal(), payment.currency);
    let with = match payment.reference.as_str() {
        "" => "without a reference".to_owned(),
        reference => format!("with the reference {reference:?}"),
    };
    Err(Error::Conflict(format!(
        "payment {id} of {amount} on {day} {with} is recorded already, since {at}: to record another one like it, use --again"
    )))
}

/// Tells that a payment repeats another one of its invoice.
pub(super) fn tell_of_invoice(change: &mut Change<'_>, payment: PaymentId, repeated: &Payment) {
    let invoice = change.invoice.invoice_id.get();
    let mut data = facts(change.invoice.book, payment, repeated);
    data["invoice_id"] = invoice.into();
    tell(change.tx, change.call, EventType::PaymentRepeated, ("invoice", Some(invoice)), data.to_string());
}

/// Tells that a transfer repeats another one of its party.
pub(super) fn tell_of_transfer(
    tx: &mut dyn Tx,
    call: &Call,
    book: Book,
    (payment, amount): (PaymentId, Money),
    repeated: &Payment,
) {
    let mut data = facts(book, payment, repeated);
    data["amount"] = amount.to_decimal().into();
    let subject = (book.kind.party_kind().as_str(), Some(book.party_id));
    tell(tx, call, EventType::PaymentRepeated, subject, data.to_string());
}

fn facts(book: Book, payment: PaymentId, repeated: &Payment) -> serde_json::Value {
    json!({
        format!("{}_id", book.kind.party_kind()): book.party_id,
        "payment": payment.get(),
        "repeats": repeated.payment_id.get(),
        "amount": Money::new(repeated.units, repeated.currency).to_decimal(),
        "currency": book.currency.code(),
        "date": repeated.paid_day.to_string(),
    })
}
