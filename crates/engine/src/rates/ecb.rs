//! The reference rates of the European Central Bank: one euro in many currencies, a row or an element a day.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use quittance_domain::currency::Currency;
use quittance_domain::rates::{Quote, Quoted};
use quittance_domain::time::Day;
use quittance_store::rates::DayQuote;

use super::read::{FileQuote, FileRates, Table, unreadable};
use crate::error::Result;

/// What these rates are said to come from.
const SOURCE: &str = "ecb";
/// The currency that the others are quoted in.
const BASE: &str = "EUR";
/// How the bank says that there is no rate.
const NO_RATE: [&str; 2] = ["", "N/A"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn euro() -> Result<Currency> {
    Currency::parse(BASE).map_err(unreadable)
}

/// A day as the bank writes it: `2026-11-20`, in the daily file `20 November 2026`.
fn day(text: &str) -> std::result::Result<Day, String> {
    let written_out = || {
        let mut parts = text.split_whitespace();
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))?;
        Day::from_ymd(year.parse().ok()?, u8::try_from(month + 1).ok()?, day.parse().ok()?)
    };
    Day::parse(text).or_else(|error| written_out().ok_or_else(|| format!("Date: {error}")))
}

fn quote(day: Day, base: Currency, quoted: Currency, quote: Quote) -> DayQuote {
    DayQuote { day, base, quoted, quote: Quoted { quote, source: SOURCE.to_owned() } }
}

fn left_out(rates: &mut FileRates, unknown: &[&str]) {
    if !unknown.is_empty() {
        rates.warnings.push(format!("left out, since they are no known currencies: {}", unknown.join(", ")));
    }
}

/// A table with a column for each currency.
pub(super) fn csv(table: &mut Table<'_>) -> Result<FileRates> {
    let base = euro()?;
    let mut rates = FileRates::default();
    let (mut columns, mut unknown) = (Vec::new(), Vec::new());
    let header = table.header.clone();
    for (column, code) in header.iter().enumerate().skip(1).filter(|(_, code)| !code.is_empty()) {
        match Currency::parse(code) {
            Ok(currency) => columns.push((column, currency)),
            Err(_) => unknown.push(code),
        }
    }
    if columns.is_empty() {
        return Err(unreadable("its header names no currency"));
    }
    left_out(&mut rates, &unknown);
    while let Some((line, record)) = table.next()? {
        let day = match day(record.get(0).unwrap_or("")) {
            Ok(day) => day,
            Err(detail) => {
                rates.reject(line, detail);
                continue;
            }
        };
        for (column, currency) in &columns {
            let rate = record.get(*column).unwrap_or("");
            if NO_RATE.contains(&rate) {
                continue;
            }
            match table.quote(rate) {
                Ok(rate) => rates.quotes.push(FileQuote { line, quote: quote(day, base, *currency, rate) }),
                Err(detail) => rates.reject(line, format!("{currency}: {detail}")),
            }
        }
    }
    Ok(rates)
}

/// The value of an attribute.
fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>> {
    let found = element.try_get_attribute(name).map_err(unreadable)?;
    found
        .map(|found| {
            found.normalized_value(XmlVersion::Explicit1_0).map(|value| value.trim().to_owned()).map_err(unreadable)
        })
        .transpose()
}

/// Elements `Cube`: one a day with its `time`, in it one a currency with its `rate`.
pub(super) fn xml(text: &str) -> Result<FileRates> {
    let base = euro()?;
    let mut reader = Reader::from_str(text);
    let mut rates = FileRates::default();
    let (mut present, mut unknown, mut place) = (None, Vec::new(), 0);
    loop {
        let element = match reader.read_event().map_err(unreadable)? {
            Event::Start(element) | Event::Empty(element) => element,
            Event::Eof => break,
            _ => continue,
        };
        if element.local_name().as_ref() != "Cube" {
            continue;
        }
        if let Some(time) = attribute(&element, "time")? {
            present = Some(day(&time).map_err(unreadable)?);
        }
        let (Some(code), Some(rate)) = (attribute(&element, "currency")?, attribute(&element, "rate")?) else {
            continue;
        };
        place += 1;
        let day = present.ok_or_else(|| unreadable(format!("the rate of {code} stands outside any day")))?;
        match Currency::parse(&code) {
            Err(_) => unknown.push(code),
            Ok(currency) => match Quote::parse(&rate) {
                Ok(rate) => rates.quotes.push(FileQuote { line: place, quote: quote(day, base, currency, rate) }),
                Err(error) => rates.reject(place, format!("{day}: {currency}: {error}")),
            },
        }
    }
    if place == 0 {
        return Err(unreadable("there are no rates in it: no Cube with a currency and a rate"));
    }
    unknown.sort_unstable();
    unknown.dedup();
    left_out(&mut rates, &unknown.iter().map(String::as_str).collect::<Vec<_>>());
    Ok(rates)
}
