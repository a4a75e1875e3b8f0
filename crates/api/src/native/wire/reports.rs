//! Reports: tables of figures.

use std::collections::BTreeMap;

use quittance_engine::records::guarded;
use quittance_engine::reports::{Cell, Report as Table};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// Its rows: a member for each column of the report. Amounts are decimal texts.
    #[schema(value_type = Vec<Object>)]
    pub rows: Vec<BTreeMap<&'static str, Value>>,
}

fn cell(cell: &Cell) -> Value {
    match cell {
        Cell::Text(text) if text.is_empty() => Value::Null,
        Cell::Text(text) | Cell::Amount(text) => text.as_str().into(),
        Cell::Number(number) => (*number).into(),
    }
}

/// A report: its rows as objects.
#[must_use]
pub fn report(report: &Table) -> Report {
    let row = |row: &Vec<Cell>| report.columns.iter().copied().zip(row.iter().map(cell)).collect();
    Report { rows: report.rows.iter().map(row).collect() }
}

/// A report as CSV with a header line.
///
/// # Errors
/// It cannot be written.
pub fn report_csv(report: &Table) -> std::result::Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&report.columns)?;
    for row in &report.rows {
        writer.write_record(row.iter().map(|cell| match cell {
            Cell::Text(text) => guarded(text).into_owned(),
            Cell::Amount(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
        }))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
