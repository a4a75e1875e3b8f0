//! The table of the rules: medians of the rounds.

use serde_json::{Value, json};

use super::Ran;
use super::cases::Case;
use crate::bench::report::{Goal, median};

/// What was measured of one rule.
pub(crate) struct Row {
    id: &'static str,
    name: &'static str,
    database: &'static str,
    goal: Goal,
    /// The run without the rule, and with it, of each round.
    rounds: Vec<(Ran, Ran)>,
}

impl Row {
    pub(super) fn new(case: &Case, database: &'static str) -> Row {
        Row { id: case.id, name: case.name, database, goal: case.goal, rounds: Vec::new() }
    }

    pub(super) fn add(&mut self, without: Ran, with: Ran) {
        self.rounds.push((without, with));
    }

    fn median(&self, of: impl Fn(&(Ran, Ran)) -> f64) -> f64 {
        median(&self.rounds.iter().map(of).collect::<Vec<_>>())
    }

    /// The run with the rule ÷ the run without it.
    fn ratio(&self) -> f64 {
        self.median(|(without, with)| with.cost.wall / without.cost.wall)
    }

    fn processors(&self) -> f64 {
        self.median(|(without, with)| with.cost.cpu / without.cost.cpu)
    }

    fn lines(&self) -> f64 {
        self.median(|(without, with)| f64::from(with.lines) / f64::from(without.lines))
    }
}

/// Prints the table.
pub(crate) fn print(rows: &[Row]) {
    println!(
        "{:<4} {:<10} {:<36} {:>9} {:>7} {:>6} {:>5}  {:<6} {:>10} {:>8} {:>7}",
        "", "database", "rule", "without s", "with s", "ratio", "goal", "", "processors", "invoices", "lines"
    );
    for row in rows {
        let goal = if let Goal::AtMost(goal) = row.goal { format!("≤ {goal}") } else { String::new() };
        let mark = row.goal.met(row.ratio()).map_or("", |met| if met { "met" } else { "MISSED" });
        let (without, with) = (row.median(|(ran, _)| ran.cost.wall), row.median(|(_, ran)| ran.cost.wall));
        let invoices = row.median(|(_, with)| with.invoices as f64);
        println!(
            "{:<4} {:<10} {:<36} {without:>9.2} {with:>7.2} {:>6.2} {goal:>5}  {mark:<6} {:>10.2} {invoices:>8} {:>7.2}",
            row.id,
            row.database,
            row.name,
            row.ratio(),
            row.processors(),
            row.lines(),
        );
    }
    println!("\nratio and processors: seconds with the rule ÷ without it, by the clock and of processors;");
    println!("invoices: those of the run with the rule; lines: its lines ÷ those of the run without it");
}

/// The same as JSON, with the values of each round.
pub(crate) fn json(rows: &[Row]) -> Value {
    let ran = |ran: &Ran| json!({ "wall": ran.cost.wall, "processors": ran.cost.cpu, "invoices": ran.invoices, "lines": ran.lines });
    let row = |row: &Row| {
        let rounds: Vec<Value> = row.rounds.iter().map(|(a, b)| json!({ "without": ran(a), "with": ran(b) })).collect();
        json!({
            "id": row.id, "rule": row.name, "database": row.database, "ratio": row.ratio(), "processors": row.processors(),
            "met": row.goal.met(row.ratio()), "rounds": rounds,
        })
    };
    rows.iter().map(row).collect()
}
