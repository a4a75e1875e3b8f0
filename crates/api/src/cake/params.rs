//! What a request says, wherever it says it: the query, a form, a JSON object. Each name comes at most once.

use std::collections::BTreeMap;

use axum::body::Bytes;
use quittance_domain::time::Day;
use quittance_http::Problem;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The parameters of a request as texts, without its key. An empty one counts as not given: clients of the old services
/// send every parameter that there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    /// The pairs, each name at most once.
    pub(super) fn of(pairs: Vec<(String, String)>) -> Result<Params, Problem> {
        let mut params = BTreeMap::new();
        for (name, value) in pairs {
            if params.insert(name.clone(), value).is_some() {
                return Err(Problem::bad_request(&name, format!("{name} is given twice")));
            }
        }
        params.retain(|_, value| !value.trim().is_empty());
        Ok(Params(params))
    }

    /// What tells one request from another, for an `Idempotency-Key`.
    pub(super) fn compared(&self) -> Bytes {
        Bytes::from(format!("{:?}", self.0))
    }

    /// Takes a parameter out.
    pub(super) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    /// The names, by name.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim())
    }

    /// A value read by a parser; `form` says what is expected.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let shown: String = text.chars().take(60).collect();
        let wrong = || Problem::bad_request(name, format!("{name}: {shown:?} is not {form}"));
        parse(text).map(Some).ok_or_else(wrong)
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.parsed(name, "a whole number", |text| text.parse().ok())
    }

    /// A day; a time after it does not count.
    pub(super) fn day(&self, name: &str) -> Result<Option<Day>, Problem> {
        self.parsed(name, "a date such as 2026-01-31", |text| day(text, in_order))
    }

    /// A day as version 1 takes it: also `31-01-2026`.
    pub(super) fn day_in_either_order(&self, name: &str) -> Result<Option<Day>, Problem> {
        self.parsed(name, "a date such as 2026-01-31 or 31-01-2026", |text| day(text, either_order))
    }

    /// A range of days, both inclusive.
    pub(super) fn days(&self, start: &str, end: &str) -> Result<(Option<Day>, Option<Day>), Problem> {
        range((start, self.day(start)?), (end, self.day(end)?))
    }

    /// The same as version 1 takes it.
    pub(super) fn days_in_either_order(&self, start: &str, end: &str) -> Result<(Option<Day>, Option<Day>), Problem> {
        range((start, self.day_in_either_order(start)?), (end, self.day_in_either_order(end)?))
    }

    /// `start_at_row` and `row_limit`: how many rows to leave out, and how many to show.
    pub(super) fn rows(&self, (default, most): (i64, i64)) -> Result<(i64, i64), Problem> {
        let start = self.parsed("start_at_row", "a whole number from 0", |text| at_least(0, text))?.unwrap_or(1);
        let limit = self.parsed("row_limit", "a whole number from 1", |text| at_least(1, text))?.unwrap_or(default);
        Ok((start.max(1) - 1, limit.min(most)))
    }

    /// A parameter that must be there.
    pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| Problem::bad_request(name, format!("{name} is missing")))
    }
}

fn at_least(least: i64, text: &str) -> Option<i64> {
    text.parse().ok().filter(|number| *number >= least)
}

/// A range of days, whose first one is not after its last one.
fn range(
    (start, from): (&str, Option<Day>),
    (end, through): (&str, Option<Day>),
) -> Result<(Option<Day>, Option<Day>), Problem> {
    match (from, through) {
        (Some(first), Some(last)) if first > last => {
            Err(Problem::bad_request(start, format!("{start}: {first} is after {end}, {last}")))
        }
        days => Ok(days),
    }
}

/// A day without the time after it.
fn day(text: &str, read: fn(&str) -> Option<Day>) -> Option<Day> {
    let (day, time) = match text.split_once([' ', 'T', '+']) {
        Some((day, time)) => (day, time),
        None => (text, ""),
    };
    let is_time = time.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | 'Z'));
    read(day).filter(|_| is_time)
}

fn in_order(text: &str) -> Option<Day> {
    Day::parse(text).ok()
}

/// `2026-01-31`, or `31-01-2026`.
fn either_order(text: &str) -> Option<Day> {
    let reversed = || {
        let (day, rest) = text.split_once('-')?;
        let (month, year) = rest.split_once('-')?;
        (year.len() == 4).then(|| in_order(&format!("{year}-{month:0>2}-{day:0>2}")))?
    };
    in_order(text).or_else(reversed)
}

/// The members of a JSON object in their order, also those of one name. Texts, numbers as they are written, truth values;
/// null and nothing else is left out.
pub(super) fn json_members(body: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    let members = reader.deserialize_map(Members).and_then(|members| reader.end().map(|()| members));
    let members = members.map_err(|error| Problem::bad_request("", format!("the body is no JSON object: {error}")))?;
    let text = |(name, value): (String, Value)| match value {
        Value::Null => None,
        Value::String(text) => Some(Ok((name, text))),
        Value::Number(number) => Some(Ok((name, number.to_string()))),
        Value::Bool(flag) => Some(Ok((name, flag.to_string()))),
        Value::Array(_) | Value::Object(_) => {
            let detail = format!("{name}: a text or a number is expected");
            Some(Err(Problem::bad_request(&name, detail)))
        }
    };
    members.into_iter().filter_map(text).collect()
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(String, Value)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn params(pairs: &[(&str, &str)]) -> Result<Params, Problem> {
        Params::of(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_name_comes_once() {
        assert!(params(&[("a", "1"), ("b", "")]).unwrap().text("b").is_none());
        assert!(params(&[("a", "1"), ("a", "1")]).unwrap_err().detail.contains("a is given twice"));
        let twice = json_members(br#"{"a": 1, "a": "2"}"#).unwrap();
        assert!(Params::of(twice).is_err());
    }

    #[test]
    fn days_are_read_with_and_without_a_time() {
        for text in ["2026-01-31", "2026-01-31 00:00:00", "2026-01-31T23:59:59", "2026-01-31+00:00:00"] {
            assert_eq!(params(&[("d", text)]).unwrap().day("d").unwrap(), Day::from_ymd(2026, 1, 31), "{text}");
        }
        for text in ["2026-13-01", "31-01-2026", "2026-01-31 noon", "20260131", "2026-02-29"] {
            assert!(params(&[("d", text)]).unwrap().day("d").is_err(), "{text}");
        }
    }

    #[test]
    fn version_1_takes_days_in_either_order() {
        let day = |text: &str| params(&[("d", text)]).unwrap().day_in_either_order("d").ok().flatten();
        let last = Day::from_ymd(2026, 1, 31);
        for text in ["2026-01-31", "31-01-2026", "31-01-2026 00:00:00", "2026-01-31+00:00:00", "31-01-2026+23:59:59"] {
            assert_eq!(day(text), last, "{text}");
        }
        assert_eq!(
            (day("5-7-2014"), day("05-07-2014T00:00:00")),
            (Day::from_ymd(2014, 7, 5), Day::from_ymd(2014, 7, 5))
        );
        for text in ["31-13-2026", "29-02-2026", "31-01-26", "01-31-2026", "31-01-2026 noon", "31/01/2026"] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn rows_are_counted_from_one() {
        let rows = |pairs: &[(&str, &str)]| params(pairs).unwrap().rows((100, 10_000));
        assert_eq!(rows(&[]).unwrap(), (0, 100));
        assert_eq!(rows(&[("start_at_row", "0")]).unwrap(), (0, 100));
        assert_eq!(rows(&[("start_at_row", "1"), ("row_limit", "7")]).unwrap(), (0, 7));
        assert_eq!(rows(&[("start_at_row", "901"), ("row_limit", "10001")]).unwrap(), (900, 10_000));
        for bad in [
            ("row_limit", "0"),
            ("row_limit", "-1"),
            ("row_limit", "abc"),
            ("start_at_row", "-1"),
            ("start_at_row", "x"),
        ] {
            assert!(rows(&[bad]).unwrap_err().detail.starts_with(bad.0), "{bad:?}");
        }
    }

    #[test]
    fn a_body_is_one_object() {
        for bad in ["[]", "1", "{", "{} {}", r#"{"a": []}"#, "nothing"] {
            assert!(json_members(bad.as_bytes()).is_err(), "{bad}");
        }
        let read = json_members(br#"{"a": 1.50, "b": null, "c": true, "d": "x"}"#).unwrap();
        let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "1.50"), ("c", "true"), ("d", "x")]);
        assert!(json_members(b"  ").unwrap().is_empty());
    }
}
