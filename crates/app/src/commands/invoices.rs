//! `quittance invoices`.

use anyhow::Context as _;
use clap::Args;
use quittance_api::native::wire;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::money::Money;
use quittance_engine::invoices::{Invoice, InvoiceFilter};
use serde_json::json;

use crate::context::Context;
use crate::failure::Exit;
use crate::output::{Side, Table, grouped};

/// A list of invoices.
#[derive(Debug, Args)]
pub(crate) struct Invoices {
    /// Only this affiliate's.
    #[arg(long, value_name = "ID")]
    affiliate: Option<i64>,
    /// Only this advertiser's.
    #[arg(long, value_name = "ID", conflicts_with = "affiliate")]
    advertiser: Option<i64>,
    /// Only payable or only receivable ones.
    #[arg(long, value_parser = ["payable", "receivable"])]
    kind: Option<String>,
    /// Only in this status: pending, approved, partly_paid, paid or void.
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only in this currency.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Only those issued by this run.
    #[arg(long, value_name = "ID")]
    run: Option<i64>,
    /// How many, 1 to 1000.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=1000))]
    limit: i64,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

impl Invoices {
    /// Does it.
    ///
    /// # Errors
    /// A filter is not valid, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        run(context, self)
    }
}

fn run(context: &Context, args: &Invoices) -> anyhow::Result<Exit> {
    let status = args.status.as_deref().map(|word| {
        let known = InvoiceStatus::ALL.map(InvoiceStatus::as_str).join(", ");
        InvoiceStatus::parse(word).with_context(|| format!("--status: {word:?} is none of {known}"))
    });
    let of_party = match (args.affiliate, args.advertiser) {
        (Some(_), _) => Some(InvoiceKind::Payable),
        (None, Some(_)) => Some(InvoiceKind::Receivable),
        (None, None) => None,
    };
    let filter = InvoiceFilter {
        kind: of_party.or(args.kind.as_deref().and_then(InvoiceKind::parse)),
        party_id: args.affiliate.or(args.advertiser),
        statuses: status.transpose()?.into_iter().collect(),
        currency: args.currency.as_deref().map(Currency::parse).transpose().context("--currency")?,
        run_id: args.run.map(RunId::new),
        ..InvoiceFilter::default()
    };
    let after = match args.cursor.as_deref() {
        Some(cursor) => cursor.parse().with_context(|| format!("--cursor: {cursor:?} is none of this list"))?,
        None => 0,
    };
    let engine = context.engine()?;
    let mut page = engine.invoices(&context.call(&engine)?, &filter, after, args.limit + 1)?;
    let more = page.len() as i64 > args.limit;
    page.truncate(usize::try_from(args.limit).unwrap_or(usize::MAX));
    let next = page.last().filter(|_| more).map(|last| last.invoice_id.to_string());
    let invoices: Vec<_> = page.iter().map(wire::invoice).collect();
    context.answer(&json!({ "invoices": invoices, "next_cursor": next }), || {
        let rest = next.as_ref().map_or(String::new(), |next| format!("\n  more: --cursor {next}\n"));
        format!("{}{rest}", table(&page))
    })?;
    Ok(Exit::Done)
}

/// Invoices as a table.
pub(crate) fn table(invoices: &[Invoice]) -> Table {
    let payable = invoices.iter().filter(|invoice| invoice.book.kind == InvoiceKind::Payable).count();
    let party = match payable {
        0 if !invoices.is_empty() => "advertiser",
        count if count == invoices.len() => "affiliate",
        _ => "party",
    };
    let mut table = Table::new(&[
        ("id", Side::Right),
        (party, Side::Left),
        ("period", Side::Left),
        ("status", Side::Left),
        ("billed", Side::Right),
        ("paid", Side::Right),
        ("balance", Side::Right),
        ("", Side::Left),
        ("due", Side::Left),
    ]);
    for invoice in invoices {
        let amount = |units: i64| grouped(Money::new(units, invoice.book.currency).to_decimal());
        table.row([
            invoice.invoice_id.to_string(),
            match party {
                "party" => {
                    format!("{} {} {}", invoice.book.kind.party_kind(), invoice.book.party_id, invoice.party_name)
                }
                _ => format!("{} {}", invoice.book.party_id, invoice.party_name),
            },
            invoice.period.to_string(),
            invoice.status.as_str().replace('_', " "),
            amount(invoice.billed_units),
            amount(invoice.paid_units),
            amount(invoice.balance_units()),
            invoice.book.currency.to_string(),
            invoice.due_day.to_string(),
        ]);
    }
    table
}
