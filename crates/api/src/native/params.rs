//! Parameters and bodies: read strictly, so that a misspelt name is told and not ignored.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, StatusCode, header};
use quittance_domain::currency::Currency;
use quittance_domain::ids::InvoiceId;
use quittance_domain::time::{Day, Timestamp, Zone, parse_instant};
use quittance_engine::records::{Decimal, nearest};
use quittance_http::{Problem, json};
use serde_json::{Map, Value};
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};

/// The largest page.
pub(super) const LIMIT_MAX: i64 = 1000;
/// The page where none is asked for.
pub(super) const LIMIT_DEFAULT: i64 = 50;
/// The largest body that is one JSON object, in bytes: what has more in it comes as a file.
const JSON_BYTES_MAX: usize = 1024 * 1024;
/// The most ids or words that one parameter names.
const NAMED_MAX: usize = 1000;

/// The form of a parameter's value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    /// A whole number.
    Int,
    /// Whole numbers with commas between.
    Ints,
    /// `true` or `false`.
    Flag,
    /// A date.
    Day,
    /// An instant.
    Instant,
    /// A decimal.
    Decimal,
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Some of these words, with commas between.
    Words(&'static [&'static str]),
}

/// A parameter of the query, as it is read and described.
#[derive(Debug, Clone, Copy)]
pub(super) struct Param {
    /// Its name.
    pub(super) name: &'static str,
    /// Its form.
    pub(super) form: Form,
    /// What it asks for.
    pub(super) told: &'static str,
}

/// A parameter of the query.
pub(super) const fn param(name: &'static str, form: Form, told: &'static str) -> Param {
    Param { name, form, told }
}

/// The parameter that states the decimal mark of a file.
pub(super) const DECIMAL: Param = param(
    "decimal",
    Form::Word(&[".", ","]),
    "What stands before the decimals of amounts in texts; left out: a point. Nothing may stand between thousands.",
);

/// The parameters of a query, each at most once and each known.
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the parameters that are described.
    pub(super) fn of(pairs: Vec<(String, String)>, described: &[Param]) -> Result<Query, Problem> {
        let known: Vec<&str> = described.iter().map(|param| param.name).collect();
        Query::read(pairs, &known)
    }

    pub(super) fn read(pairs: Vec<(String, String)>, known: &[&str]) -> Result<Query, Problem> {
        let mut query = BTreeMap::new();
        for (name, value) in pairs {
            if !known.contains(&name.as_str()) {
                return Err(unknown("parameter", &name, &name, known));
            }
            if value.contains('\0') {
                return Err(Problem::bad_request(&name, format!("{name}: it has a NUL character in it")));
            }
            if query.insert(name.clone(), value).is_some() {
                return Err(Problem::bad_request(&name, format!("{name} is given twice")));
            }
        }
        Ok(Query(query))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A value read by a parser; `form` says what is expected.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let wrong = || Problem::bad_request(name, format!("{name}: {text:?} is not {form}"));
        parse(text).map(Some).ok_or_else(wrong)
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Problem> {
        self.parsed(name, "a whole number", |text| text.parse().ok())
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        self.parsed(name, "true or false", |text| text.parse().ok())
    }

    pub(super) fn day(&self, name: &str) -> Result<Option<Day>, Problem> {
        self.parsed(name, "a date such as 2026-01-31", |text| Day::parse(text).ok())
    }

    pub(super) fn decimal(&self, name: &str) -> Result<Option<&str>, Problem> {
        self.parsed(name, "a decimal such as 12.50", |text| is_decimal(text).then_some(()))?;
        Ok(self.text(name))
    }

    /// What stands before the decimals of a file's amounts, where that is stated.
    pub(super) fn decimal_mark(&self) -> Result<Option<Decimal>, Problem> {
        self.parsed(DECIMAL.name, "a comma or a point", |sign| Decimal::parse(sign).ok())
    }

    /// An instant: RFC 3339, or Unix seconds.
    pub(super) fn instant(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let parse = |text: &str| parse_instant(text, &Zone::parse("UTC").ok()?).ok();
        self.parsed(name, "an instant such as 2026-01-31T12:00:00Z", parse)
    }

    pub(super) fn currency(&self, name: &str) -> Result<Option<Currency>, Problem> {
        self.parsed(name, "a currency", |code| Currency::parse(code).ok())
    }

    /// Whole numbers with commas between.
    pub(super) fn ints(&self, name: &str) -> Result<Option<Vec<i64>>, Problem> {
        let parse = |text: &str| {
            let ids: Option<Vec<i64>> = text.split(',').map(|id| id.trim().parse().ok()).collect();
            ids.filter(|ids| ids.len() <= NAMED_MAX)
        };
        self.parsed(name, "a list of at most 1000 whole numbers with commas between", parse)
    }

    /// Words with commas between, each read by a parser.
    pub(super) fn words<T>(
        &self,
        name: &str,
        known: &[&str],
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<Vec<T>>, Problem> {
        let form = format!("made of {} with commas between", known.join(", "));
        let all = |text: &str| text.split(',').map(|word| parse(word.trim())).collect::<Option<Vec<T>>>();
        self.parsed(name, &form, |text| all(text).filter(|words| words.len() <= NAMED_MAX))
    }

    pub(super) fn limit(&self) -> Result<i64, Problem> {
        let limit = self.int("limit")?.unwrap_or(LIMIT_DEFAULT);
        if (1..=LIMIT_MAX).contains(&limit) {
            return Ok(limit);
        }
        Err(Problem::bad_request("limit", format!("limit: {limit} is not between 1 and {LIMIT_MAX}")))
    }
}

/// Whether a text in a value has a character that no database keeps.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(members) => members.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// Whether a member is an amount, which may be sent as a number.
fn is_amount(schema: &RefOr<Schema>) -> bool {
    match schema {
        RefOr::Ref(to) => ["/AmountGiven", "/RateGiven"].iter().any(|name| to.ref_location.ends_with(name)),
        RefOr::T(Schema::OneOf(one)) => one.items.iter().any(is_amount),
        RefOr::T(_) => false,
    }
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    plain(whole) && plain(fraction)
}

/// The names of the members of a type.
pub(super) fn members(schema: &RefOr<Schema>) -> impl Iterator<Item = &String> {
    let object = match schema {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    };
    object.into_iter().flat_map(|object| object.properties.keys())
}

fn unknown(what: &str, pointer: &str, name: &str, known: &[&str]) -> Problem {
    let hint = nearest(name, known.iter().copied()).map_or(String::new(), |near| format!("; is {near} meant?"));
    Problem::bad_request(pointer, format!("{name:?} is no known {what}{hint}"))
}

/// The members of a JSON object, each known.
pub(super) struct Body(Map<String, Value>);

impl Body {
    /// Reads a body that has the members of a type; an empty one is an empty object.
    pub(super) fn of<T: PartialSchema>(bytes: &[u8]) -> Result<Body, Problem> {
        let schema = T::schema();
        let names: Vec<&str> = members(&schema).map(String::as_str).collect();
        Body::read(bytes, &names)
    }

    /// Reads the body of a request that takes none: nothing, or an empty object.
    pub(super) fn none(bytes: &[u8]) -> Result<(), Problem> {
        Body::read(bytes, &[]).map(|_| ())
    }

    /// Reads a body; an empty one is an empty object.
    pub(super) fn read(bytes: &[u8], known: &[&str]) -> Result<Body, Problem> {
        if bytes.len() > JSON_BYTES_MAX {
            let detail = format!("the body is larger than {JSON_BYTES_MAX} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Body(Map::new()));
        }
        let Value::Object(members) = json::read(bytes)? else {
            return Err(Problem::bad_request("", "the body is no JSON object"));
        };
        if let Some(name) = members.iter().find(|(_, value)| has_nul(value)).map(|(name, _)| name) {
            return Err(Problem::bad_request(&format!("/{name}"), format!("{name:?} has a NUL character in it")));
        }
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(unknown("member", &format!("/{name}"), name, known)),
            None => Ok(Body(members)),
        }
    }

    fn wrong(name: &str, value: &Value, form: &str) -> Problem {
        Problem::bad_request(&format!("/{name}"), format!("{name}: {value} is not {form}"))
    }

    fn member(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, Problem> {
        let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| Body::wrong(name, value, "a text"));
        self.member(name).map(text).transpose()
    }

    /// A decimal amount: a text, or a number as it was written.
    pub(super) fn amount(&self, name: &str) -> Result<Option<String>, Problem> {
        let amount = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(Body::wrong(name, value, "an amount")),
        };
        self.member(name).map(amount).transpose()
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        let flag = |value: &Value| value.as_bool().ok_or_else(|| Body::wrong(name, value, "true or false"));
        self.member(name).map(flag).transpose()
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, Problem> {
        let int = |value: &Value| value.as_i64().ok_or_else(|| Body::wrong(name, value, "a whole number"));
        self.member(name).map(int).transpose()
    }

    pub(super) fn day(&self, name: &str) -> Result<Option<Day>, Problem> {
        let day = |value: &Value| {
            let parsed = value.as_str().and_then(|text| Day::parse(text).ok());
            parsed.ok_or_else(|| Body::wrong(name, value, "a date such as \"2026-01-31\""))
        };
        self.member(name).map(day).transpose()
    }

    /// An instant; in UTC where it says no other zone.
    pub(super) fn instant(&self, name: &str) -> Result<Option<Timestamp>, Problem> {
        let instant = |value: &Value| {
            let parsed = value.as_str().and_then(|text| parse_instant(text, &Zone::utc()).ok());
            parsed.ok_or_else(|| Body::wrong(name, value, "an instant such as \"2026-01-31T12:00:00Z\""))
        };
        self.member(name).map(instant).transpose()
    }

    /// Whether a member is there and not `null`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.member(name).is_some()
    }

    pub(super) fn currency(&self, name: &str) -> Result<Option<Currency>, Problem> {
        let currency = |value: &Value| {
            let parsed = value.as_str().and_then(|text| Currency::parse(text).ok());
            parsed.ok_or_else(|| Body::wrong(name, value, "a currency such as \"USD\""))
        };
        self.member(name).map(currency).transpose()
    }

    fn list<T>(&self, name: &str, form: &str, item: fn(&Value) -> Option<T>) -> Result<Vec<T>, Problem> {
        let Some(value) = self.member(name) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| Body::wrong(name, value, form))?;
        // Whoever names nobody in a list must not get everybody.
        if items.is_empty() {
            let detail = format!("{name}: the list is empty; name what is meant, or leave it out");
            return Err(Problem::bad_request(&format!("/{name}"), detail));
        }
        let read =
            |(i, value): (usize, &Value)| item(value).ok_or_else(|| Body::wrong(&format!("{name}/{i}"), value, form));
        items.iter().enumerate().map(read).collect()
    }

    /// Ids that a request names, which are some where the member is there.
    pub(super) fn ids(&self, name: &str) -> Result<Vec<i64>, Problem> {
        self.list(name, "a list of ids", Value::as_i64)
    }

    /// Texts that a request names, which are some where the member is there, and none of them blank.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let text = |value: &Value| value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
        self.list(name, "a list of texts", text)
    }

    /// Whether a member is an empty list, where that says something of its own.
    pub(super) fn is_empty_list(&self, name: &str) -> bool {
        self.member(name).and_then(Value::as_array).is_some_and(Vec::is_empty)
    }

    /// The members of an entry of a network file, which has amounts as texts.
    pub(super) fn entry<T: PartialSchema>(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
        let Body(mut members) = Body::of::<T>(bytes)?;
        if let RefOr::T(Schema::Object(object)) = T::schema() {
            for (name, _) in object.properties.iter().filter(|(_, schema)| is_amount(schema)) {
                if let Some(value) = members.get_mut(name).filter(|value| value.is_number()) {
                    *value = value.to_string().into();
                }
            }
        }
        Ok(members)
    }

    /// All members, in the order of their names.
    pub(super) fn each<T>(&self, read: impl Fn(&str, &Value) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
        self.0.iter().map(|(name, value)| read(name, value)).collect()
    }

    /// A member that must be there.
    pub(super) fn required<T>(name: &str, value: Option<T>) -> Result<T, Problem> {
        value.ok_or_else(|| Problem::bad_request(&format!("/{name}"), format!("{name} is missing")))
    }
}

/// An invoice's id from the path. What is no number is no invoice.
pub(super) fn invoice_id(text: &str) -> Result<InvoiceId, Problem> {
    let absent = || Problem::new(StatusCode::NOT_FOUND, "not-found", format!("there is no invoice {text:?}"));
    text.parse().map(InvoiceId::new).map_err(|_| absent())
}

/// The version that `If-Match` insists on; `*` insists on none.
pub(super) fn if_match(headers: &HeaderMap) -> Result<Option<i64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.trim_start_matches("W/").trim_matches('"').parse().ok();
    version
        .map(Some)
        .ok_or_else(|| Problem::bad_request("If-Match", format!("If-Match: {text:?} is no ETag of this interface")))
}
