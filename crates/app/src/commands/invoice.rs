//! `quittance invoice`.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quittance_api::native::wire;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, OfferId, PaymentId};
use quittance_domain::invoice::VoidReason;
use quittance_domain::money::Money;
use quittance_engine::invoices::{
    ConversionQuery, Invoice, InvoiceEdit, PaymentRequest, ReturnRequest, TakeOffRequest,
};
use quittance_engine::{Call, Engine};
use serde_json::json;

use super::invoices::table;
use super::{day, on_repeat};
use crate::cli::Nature;
use crate::context::Context;
use crate::failure::{Exit, complain};
use crate::once::advice;
use crate::output::{Side, Table, grouped};

/// How many conversions `show --conversions` prints at most.
const CONVERSIONS_SHOWN: usize = 1000;

/// Acting on invoices.
#[derive(Debug, Subcommand)]
pub(crate) enum InvoiceCommand {
    /// Shows an invoice with its lines, payments and history.
    Show {
        /// Its id.
        id: i64,
        /// Its conversions too.
        #[arg(long)]
        conversions: bool,
    },
    /// Approves invoices.
    Approve {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
    /// Takes approvals back while nothing is paid.
    Unapprove {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
    /// Voids invoices; what they billed is unbilled again.
    Void {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
        /// Why.
        #[arg(long, default_value = "other", value_parser = ["declined", "deleted", "replaced", "other"])]
        reason: String,
        /// Why, in your words.
        #[arg(long, default_value = "", hide_default_value = true)]
        text: String,
    },
    /// Takes what has changed since an invoice was issued on the days that it bills.
    Sync {
        /// Their ids.
        #[arg(required = true, value_name = "ID")]
        ids: Vec<i64>,
    },
    /// Adds a correction.
    Correct {
        /// The invoice's id.
        id: i64,
        /// The amount, of either sign.
        #[arg(long, allow_hyphen_values = true)]
        amount: String,
        /// What it is for.
        #[arg(long)]
        comment: String,
    },
    /// Removes a correction.
    Uncorrect {
        /// The invoice's id.
        id: i64,
        /// The correction's line number.
        #[arg(long)]
        line: i64,
    },
    /// Takes conversions or offers off; they are unbilled again.
    TakeOff {
        /// The invoice's id.
        id: i64,
        /// Conversions.
        #[arg(long = "conversion", value_name = "ID", num_args = 1.., conflicts_with = "offers")]
        conversions: Vec<String>,
        /// Offers.
        #[arg(long = "offer", value_name = "ID", num_args = 1.., required_unless_present = "conversions")]
        offers: Vec<i64>,
    },
    /// Edits notes, visibility and due date.
    Edit(Edit),
    /// Records a payment.
    Pay {
        /// The invoice's id.
        id: i64,
        /// The amount [default: the balance].
        #[arg(long, allow_hyphen_values = true)]
        amount: Option<String>,
        /// The currency of the amount [default: the invoice's].
        #[arg(long, value_name = "CODE", requires_all = ["amount", "settles"])]
        currency: Option<String>,
        /// What an amount in another currency settles, in the invoice's.
        #[arg(long, value_name = "AMOUNT", requires = "currency")]
        settles: Option<String>,
        /// The day it was paid [default: today].
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
        /// The payer's reference.
        #[arg(long, default_value = "", hide_default_value = true)]
        reference: String,
        /// The rail, such as paypal [default: the payment method's].
        #[arg(long)]
        rail: Option<String>,
        /// Records it although the invoice has a payment of this day with this reference already.
        #[arg(long)]
        again: bool,
    },
    /// Records that a payment came back, such as a bounced transfer.
    Return {
        /// The invoice's id.
        id: i64,
        /// The payment's id.
        #[arg(long, value_name = "ID")]
        payment: i64,
        /// How much of it [default: all].
        #[arg(long)]
        amount: Option<String>,
        /// The day it came back [default: today].
        #[arg(long, value_name = "DATE")]
        date: Option<String>,
        /// Why.
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Takes back the record of a payment that was never made.
    Reverse {
        /// The invoice's id.
        id: i64,
        /// The payment's id.
        #[arg(long, value_name = "ID")]
        payment: i64,
        /// Why.
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Gives up what is left to pay of an invoice.
    WriteOff {
        /// The invoice's id.
        id: i64,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Issues a credit note about a paid invoice.
    CreditNote {
        /// The invoice's id.
        id: i64,
        /// How much less was owed.
        #[arg(long)]
        amount: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
}

/// What is to be edited.
#[derive(Debug, Args)]
pub(crate) struct Edit {
    /// The invoice's id.
    id: i64,
    /// A note that the party sees.
    #[arg(long)]
    note: Option<String>,
    /// A note that it does not.
    #[arg(long)]
    internal_note: Option<String>,
    /// Whether it is hidden from the party.
    #[arg(long, value_name = "BOOL")]
    hidden: Option<bool>,
    /// When payment is due.
    #[arg(long, value_name = "DATE")]
    due_date: Option<String>,
    /// Days from the end of the period to the due date.
    #[arg(long, value_name = "DAYS")]
    payment_terms: Option<i64>,
}

impl InvoiceCommand {
    /// What it is.
    pub(crate) fn nature(&self) -> Nature {
        match self {
            InvoiceCommand::Show { .. } => Nature::Reads,
            InvoiceCommand::Correct { .. }
            | InvoiceCommand::Pay { .. }
            | InvoiceCommand::Return { .. }
            | InvoiceCommand::CreditNote { .. } => Nature::Acts,
            _ => Nature::Settles,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let engine = context.engine()?;
        let call = context.call(&engine)?;
        Acting { context, engine: &engine, call: &call, nature: self.nature() }.run(self)
    }
}

/// What an action works with.
struct Acting<'a> {
    context: &'a Context,
    engine: &'a Engine,
    call: &'a Call,
    nature: Nature,
}

impl Acting<'_> {
    fn run(&self, command: &InvoiceCommand) -> anyhow::Result<Exit> {
        let engine = self.engine;
        match command {
            InvoiceCommand::Show { id, conversions } => self.show(InvoiceId::new(*id), *conversions),
            InvoiceCommand::Approve { ids } => self.each(ids, |call, id| engine.approve(call, id, None)),
            InvoiceCommand::Unapprove { ids } => self.each(ids, |call, id| engine.unapprove(call, id, None)),
            InvoiceCommand::Sync { ids } => self.each(ids, |call, id| engine.sync(call, id, None)),
            InvoiceCommand::Void { ids, reason, text } => {
                let reason = VoidReason::parse(reason).context("--reason")?;
                self.each(ids, |call, id| engine.void(call, id, None, reason, text))
            }
            InvoiceCommand::Correct { id, amount, comment } => {
                self.each(&[*id], |call, id| engine.correct(call, id, None, amount, comment))
            }
            InvoiceCommand::Uncorrect { id, line } => {
                self.each(&[*id], |call, id| engine.remove_correction(call, id, None, *line))
            }
            InvoiceCommand::TakeOff { id, conversions, offers } => {
                let request = if offers.is_empty() {
                    TakeOffRequest::Conversions(conversions.clone())
                } else {
                    TakeOffRequest::Offers(offers.iter().copied().map(OfferId::new).collect())
                };
                self.each(&[*id], |call, id| engine.take_off(call, id, None, &request))
            }
            InvoiceCommand::Edit(args) => self.edit(args),
            InvoiceCommand::Pay { id, amount, currency, settles, date, reference, rail, again } => {
                let request = PaymentRequest {
                    amount: amount.clone(),
                    currency: currency.as_deref().map(Currency::parse).transpose().context("--currency")?,
                    settles: settles.clone(),
                    day: date.as_deref().map(|date| day("date", date)).transpose()?,
                    reference: reference.clone(),
                    rail: rail.clone(),
                    on_repeat: on_repeat(*again),
                };
                self.each(&[*id], |call, id| engine.pay(call, id, None, &request))
            }
            InvoiceCommand::Return { id, payment, amount, date, reason } => {
                let request = ReturnRequest {
                    payment: PaymentId::new(*payment),
                    amount: amount.clone(),
                    day: date.as_deref().map(|date| day("date", date)).transpose()?,
                    reason: reason.clone(),
                };
                self.each(&[*id], |call, id| engine.return_payment(call, id, None, &request))
            }
            InvoiceCommand::Reverse { id, payment, reason } => {
                let payment = PaymentId::new(*payment);
                self.each(&[*id], |call, id| engine.reverse_payment(call, id, None, payment, reason))
            }
            InvoiceCommand::WriteOff { id, reason } => {
                self.each(&[*id], |call, id| engine.write_off(call, id, None, reason))
            }
            InvoiceCommand::CreditNote { id, amount, reason } => {
                self.each(&[*id], |call, id| engine.credit_note(call, id, None, amount, reason))
            }
        }
    }

    /// Does something to each invoice; one that is refused does not keep the others from it. With a key, each is done once,
    /// also where the command was cut short among several.
    fn each(
        &self,
        ids: &[i64],
        mut act: impl FnMut(&Call, InvoiceId) -> quittance_engine::Result<Invoice>,
    ) -> anyhow::Result<Exit> {
        let (mut done, mut outcome) = (Vec::new(), Exit::Done);
        for id in ids {
            let id = InvoiceId::new(*id);
            let part = self.call.claimed.as_ref().filter(|_| ids.len() > 1).map(|claimed| claimed.part(id));
            let call = Call { claimed: part.or_else(|| self.call.claimed.clone()), ..self.call.clone() };
            let was_done = ids.len() > 1 && self.engine.done_before(&call)?.is_some();
            match if was_done { self.engine.invoice(&call, id) } else { act(&call, id) } {
                Ok(invoice) => done.push(invoice),
                Err(error) => {
                    complain(&format!("invoice {id}: {error}"));
                    if !error.is_definitive() {
                        complain(advice(self.call.claimed.is_some(), self.nature));
                    }
                    outcome = Exit::Failed;
                }
            }
        }
        let invoices: Vec<_> = done.iter().map(wire::invoice).collect();
        self.context.answer(&json!({ "invoices": invoices }), || {
            if done.is_empty() { String::new() } else { table(&done).to_string() }
        })?;
        Ok(outcome)
    }

    fn edit(&self, args: &Edit) -> anyhow::Result<Exit> {
        let edit = InvoiceEdit {
            public_notes: args.note.clone(),
            internal_notes: args.internal_note.clone(),
            hidden: args.hidden,
            due_day: args.due_date.as_deref().map(|date| day("due-date", date)).transpose()?,
            payment_terms_days: args.payment_terms,
            ..InvoiceEdit::default()
        };
        self.each(&[args.id], |call, id| self.engine.edit(call, id, None, &edit))
    }

    fn show(&self, id: InvoiceId, with_conversions: bool) -> anyhow::Result<Exit> {
        let (engine, call) = (self.engine, self.call);
        let invoice = engine.invoice(call, id)?;
        let lines = engine.invoice_lines(call, id)?;
        let payments = engine.invoice_payments(call, id)?;
        let history = engine.invoice_history(call, id)?;
        let query = ConversionQuery {
            limit: if with_conversions { CONVERSIONS_SHOWN } else { 0 },
            ..ConversionQuery::default()
        };
        let conversions =
            if with_conversions { engine.invoice_conversions(call, id, &query)?.conversions } else { Vec::new() };
        let currency = invoice.book.currency;
        let json = json!({
            "invoice": wire::invoice(&invoice),
            "lines": lines.iter().map(|line| wire::line(line, currency)).collect::<Vec<_>>(),
            "payments": payments.iter().map(wire::payment).collect::<Vec<_>>(),
            "history": history.iter().map(|row| wire::history(row, currency)).collect::<Vec<_>>(),
            "conversions": conversions.iter().map(wire::conversion).collect::<Vec<_>>(),
        });
        let amount = |units: i64| grouped(Money::new(units, currency).to_decimal());
        self.context.answer(&json, || {
            let mut out =
                format!("Invoice {} (number {})\n\n{}", id, invoice.number, table(std::slice::from_ref(&invoice)));
            let mut table = Table::new(&[
                ("line", Side::Right),
                ("type", Side::Left),
                ("offer", Side::Right),
                ("period", Side::Left),
                ("conversions", Side::Right),
                ("amount", Side::Right),
                ("comment", Side::Left),
            ]);
            for line in &lines {
                let offer = line.offer_id.map(|offer| offer.to_string()).unwrap_or_default();
                let counted = if line.offer_id.is_some() { grouped(line.taken.conversions) } else { String::new() };
                table.row([
                    line.line_no.to_string(),
                    line.line_type.as_str().replace('_', " "),
                    offer,
                    line.period.to_string(),
                    counted,
                    amount(line.units),
                    line.comment.clone(),
                ]);
            }
            out += &format!("\n{table}");
            if !payments.is_empty() {
                let columns = [
                    ("payment", Side::Right),
                    ("day", Side::Left),
                    ("what", Side::Left),
                    ("rail", Side::Left),
                    ("amount", Side::Right),
                    ("reference", Side::Left),
                ];
                let mut table = Table::new(&columns);
                for p in &payments {
                    table.row([
                        p.payment_id.to_string(),
                        p.paid_day.to_string(),
                        p.source.as_str().replace('_', " "),
                        p.rail.clone(),
                        amount(p.units),
                        p.reference.clone(),
                    ]);
                }
                out += &format!("\n{table}");
            }
            let mut table = Table::new(&[("when", Side::Left), ("what", Side::Left), ("who", Side::Left)]);
            for row in &history {
                table.row([row.happened_at.to_string(), row.action.replace('_', " "), row.actor.clone()]);
            }
            out += &format!("\n{table}");
            if with_conversions {
                let columns = [
                    ("conversion", Side::Left),
                    ("happened", Side::Left),
                    ("offer", Side::Right),
                    ("line", Side::Right),
                    ("amount", Side::Right),
                ];
                let mut table = Table::new(&columns);
                for c in &conversions {
                    let line = c.line_no.map(|no| no.to_string()).unwrap_or_default();
                    table.row([
                        c.conversion_id.clone(),
                        c.occurred_at.to_string(),
                        c.offer_id.to_string(),
                        line,
                        grouped(c.amount.to_decimal()),
                    ]);
                }
                out += &format!("\n{table}");
            }
            out
        })?;
        Ok(Exit::Done)
    }
}
