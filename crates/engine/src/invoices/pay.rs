//! Payments, and the use of a party's credit.

use quittance_domain::ids::{InvoiceId, PaymentId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::ledger::Booking;
use quittance_domain::money::{Money, sum_units};
use quittance_domain::time::Day;
use quittance_store::invoices::{self, Invoice, Payment};
use quittance_store::{Tx, networks, parties};
use serde_json::json;

use super::actions::{bounded, whole_amount};
use super::change::Change;
use crate::billing::facts::method_for;
use crate::error::{Error, Result};
use crate::{Call, Engine};

/// The counter of a network's payments.
const PAYMENT_IDS: &str = "payment_id";
/// The longest reference of a payment, in characters.
const REFERENCE_CHARS_MAX: usize = 255;
/// The longest name of a rail, in characters.
const RAIL_CHARS_MAX: usize = 64;

/// A payment to be recorded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentRequest {
    /// The amount as a decimal; the whole balance where not given.
    pub amount: Option<String>,
    /// The day it was paid; today where not given.
    pub day: Option<Day>,
    /// The payer's reference.
    pub reference: String,
    /// The rail; that of the party's payment method where not given.
    pub rail: Option<String>,
}

impl Engine {
    /// Records a payment of part of an invoice or all that is left. A pending invoice is approved first, and the
    /// party's credit used.
    ///
    /// # Errors
    /// There is no such invoice, it is paid or void, the amount is none or more than the balance, the day is in the
    /// future, or its version is not `expected`.
    pub fn pay(&self, call: &Call, id: InvoiceId, expected: Option<i64>, request: &PaymentRequest) -> Result<Invoice> {
        bounded("/reference", &request.reference, REFERENCE_CHARS_MAX)?;
        let rail_is_bad = |rail: &String| rail.is_empty() || !rail.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if let Some(rail) = request.rail.as_ref().filter(|r| rail_is_bad(r) || r.len() > RAIL_CHARS_MAX) {
            return Err(Error::invalid("/rail", format!("rail: {rail:?} is no rail: use a type such as paypal")));
        }
        self.change(call, id, expected, |change| change.pay(request))
    }
}

impl Change<'_> {
    fn pay(&mut self, request: &PaymentRequest) -> Result<()> {
        let day = request.day.unwrap_or(self.today);
        if day > self.today {
            let detail = format!("date: {day} is in the future, today is {}", self.today);
            return Err(Error::invalid("/date", detail));
        }
        if self.invoice.status == InvoiceStatus::Pending {
            self.approve()?;
            if request.amount.is_none() && self.balance()?.is_zero() {
                return Ok(());
            }
        }
        let amount = match &request.amount {
            Some(text) => whole_amount("/amount", text, self.invoice.book.currency)?,
            None => self.balance()?,
        };
        let rail = match &request.rail {
            Some(rail) => rail.clone(),
            None => self.rail()?,
        };
        let payment = self.add_payment(amount, day, "money", &rail, &request.reference)?;
        let mut booking = Booking::default();
        booking.pay(self.invoice.book.kind, &rail, amount, amount, amount);
        self.book("payment", payment.get(), day, &booking)?;
        let details = json!({
            "payment": payment.get(),
            "amount": amount.to_decimal(),
            "date": day.to_string(),
            "reference": request.reference,
            "rail": rail,
        });
        self.record("paid", &details)
    }

    /// Lets the state decide, and adds the payment.
    fn add_payment(
        &mut self,
        amount: Money,
        paid_day: Day,
        source: &str,
        rail: &str,
        reference: &str,
    ) -> Result<PaymentId> {
        let (at, by, balance) = (self.at(), self.by(), self.balance()?);
        self.transition(|state| state.pay(at, by, balance, amount))?;
        self.invoice.paid_units = sum_units([self.invoice.paid_units, amount.units()])?;
        let payment_id = PaymentId::new(networks::next(self.tx, self.call.network, PAYMENT_IDS, 1, 1)?);
        let payment = Payment {
            payment_id,
            units: amount.units(),
            source: source.to_owned(),
            rail: rail.to_owned(),
            paid_day,
            reference: reference.to_owned(),
            recorded_at: self.at(),
            recorded_by: self.by(),
        };
        invoices::add_payment(self.tx, self.call.network, &self.invoice, &payment)?;
        Ok(payment_id)
    }

    /// The type of the payment system that the party's method is for.
    fn rail(&mut self) -> Result<String> {
        let (network, book) = (self.call.network, self.invoice.book);
        let methods = parties::methods_of(self.tx, network, book.kind.party_kind(), &[book.party_id])?;
        let systems = parties::systems(self.tx, network)?.into_iter().map(|s| (s.system_id, s)).collect();
        let method = method_for(&methods, &systems, book.currency);
        let system = method.and_then(|method| systems.get(&method.system_id));
        Ok(system.map_or_else(|| "other".to_owned(), |system| system.payment_type.clone()))
    }

    /// Uses the party's credit for an approved invoice. It moves nothing in the ledger: credit and invoice are both in
    /// the party's payable account.
    pub(super) fn use_credit(&mut self) -> Result<()> {
        let credit = invoices::credit(self.tx, self.call.network, self.invoice.book)?;
        let units = credit.min(self.balance()?.units());
        if units <= 0 {
            return Ok(());
        }
        let amount = self.money(units);
        let payment = self.add_payment(amount, self.today, "credit", "credit", "")?;
        let details = json!({ "payment": payment.get(), "amount": amount.to_decimal() });
        self.record("credit_used", &details)
    }
}

/// Uses the party's credit for an invoice that was approved as it was issued.
pub(crate) fn use_credit(tx: &mut dyn Tx, call: &Call, id: InvoiceId, today: Day) -> Result<()> {
    Change::open(tx, call, id, today)?.use_credit()
}
