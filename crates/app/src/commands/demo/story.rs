//! What happens in the sample network: deliveries, a billing run, late news, payments, a second run.

use anyhow::{Context as _, bail};
use quittance_api::native::wire;
use quittance_domain::ids::InvoiceId;
use quittance_domain::invoice::VoidReason;
use quittance_domain::money::Money;
use quittance_domain::time::{Day, Timestamp};
use quittance_engine::billing::{RunReport, RunRequest};
use quittance_engine::ingest::{ImportOptions, IngestCounts};
use quittance_engine::invoices::{Invoice, InvoiceFilter, Line, PaymentRequest};
use quittance_engine::verify::InvariantReport;
use quittance_engine::{Call, Engine};
use serde_json::{Value, json};

use super::sample::{self, Dice, Row};
use crate::commands::{import_conversions, invoices, verify};
use crate::context::ACTOR;
use crate::output::{Side, Table, grouped};

/// The seed of the sample: any number would do, as long as it stays the same.
const SEED: u64 = 2026;
/// The instants of the story: the run of October, the run of the first half of November.
const FIRST_RUN: (i64, &str) = (1_793_804_400_000_000, "2026-10-31");
const SECOND_RUN: (i64, &str) = (1_794_841_200_000_000, "2026-11-15");

/// What was told.
pub(super) struct Told {
    /// A call as of the story's end.
    pub(super) call: Call,
    /// An affiliate with an invoice.
    pub(super) affiliate: i64,
    /// The invoice that is shown.
    pub(super) invoice: InvoiceId,
    /// The summary as JSON.
    pub(super) json: Value,
}

/// Makes everything happen, and prints it unless the answer is JSON.
pub(super) fn tell(engine: &Engine, conversions: u32, quiet: bool) -> anyhow::Result<Told> {
    let say = |text: String| {
        if !quiet {
            println!("{text}");
        }
    };
    let (start, _) = FIRST_RUN;
    let file = sample::network_file();
    let report = match engine.import_network(Timestamp::from_micros(start), None, &file)? {
        Ok(report) => report,
        Err(problems) => bail!("the sample is not valid: {problems:?}"),
    };
    let mut call = Call {
        network: report.network.network_id,
        actor: ACTOR.to_owned(),
        now: Timestamp::from_micros(start),
        claimed: None,
    };
    say(format!(
        "Sunrise Media, a sample network: {} affiliates, {} offers, 5 currencies, days in America/New_York\n",
        sample::AFFILIATES,
        sample::OFFERS
    ));
    let mut dice = Dice::seeded(SEED);
    let mut rows = sample::conversions(&mut dice, conversions.into());
    let october = deliver(engine, &call, rows.iter().filter(|row| row.in_october()))?;
    let repeated: Vec<Row> = rows.iter().filter(|row| row.in_october() && dice.chance(5)).cloned().collect();
    let again = deliver(engine, &call, &repeated)?;
    let first = run(engine, &call, FIRST_RUN.1)?;
    say(format!(
        "October is delivered, and some of it twice\n{}",
        deliveries(&[("October", october), ("again", again)])
    ));
    say(format!("Billing through 2026-10-31\n{}", run_summary(&first)));

    call.now = Timestamp::from_micros(SECOND_RUN.0);
    let news = late_news(&mut rows, &mut dice);
    let late = deliver(engine, &call, &news)?;
    let november = deliver(engine, &call, rows.iter().filter(|row| !row.in_october()))?;
    settle(engine, &call)?;
    let second = run(engine, &call, SECOND_RUN.1)?;
    say(format!(
        "Late approvals and reversals of October arrive with November\n{}",
        deliveries(&[("late news", late), ("November", november)])
    ));
    say(format!("Billing through 2026-11-15\n{}", run_summary(&second)));

    let corrected = with_earlier_period(engine, &call)?;
    say(shown(engine, &call, &corrected)?);
    let all = everything(engine, &call)?;
    say(format!("Where the invoices stand\n\n{}", standing(&all)));
    let reports = engine.verify(&call, false)?;
    say(format!("Every invariant of the books, checked\n\n{}", verify::text(&reports)));
    if !reports.iter().all(InvariantReport::ok) {
        bail!("the books do not verify");
    }
    let json = json!({
        "october": import_conversions::json_counts(&october),
        "first_run": wire::run(&first),
        "second_run": wire::run(&second),
        "invoices": all.len(),
        "verified": true,
    });
    let (affiliate, invoice) = (corrected.book.party_id, corrected.invoice_id);
    Ok(Told { call, affiliate, invoice, json })
}

fn deliver<'a>(engine: &Engine, call: &Call, rows: impl IntoIterator<Item = &'a Row>) -> anyhow::Result<IngestCounts> {
    let csv = sample::csv(rows);
    let outcome = engine.import(call, std::io::Cursor::new(csv), &ImportOptions::default(), &mut |_| {});
    match outcome.failure {
        Some(failure) => Err(failure.into()),
        None => Ok(outcome.counts),
    }
}

fn run(engine: &Engine, call: &Call, through: &str) -> anyhow::Result<RunReport> {
    let request = RunRequest::payable_through(Day::parse(through)?);
    Ok(engine.bill(call, &request, &mut |_| {})?)
}

/// Half of what was pending is approved, some of it rejected, and a few approved ones are reversed.
fn late_news(rows: &mut [Row], dice: &mut Dice) -> Vec<Row> {
    let mut news = Vec::new();
    for row in rows.iter_mut().filter(|row| row.in_october()) {
        let status = match row.status {
            "pending" if dice.chance(55) => "approved",
            "pending" if dice.chance(30) => "rejected",
            "approved" if dice.chance(1) => "rejected",
            _ => continue,
        };
        row.status = status;
        news.push(row.clone());
    }
    news
}

/// What a finance team does with a month's invoices: most are approved and paid, some in part; one is corrected, one
/// voided.
fn settle(engine: &Engine, call: &Call) -> anyhow::Result<()> {
    for invoice in everything(engine, call)? {
        let id = invoice.invoice_id;
        let pay = |amount: Option<String>| {
            let reference = format!("batch-{}", id.get() % 7 + 1);
            PaymentRequest { amount, reference, ..PaymentRequest::default() }
        };
        match id.get() % 10 {
            0 | 1 => {}
            2 => drop(engine.approve(call, id, None)?),
            3 => {
                let minor = invoice.book.currency.minor_unit_units();
                let half = Money::new(invoice.billed_units / 2 / minor * minor, invoice.book.currency);
                engine.pay(call, id, None, &pay(Some(half.to_decimal())))?;
            }
            4 if id.get() == 4 => {
                engine.void(call, id, None, VoidReason::Declined, "the affiliate asked for one invoice in November")?;
            }
            5 if id.get() == 5 => {
                engine.correct(call, id, None, "15", "bonus for the new landing page")?;
            }
            _ => drop(engine.pay(call, id, None, &pay(None))?),
        }
    }
    Ok(())
}

fn everything(engine: &Engine, call: &Call) -> anyhow::Result<Vec<Invoice>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let page = engine.invoices(call, &InvoiceFilter::default(), after, 1000)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.invoice_id.get();
        all.extend(page);
    }
}

/// The first invoice of the second run that bills something of October.
fn with_earlier_period(engine: &Engine, call: &Call) -> anyhow::Result<Invoice> {
    let mut all = everything(engine, call)?;
    all.retain(|invoice| invoice.period.start > Day::parse("2026-10-31").unwrap_or(Day::MIN));
    for invoice in &all {
        let lines = engine.invoice_lines(call, invoice.invoice_id)?;
        if lines.iter().any(|line| line.period != invoice.period && line.units < 0) {
            return Ok(invoice.clone());
        }
    }
    let first =
        all.into_iter().next().map_or_else(|| everything(engine, call).map(|a| a.into_iter().next()), |i| Ok(Some(i)));
    first?.context("the sample has no invoice: ask for more conversions")
}

fn deliveries(parts: &[(&str, IngestCounts)]) -> String {
    let mut table = Table::new(&[
        ("", Side::Left),
        ("created", Side::Right),
        ("updated", Side::Right),
        ("unchanged", Side::Right),
        ("rejected", Side::Right),
    ]);
    for (name, counts) in parts {
        let cells = [counts.created, counts.updated, counts.unchanged, counts.rejected].map(grouped);
        let [a, b, c, d] = cells;
        table.row([(*name).to_owned(), a, b, c, d]);
    }
    format!("\n{table}")
}

fn run_summary(report: &RunReport) -> String {
    let columns =
        [("currency", Side::Left), ("invoices", Side::Right), ("total", Side::Right), ("left for later", Side::Right)];
    let mut table = Table::new(&columns);
    for total in &report.totals {
        let left = report.skipped.iter().filter(|skip| skip.currency == total.currency).count();
        let amount = Money::new(total.units, total.currency).to_decimal();
        table.row([total.currency.to_string(), grouped(total.invoices), grouped(amount), grouped(left)]);
    }
    let mut reasons: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    report.skipped.iter().for_each(|skip| *reasons.entry(skip.reason.as_str()).or_default() += 1);
    let reasons: Vec<String> =
        reasons.iter().map(|(reason, count)| format!("{count} {}", reason.replace('_', " "))).collect();
    let reasons =
        if reasons.is_empty() { String::new() } else { format!("  left for later: {}\n", reasons.join(", ")) };
    format!("\n{table}{reasons}")
}

fn shown(engine: &Engine, call: &Call, invoice: &Invoice) -> anyhow::Result<String> {
    let lines = engine.invoice_lines(call, invoice.invoice_id)?;
    let columns =
        [("offer", Side::Right), ("period", Side::Left), ("conversions", Side::Right), ("amount", Side::Right)];
    let mut table = Table::new(&columns);
    for Line { offer_id, period, taken, units, .. } in &lines {
        let offer = offer_id.map(|id| id.to_string()).unwrap_or_default();
        let amount = Money::new(*units, invoice.book.currency).to_decimal();
        table.row([offer, period.to_string(), grouped(taken.conversions), grouped(amount)]);
    }
    let one = invoices::table(std::slice::from_ref(invoice));
    Ok(format!("One of them, with what changed in October on lines of its own\n\n{one}\n{table}"))
}

fn standing(all: &[Invoice]) -> Table {
    let mut sums: std::collections::BTreeMap<(&str, &str), (usize, i128, i128)> = std::collections::BTreeMap::new();
    for invoice in all {
        let key = (invoice.book.currency.code(), invoice.status.as_str());
        let sum = sums.entry(key).or_default();
        sum.0 += 1;
        sum.1 += i128::from(invoice.billed_units);
        sum.2 += i128::from(invoice.balance_units());
    }
    let columns = [
        ("currency", Side::Left),
        ("status", Side::Left),
        ("invoices", Side::Right),
        ("billed", Side::Right),
        ("balance", Side::Right),
    ];
    let mut table = Table::new(&columns);
    for ((code, status), (count, billed, balance)) in sums {
        let amount = |units: i128| {
            let currency = all.iter().map(|i| i.book.currency).find(|c| c.code() == code);
            let money = currency.map(|c| Money::new(i64::try_from(units).unwrap_or(i64::MAX), c).to_decimal());
            grouped(money.unwrap_or_default())
        };
        table.row([code.to_owned(), status.replace('_', " "), grouped(count), amount(billed), amount(balance)]);
    }
    table
}
