//! `quittance report`.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use quittance_api::native::wire;
use quittance_domain::accrual::Book;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, RunId};
use quittance_domain::time::Day;
use quittance_engine::billing::RunRequest;
use quittance_engine::reports::{Cell, MarginBy, Report};
use quittance_engine::{Call, Engine};

use super::day;
use super::one_party::OneParty;
use crate::context::Context;
use crate::failure::{Exit, Usage};
use crate::output::{self, Side, Table, grouped};

/// A report.
#[derive(Debug, Args)]
pub(crate) struct ReportCommand {
    /// Which.
    #[command(subcommand)]
    which: Which,
    /// Writes CSV.
    #[arg(long, global = true, conflicts_with = "json")]
    csv: bool,
}

/// Affiliates or advertisers.
#[derive(Debug, Args)]
struct Kind {
    /// Of advertisers; of affiliates without it.
    #[arg(long)]
    receivable: bool,
}

impl Kind {
    fn kind(&self) -> InvoiceKind {
        if self.receivable { InvoiceKind::Receivable } else { InvoiceKind::Payable }
    }
}

#[derive(Debug, Subcommand)]
enum Which {
    /// A party's account, movement by movement.
    Statement {
        #[command(flatten)]
        party: OneParty,
        /// The currency of the account.
        #[arg(long, value_name = "CODE")]
        currency: String,
        /// The first day [default: the first there is].
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// The last day [default: today].
        #[arg(long, value_name = "DATE")]
        through: Option<String>,
    },
    /// What is open with each party, by age.
    Balances {
        #[command(flatten)]
        kind: Kind,
        /// As of which day [default: today].
        #[arg(long, value_name = "DATE")]
        as_of: Option<String>,
    },
    /// What is approved and not billed.
    Unbilled {
        #[command(flatten)]
        kind: Kind,
        /// As of which day [default: today].
        #[arg(long, value_name = "DATE")]
        as_of: Option<String>,
    },
    /// What conversions bring, what they cost, and the difference.
    Margin {
        /// The first day.
        #[arg(long, value_name = "DATE")]
        from: String,
        /// The last day.
        #[arg(long, value_name = "DATE")]
        through: String,
        /// By what.
        #[arg(long, default_value = "offer", value_parser = ["offer", "affiliate", "advertiser"])]
        by: String,
    },
    /// Every posting of the ledger, by entry.
    Journal {
        /// The first day [default: the first there is].
        #[arg(long, value_name = "DATE")]
        from: Option<String>,
        /// The last day [default: today].
        #[arg(long, value_name = "DATE")]
        through: Option<String>,
    },
    /// What a run has left out, and why.
    Skipped {
        #[command(flatten)]
        kind: Kind,
        /// The run [default: the last one].
        #[arg(long, value_name = "ID")]
        run: Option<i64>,
    },
    /// What a run would issue, beside what the last one has.
    Preview {
        #[command(flatten)]
        kind: Kind,
        /// The last day of the run.
        #[arg(long, value_name = "DATE")]
        through: String,
    },
}

impl ReportCommand {
    /// Does it.
    ///
    /// # Errors
    /// An argument is not valid, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let engine = context.engine()?;
        let report = self.which.report(&engine, &context.call(&engine)?)?;
        if self.csv {
            output::data(csv(&report)?.trim_end())?;
        } else {
            context.answer(&wire::report(&report), || table(&report).to_string())?;
        }
        Ok(Exit::Done)
    }
}

impl Which {
    fn report(&self, engine: &Engine, call: &Call) -> anyhow::Result<Report> {
        let day_or_today = |name: &'static str, text: &Option<String>| -> anyhow::Result<Day> {
            match text {
                Some(text) => day(name, text),
                None => Ok(engine.day_of(call, call.now)?),
            }
        };
        Ok(match self {
            Which::Statement { party, currency, from, through } => {
                let (kind, party_id) = party.named();
                let book = Book {
                    kind: kind.invoice_kind(),
                    party_id,
                    currency: Currency::parse(currency).context("--currency")?,
                };
                let from = from.as_deref().map_or(Ok(Day::MIN), |text| day("from", text))?;
                engine.statement(call, book, from, day_or_today("through", through)?)?
            }
            Which::Balances { kind, as_of } => {
                engine.balances_by_age(call, kind.kind(), day_or_today("as-of", as_of)?)?
            }
            Which::Unbilled { kind, as_of } => engine.unbilled(call, kind.kind(), day_or_today("as-of", as_of)?)?,
            Which::Margin { from, through, by } => {
                let (from, through) = (day("from", from)?, day("through", through)?);
                if from > through {
                    return Err(Usage(format!("--from: {from} is after --through, {through}")).into());
                }
                let by = match by.as_str() {
                    "affiliate" => MarginBy::Affiliate,
                    "advertiser" => MarginBy::Advertiser,
                    _ => MarginBy::Offer,
                };
                engine.margin(call, by, from, through)?
            }
            Which::Journal { from, through } => {
                let from = from.as_deref().map_or(Ok(Day::MIN), |text| day("from", text))?;
                engine.journal(call, from, day_or_today("through", through)?)?
            }
            Which::Skipped { kind, run } => engine.skipped(call, kind.kind(), run.map(RunId::new))?,
            Which::Preview { kind, through } => {
                let through = day("through", through)?;
                let request = RunRequest { kind: kind.kind(), ..RunRequest::payable_through(through) };
                engine.compared(call, &request)?
            }
        })
    }
}

fn table(report: &Report) -> Table {
    let side = |column: usize| {
        let figures = report.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Amount(_) | Cell::Number(_))));
        if figures { Side::Right } else { Side::Left }
    };
    let columns: Vec<(&'static str, Side)> =
        report.columns.iter().enumerate().map(|(index, name)| (*name, side(index))).collect();
    let mut table = Table::new(&columns);
    for row in &report.rows {
        table.row(row.iter().map(|cell| match cell {
            Cell::Text(text) => text.replace('_', " "),
            Cell::Number(number) => number.to_string(),
            Cell::Amount(amount) => grouped(amount),
        }));
    }
    table
}

fn csv(report: &Report) -> anyhow::Result<String> {
    wire::report_csv(report).context("the report cannot be written as CSV")
}
