//! What each billing rule costs a run: the run with the rule, divided by the same run without it. Both start from copies
//! of one imported database, one right after the other.

mod cases;
mod stock;
mod table;

use anyhow::Context as _;

use super::program::{Cost, Program};
use super::{Bed, issued, sql};
use cases::{CASES, Case, Side};
use stock::{Month, Stocks};
pub(crate) use table::{Row, json, print};

/// What one run took, and what came of it.
#[derive(Debug, Clone, Copy)]
struct Ran {
    cost: Cost,
    invoices: u64,
    lines: u32,
}

/// Measures the rules whose names hold a text, on each database.
pub(crate) fn measure(beds: &[Bed<'_>], conversions: u64, rounds: u32, named: &str) -> anyhow::Result<Vec<Row>> {
    let month = Month::last()?;
    let mut rows = Vec::new();
    for bed in beds {
        if let Some(cluster) = bed.cluster {
            // What it does is done by us, at the same time for each run.
            sql(cluster, "ALTER SYSTEM SET autovacuum = off")?;
            sql(cluster, "SELECT pg_reload_conf()")?;
        }
        let mut stocks = Stocks::new(bed, month.clone(), conversions)?;
        for (index, case) in CASES.iter().filter(|case| case.name.contains(named)).enumerate() {
            let mut row = Row::new(case, bed.name);
            // The first case has one round more, to warm up.
            for round in u32::from(index > 0)..=rounds {
                eprintln!("{} on {}, round {round} of {rounds}", case.name, bed.name);
                let without = run(&mut stocks, case, &case.without)?;
                let with = run(&mut stocks, case, &case.with)?;
                eprintln!("  {:.2} s without, {:.2} s with", without.cost.wall, with.cost.wall);
                if round > 0 {
                    row.add(without, with);
                }
            }
            rows.push(row);
        }
    }
    Ok(rows)
}

/// One side of a comparison, on a database of its own.
fn run(stocks: &mut Stocks<'_>, case: &Case, side: &Side) -> anyhow::Result<Ran> {
    let month = stocks.month().clone();
    stocks
        .copy(side.stock, |ours, database| {
            let file = |name: &str| database.folder.join(name);
            (side.prepare)(ours, &month, &file)?;
            (case.ahead)(ours, &month, &file)?;
            database.settle()?;
            let args = (side.run)(&month);
            let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
            args.extend(["--json"]);
            let bill = ours.run(&args)?;
            let answer: serde_json::Value = serde_json::from_str(&bill.output)?;
            let invoices = match answer["runs"].as_array() {
                Some(runs) => runs.iter().filter_map(|run| run["invoices"].as_u64()).sum(),
                None => issued(&bill)?,
            };
            let lines = database.count(LINES)?;
            Ok(Ran { cost: bill.cost, invoices, lines })
        })
        .with_context(|| case.name)
}

/// The lines of the last run's invoices.
const LINES: &str = "SELECT COUNT(*) FROM invoice_lines l JOIN invoices i ON i.network_id = l.network_id \
    AND i.kind = l.kind AND i.party_id = l.party_id AND i.invoice_id = l.invoice_id \
    WHERE i.run_id = (SELECT MAX(run_id) FROM runs)";

/// Imports a network file.
fn import_network(ours: &Program, path: &std::path::Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text)?;
    ours.run(&["import", "network", &path.display().to_string()])?;
    Ok(())
}
