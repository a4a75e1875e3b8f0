//! `quittance copy`: a whole database from SQLite to PostgreSQL, or back.

use clap::Args;
use quittance_engine::Engine;
use quittance_engine::copy::CopyReport;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::{Exit, complain};
use crate::output::{Side, Table, grouped, spinner};

/// A copy to make.
#[derive(Debug, Args)]
pub(crate) struct CopyDatabase {
    /// The database to copy; nothing should write to it meanwhile.
    #[arg(long, value_name = "URL")]
    from: String,
    /// The empty database to copy it into, or the one in which a copy was cut short.
    #[arg(long, value_name = "URL")]
    to: String,
}

impl CopyDatabase {
    /// Does it.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let (source, target) = (Engine::open(&self.from)?, Engine::open(&self.to)?);
        let bar = spinner();
        let report = source.copy_to(&target, context.now(), &mut |table, rows| {
            bar.set_message(format!("{table}: {} rows", grouped(rows)));
            bar.tick();
        });
        bar.finish_and_clear();
        let report = report?;
        for (network, invariants) in &report.networks {
            for violation in invariants.iter().flat_map(|invariant| &invariant.violations) {
                complain(&format!("{network}: {violation}"));
            }
        }
        context.answer(&to_json(&report), || text(&report))?;
        Ok(if report.ok() { Exit::Done } else { Exit::Failed })
    }
}

fn to_json(report: &CopyReport) -> Value {
    let tables =
        report.tables.iter().map(|(table, rows, copied)| json!({ "table": table, "rows": rows, "copied": copied }));
    json!({ "ok": report.ok(), "tables": tables.collect::<Vec<_>>() })
}

fn text(report: &CopyReport) -> String {
    let mut table = Table::new(&[("table", Side::Left), ("rows", Side::Right), ("copied now", Side::Right)]);
    for (name, rows, copied) in report.tables.iter().filter(|(_, rows, _)| *rows > 0) {
        table.row([name.replace('_', " "), grouped(*rows), grouped(*copied)]);
    }
    let proof = match report.ok() {
        true => "rows and balances are equal, and every invariant holds in the copy",
        false => "the copy violates invariants: see above",
    };
    format!("{table}\n{proof}\n")
}
