//! What a request that changes something may say. Whoever asks for less than everything by a name that nobody knows, or by an
//! empty list, must not get everything: such a request is refused by the name, and nothing is done.
//!
//! A dialect says for each of its writing routes which names it takes and what each holds; [`check`] compares a request with
//! that before its handler runs.

use std::borrow::Cow;

use quittance_engine::records::nearest;
use serde_json::Value;

use crate::problem::Problem;

/// How many first letters two names share at least where the one may be meant by the other.
const ALIKE_CHARS: usize = 4;
/// How much of a name is repeated to a client.
const SHOWN_CHARS: usize = 60;

/// A name that a route takes. A star at its end stands for whatever follows; `{}` stands for a word that a part of the address
/// decides.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    name: &'static str,
    holds: Holds,
}

/// What stands under a name.
#[derive(Debug, Clone, Copy)]
enum Holds {
    /// Whatever; it may be empty, which then counts as not given.
    Any,
    /// A value or a list that says something: without it more would be done, or another amount.
    Full,
    /// Nothing that asks for anything: what is told by it is not kept here.
    Unkept,
    /// An object with these names.
    Object(&'static [Known]),
    /// An object with these names, each of which narrows.
    Filter(&'static [&'static str]),
    /// Objects with these names.
    Rows(&'static [Known]),
    /// The same, at least one of them.
    FullRows(&'static [Known]),
}

/// A name whose value may be empty.
#[must_use]
pub const fn any(name: &'static str) -> Known {
    Known { name, holds: Holds::Any }
}

/// A name that narrows what is done, or is an amount: where it stands, it says something.
#[must_use]
pub const fn full(name: &'static str) -> Known {
    Known { name, holds: Holds::Full }
}

/// A name of the vendor's whose value cannot be obeyed: it may stand there only with a value of absence.
#[must_use]
pub const fn unkept(name: &'static str) -> Known {
    Known { name, holds: Holds::Unkept }
}

/// A name of an object.
#[must_use]
pub const fn object(name: &'static str, known: &'static [Known]) -> Known {
    Known { name, holds: Holds::Object(known) }
}

/// A name of an object of filters.
#[must_use]
pub const fn filter(name: &'static str, known: &'static [&'static str]) -> Known {
    Known { name, holds: Holds::Filter(known) }
}

/// A name of a list of objects.
#[must_use]
pub const fn rows(name: &'static str, known: &'static [Known]) -> Known {
    Known { name, holds: Holds::Rows(known) }
}

/// A name of a list of objects, of which there is at least one.
#[must_use]
pub const fn full_rows(name: &'static str, known: &'static [Known]) -> Known {
    Known { name, holds: Holds::FullRows(known) }
}

/// A value of a request, whichever way it was written.
pub trait Said {
    /// The members of an object, or the items of a list with their places in brackets; none of a plain value.
    fn members(&self) -> Option<Vec<(Cow<'_, str>, &Self)>>;
    /// Whether it is a value of nothing: an empty text.
    fn is_blank(&self) -> bool;
    /// Whether it counts as not given at all.
    fn is_null(&self) -> bool;
    /// Whether it is a value of absence, such as 0 and false, besides the empty ones.
    fn is_absence(&self) -> bool;
    /// The name of something within something, as clients write it.
    fn within(place: &str, key: &str) -> String;
}

/// JSON, whose null counts as not given.
impl Said for Value {
    fn members(&self) -> Option<Vec<(Cow<'_, str>, &Value)>> {
        match self {
            Value::Object(members) => Some(members.iter().map(|(name, value)| (name.as_str().into(), value)).collect()),
            Value::Array(items) => {
                Some(items.iter().enumerate().map(|(place, item)| (format!("[{place}]").into(), item)).collect())
            }
            _ => None,
        }
    }

    fn is_blank(&self) -> bool {
        self.as_str().is_some_and(|text| text.trim().is_empty())
    }

    fn is_null(&self) -> bool {
        Value::is_null(self)
    }

    fn is_absence(&self) -> bool {
        *self == Value::Bool(false) || self.as_i64() == Some(0)
    }

    fn within(place: &str, key: &str) -> String {
        if key.starts_with('[') { format!("{place}{key}") } else { format!("{place}.{key}") }
    }
}

/// Refuses what a route does not take. `word` takes the place of `{}` in its names.
///
/// # Errors
/// The first name at fault, with the known one that is most likely meant.
pub fn check<'a, S: Said + 'a>(
    said: impl IntoIterator<Item = (&'a str, &'a S)>,
    known: &[Known],
    word: &str,
) -> Result<(), Problem> {
    members("", said.into_iter().map(|(name, value)| (name.into(), value)), known, word)
}

/// The refusal of a name that is not known.
#[must_use]
pub fn unknown(place: &str, name: &str, known: &[&str]) -> Problem {
    let shown: String = place.chars().take(SHOWN_CHARS).collect();
    let meant = match (meant(name, known), known) {
        (Some(near), _) => format!("is {near} meant?"),
        (None, []) => "none is taken here".to_owned(),
        (None, known) => format!("known are {}", known.join(", ")),
    };
    Problem::bad_request(&shown, format!("{shown}: this name is not known here; {meant}"))
}

/// The known name that is most likely meant: a misspelt one, or one that begins alike.
#[must_use]
pub fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let shared = |known: &str| lower.chars().zip(known.chars()).take_while(|(a, b)| a == b).count();
    let alike = || known.iter().map(|known| (shared(known), *known)).filter(|(n, _)| *n >= ALIKE_CHARS).max();
    nearest(name, known.iter().copied()).or_else(|| alike().map(|(_, known)| known))
}

impl Known {
    fn is(&self, name: &str, word: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => self.named(word) == name,
        }
    }

    fn named(&self, word: &str) -> String {
        self.name.replace("{}", word)
    }
}

fn members<'a, S: Said + 'a>(
    place: &str,
    said: impl IntoIterator<Item = (Cow<'a, str>, &'a S)>,
    known: &[Known],
    word: &str,
) -> Result<(), Problem> {
    for (name, value) in said {
        let here = if place.is_empty() { name.to_string() } else { S::within(place, &name) };
        match known.iter().find(|known| known.is(&name, word)) {
            Some(known) => holds(&here, value, known.holds, word)?,
            None => {
                let names: Vec<String> = known.iter().map(|known| known.named(word)).collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                return Err(unknown(&here, &name, &names));
            }
        }
    }
    Ok(())
}

fn holds<S: Said>(place: &str, value: &S, holds: Holds, word: &str) -> Result<(), Problem> {
    if value.is_null() {
        return Ok(());
    }
    match holds {
        Holds::Any => Ok(()),
        Holds::Full => full_value(place, value),
        Holds::Unkept => unkept_value(place, value),
        Holds::Object(known) => match value.members() {
            Some(within) => members(place, within, known, word),
            None => Ok(()),
        },
        Holds::Filter(names) => {
            for (name, value) in value.members().unwrap_or_default() {
                let here = S::within(place, &name);
                if !names.contains(&&*name) {
                    return Err(unknown(&here, &name, names));
                }
                full_value(&here, value)?;
            }
            Ok(())
        }
        Holds::Rows(known) => rows_of(place, value, known, word),
        Holds::FullRows(known) => match value.members() {
            Some(rows) if !rows.is_empty() => rows_of(place, value, known, word),
            None if !value.is_blank() => Ok(()),
            _ => Err(empty(place)),
        },
    }
}

/// Each row that is an object; what is none is told by who reads it.
fn rows_of<S: Said>(place: &str, value: &S, known: &[Known], word: &str) -> Result<(), Problem> {
    for (name, row) in value.members().unwrap_or_default() {
        members(&S::within(place, &name), row.members().unwrap_or_default(), known, word)?;
    }
    Ok(())
}

fn full_value<S: Said>(place: &str, value: &S) -> Result<(), Problem> {
    let is_empty = |value: &S| value.is_blank() || value.is_null();
    match value.members() {
        None if !value.is_blank() => Ok(()),
        Some(items) if !items.is_empty() && items.iter().all(|(_, item)| !is_empty(item)) => Ok(()),
        _ => Err(empty(place)),
    }
}

fn unkept_value<S: Said>(place: &str, value: &S) -> Result<(), Problem> {
    let absent = value.members().map_or(value.is_blank() || value.is_absence(), |within| within.is_empty());
    if absent {
        return Ok(());
    }
    Err(Problem::bad_request(place, format!("{place}: this is not kept here; leave it out")))
}

fn empty(place: &str) -> Problem {
    Problem::bad_request(place, format!("{place}: it is empty; say what is meant, or leave it out"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROW: &[Known] = &[any("id"), full("amount")];
    const KNOWN: &[Known] = &[
        full("aid"),
        full("currencies"),
        any("note"),
        unkept("referrer"),
        full("{}_ids"),
        any("custom_*"),
        object("billing", ROW),
        filter("params", &["partner"]),
        rows("list", ROW),
        full_rows("detail", ROW),
    ];

    fn refused(value: &Value) -> Option<String> {
        let members = value.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value));
        check(members, KNOWN, "offer").err().map(|problem| {
            assert_eq!(problem.status.as_u16(), 400);
            assert!(problem.detail.starts_with(&format!("{}: ", problem.fields[0].0)), "{}", problem.detail);
            problem.detail
        })
    }

    #[test]
    fn what_is_known_and_says_something_passes() {
        for value in [
            json!({}),
            json!({ "aid": 1, "currencies": ["USD"], "note": "", "offer_ids": [1], "custom_7": "" }),
            json!({ "aid": null, "referrer": 0, "billing": {}, "list": [], "params": { "partner": [1] } }),
            json!({ "detail": [{ "id": "", "amount": "5" }], "list": [{}], "billing": { "amount": 0 } }),
        ] {
            assert_eq!(refused(&value), None, "{value}");
        }
    }

    #[test]
    fn what_is_unknown_is_told_with_what_is_meant() {
        for (value, told) in [
            (json!({ "aids": 1 }), "aids: this name is not known here; is aid meant?"),
            (json!({ "AID": 1 }), "AID: this name is not known here; is aid meant?"),
            (json!({ "currency": "EUR" }), "currency: this name is not known here; is currencies meant?"),
            (
                json!({ "advertiser_ids": [1] }),
                "advertiser_ids: this name is not known here; known are aid, currencies",
            ),
            (json!({ "billing": { "amuont": 1 } }), "billing.amuont: this name is not known here; is amount meant?"),
            (json!({ "params": { "aid": 1 } }), "params.aid: this name is not known here; known are partner"),
            (json!({ "detail": [{ "amout": 1 }] }), "detail[0].amout: this name is not known here; is amount meant?"),
        ] {
            let refused = refused(&value).unwrap();
            assert!(refused.starts_with(told), "{refused}");
        }
    }

    #[test]
    fn what_is_empty_and_would_narrow_is_refused() {
        for (value, name) in [
            (json!({ "aid": "" }), "aid"),
            (json!({ "aid": " " }), "aid"),
            (json!({ "currencies": [] }), "currencies"),
            (json!({ "currencies": [""] }), "currencies"),
            (json!({ "currencies": ["USD", null] }), "currencies"),
            (json!({ "params": { "partner": [] } }), "params.partner"),
            (json!({ "detail": [] }), "detail"),
            (json!({ "detail": "" }), "detail"),
            (json!({ "list": [{ "amount": "" }] }), "list[0].amount"),
        ] {
            assert_eq!(refused(&value), Some(format!("{name}: it is empty; say what is meant, or leave it out")));
        }
        assert_eq!(refused(&json!({ "referrer": 7 })).unwrap(), "referrer: this is not kept here; leave it out");
    }
}
