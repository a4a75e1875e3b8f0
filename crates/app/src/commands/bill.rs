//! `quittance bill`.

use anyhow::Context as _;
use quittance_api::native::wire;
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceKind;
use quittance_domain::money::Money;
use quittance_engine::billing::{FirstDay, Parties, RunReport, RunRequest};

use super::day;
use crate::context::Context;
use crate::failure::{Exit, Usage};
use crate::output::{Side, Table, counted, grouped, spinner};
use clap::Args;

/// A billing run.
#[derive(Debug, Args)]
pub(crate) struct Bill {
    /// The last day, inclusive [default: whatever is due by the parties' billing cycles].
    #[arg(long, value_name = "DATE")]
    through: Option<String>,
    /// The first day, or `last-invoice`: where the last invoice of each ended [default: the first unbilled conversion].
    #[arg(long, value_name = "DATE|last-invoice")]
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
    /// Only conversions of these advertisers, on payable invoices.
    #[arg(long, value_name = "ID")]
    conversion_advertiser: Vec<i64>,
    /// Only conversions in these currencies.
    #[arg(long, value_name = "CODE")]
    currency: Vec<String>,
    /// Only conversions of these countries, as the tracker names them.
    #[arg(long, value_name = "COUNTRY")]
    country: Vec<String>,
    /// Only as many conversions as add up to this amount, the last one whole; of one party and one currency.
    #[arg(long, value_name = "AMOUNT")]
    sum: Option<String>,
    /// Bills all that one party is owed, whatever its minimum, hold, payment method or total.
    #[arg(long = "final")]
    unbound: bool,
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

/// What is said where conditions come without a last day.
const NEEDS_THROUGH: &str =
    "--through DATE is needed with these: without any, whatever is due by the parties' billing cycles is billed";

impl Bill {
    /// Whether nothing but a dry run is asked for.
    fn is_bare(&self) -> bool {
        let lists = [&self.affiliate, &self.advertiser, &self.exclude, &self.offer, &self.conversion_advertiser];
        let texts = [&self.currency, &self.country];
        let plain = self.from.is_none() && self.sum.is_none() && !self.unbound && self.kind == "payable";
        plain && lists.iter().all(|list| list.is_empty()) && texts.iter().all(|list| list.is_empty())
    }
}

/// Whatever is due by schedule.
fn due(context: &Context, dry_run: bool) -> anyhow::Result<Exit> {
    let engine = context.engine()?;
    let call = context.call(&engine)?;
    let report = if dry_run {
        engine.preview_due(&call)?
    } else {
        let bar = spinner();
        let report = engine.bill_due(&call, &mut |report| {
            bar.set_message(format!("{} invoices", grouped(report.invoices())));
            bar.tick();
        });
        bar.finish_and_clear();
        report?
    };
    context.answer(&wire::schedule(&report), || {
        let would_be = if dry_run { "would be " } else { "" };
        let mut out = match report.released {
            0 => String::new(),
            count => {
                format!("{would_be}approved, since their hold days are over: {}\n\n", counted(count, "conversion"))
            }
        };
        match report.runs.as_slice() {
            [] => out += "Nothing is due by schedule\n",
            runs => out += &runs.iter().map(due_text).collect::<Vec<_>>().join("\n"),
        }
        out
    })?;
    Ok(Exit::Done)
}

/// What a run of the schedule did; of a dry run, which has no id, also which one it would be.
fn due_text(report: &RunReport) -> String {
    match report.run_id {
        Some(_) => text(report),
        None => format!("{} through {}\n{}", report.kind, report.through, text(report)),
    }
}

fn run(context: &Context, args: &Bill) -> anyhow::Result<Exit> {
    let Some(through) = &args.through else {
        return if args.is_bare() { due(context, args.dry_run) } else { Err(Usage(NEEDS_THROUGH.to_owned()).into()) };
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
    let given = |list: &[i64]| Some(list.to_vec()).filter(|list| !list.is_empty());
    let currencies: Vec<Currency> =
        args.currency.iter().map(|code| Currency::parse(code)).collect::<Result<_, _>>().context("--currency")?;
    let sum = match (&args.sum, currencies.as_slice()) {
        (None, _) => None,
        (Some(sum), [currency]) => Some(Money::parse(sum, *currency).context("--sum")?),
        (Some(_), _) => return Err(Usage("--sum needs the --currency of the book it is for".to_owned()).into()),
    };
    let request = RunRequest {
        kind,
        through: day("through", through)?,
        from: match args.from.as_deref() {
            None => FirstDay::FirstUnbilled,
            Some("last-invoice") => FirstDay::LastInvoice,
            Some(from) => FirstDay::Day(day("from", from)?),
        },
        parties,
        offers: given(&args.offer),
        advertisers: given(&args.conversion_advertiser),
        currencies: Some(currencies).filter(|list| !list.is_empty()),
        countries: Some(args.country.clone()).filter(|list| !list.is_empty()),
        sum,
        unbound: args.unbound,
        positive: false,
        approve: false,
        internal_notes: String::new(),
        scheduled: false,
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

/// The negative totals that were given up.
fn written_off(report: &RunReport) -> String {
    if report.written_off.is_empty() {
        return String::new();
    }
    let party = report.kind.party_kind().as_str();
    let mut table = Table::new(&[(party, Side::Right), ("currency", Side::Left), ("amount", Side::Right)]);
    for given_up in &report.written_off {
        let amount = Money::new(given_up.units, given_up.currency).to_decimal();
        table.row([given_up.party_id.to_string(), given_up.currency.to_string(), grouped(amount)]);
    }
    format!("\nWritten off:\n\n{table}")
}

/// How many skipped parties are named one by one.
const SKIPPED_SHOWN: usize = 20;

pub(crate) fn text(report: &RunReport) -> String {
    let mut out = match report.run_id {
        Some(run_id) => format!("Run {run_id}: {}\n", counted(report.invoices(), "invoice")),
        None => format!("Dry run: {} would be issued, nothing was written\n", counted(report.invoices(), "invoice")),
    };
    let mut totals = Table::new(&[("currency", Side::Left), ("invoices", Side::Right), ("total", Side::Right)]);
    for total in &report.totals {
        let amount = Money::new(total.units, total.currency).to_decimal();
        totals.row([total.currency.to_string(), grouped(total.invoices), grouped(amount)]);
    }
    if !totals.is_empty() {
        out += &format!("\n{totals}");
    }
    out += &written_off(report);
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
        let missing = skip.missing_rate.as_ref().map_or(String::new(), |missing| format!(": {missing}"));
        let reason = format!("{}{missing}", skip.reason);
        skipped.row([skip.party_id.to_string(), skip.currency.to_string(), grouped(amount), reason]);
    }
    out += &skipped.to_string();
    if report.skipped.len() > SKIPPED_SHOWN {
        out += &format!("  … and {} more (--json shows all)\n", report.skipped.len() - SKIPPED_SHOWN);
    }
    out
}
