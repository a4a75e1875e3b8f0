//! Rates of exchange: imported from files, listed, and looked up for a run.

mod convert;
mod ecb;
mod read;

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use quittance_domain::currency::Currency;
use quittance_domain::rates::Quote;
use quittance_domain::time::Day;
use quittance_store::changes::{self, NewChange};
pub use quittance_store::rates::{DayQuote, RatePlace};
use quittance_store::{Tx, networks, rates as table};
use serde_json::json;

pub(crate) use self::convert::Converter;
pub use self::convert::Wanted;
use self::read::FileQuote;
use crate::error::{Error, Result};
use crate::records::Decimal;
use crate::{Call, Engine};

/// How old a quote may be for a newer one to be compared with it.
const JUMP_DAYS_MAX: i32 = 7;
/// How many warnings of one import are written out; the rest is counted.
const WARNINGS_MAX: usize = 20;
/// The most quotes of one page, and one more: it tells whether there is another page.
const PAGE_MAX: i64 = 1001;

/// A row of a file that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRejection {
    /// Its line, counted from 1; of an XML file, the place of the rate.
    pub line: u64,
    /// Why.
    pub detail: String,
}

/// What an import of rates did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RatesReport {
    /// Quotes that were not known.
    pub created: u64,
    /// Quotes that replaced another figure of the same day and pair.
    pub updated: u64,
    /// Quotes that were known.
    pub unchanged: u64,
    /// The first and the last day.
    pub days: Option<(Day, Day)>,
    /// What looks wrong and was taken all the same.
    pub warnings: Vec<String>,
    /// What was not taken.
    pub rejections: Vec<RateRejection>,
}

/// A quote's place in the table.
type Place = (Currency, Currency, Day);

impl Engine {
    /// Imports a file of rates: the European Central Bank's, daily or historical, as CSV or XML, zipped or not; or rows
    /// of `date,base,quote,rate`. All of it is written in one transaction. Where a day and pair have another figure
    /// already, the later import wins and the history says so. `name` is what a plain file's rates are said to come
    /// from.
    ///
    /// # Errors
    /// The file cannot be read as any of these, or what the store says. A row that is wrong is no error: the report
    /// names it.
    pub fn import_rates(&self, call: &Call, input: impl Read, name: &str) -> Result<RatesReport> {
        self.import_rates_with(call, input, name, Decimal::Point)
    }

    /// The same of a file whose rates have another sign before their decimals.
    ///
    /// # Errors
    /// As [`Engine::import_rates`].
    pub fn import_rates_with(
        &self,
        call: &Call,
        input: impl Read,
        name: &str,
        decimal: Decimal,
    ) -> Result<RatesReport> {
        let file = read::file(input, name, decimal)?;
        let today = self.zone_of(call)?.day_of(call.now);
        let mut report = RatesReport { warnings: file.warnings, rejections: file.rejections, ..RatesReport::default() };
        let quotes = accepted(file.quotes, today, &mut report);
        self.store.write(|tx| {
            let mut attempt = report.clone();
            networks::lock(tx, call.network)?;
            write(tx, call, name, &quotes, &mut attempt)?;
            crate::idempotency::mark_done(tx, call)?;
            Ok(attempt)
        })
    }

    /// A page of the quotes of a range of days, by day and pair, after a place: at most 1001.
    ///
    /// # Errors
    /// What the store says.
    pub fn rates_after(
        &self,
        call: &Call,
        days: (Day, Day),
        after: Option<RatePlace>,
        limit: i64,
    ) -> Result<Vec<DayQuote>> {
        self.store.read(|tx| Ok(table::listed(tx, call.network, days, after, limit.min(PAGE_MAX))?))
    }

    /// The quotes of a range of days, by day and pair.
    ///
    /// # Errors
    /// The range is longer than a year, or what the store says.
    pub fn rates(&self, call: &Call, from: Day, through: Day) -> Result<Vec<DayQuote>> {
        if through.number() - from.number() > 366 {
            let detail = format!("from: {from} is more than a year before through, {through}; ask for less at a time");
            return Err(Error::invalid("from", detail));
        }
        self.store.read(|tx| Ok(table::between(tx, call.network, from, through)?))
    }
}

/// The quotes that can be taken, the last of each day and pair.
fn accepted(quotes: Vec<FileQuote>, today: Day, report: &mut RatesReport) -> BTreeMap<Place, DayQuote> {
    let mut taken: BTreeMap<Place, DayQuote> = BTreeMap::new();
    let mut twice = Vec::new();
    for FileQuote { line, quote } in quotes {
        if quote.day > today {
            let detail = format!("date: {} is in the future, today is {today}", quote.day);
            report.rejections.push(RateRejection { line, detail });
            continue;
        }
        let (place, figure) = ((quote.base, quote.quoted, quote.day), quote.quote.quote);
        let before = taken.insert(place, quote).map(|before| before.quote.quote);
        if let Some(before) = before.filter(|before| *before != figure) {
            let (base, quoted, day) = place;
            twice.push(format!(
                "line {line}: {base}/{quoted} of {day} is {figure} here and {before} before; this one is taken"
            ));
        }
    }
    report.rejections.sort_by_key(|rejection| rejection.line);
    warn(report, twice);
    taken
}

fn warn(report: &mut RatesReport, warnings: Vec<String>) {
    let more = warnings.len().saturating_sub(WARNINGS_MAX);
    report.warnings.extend(warnings.into_iter().take(WARNINGS_MAX));
    if more > 0 {
        report.warnings.push(format!("… and {more} more like these"));
    }
}

fn write(
    tx: &mut dyn Tx,
    call: &Call,
    name: &str,
    quotes: &BTreeMap<Place, DayQuote>,
    report: &mut RatesReport,
) -> Result<()> {
    let days = || quotes.keys().map(|(_, _, day)| *day);
    let (Some(first), Some(last)) = (days().min(), days().max()) else { return Ok(()) };
    report.days = Some((first, last));
    let known = table::between(tx, call.network, first.plus_days(-JUMP_DAYS_MAX), last)?;
    let known: BTreeMap<Place, Quote> = known.iter().map(|q| ((q.base, q.quoted, q.day), q.quote.quote)).collect();
    let sources: HashMap<Place, &str> = quotes.iter().map(|(place, q)| (*place, q.quote.source.as_str())).collect();
    let (mut fresh, mut history) = (Vec::new(), Vec::new());
    for (place, quote) in quotes {
        match known.get(place) {
            None => report.created += 1,
            Some(before) if *before == quote.quote.quote => {
                report.unchanged += 1;
                continue;
            }
            Some(before) => {
                report.updated += 1;
                history.push(replaced(*place, *before, quote.quote.quote, sources.get(place).copied().unwrap_or("")));
            }
        }
        fresh.push(quote.clone());
    }
    warn(report, jumps(&known, quotes));
    table::put(tx, call.network, &fresh, call.now)?;
    if !fresh.is_empty() {
        history.push(imported(name, report));
    }
    Ok(changes::add(tx, call.network, &call.actor, call.now, &history)?)
}

fn replaced((base, quoted, day): Place, before: Quote, after: Quote, source: &str) -> NewChange {
    NewChange {
        subject: "rate",
        subject_id: format!("{day} {base}/{quoted}"),
        action: "replaced",
        details: json!({ "from": before.to_string(), "to": after.to_string(), "source": source }).to_string(),
    }
}

fn imported(name: &str, report: &RatesReport) -> NewChange {
    let days = report.days.map(|(first, last)| json!({ "start": first.to_string(), "end": last.to_string() }));
    NewChange {
        subject: "rates",
        subject_id: name.to_owned(),
        action: "imported",
        details: json!({ "created": report.created, "updated": report.updated, "days": days }).to_string(),
    }
}

/// Quotes that are far from the last one before them.
fn jumps(known: &BTreeMap<Place, Quote>, quotes: &BTreeMap<Place, DayQuote>) -> Vec<String> {
    let mut all: BTreeMap<Place, (Quote, bool)> =
        known.iter().map(|(place, quote)| (*place, (*quote, false))).collect();
    all.extend(quotes.iter().map(|(place, quote)| (*place, (quote.quote.quote, true))));
    let mut warnings = Vec::new();
    let mut last: Option<(Place, Quote)> = None;
    for (place, (quote, new)) in all {
        let (base, quoted, day) = place;
        if let Some(((b, q, before_day), before)) = last
            && (b, q) == (base, quoted)
            && new
            && day.number() - before_day.number() <= JUMP_DAYS_MAX
            && before.jumps_to(quote)
        {
            warnings.push(format!(
                "{base}/{quoted} goes from {before} on {before_day} to {quote} on {day}, by more than 30 %; it is taken"
            ));
        }
        last = Some((place, quote));
    }
    warnings
}
