//! `quittance credit`.

use clap::Subcommand;
use quittance_api::native::wire;
use quittance_domain::currency::Currency;
use quittance_domain::ids::PaymentId;
use quittance_domain::money::Money;
use quittance_engine::invoices::{CreditPayout, CreditPayoutRequest, Payment};
use serde_json::json;

use super::day;
use super::one_party::OneParty;
use crate::cli::Nature;
use crate::context::Context;
use crate::failure::Exit;
use crate::output::{Side, Table, grouped};

/// How many payments of credit are listed at a time.
const PAGE: i64 = 1_000;

/// Acting on parties' credit.
#[derive(Debug, Subcommand)]
pub(crate) enum CreditCommand {
    /// Records that credit was paid out: sent to an advertiser, or sent back by an affiliate.
    PayOut {
        #[command(flatten)]
        party: OneParty,
        /// The amount, at most the credit.
        #[arg(long)]
        amount: String,
        /// The currency of the credit [default: the party's].
        #[arg(long, value_name = "CODE")]
        currency: Option<String>,
        /// The day it was paid [default: today].
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
        /// The payer's reference.
        #[arg(long)]
        reference: String,
        /// The rail, such as paypal [default: the payment method's].
        #[arg(long)]
        rail: Option<String>,
        /// It is another one, although the same amount was paid out on that day under the same reference.
        #[arg(long)]
        again: bool,
    },
    /// Takes a payment of credit back that came back or was recorded by mistake: all of it, once.
    Reverse {
        #[command(flatten)]
        party: OneParty,
        /// The payment.
        #[arg(long, value_name = "ID")]
        payment: i64,
        /// The day it came back [default: today].
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
        /// Why.
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Lists what was paid out of a party's credit, and what of that came back.
    List {
        #[command(flatten)]
        party: OneParty,
    },
}

impl CreditCommand {
    /// Whether it changes anything.
    pub(crate) fn nature(&self) -> Nature {
        match self {
            CreditCommand::PayOut { .. } | CreditCommand::Reverse { .. } => Nature::Acts,
            CreditCommand::List { .. } => Nature::Reads,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// An argument is not valid, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let engine = context.engine()?;
        let call = context.call(&engine)?;
        let date = |date: &Option<String>| date.as_deref().map(|date| day("date", date)).transpose();
        let done = match self {
            CreditCommand::PayOut { party, amount, currency, date: on, reference, rail, again } => {
                let (kind, id) = party.named();
                let request = CreditPayoutRequest {
                    amount: amount.clone(),
                    currency: currency.as_deref().map(Currency::parse).transpose()?,
                    day: date(on)?,
                    reference: reference.clone(),
                    rail: rail.clone(),
                    again: *again,
                };
                engine.pay_out_credit(&call, kind, id, &request)?
            }
            CreditCommand::Reverse { party, payment, date: on, reason } => {
                let payment = PaymentId::new(*payment);
                engine.reverse_credit_payout(&call, party.named(), payment, date(on)?, reason)?
            }
            CreditCommand::List { party } => {
                let (mut rows, mut after) = (Vec::new(), 0);
                loop {
                    let page = engine.credit_payouts(&call, party.named(), after, PAGE)?;
                    let Some(last) = page.last() else { break };
                    after = last.payment_id.get();
                    rows.extend(page);
                }
                let shown: Vec<_> = rows.iter().map(wire::payment).collect();
                context.answer(&json!({ "credit_payouts": shown }), || table(&rows).to_string())?;
                return Ok(Exit::Done);
            }
        };
        context.answer(&wire::credit_payout(&done), || text(&done))?;
        Ok(Exit::Done)
    }
}

fn text(done: &CreditPayout) -> String {
    let (credit, currency) = (grouped(done.credit.to_decimal()), done.credit.currency());
    format!("{}\ncredit left: {credit} {currency}\n", table(std::slice::from_ref(&done.payment)))
}

fn table(payments: &[Payment]) -> Table {
    let columns = [
        ("id", Side::Right),
        ("date", Side::Left),
        ("amount", Side::Right),
        ("currency", Side::Left),
        ("source", Side::Left),
        ("rail", Side::Left),
        ("reference", Side::Left),
    ];
    let mut table = Table::new(&columns);
    for payment in payments {
        table.row([
            payment.payment_id.to_string(),
            payment.paid_day.to_string(),
            grouped(Money::new(payment.units, payment.currency).to_decimal()),
            payment.currency.to_string(),
            payment.source.as_str().to_owned(),
            payment.rail.clone(),
            payment.reference.clone(),
        ]);
    }
    table
}
