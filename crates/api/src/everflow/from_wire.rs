//! Reading what clients send: strictly in types, and each refusal names the field. Which keys a request may have that changes
//! something is in `writes`.

use axum::http::Uri;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind};
use quittance_domain::time::Day;
use quittance_engine::invoices::{BalanceBound, InvoiceFind, InvoiceSearch, Standing};
use quittance_http::{Problem, json};
use serde_json::{Map, Value};

use super::error::{absent, bad};
use super::quirks::{IDS_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX, TERMS_MAX};
use super::wire::Side;

/// An object of a body, and where in the body it is.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    members: Map<String, Value>,
    place: String,
}

/// What a value is, for a message.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A value for a message, not longer than a line.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

/// Whether two values are the same: of numbers and decimals 7.5 and 7.50 are.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    let decimal = |value: &Value| match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(text.clone()),
        _ => None,
    };
    let plain = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    match (decimal(one), decimal(other)) {
        (Some(one), Some(other)) => plain(one) == plain(other),
        _ => one == other,
    }
}

impl Fields {
    /// A body; an empty one is an empty object.
    pub(super) fn of_body(bytes: &[u8]) -> Result<Fields, Problem> {
        let place = String::new();
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Fields { members: Map::new(), place });
        }
        match json::read(bytes)? {
            Value::Object(members) => Ok(Fields { members, place }),
            other => Err(bad("", format!("the body is {}, an object is expected", kind_of(&other)))),
        }
    }

    /// A value that this interface has made itself, read as a body is; anything but an object is an empty one.
    pub(super) fn of_value(value: Value) -> Fields {
        let members = if let Value::Object(members) = value { members } else { Map::new() };
        Fields { members, place: String::new() }
    }

    /// A name with the place at which it stands in the body.
    pub(super) fn named(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }

    fn wrong(&self, name: &str, value: &Value, form: &str) -> Problem {
        let name = self.named(name);
        bad(&name, format!("{name}: {} is not {form}", shown(value)))
    }

    /// The first of some names that has a value.
    fn first<'a>(&self, names: &[&'a str]) -> Option<(&'a str, &Value)> {
        self.given(names).next()
    }

    /// Those of some names that have a value.
    fn given<'a>(&self, names: &[&'a str]) -> impl Iterator<Item = (&'a str, &Value)> {
        names.iter().filter_map(|name| Some((*name, self.members.get(*name).filter(|value| !value.is_null())?)))
    }

    fn read<T>(
        &self,
        names: &[&str],
        form: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let mut given = self.given(names);
        let Some((name, value)) = given.next() else { return Ok(None) };
        // Of two names for the same, one would be ignored.
        if let Some((other, _)) = given.find(|(_, other)| !is_same(value, other)) {
            return Err(self.invalid(other, &format!("it says something else than {name}; give one of them")));
        }
        read(value).map(Some).ok_or_else(|| self.wrong(name, value, form))
    }

    /// A member as it was sent; null where it is not there.
    pub(super) fn value(&self, name: &str) -> Value {
        self.members.get(name).cloned().unwrap_or_default()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// Whether a filter of this name asks for something: the values of absence do not.
    pub(super) fn asks(&self, name: &str) -> bool {
        match self.members.get(name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Number(number)) => number.as_i64() != Some(0),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::Object(members)) => !members.is_empty(),
            Some(Value::Bool(true)) => true,
        }
    }

    /// The names of its members.
    pub(super) fn keys(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, Problem> {
        self.read(names, "a string", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn int(&self, names: &[&str]) -> Result<Option<i64>, Problem> {
        self.read(names, "an integer", Value::as_i64)
    }

    pub(super) fn flag(&self, names: &[&str]) -> Result<Option<bool>, Problem> {
        self.read(names, "a boolean", Value::as_bool)
    }

    /// A decimal as it was written; a number, or a text of one.
    pub(super) fn amount(&self, names: &[&str]) -> Result<Option<String>, Problem> {
        self.read(names, "a decimal number", |value| match value {
            Value::Number(number) => Some(number.to_string()),
            Value::String(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A day, also with the time that answers have behind it.
    pub(super) fn day(&self, names: &[&str]) -> Result<Option<Day>, Problem> {
        self.read(names, "a date that exists, in the form YYYY-MM-DD", |value| {
            let text = value.as_str()?;
            let day =
                if text.len() == 19 { text.get(..10).filter(|_| text[10..].starts_with([' ', 'T'])) } else { None };
            Day::parse(day.unwrap_or(text)).ok()
        })
    }

    pub(super) fn currency(&self, names: &[&str]) -> Result<Option<Currency>, Problem> {
        self.read(names, "a currency such as \"USD\"", |value| Currency::parse(value.as_str()?).ok())
    }

    /// A list of ids; an empty one asks for nothing.
    pub(super) fn ids(&self, names: &[&str]) -> Result<Option<Vec<i64>>, Problem> {
        let form = format!("an array of at most {IDS_MAX} integers");
        let ids = self.read(names, &form, |value| {
            let ids = value.as_array()?.iter().map(Value::as_i64).collect::<Option<Vec<i64>>>()?;
            Some(ids).filter(|ids| ids.len() <= IDS_MAX)
        });
        Ok(ids?.filter(|ids| !ids.is_empty()))
    }

    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Problem> {
        let form = format!("an array of at most {IDS_MAX} strings");
        let texts = self.read(&[name], &form, |value| {
            let text = |value: &Value| value.as_str().map(str::to_owned);
            value.as_array()?.iter().map(text).collect::<Option<Vec<String>>>().filter(|texts| texts.len() <= IDS_MAX)
        });
        Ok(texts?.unwrap_or_default())
    }

    /// An object within; empty where there is none.
    pub(super) fn object(&self, name: &str) -> Result<Fields, Problem> {
        let members = self.read(&[name], "an object", |value| value.as_object().cloned())?;
        Ok(Fields { members: members.unwrap_or_default(), place: self.named(name) })
    }

    /// A list of objects.
    pub(super) fn objects(&self, name: &str) -> Result<Vec<Fields>, Problem> {
        let Some((_, value)) = self.first(&[name]) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| self.wrong(name, value, "an array"))?;
        let object = |(place, item): (usize, &Value)| match item.as_object() {
            Some(members) => Ok(Fields { members: members.clone(), place: format!("{}[{place}]", self.named(name)) }),
            None => Err(self.wrong(&format!("{name}[{place}]"), item, "an object")),
        };
        items.iter().enumerate().map(object).collect()
    }

    /// A value that must be there.
    pub(super) fn required<T>(&self, name: &str, value: Option<T>) -> Result<T, Problem> {
        let name = self.named(name);
        value.ok_or_else(|| bad(&name, format!("{name} is required")))
    }

    pub(super) fn invalid(&self, name: &str, detail: &str) -> Problem {
        let name = self.named(name);
        bad(&name, format!("{name}: {detail}"))
    }
}

/// The parameters of an address.
pub(super) fn query(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
    pairs.map(|pairs| pairs.0).map_err(|error| bad("", format!("the query cannot be read: {error}")))
}

/// Refuses parameters of a list that it does not know: whoever asks for a few would take all for those few.
pub(super) fn only_known(pairs: &[(String, String)], known: &[&str]) -> Result<(), Problem> {
    let beside = ["page", "page_size", "order_field", "order_direction"];
    let unknown = |name: &&str| !known.contains(name) && !beside.contains(name);
    match pairs.iter().map(|(name, _)| name.as_str()).find(unknown) {
        Some(name) => Err(bad(name, format!("{name}: it is not served; {} are", [known, &beside].concat().join(", ")))),
        None => Ok(()),
    }
}

/// A page that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) page: i64,
    pub(super) size: i64,
}

impl Page {
    /// From the query, else from the body, each parameter by itself.
    pub(super) fn read(pairs: &[(String, String)], body: &Fields) -> Result<Page, Problem> {
        let one = |name: &str, default: i64| {
            let given = match pairs.iter().find(|(key, _)| key == name) {
                Some((_, text)) => Some(text.clone()),
                None => body.members.get(name).filter(|value| !value.is_null()).map(|value| match value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                }),
            };
            let Some(text) = given else { return Ok(default) };
            let number = text.parse::<i64>().ok().filter(|number| *number > 0);
            number.ok_or_else(|| bad(name, format!("{name}: {text:?} is not a number from 1 on")))
        };
        let size = one("page_size", PAGE_SIZE_DEFAULT)?.min(PAGE_SIZE_MAX);
        Ok(Page { page: one("page", 1)?, size })
    }

    /// How many come before it.
    pub(super) fn offset(self) -> i64 {
        (self.page - 1).saturating_mul(self.size)
    }
}

/// The relationships that are asked for.
pub(super) fn relationships(pairs: &[(String, String)]) -> Vec<&str> {
    pairs.iter().filter(|(name, _)| name == "relationship").map(|(_, value)| value.as_str()).collect()
}

/// An invoice's id from the path. What is no number is no invoice.
pub(super) fn invoice_id(text: &str) -> Result<InvoiceId, Problem> {
    text.parse().map(InvoiceId::new).map_err(|_| absent(format!("there is no invoice {text:?}")))
}

/// A status of invoices.
pub(super) fn standing(word: &str) -> Option<Standing> {
    match word {
        "unpaid" => Some(Standing::Open),
        "paid" => Some(Standing::Settled),
        "deleted" => Some(Standing::Void),
        _ => None,
    }
}

/// A decimal in units of so many digits: the largest that is not above it, and the smallest that is not below it.
fn units(text: &str, digits: u32) -> Option<(i64, i64)> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits =
        |text: &str| !text.is_empty() && text.len() <= 30 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let width = digits as usize;
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(width).collect();
    let more = fraction.chars().skip(width).any(|digit| digit != '0');
    let size = format!("{whole}{kept}").trim_start_matches('0').parse::<i64>();
    // What no amount can reach bounds nothing.
    let size =
        if whole.chars().all(|c| c == '0') && kept.chars().all(|c| c == '0') { 0 } else { size.unwrap_or(i64::MAX) };
    let above = if more { size.saturating_add(1) } else { size };
    Some(if negative { (-above, -size) } else { (size, above) })
}

/// What is looked for: search terms and filters, by the vendor's names and those of its older documents.
pub(super) fn find(body: &Fields, side: Side) -> Result<InvoiceFind, Problem> {
    let words = words(body)?;
    let filters = body.object("filters")?;
    let word = side.word;
    let named = |suffix: &str| format!("{word}_{suffix}");
    let (party_ids, invoice_ids) = (format!("network_{word}_ids"), format!("network_{word}_invoice_ids"));
    let mut search = plain_filters(&filters, side, &[&named("invoice_status"), "status"])?;
    search.parties = filters.ids(&[&party_ids, &named("ids")])?;
    search.ids = filters.ids(&[&invoice_ids, "invoice_ids"])?;
    search.hidden = match filters.text(&[&format!("is_hidden_{word}")])?.as_deref() {
        None | Some("") => None,
        Some("visible") => Some(false),
        Some("hidden") => Some(true),
        Some(other) => {
            let detail = format!("{other:?} is neither \"visible\" nor \"hidden\"");
            return Err(filters.invalid(&format!("is_hidden_{word}"), &detail));
        }
    };
    search.payment_terms_days = match filters.int(&["payment_terms"]) {
        Ok(days) => days.map(|days| vec![days]),
        Err(_) => filters.ids(&["payment_terms"])?,
    };
    Ok(InvoiceFind { search, managers: filters.ids(&["account_manager_ids"])?, words })
}

/// The filters that a partner has of its own invoices too.
pub(super) fn plain_filters(filters: &Fields, side: Side, status: &[&str]) -> Result<InvoiceSearch, Problem> {
    let mut search = InvoiceSearch::of_kind(side.kind);
    if let Some(word) = filters.text(status)?.filter(|word| !word.is_empty()) {
        let detail = || format!("{word:?} is none of \"paid\", \"unpaid\" and \"deleted\"");
        search.standings = vec![standing(&word).ok_or_else(|| filters.invalid(status[0], &detail()))?];
    }
    search.starts_from = filters.day(&["min_start_time", "date_from"])?;
    search.ends_through = filters.day(&["max_end_time", "date_to"])?;
    if let (Some(from), Some(through)) = (search.starts_from, search.ends_through)
        && through < from
    {
        return Err(filters.invalid("max_end_time", &format!("{through} is before min_start_time, {from}")));
    }
    let bound = |names: [&str; 2], lower: bool| {
        let Some(text) = filters.amount(&names)? else { return Ok(None) };
        let pick = |(below, above): (i64, i64)| if lower { below } else { above };
        let wrong = || filters.invalid(names[0], &format!("{text:?} is not a decimal number"));
        let (six, eight) = (units(&text, 6).ok_or_else(wrong)?, units(&text, 8).ok_or_else(wrong)?);
        Ok::<_, Problem>(Some(BalanceBound { units_6: pick(six), units_8: pick(eight) }))
    };
    search.balance_above = bound(["min_balance", "balance_from"], true)?;
    search.balance_below = bound(["max_balance", "balance_to"], false)?;
    Ok(search)
}

/// The values of the search terms that are not empty.
pub(super) fn words(body: &Fields) -> Result<Vec<String>, Problem> {
    let terms = body.objects("search_terms")?;
    if terms.len() > TERMS_MAX {
        return Err(body.invalid("search_terms", &format!("at most {TERMS_MAX} are taken")));
    }
    let mut words = Vec::new();
    for term in terms {
        let by = term.text(&["search_type"])?;
        let by = term.required("search_type", by)?;
        if by != "name" {
            return Err(term.invalid("search_type", &format!("{by:?} is not \"name\"")));
        }
        let value = term.text(&["value"])?;
        let value = term.required("value", value)?;
        words.extend(Some(value.trim().to_owned()).filter(|value| !value.is_empty()));
    }
    Ok(words)
}

/// The side that a path names.
pub(super) fn side(word: &str) -> Result<Side, Problem> {
    match word {
        "affiliates" => Ok(Side { kind: InvoiceKind::Payable, word: "affiliate" }),
        "advertisers" => Ok(Side { kind: InvoiceKind::Receivable, word: "advertiser" }),
        _ => Err(absent("there is nothing at this address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_between_two_units_lie_between_them() {
        for (text, six) in [
            ("72.95", Some((72_950_000, 72_950_000))),
            ("-3", Some((-3_000_000, -3_000_000))),
            ("0.0000001", Some((0, 1))),
            ("-0.0000001", Some((-1, 0))),
            ("0", Some((0, 0))),
            ("100000000000000000000", Some((i64::MAX, i64::MAX))),
            ("1e3", None),
            ("", None),
            (".5", None),
        ] {
            assert_eq!(units(text, 6), six, "{text}");
        }
        assert_eq!(units("0.0000001", 8), Some((10, 10)));
    }

    #[test]
    fn pages_come_from_the_query_before_the_body() {
        let body = Fields::of_body(br#"{"page": 4, "page_size": 10}"#).unwrap();
        let pairs =
            |text: &[(&str, &str)]| text.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
        let page = |query: &[(&str, &str)]| Page::read(&pairs(query), &body).ok().map(|page| (page.page, page.size));
        assert_eq!(page(&[]), Some((4, 10)));
        assert_eq!(page(&[("page", "2")]), Some((2, 10)));
        assert_eq!(page(&[("page_size", "5000")]), Some((4, 2000)));
        for wrong in ["0", "-1", "x", "1.5", ""] {
            assert_eq!(page(&[("page", wrong)]), None, "{wrong}");
        }
    }
}
