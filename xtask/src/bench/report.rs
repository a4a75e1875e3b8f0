//! The table of figures: each the median of its rounds, beside its goal.

use serde_json::{Value, json};

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// For information.
    None,
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// Whether a figure is as it should be, where it should be something.
    pub(crate) fn met(self, value: f64) -> Option<bool> {
        match self {
            Goal::None => None,
            Goal::AtLeast(goal) => Some(value >= goal),
            Goal::AtMost(goal) => Some(value <= goal),
        }
    }
}

/// The middle of some values; of none, zero.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        count if count.is_multiple_of(2) => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// One row: measured in every round.
struct Row {
    id: &'static str,
    database: &'static str,
    conversions: u64,
    what: &'static str,
    unit: &'static str,
    goal: Goal,
    values: Vec<f64>,
}

/// All rows, in the order in which they were first measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// Where the figures that follow belong.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) database: &'static str,
    pub(crate) conversions: u64,
}

impl Report {
    /// Adds what one round measured.
    pub(crate) fn add(
        &mut self,
        place: Place,
        id: &'static str,
        what: &'static str,
        measured: (f64, &'static str),
        goal: Goal,
    ) {
        let Place { database, conversions } = place;
        let same = |row: &&mut Row| row.what == what && row.database == database && row.conversions == conversions;
        if let Some(row) = self.rows.iter_mut().find(same) {
            row.values.push(measured.0);
            return;
        }
        self.rows.push(Row { id, database, conversions, what, unit: measured.1, goal, values: vec![measured.0] });
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!(
            "{:<4} {:<10} {:>11} {:<46} {:>12} {:<7} {:>8}",
            "", "database", "conversions", "what", "median", "", "goal"
        );
        for row in &self.rows {
            let goal = match row.goal {
                Goal::None => String::new(),
                Goal::AtLeast(goal) => format!("≥ {goal}"),
                Goal::AtMost(goal) => format!("≤ {goal}"),
            };
            let Row { id, database, conversions, what, unit, .. } = row;
            let (value, mark) = (row.median(), row.met().map_or("", |met| if met { "met" } else { "MISSED" }));
            println!("{id:<4} {database:<10} {conversions:>11} {what:<46} {value:>12.2} {unit:<7} {goal:>8} {mark}");
        }
    }

    /// The same as JSON, with the value of each round.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Row| {
            let (goal, kind) = match row.goal {
                Goal::None => (None, None),
                Goal::AtLeast(goal) => (Some(goal), Some("at_least")),
                Goal::AtMost(goal) => (Some(goal), Some("at_most")),
            };
            json!({
                "id": row.id, "database": row.database, "conversions": row.conversions, "what": row.what,
                "unit": row.unit, "median": row.median(), "rounds": row.values,
                "goal": goal, "goal_kind": kind, "met": row.met(),
            })
        };
        self.rows.iter().map(row).collect()
    }
}

impl Row {
    fn median(&self) -> f64 {
        median(&self.values)
    }

    fn met(&self) -> Option<bool> {
        self.goal.met(self.median())
    }
}
