//! `quittance pay`.

use clap::Args;
use quittance_api::native::wire;
use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceId;
use quittance_engine::invoices::PaymentRequest;
use serde_json::json;

use super::invoices::table;
use super::one_party::OneParty;
use super::{day, on_repeat};
use crate::context::Context;
use crate::failure::Exit;

/// One transfer over several invoices.
#[derive(Debug, Args)]
pub(crate) struct Pay {
    #[command(flatten)]
    party: OneParty,
    /// The currency of the invoices and the amount.
    #[arg(long, value_name = "CODE")]
    currency: String,
    /// The amount.
    #[arg(long)]
    amount: String,
    /// The invoices, in this order [default: all that are approved and not paid, the earliest due first].
    #[arg(long, value_name = "ID", num_args = 1..)]
    invoice: Vec<i64>,
    /// The day it was paid [default: today].
    #[arg(long, value_name = "DATE")]
    date: Option<String>,
    /// The payer's reference.
    #[arg(long, default_value = "", hide_default_value = true)]
    reference: String,
    /// The rail, such as paypal [default: the payment method's].
    #[arg(long)]
    rail: Option<String>,
    /// Records it although these invoices, or without any named this party, have a payment of this day with this reference
    /// already.
    #[arg(long)]
    again: bool,
}

impl Pay {
    /// Does it.
    ///
    /// # Errors
    /// An argument is not valid, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let (kind, party_id) = self.party.named();
        let book = Book { kind: kind.invoice_kind(), party_id, currency: Currency::parse(&self.currency)? };
        let request = PaymentRequest {
            amount: Some(self.amount.clone()),
            day: self.date.as_deref().map(|date| day("date", date)).transpose()?,
            reference: self.reference.clone(),
            rail: self.rail.clone(),
            on_repeat: on_repeat(self.again),
            ..PaymentRequest::default()
        };
        let named: Vec<InvoiceId> = self.invoice.iter().copied().map(InvoiceId::new).collect();
        let engine = context.engine()?;
        let paid = engine.pay_party(&context.call(&engine)?, book, &request, &named)?;
        let invoices: Vec<_> = paid.iter().map(wire::invoice).collect();
        context.answer(&json!({ "invoices": invoices }), || table(&paid).to_string())?;
        Ok(Exit::Done)
    }
}
