//! Rates of exchange.

use quittance_engine::rates::{DayQuote, RatesReport as Imported};
use serde::Serialize;
use utoipa::ToSchema;

use super::network::RowError;
use super::values::{Code, Date, Period};

/// A rate of a day: one unit of the base is so many of the quoted currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rate {
    /// The day.
    pub date: Date,
    /// The base.
    pub base: Code,
    /// The quoted currency.
    pub quote: Code,
    /// The rate.
    #[schema(example = "1.1012")]
    pub rate: String,
    /// Where it is from.
    pub source: String,
}

/// A page of rates of exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RatePage {
    /// The rates by day and pair.
    pub rates: Vec<Rate>,
    /// The `cursor` of the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// A rate of a day: one unit of the base is so many of the quoted currency.
#[must_use]
pub fn rate(rate: &DayQuote) -> Rate {
    Rate {
        date: rate.day.into(),
        base: rate.base.into(),
        quote: rate.quoted.into(),
        rate: rate.quote.quote.to_string(),
        source: rate.quote.source.to_string(),
    }
}

/// What an import of rates did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RatesReport {
    /// Rates that were not known.
    pub created: u64,
    /// Rates that are different now.
    pub updated: u64,
    /// Rates that were known.
    pub unchanged: u64,
    /// Rows that were refused.
    pub rejected: usize,
    /// The first and the last day of the file.
    pub days: Option<Period>,
    /// What in the file is strange.
    pub warnings: Vec<String>,
    /// Why each row was refused.
    pub errors: Vec<RowError>,
}

/// What an import of rates did.
#[must_use]
pub fn rates_report(report: &Imported) -> RatesReport {
    let errors = report.rejections.iter().map(|r| RowError { position: r.line, detail: r.detail.to_string() });
    RatesReport {
        created: report.created,
        updated: report.updated,
        unchanged: report.unchanged,
        rejected: report.rejections.len(),
        days: report.days.map(|(start, end)| Period { start: start.into(), end: end.into() }),
        warnings: report.warnings.clone(),
        errors: errors.collect(),
    }
}
