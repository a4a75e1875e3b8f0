//! Reads the tables of a network file: each key once, each wrong value named with its place, unknown keys found.

use std::cmp::Ordering;
use std::fmt::Display;

use quittance_domain::currency::Currency;
use quittance_domain::cycle::BillingCycle;
use quittance_domain::time::Day;
use serde_json::{Map, Value};

use crate::settings::meant;

/// The longest text of the file, in characters.
const TEXT_CHARS_MAX: usize = 255;
/// How much that is wrong is told at once.
const PROBLEMS_MAX: usize = 1_000;
/// The longest part of a wrong text that a message repeats.
const SHOWN_CHARS_MAX: usize = 60;

/// Something that is wrong in a network file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where: `affiliates[3].currency`, counted from 0.
    pub place: String,
    /// What, with the value.
    pub detail: String,
}

impl Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.place.is_empty() { f.write_str(&self.detail) } else { write!(f, "{}: {}", self.place, self.detail) }
    }
}

/// Everything that is wrong, in the order in which it was found.
#[derive(Debug, Clone, Default)]
pub(super) struct Problems(pub(super) Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, place: impl Into<String>, detail: impl Into<String>) {
        match self.0.len().cmp(&PROBLEMS_MAX) {
            Ordering::Less => self.0.push(Problem { place: place.into(), detail: detail.into() }),
            Ordering::Equal => {
                let detail = "there is more that is wrong: mend this first".to_owned();
                self.0.push(Problem { place: String::new(), detail });
            }
            Ordering::Greater => {}
        }
    }
}

/// What the file says about a value that can also be absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Patch<T> {
    /// Nothing: it stays what it is.
    Keep,
    /// An empty text, or JSON's null: there is none any more.
    Clear,
    /// This.
    Set(T),
}

impl<T> Patch<T> {
    /// What a present value becomes.
    pub(super) fn over(self, present: Option<T>) -> Option<T> {
        match self {
            Patch::Keep => present,
            Patch::Clear => None,
            Patch::Set(value) => Some(value),
        }
    }
}

/// A table of the file, with the keys that were asked for: these are the known ones.
pub(super) struct Table<'a> {
    place: String,
    map: &'a Map<String, Value>,
    asked: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The table at a place.
    pub(super) fn open(value: &'a Value, place: String, problems: &mut Problems) -> Option<Table<'a>> {
        match value {
            Value::Object(map) => Some(Table { place, map, asked: Vec::new() }),
            other => {
                problems.add(place, format!("{} is no table of keys and values", plain(other)));
                None
            }
        }
    }

    /// Where the table is.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// Where one of its keys is.
    pub(super) fn place_of(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    /// The value of a key, as it is.
    pub(super) fn raw(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        self.map.get(key)
    }

    /// The value of a key; `None` where it is left out or wrong.
    pub(super) fn value<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        match read(self.raw(key)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                problems.add(self.place_of(key), detail);
                None
            }
        }
    }

    /// The value of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.map.contains_key(key) {
            problems.add(self.place_of(key), "is missing");
        }
        self.value(key, problems, read)
    }

    /// The value of a key that can be taken away.
    pub(super) fn patch<T>(
        &mut self,
        key: &'static str,
        problems: &mut Problems,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Patch<T> {
        match self.map.get(key) {
            Some(value) if is_empty(value) => {
                self.asked.push(key);
                Patch::Clear
            }
            _ => self.value(key, problems, read).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// The tables in the list of a key; `None` where it is left out.
    pub(super) fn tables(&mut self, key: &'static str, problems: &mut Problems) -> Option<Vec<Table<'a>>> {
        let place = self.place_of(key);
        match self.raw(key)? {
            Value::Array(list) => {
                let tables = list.iter().enumerate();
                Some(tables.filter_map(|(i, value)| Table::open(value, format!("{place}[{i}]"), problems)).collect())
            }
            other => {
                problems.add(place, format!("{} is no list of tables", plain(other)));
                None
            }
        }
    }

    /// The table of a key; `None` where it is left out.
    pub(super) fn table(&mut self, key: &'static str, problems: &mut Problems) -> Option<Table<'a>> {
        let place = self.place_of(key);
        Table::open(self.raw(key)?, place, problems)
    }

    /// All keys with their values: for tables whose keys are data.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.map.iter()
    }

    /// Names the keys that nobody has asked for.
    pub(super) fn close(self, problems: &mut Problems) {
        for key in self.map.keys().filter(|key| !self.asked.contains(&key.as_str())) {
            problems.add(self.place_of(key), format!("there is no such key: {}", meant(key, &self.asked)));
        }
    }
}

/// Whether a value stands for "none".
pub(super) fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// A text for a message: quoted, without control characters, not too long.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    format!("{short:?}{more}")
}

/// A value for a message.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a table".to_owned(),
        Value::String(text) => shown(text),
        other => other.to_string(),
    }
}

fn string(value: &Value) -> Result<&str, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Number(number) => Err(format!("{number} is a number: write it in quotes, \"{number}\"")),
        other => Err(format!("{} is no text: write it in quotes", plain(other))),
    }
}

/// A text of one line, not empty.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    let text = string(value)?;
    let chars = text.chars().count();
    if !(1..=TEXT_CHARS_MAX).contains(&chars) || text.chars().any(char::is_control) {
        return Err(format!("{} is no text of 1 to {TEXT_CHARS_MAX} printable characters", shown(text)));
    }
    Ok(text.to_owned())
}

/// One of some words.
pub(super) fn one_of(words: &'static [&'static str]) -> impl FnOnce(&Value) -> Result<String, String> {
    move |value| {
        let text = string(value)?;
        if words.contains(&text) {
            return Ok(text.to_owned());
        }
        Err(format!("{} is none of {}", shown(text), words.join(", ")))
    }
}

/// An e-mail address.
pub(crate) fn email(value: &Value) -> Result<String, String> {
    let text = text(value)?;
    let parts = text.split_once('@');
    if text.contains(char::is_whitespace) || parts.is_none_or(|(name, host)| name.is_empty() || host.is_empty()) {
        return Err(format!("{} is no e-mail address", shown(&text)));
    }
    Ok(text)
}

/// An id.
pub(super) fn id(value: &Value) -> Result<i64, String> {
    let id = value.as_i64().filter(|id| *id > 0);
    id.ok_or_else(|| format!("{} is no id: write a whole number above 0, without quotes", plain(value)))
}

/// A whole number of a range.
pub(super) fn whole(least: i64, most: i64) -> impl Fn(&Value) -> Result<i64, String> {
    move |value| {
        let number = value.as_i64().filter(|number| (least..=most).contains(number));
        number.ok_or_else(|| format!("{} is no whole number from {least} to {most}", plain(value)))
    }
}

/// A truth value.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{} is neither true nor false (without quotes)", plain(value)))
}

/// A currency.
pub(super) fn currency(value: &Value) -> Result<Currency, String> {
    Currency::parse(string(value)?).map_err(|error| error.to_string())
}

/// A day.
pub(super) fn day(value: &Value) -> Result<Day, String> {
    Day::parse(string(value)?).map_err(|error| error.to_string())
}

/// A billing cycle, as its title.
pub(super) fn cycle(value: &Value) -> Result<String, String> {
    let cycle = BillingCycle::parse(string(value)?).map_err(|error| error.to_string())?;
    Ok(cycle.title().to_owned())
}

/// The text of an amount; what it is an amount of is looked at once its currency is known.
pub(super) fn amount(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Err(format!(
            "{number} is a number, and reading it could lose digits: write the amount in quotes, \"{number}\""
        )),
        other => Err(format!("{} is no amount: write one in quotes, such as \"12.50\"", plain(other))),
    }
}
