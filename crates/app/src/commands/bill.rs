//! `quittance bill`.

use quittance_api::native::wire;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::money::Money;
use quittance_engine::billing::{Parties, RunReport, RunRequest};

use super::day;
use crate::context::Context;
use crate::failure::{Exit, Usage};
use crate::output::{Side, Table, grouped, spinner};
use clap::Args;

/// A billing run.
#[derive(Debug, Args)]
pub(crate) struct Bill {
    /// The last day, inclusive.
    #[arg(long, value_name = "DATE")]
    through: Option<String>,
    /// The first day.
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// What to issue.
    #[arg(long, default_value = "payable", value_parser = ["payable", "receivable"])]
    kind: String,
    /// Only these affiliates.
    #[arg(long, value_name = "ID", conflicts_with = "exclude")]
    affiliate: Vec<i64>,
    /// Only these advertisers, of receivable invoices.
    #[arg(long, value_name = "ID", conflicts_with_all = ["exclude", "affiliate"])]
    advertiser: Vec<i64>,
    /// All but these affiliates, or of receivable invoices advertisers.
    #[arg(long, value_name = "ID")]
    exclude: Vec<i64>,
    /// Only these offers.
    #[arg(long, value_name = "ID")]
    offer: Vec<i64>,
    /// Shows what would be issued, and writes nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Bill {
    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        run(context, self)
    }
}

fn run(context: &Context, args: &Bill) -> anyhow::Result<Exit> {
    let Some(through) = &args.through else {
        return Err(Usage("--through DATE is needed: this version has no billing schedules yet".to_owned()).into());
    };
    let kind = InvoiceKind::parse(&args.kind).unwrap_or(InvoiceKind::Payable);
    let (only, other) = match kind {
        InvoiceKind::Payable => (&args.affiliate, &args.advertiser),
        InvoiceKind::Receivable => (&args.advertiser, &args.affiliate),
    };
    if !other.is_empty() {
        return Err(Usage(format!("the invoices of a {kind} run are with {}s", kind.party_kind())).into());
    }
    let parties = match (only.as_slice(), args.exclude.as_slice()) {
        ([], []) => Parties::All,
        ([], except) => Parties::Except(except.to_vec()),
        (only, _) => Parties::Only(only.to_vec()),
    };
    let request = RunRequest {
        kind,
        through: day("through", through)?,
        from: args.from.as_deref().map(|from| day("from", from)).transpose()?,
        parties,
        offers: Some(args.offer.clone()).filter(|offers| !offers.is_empty()),
    };
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let report = if args.dry_run {
        engine.preview(&call, &request)?
    } else {
        let bar = spinner();
        let report = engine.bill(&call, &request, &mut |report| {
            bar.set_message(format!("{} invoices", grouped(report.invoices())));
            bar.tick();
        });
        bar.finish_and_clear();
        report?
    };
    context.answer(&wire::run(&report), || text(&report))?;
    Ok(Exit::Done)
}

/// How many skipped parties are named one by one.
const SKIPPED_SHOWN: usize = 20;

pub(crate) fn text(report: &RunReport) -> String {
    let mut out = match report.run_id {
        Some(run_id) => format!("Run {run_id}: {} invoices\n", grouped(report.invoices())),
        None => format!("Dry run: {} invoices would be issued, nothing was written\n", grouped(report.invoices())),
    };
    let mut totals = Table::new(&[("currency", Side::Left), ("invoices", Side::Right), ("total", Side::Right)]);
    for total in &report.totals {
        let amount = Money::new(total.units, total.currency).to_decimal();
        totals.row([total.currency.to_string(), grouped(total.invoices), grouped(amount)]);
    }
    if !totals.is_empty() {
        out += &format!("\n{totals}");
    }
    if report.skipped.is_empty() {
        return out;
    }
    out += &format!("\n{} left for a later run:\n\n", grouped(report.skipped.len()));
    let columns = [
        (report.kind.party_kind().as_str(), Side::Right),
        ("currency", Side::Left),
        ("amount", Side::Right),
        ("reason", Side::Left),
    ];
    let mut skipped = Table::new(&columns);
    for skip in report.skipped.iter().take(SKIPPED_SHOWN) {
        let amount = Money::new(skip.units, skip.currency).to_decimal();
        skipped.row([skip.party_id.to_string(), skip.currency.to_string(), grouped(amount), skip.reason.clone()]);
    }
    out += &skipped.to_string();
    if report.skipped.len() > SKIPPED_SHOWN {
        out += &format!("  … and {} more (--json shows all)\n", report.skipped.len() - SKIPPED_SHOWN);
    }
    out
}
