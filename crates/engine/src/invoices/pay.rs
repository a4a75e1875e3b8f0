//! Payments, and the use of a party's credit.

use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId, PaymentId};
use quittance_domain::invoice::{InvoiceStatus, PaymentSource};
use quittance_domain::ledger::Booking;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::rates::Rate;
use quittance_domain::time::Day;
use quittance_store::invoices::{self, Foreign, Invoice, Payment};
use quittance_store::{Tx, networks, parties, rates};
use serde_json::{Value, json};

use super::actions::{bounded, whole_amount};
use super::change::Change;
use super::repeats::{self, OnRepeat};
use crate::billing::facts::method_for;
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// The counter of a network's payments.
pub(crate) const PAYMENT_IDS: &str = "payment_id";
/// The longest reference of a payment, in characters.
pub(super) const REFERENCE_CHARS_MAX: usize = 255;
/// The longest name of a rail, in characters.
const RAIL_CHARS_MAX: usize = 64;

/// A payment to be recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentRequest {
    /// The amount as a decimal; the whole balance where not given.
    pub amount: Option<String>,
    /// The currency of the amount; the invoice's where not given.
    pub currency: Option<Currency>,
    /// What an amount in another currency settles, as a decimal in the invoice's.
    pub settles: Option<String>,
    /// The day it was paid; today where not given.
    pub day: Option<Day>,
    /// The payer's reference.
    pub reference: String,
    /// The rail; that of the party's payment method where not given.
    pub rail: Option<String>,
    /// What becomes of it where such a payment is recorded already.
    pub on_repeat: OnRepeat,
}

/// What a payment settles, and what was paid for it.
struct Paid {
    settled: Money,
    foreign: Option<Foreign>,
}

impl Engine {
    /// Records a payment of part of an invoice or all that is left. A pending invoice is approved first, and the
    /// party's credit used. Where the network's setting allows it, what is paid beyond the balance is kept as credit.
    ///
    /// # Errors
    /// There is no such invoice, it is paid or void, the amount is none or more than the balance, the day is in the
    /// future or before the invoice's period, it is in another currency and does not say what it settles or has no rate,
    /// or the invoice's version is not `expected`.
    pub fn pay(&self, call: &Call, id: InvoiceId, expected: Option<i64>, request: &PaymentRequest) -> Result<Invoice> {
        self.pay_noting(call, id, expected, request).map(|(invoice, _)| invoice)
    }

    /// [`Engine::pay`], which also answers the payment that this one repeats.
    ///
    /// # Errors
    /// As [`Engine::pay`].
    pub fn pay_noting(
        &self,
        call: &Call,
        id: InvoiceId,
        expected: Option<i64>,
        request: &PaymentRequest,
    ) -> Result<(Invoice, Option<PaymentId>)> {
        check(request)?;
        let overpaid_is_credit = self.network_settings(call)?.overpayment_is_credit;
        let mut repeated = None;
        let invoice = self.change(call, id, expected, |change| {
            repeated = change.pay(request, overpaid_is_credit)?;
            Ok(())
        })?;
        Ok((invoice, repeated))
    }
}

/// What can be said of a payment without its invoice.
pub(super) fn check(request: &PaymentRequest) -> Result<()> {
    bounded("/reference", &request.reference, REFERENCE_CHARS_MAX)?;
    check_rail(request.rail.as_ref())
}

/// Refuses what is no rail.
pub(super) fn check_rail(rail: Option<&String>) -> Result<()> {
    let rail_is_bad = |rail: &String| rail.is_empty() || !rail.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    if let Some(rail) = rail.filter(|r| rail_is_bad(r) || r.len() > RAIL_CHARS_MAX) {
        return Err(Error::invalid("/rail", format!("rail: {rail:?} is no rail: use a type such as paypal")));
    }
    Ok(())
}

impl Change<'_> {
    /// Records a payment. Answers the one that it repeats, where it is recorded all the same.
    pub(super) fn pay(&mut self, request: &PaymentRequest, overpaid_is_credit: bool) -> Result<Option<PaymentId>> {
        let day = self.paid_day(request.day)?;
        let repeated = repeats::of_invoice(self, request, day)?;
        if self.invoice.status == InvoiceStatus::Pending {
            self.approve()?;
            if request.amount.is_none() && self.balance()?.is_zero() {
                return Ok(None);
            }
        }
        let paid = self.paid(request, day)?;
        let rail = match &request.rail {
            Some(rail) => rail.clone(),
            None => self.rail()?,
        };
        let balance = self.balance()?;
        let beyond = paid.settled.checked_sub(balance)?;
        let payment = self.payment(PaymentSource::Money, paid.settled, day, &rail, &request.reference)?;
        if let Some(repeated) = &repeated {
            repeats::tell_of_invoice(self, payment.payment_id, repeated);
        }
        let repeated = repeated.map(|repeated| repeated.payment_id);
        if overpaid_is_credit && beyond.is_positive() && balance.is_positive() && paid.foreign.is_none() {
            self.settle(Payment { units: balance.units(), ..payment.clone() })?;
            let rest = self.payment(PaymentSource::Money, beyond, day, &rail, &request.reference)?;
            self.keep_as_credit(Payment { transfer_id: payment.transfer_id, ..rest })?;
            return Ok(repeated);
        }
        self.settle(Payment { foreign: paid.foreign, ..payment })?;
        Ok(repeated)
    }

    /// Records that all that is left was paid today.
    pub(super) fn pay_rest(&mut self) -> Result<()> {
        self.pay(&PaymentRequest::default(), false).map(drop)
    }

    /// The day of a payment: not in the future, and not before what is paid had begun.
    pub(super) fn paid_day(&self, day: Option<Day>) -> Result<Day> {
        let day = day.unwrap_or(self.today);
        let start = self.invoice.period.start;
        let why = match day {
            day if day > self.today => format!("date: {day} is in the future, today is {}", self.today),
            day if day < start => format!("date: {day} is before the invoice's period, which starts on {start}"),
            day => return Ok(day),
        };
        Err(Error::invalid("/date", why))
    }

    /// What a request pays.
    fn paid(&mut self, request: &PaymentRequest, day: Day) -> Result<Paid> {
        let own = self.invoice.book.currency;
        let Some(currency) = request.currency.filter(|currency| *currency != own) else {
            if request.settles.is_some() {
                let detail = format!("settles: the payment is in {own} as the invoice is, so its amount says it");
                return Err(Error::invalid("/settles", detail));
            }
            let settled = match &request.amount {
                Some(text) => whole_amount("/amount", text, own)?,
                None => self.balance()?,
            };
            return Ok(Paid { settled, foreign: None });
        };
        let missing = |field: &str, what: &str| {
            let detail = format!("{field} is missing: a payment in {currency} of an invoice in {own} says {what}");
            Error::invalid(format!("/{field}"), detail)
        };
        let amount = request.amount.as_ref().ok_or_else(|| missing("amount", "how much was paid"))?;
        let settles = request.settles.as_ref().ok_or_else(|| missing("settles", "what of the invoice it settles"))?;
        let (paid, settled) = (whole_amount("/amount", amount, currency)?, whole_amount("/settles", settles, own)?);
        if paid.is_negative() {
            return Err(Error::invalid("/amount", format!("amount: {amount} is not above zero")));
        }
        let worth_units = self.worth(paid, day)?.units();
        Ok(Paid { settled, foreign: Some(Foreign { paid, worth_units }) })
    }

    /// What an amount is worth in the invoice's currency by the rates of a day.
    fn worth(&mut self, paid: Money, day: Day) -> Result<Money> {
        Ok(self.rate_on(paid.currency(), day)?.convert(paid, self.invoice.book.currency)?)
    }

    /// The rate of a day from a currency into the invoice's.
    pub(super) fn rate_on(&mut self, from: Currency, day: Day) -> Result<Rate> {
        let (own, network) = (self.invoice.book.currency, self.call.network);
        let settings = crate::networks::settings(self.tx, network)?;
        let oldest = settings.rate_max_age_days;
        let table = rates::table(self.tx, network, day.plus_days(-oldest), day)?;
        table.rate(from, own, day, oldest, settings.currency).ok_or_else(|| {
            let detail = format!(
                "currency: there is no rate of {from} to {own} for {day} or the {oldest} days before; import rates first"
            );
            Error::invalid("/currency", detail)
        })
    }

    /// A payment of this invoice with an id of its own.
    pub(super) fn payment(
        &mut self,
        source: PaymentSource,
        amount: Money,
        paid_day: Day,
        rail: &str,
        reference: &str,
    ) -> Result<Payment> {
        let payment_id = PaymentId::new(networks::next(self.tx, self.call.network, PAYMENT_IDS, 1, 1)?);
        Ok(Payment {
            payment_id,
            party_id: self.invoice.book.party_id,
            invoice_id: Some(self.invoice.invoice_id),
            units: amount.units(),
            currency: amount.currency(),
            source,
            rail: rail.to_owned(),
            paid_day,
            reference: reference.to_owned(),
            recorded_at: self.at(),
            recorded_by: self.by(),
            transfer_id: payment_id,
            of_payment: None,
            about_invoice: None,
            number: None,
            foreign: None,
        })
    }

    /// Writes a payment of this invoice, as far as the state allows it.
    pub(super) fn add_payment(&mut self, payment: &Payment) -> Result<()> {
        let (at, by, balance) = (self.at(), self.by(), self.balance()?);
        let amount = self.money(payment.units);
        self.transition(|state| state.pay(at, by, balance, amount))?;
        self.invoice.paid_units = sum_units([self.invoice.paid_units, payment.units])?;
        Ok(invoices::add_payment(self.tx, self.call.network, self.invoice.book.kind, payment)?)
    }

    /// Settles the invoice, or a part of it, with money.
    pub(super) fn settle(&mut self, payment: Payment) -> Result<()> {
        self.add_payment(&payment)?;
        let booking = booking_of(self.invoice.book.kind, &payment);
        self.book("payment", payment.payment_id.get(), payment.paid_day, &booking)?;
        self.record("paid", &details(&payment))
    }

    /// Keeps what a transfer was beyond the balance as the party's credit.
    pub(super) fn keep_as_credit(&mut self, rest: Payment) -> Result<()> {
        let kind = self.invoice.book.kind;
        let kept = Payment { about_invoice: rest.invoice_id, invoice_id: None, ..rest };
        invoices::add_payment(self.tx, self.call.network, kind, &kept)?;
        self.book("payment", kept.payment_id.get(), kept.paid_day, &booking_of(kind, &kept))?;
        let credit = self.money(kept.units).to_decimal();
        self.record("overpaid", &json!({ "payment": kept.payment_id.get(), "credit": credit }))
    }

    /// The type of the payment system that the party's method is for.
    pub(super) fn rail(&mut self) -> Result<String> {
        rail_of(self.tx, self.call.network, self.invoice.book)
    }

    /// What a request says that it settles, where it says an amount.
    pub(super) fn said_to_settle(&self, request: &PaymentRequest) -> Option<Money> {
        let own = self.invoice.book.currency;
        let foreign = request.currency.is_some_and(|currency| currency != own);
        let text = if foreign { &request.settles } else { &request.amount };
        text.as_ref().and_then(|text| whole_amount("/amount", text, own).ok())
    }

    /// Uses the party's credit for an approved invoice. It moves nothing in the ledger: credit and invoice are both in
    /// the party's account.
    pub(super) fn use_credit(&mut self) -> Result<()> {
        let credit = invoices::credit(self.tx, self.call.network, self.invoice.book)?;
        let units = credit.min(self.balance()?.units());
        if units <= 0 {
            return Ok(());
        }
        let amount = self.money(units);
        let payment = self.payment(PaymentSource::Credit, amount, self.today, "credit", "")?;
        self.add_payment(&payment)?;
        self.record("credit_used", &json!({ "payment": payment.payment_id.get(), "amount": amount.to_decimal() }))
    }
}

/// The type of the payment system that a party's method for a currency is for.
pub(super) fn rail_of(tx: &mut dyn Tx, network: NetworkId, book: Book) -> Result<String> {
    let methods = parties::methods_of(tx, network, book.kind.party_kind(), &[book.party_id])?;
    let systems = parties::systems(tx, network)?.into_iter().map(|s| (s.system_id, s)).collect();
    let method = method_for(&methods, &systems, book.currency);
    let system = method.and_then(|method| systems.get(&method.system_id));
    Ok(system.map_or_else(|| "other".to_owned(), |system| system.payment_type.clone()))
}

/// What a payment in money books.
pub(crate) fn booking_of(kind: InvoiceKind, payment: &Payment) -> Booking {
    let settled = Money::new(payment.units, payment.currency);
    let (paid, worth) = match payment.foreign {
        None => (settled, settled),
        Some(Foreign { paid, worth_units }) => (paid, Money::new(worth_units, payment.currency)),
    };
    let mut booking = Booking::default();
    booking.pay(kind, &payment.rail, settled, paid, worth);
    booking
}

/// What the history says of a payment.
pub(super) fn details(payment: &Payment) -> Value {
    let mut details = json!({
        "payment": payment.payment_id.get(),
        "amount": Money::new(payment.units, payment.currency).to_decimal(),
        "date": payment.paid_day.to_string(),
        "reference": payment.reference,
        "rail": payment.rail,
    });
    if let Some(Foreign { paid, .. }) = payment.foreign {
        details["paid"] = json!({ "amount": paid.to_decimal(), "currency": paid.currency().code() });
    }
    details
}

/// Uses the party's credit for an invoice that was approved as it was issued.
pub(crate) fn use_credit(tx: &mut dyn Tx, call: &Call, id: InvoiceId, today: Day) -> Result<()> {
    Change::open(tx, call, id, today)?.use_credit()
}
