//! A party's credit that is paid out in cash: by the network to an advertiser, by an affiliate back to the network. It is
//! the opposite of a payment, and can be taken back once.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{EntryId, InvoiceId, PartyKind, PaymentId};
use quittance_domain::invoice::PaymentSource;
use quittance_domain::money::Money;
use quittance_domain::time::Day;
use quittance_store::changes::{self, NewChange};
use quittance_store::invoices::{self, Payment};
use quittance_store::ledger::{self, BookedEntry};
use quittance_store::networks::{self, Present};
use quittance_store::{Tx, accruals, parties};
use serde_json::json;

use super::actions::{bounded, whole_amount};
use super::pay::{PAYMENT_IDS, REFERENCE_CHARS_MAX, booking_of, check_rail, rail_of};
use crate::billing::issue::ENTRY_IDS;
use crate::error::{Error, Result};
use crate::events::{self, EventType};
use crate::{Call, Engine};

/// The largest page.
const PAGE_MAX: i64 = 10_000;

/// Credit that is to be paid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreditPayoutRequest {
    /// The amount as a decimal.
    pub amount: String,
    /// The currency of the credit; the party's own where not given.
    pub currency: Option<Currency>,
    /// The day it was paid; today where not given.
    pub day: Option<Day>,
    /// The payer's reference.
    pub reference: String,
    /// The rail; that of the party's payment method where not given.
    pub rail: Option<String>,
    /// It is another one, although one of the same amount, day and reference is recorded.
    pub again: bool,
}

/// Credit that was paid out or came back, and what credit is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditPayout {
    /// The payment; its amount is negative where it was paid out.
    pub payment: Payment,
    /// The party's credit in that currency after it.
    pub credit: Money,
}

impl Engine {
    /// Records that credit of a party was paid out: so much less is used by its next invoices.
    ///
    /// # Errors
    /// There is no such party, the amount is none or more than its credit, the reference is missing, the day is in the
    /// future, or the same amount was paid out under the same reference on that day already.
    pub fn pay_out_credit(
        &self,
        call: &Call,
        kind: PartyKind,
        party_id: i64,
        request: &CreditPayoutRequest,
    ) -> Result<CreditPayout> {
        check(request)?;
        let today = self.zone_of(call)?.day_of(call.now);
        let day = not_in_the_future(request.day.unwrap_or(today), today)?;
        self.store.write(|tx| {
            let (present, own) = opened(tx, call, kind, party_id)?;
            let book = Book { kind: kind.invoice_kind(), party_id, currency: request.currency.unwrap_or(own) };
            let amount = whole_amount("/amount", &request.amount, book.currency)?;
            accruals::lock_book(tx, call.network, book)?;
            let credit = Money::new(invoices::credit(tx, call.network, book)?, book.currency);
            within(amount, credit, kind, party_id)?;
            let units = amount.negate()?.units();
            if !request.again {
                refuse_repeated(tx, call, book, (units, day, &request.reference))?;
            }
            let rail = match &request.rail {
                Some(rail) => rail.clone(),
                None => rail_of(tx, call.network, book)?,
            };
            let source = PaymentSource::CreditPayout;
            let payment = new(tx, call, book, (source, units, day), (&rail, &request.reference))?;
            let mut writing = Writing { tx, call, present, book };
            writing.write(&payment, "credit_payout", "credit_paid_out", EventType::CreditPaidOut)
        })
    }

    /// Takes a payment of credit back that came back or was recorded by mistake: the whole of it, once. It is the party's
    /// credit again.
    ///
    /// # Errors
    /// There is no such party or payment, it was taken back already, or the day is in the future or before the payment.
    pub fn reverse_credit_payout(
        &self,
        call: &Call,
        (kind, party_id): (PartyKind, i64),
        payout: PaymentId,
        day: Option<Day>,
        reason: &str,
    ) -> Result<CreditPayout> {
        bounded("/reason", reason, REFERENCE_CHARS_MAX)?;
        let today = self.zone_of(call)?.day_of(call.now);
        let day = not_in_the_future(day.unwrap_or(today), today)?;
        self.store.write(|tx| {
            let (present, _) = opened(tx, call, kind, party_id)?;
            let of_kind = kind.invoice_kind();
            let of = invoices::payment_of(tx, call.network, of_kind, party_id, payout)?;
            let of = of.filter(|payment| payment.source == PaymentSource::CreditPayout).ok_or_else(|| {
                Error::NotFound(format!("there is no payment {payout} of credit of {kind} {party_id}"))
            })?;
            let book = Book { kind: of_kind, party_id, currency: of.currency };
            accruals::lock_book(tx, call.network, book)?;
            if invoices::left_of_payment(tx, call.network, of_kind, party_id, payout)? != of.units {
                return Err(Error::Conflict(format!("payment {payout} of credit was taken back already")));
            }
            if day < of.paid_day {
                let detail = format!("date: {day} is before the payment, which was made on {}", of.paid_day);
                return Err(Error::invalid("/date", detail));
            }
            let units = Money::new(of.units, of.currency).negate()?.units();
            let source = PaymentSource::Reversal;
            let back = new(tx, call, book, (source, units, day), (&of.rail, reason))?;
            let back = Payment { of_payment: Some(payout), ..back };
            let mut writing = Writing { tx, call, present, book };
            writing.write(&back, "credit_payout_reversal", "credit_payout_reversed", EventType::CreditPayoutReversed)
        })
    }

    /// A page of the payments of a party's credit and of those that came back, oldest first, after the id of one (0: the
    /// first page).
    ///
    /// # Errors
    /// What the store says.
    pub fn credit_payouts(
        &self,
        call: &Call,
        (kind, party_id): (PartyKind, i64),
        after: i64,
        limit: i64,
    ) -> Result<Vec<Payment>> {
        let (of, limit) = ((kind.invoice_kind(), party_id), limit.clamp(1, PAGE_MAX));
        self.store.read(|tx| Ok(invoices::credit_payouts_after(tx, call.network, of, after, limit)?))
    }
}

fn check(request: &CreditPayoutRequest) -> Result<()> {
    if request.reference.trim().is_empty() {
        return Err(Error::invalid("/reference", "reference: say which transfer of money it is"));
    }
    bounded("/reference", &request.reference, REFERENCE_CHARS_MAX)?;
    check_rail(request.rail.as_ref())
}

fn not_in_the_future(day: Day, today: Day) -> Result<Day> {
    if day > today {
        return Err(Error::invalid("/date", format!("date: {day} is in the future, today is {today}")));
    }
    Ok(day)
}

/// Takes the locks of whoever posts, and answers the party's own currency.
fn opened(tx: &mut dyn Tx, call: &Call, kind: PartyKind, party_id: i64) -> Result<(Present, Currency)> {
    let present = networks::present(tx, call.network)?;
    let party = parties::by_ids(tx, call.network, kind, &[party_id])?.pop();
    let party = party.ok_or_else(|| Error::NotFound(format!("there is no {kind} {party_id}")))?;
    Ok((present, party.currency))
}

/// Refuses what is not above zero and up to the credit there is.
fn within(amount: Money, credit: Money, kind: PartyKind, party_id: i64) -> Result<()> {
    if amount.is_positive() && amount.units() <= credit.units() {
        return Ok(());
    }
    let currency = credit.currency();
    let detail = match credit.is_positive() {
        false => format!("amount: {kind} {party_id} has no credit in {currency}"),
        true => {
            format!("amount: {amount} is not above zero and up to {credit} {currency}, the credit of {kind} {party_id}")
        }
    };
    Err(Error::invalid("/amount", detail))
}

fn refuse_repeated(tx: &mut dyn Tx, call: &Call, book: Book, same: (i64, Day, &str)) -> Result<()> {
    let Some(known) = invoices::credit_payout_like(tx, call.network, book, same)? else { return Ok(()) };
    let (units, day, reference) = same;
    let (amount, currency) = (Money::new(units, book.currency).negate()?, book.currency);
    Err(Error::Conflict(format!(
        "{amount} {currency} was paid out on {day} under the reference {reference:?} already, as payment {known}: where this is another \
         one, say so by --again, or `again` in a request"
    )))
}

/// A payment without an invoice, with an id of its own.
fn new(
    tx: &mut dyn Tx,
    call: &Call,
    book: Book,
    (source, units, paid_day): (PaymentSource, i64, Day),
    (rail, reference): (&str, &str),
) -> Result<Payment> {
    let payment_id = PaymentId::new(networks::next(tx, call.network, PAYMENT_IDS, 1, 1)?);
    Ok(Payment {
        payment_id,
        party_id: book.party_id,
        invoice_id: None,
        units,
        currency: book.currency,
        source,
        rail: rail.to_owned(),
        paid_day,
        reference: reference.to_owned(),
        recorded_at: call.now,
        recorded_by: call.actor.clone(),
        transfer_id: payment_id,
        of_payment: None,
        about_invoice: None,
        number: None,
        foreign: None,
    })
}

/// What writes a payment of credit.
struct Writing<'a> {
    tx: &'a mut dyn Tx,
    call: &'a Call,
    present: Present,
    book: Book,
}

impl Writing<'_> {
    /// Writes a payment with its entry in the ledger, its row of history and its event.
    fn write(
        &mut self,
        payment: &Payment,
        entry: &'static str,
        action: &'static str,
        event: EventType,
    ) -> Result<CreditPayout> {
        let (network, book) = (self.call.network, self.book);
        invoices::add_payment(self.tx, network, book.kind, payment)?;
        self.book(payment, entry)?;
        self.note(payment, action)?;
        events::tell_credit(self.tx, self.call, event, book, payment);
        crate::idempotency::mark_done(self.tx, self.call)?;
        let credit = Money::new(invoices::credit(self.tx, network, book)?, book.currency);
        Ok(CreditPayout { payment: payment.clone(), credit })
    }

    /// Of a negative payment the booking is that of one that came back.
    fn book(&mut self, payment: &Payment, event: &'static str) -> Result<()> {
        let Some(entry) = booking_of(self.book.kind, payment).entry()? else { return Ok(()) };
        let network = self.call.network;
        let entry = BookedEntry {
            book: self.book,
            entry_id: EntryId::new(networks::next(self.tx, network, ENTRY_IDS, 1, 1)?),
            invoice_id: InvoiceId::new(0),
            event,
            document_no: payment.payment_id.get(),
            posting_day: self.present.posting_day(payment.paid_day),
            recorded_at: self.call.now,
            entry,
        };
        Ok(ledger::add(self.tx, network, &[entry])?)
    }

    fn note(&mut self, payment: &Payment, action: &'static str) -> Result<()> {
        let mut details = super::pay::details(payment);
        details["currency"] = payment.currency.code().into();
        if let Some(of) = payment.of_payment {
            details["of_payment"] = json!(of.get());
        }
        let change = NewChange {
            subject: self.book.kind.party_kind().as_str(),
            subject_id: self.book.party_id.to_string(),
            action,
            details: details.to_string(),
        };
        Ok(changes::add(self.tx, self.call.network, &self.call.actor, self.call.now, &[change])?)
    }
}
