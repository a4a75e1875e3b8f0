//! Volume bonuses in a network file.

use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_domain::percent::Percent;
use serde_json::{Map, Value, json};

use super::reader::{Problems, Table, amount, currency, flag, id, one_of, plain, text};

/// A bonus with its rules as they are stored.
#[derive(Debug, Clone)]
pub(super) struct BonusEntry {
    pub(super) place: String,
    pub(super) id: i64,
    pub(super) rules: Value,
}

fn ids(value: &Value) -> Result<Vec<i64>, String> {
    let list = value.as_array().ok_or_else(|| format!("{} is no list of ids", plain(value)))?;
    list.iter().map(id).collect()
}

/// Reads a bonus: its steps rise, and say what they are of.
pub(super) fn read(table: &mut Table<'_>, problems: &mut Problems) -> Option<BonusEntry> {
    let place = table.place().to_owned();
    let bonus = table.required("id", problems, id);
    let title = table.required("title", problems, text);
    let measure = table.required("measure", problems, one_of(&["conversions", "amount"]));
    let of = table.value("currency", problems, currency);
    let retroactive = table.value("retroactive", problems, flag).unwrap_or(false);
    let affiliates = table.value("affiliates", problems, ids).unwrap_or_default();
    let offers = table.value("offers", problems, ids).unwrap_or_default();
    let amounts = measure.as_deref() == Some("amount");
    if amounts && of.is_none() {
        problems.add(table.place_of("currency"), "is missing: steps of an amount are in a currency");
    }
    let tiers = table.tables("tiers", problems).unwrap_or_default();
    if tiers.is_empty() {
        problems.add(table.place_of("tiers"), "is missing: a bonus has at least one step");
    }
    let tiers = read_tiers(tiers, of.filter(|_| amounts), problems);
    let mut rules = Map::new();
    rules.insert("title".to_owned(), json!(title));
    rules.insert("measure".to_owned(), json!(measure));
    rules.insert("currency".to_owned(), json!(of.map(|currency| currency.code())));
    rules.insert("retroactive".to_owned(), json!(retroactive));
    rules.insert("affiliates".to_owned(), json!(affiliates));
    rules.insert("offers".to_owned(), json!(offers));
    rules.insert("tiers".to_owned(), Value::Array(tiers));
    bonus.map(|id| BonusEntry { place, id, rules: Value::Object(rules) })
}

/// The steps, each beginning above the one before.
fn read_tiers(tables: Vec<Table<'_>>, currency: Option<Currency>, problems: &mut Problems) -> Vec<Value> {
    let mut tiers = Vec::new();
    let mut last = None;
    for mut table in tables {
        let from = table.required("from", problems, amount);
        let percent = table.required("percent", problems, |value| {
            let text = amount(value)?;
            Percent::parse(&text).map(|_| text).map_err(|error| error.to_string())
        });
        if let (Some(from), Some(percent)) = (from, percent) {
            match step(&from, currency) {
                Ok(units) if last.is_none_or(|last| units > last) => last = Some(units),
                Ok(_) => {
                    problems.add(table.place_of("from"), format!("{from} is not above the step before: steps overlap"))
                }
                Err(detail) => problems.add(table.place_of("from"), detail),
            }
            tiers.push(json!({ "from": from, "percent": percent }));
        }
        table.close(problems);
    }
    tiers
}

fn step(from: &str, currency: Option<Currency>) -> Result<i64, String> {
    let number = match currency {
        Some(currency) => Money::parse(from, currency).map(Money::units).map_err(|error| error.to_string())?,
        None => from.parse().map_err(|_| format!("{from:?} is no number of conversions"))?,
    };
    if number < 0 { Err(format!("{from} is below zero")) } else { Ok(number) }
}
