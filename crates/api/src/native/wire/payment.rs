//! Payments, and what else settles an invoice.

use quittance_engine::invoices::{CreditPayout as Paid, Payment as Known};
use serde::Serialize;
use utoipa::ToSchema;

use super::values::{Amount, Code, Date, Instant};

/// A payment, or what else settles an invoice or is a party's credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Payment {
    /// Its id.
    pub id: i64,
    /// The invoice; `null`: it is the party's credit.
    pub invoice_id: Option<i64>,
    /// The amount; negative where it came back.
    pub amount: Amount,
    /// The invoice's currency.
    pub currency: Code,
    /// What was paid, where that was in another currency.
    pub paid: Option<PaymentMoney>,
    /// What it is: `payment`, `credit`, `return` and so on.
    pub source: &'static str,
    /// The rail that the money went over.
    pub rail: String,
    /// The day it was paid.
    pub date: Date,
    /// The payer's reference, or the reason.
    pub reference: String,
    /// The first payment of the same transfer of money.
    pub transfer_id: i64,
    /// The payment that came back or was a mistake.
    pub of_payment: Option<i64>,
    /// The invoice that a credit is about.
    pub about_invoice: Option<i64>,
    /// The gap-free number of a credit note.
    pub number: Option<i64>,
    /// When it was recorded.
    pub recorded_at: Instant,
    /// By whom; left out for a party's own key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recorded_by: Option<String>,
}

impl Payment {
    /// What the party itself may see of it.
    #[must_use]
    pub fn for_party(self) -> Payment {
        Payment { recorded_by: None, ..self }
    }
}

/// An amount in its currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentMoney {
    /// The amount.
    pub amount: Amount,
    /// Its currency.
    pub currency: Code,
}

/// A page of the payments of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PaymentPage {
    /// The payments, oldest first.
    pub payments: Vec<Payment>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A page of the credit notes about an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreditNotePage {
    /// The credit notes, oldest first.
    pub credit_notes: Vec<Payment>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A page of the payments of a party's credit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreditPayoutPage {
    /// What was paid out, with a negative amount, and what of it came back, oldest first.
    pub credit_payouts: Vec<Payment>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Credit that was paid out or came back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreditPayout {
    /// The payment: its amount is negative where it was paid out.
    pub payment: Payment,
    /// The party's credit in that currency after it.
    pub credit: Amount,
}

/// Credit that was paid out or came back.
#[must_use]
pub fn credit_payout(paid: &Paid) -> CreditPayout {
    CreditPayout { payment: payment(&paid.payment), credit: paid.credit.into() }
}

/// A payment, or what else settles an invoice or is a party's credit.
#[must_use]
pub fn payment(payment: &Known) -> Payment {
    let paid = payment
        .foreign
        .map(|foreign| PaymentMoney { amount: foreign.paid.into(), currency: foreign.paid.currency().into() });
    Payment {
        id: payment.payment_id.get(),
        invoice_id: payment.invoice_id.map(|id| id.get()),
        amount: Amount::of(payment.units, payment.currency),
        currency: payment.currency.into(),
        paid,
        source: payment.source.as_str(),
        rail: payment.rail.clone(),
        date: payment.paid_day.into(),
        reference: payment.reference.clone(),
        transfer_id: payment.transfer_id.get(),
        of_payment: payment.of_payment.map(|id| id.get()),
        about_invoice: payment.about_invoice.map(|id| id.get()),
        number: payment.number,
        recorded_at: payment.recorded_at.into(),
        recorded_by: Some(payment.recorded_by.clone()),
    }
}
