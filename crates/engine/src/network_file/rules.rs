//! The rules by which a party is billed: read, and checked in form and against each other.

use quittance_domain::conversion::DefaultAmount;
use quittance_domain::cycle::BillingCycle;
use quittance_domain::ids::PartyKind;
use quittance_domain::percent::Percent;
use quittance_domain::tax::TAXED;
use quittance_domain::time::Day;
use serde_json::{Map, Value, json};

use super::reader::{Problems, Table, amount, day, flag, id, is_empty, one_of, plain, shown, text, whole};

/// The most days that invoices can be delayed.
const DELAY_DAYS_MAX: i64 = 365;

/// The longest term of a referral, in months.
const TERM_MONTHS_MAX: i64 = 1_200;

/// The longest notes about a party, in characters.
const NOTES_CHARS_MAX: usize = 10_000;

/// The most custom fields of a party.
const CUSTOM_FIELDS_MAX: usize = 100;

/// What the file says about the rules: by key, null where one is taken away.
#[derive(Debug, Clone, Default)]
pub(super) struct RuleChanges {
    changes: Map<String, Value>,
    /// The affiliate that has referred this one.
    pub(super) referrer: Option<i64>,
}

impl RuleChanges {
    /// Reads the rules from a party's table.
    pub(super) fn read(table: &mut Table<'_>, kind: PartyKind, problems: &mut Problems) -> RuleChanges {
        let mut rules = RuleChanges::default();
        rules.take(table, problems, "currency_policy", |v| one_of(&["per_currency", "convert"])(v).map(Value::from));
        rules.take(table, problems, "auto_invoice", |v| flag(v).map(Value::from));
        rules.take(table, problems, "auto_start", json_day);
        rules.take(table, problems, "delay_days", |v| whole(0, DELAY_DAYS_MAX)(v).map(Value::from));
        rules.take(table, problems, "cycle_days", cycle_days);
        rules.take(table, problems, "cycle_anchor", json_day);
        rules.take(table, problems, "cycle_month", |v| whole(1, 12)(v).map(Value::from));
        rules.take(table, problems, "billed_elsewhere_through", json_day);
        rules.nested(table, problems, "tax", read_tax);
        for key in ["website", "phone", "country"] {
            rules.take(table, problems, key, |v| text(v).map(Value::from));
        }
        rules.take(table, problems, "notes", |v| notes(v).map(Value::from));
        if kind == PartyKind::Affiliate {
            rules.take(table, problems, "custom_fields", custom_fields);
            rules.nested(table, problems, "referrer", read_referrer);
            let referrer = rules.changes.get("referrer");
            rules.referrer = referrer.and_then(|referrer| referrer.get("affiliate")?.as_i64());
        }
        rules
    }

    fn take(
        &mut self,
        table: &mut Table<'_>,
        problems: &mut Problems,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<Value, String>,
    ) {
        let read = |value: &Value| {
            if is_empty(value) { Ok(Value::Null) } else { read(value) }
        };
        if let Some(value) = table.value(key, problems, read) {
            self.changes.insert(key.to_owned(), value);
        }
    }

    fn nested(
        &mut self,
        table: &mut Table<'_>,
        problems: &mut Problems,
        key: &'static str,
        read: impl FnOnce(&mut Table<'_>, &mut Problems) -> Value,
    ) {
        let value = match table.raw(key) {
            None => return,
            Some(value) if is_empty(value) => Value::Null,
            Some(_) => {
                let Some(mut inner) = table.table(key, problems) else {
                    return;
                };
                let value = read(&mut inner, problems);
                inner.close(problems);
                value
            }
        };
        self.changes.insert(key.to_owned(), value);
    }

    /// The stored rules with these changes, and what is wrong with them together.
    pub(super) fn over(
        &self,
        stored: &str,
        place: &str,
        billing_cycle: Option<&str>,
        problems: &mut Problems,
    ) -> String {
        let mut rules: Map<String, Value> = serde_json::from_str(stored).unwrap_or_default();
        for (key, value) in &self.changes {
            match value {
                Value::Null => rules.remove(key),
                value => rules.insert(key.clone(), value.clone()),
            };
        }
        let automatic = rules.get("auto_invoice").and_then(Value::as_bool) == Some(true);
        if automatic && !rules.contains_key("auto_start") {
            problems.add(format!("{place}.auto_start"), "is missing: auto_invoice needs the day it starts on");
        }
        if automatic && billing_cycle.is_none_or(|title| BillingCycle::parse(title) == Ok(BillingCycle::Manual)) {
            let detail = "needs a billing_cycle that is not manual: it says when invoices are due";
            problems.add(format!("{place}.auto_invoice"), detail);
        }
        if rules.contains_key("cycle_days") {
            check_cycle_days(&rules, place, billing_cycle, problems);
        }
        Value::Object(rules).to_string()
    }
}

/// Whether invoices are made by the schedule, by a party's rules.
pub(super) fn is_automatic(rules: &str) -> bool {
    let rules: Map<String, Value> = serde_json::from_str(rules).unwrap_or_default();
    rules.get("auto_invoice").and_then(Value::as_bool) == Some(true)
}

/// A text of several lines.
fn notes(value: &Value) -> Result<String, String> {
    let text = value.as_str().ok_or_else(|| format!("{} is no text", plain(value)))?;
    let chars = text.chars().count();
    if chars > NOTES_CHARS_MAX || text.contains('\0') {
        return Err(format!("the text has {chars} characters, or a NUL: at most {NOTES_CHARS_MAX} are allowed"));
    }
    Ok(text.to_owned())
}

/// Texts by the ids that they have in a vendor's account. An empty one is left out.
fn custom_fields(value: &Value) -> Result<Value, String> {
    let given = value.as_object().ok_or_else(|| format!("{} is no table of texts by id", plain(value)))?;
    let mut read = Map::new();
    for (key, value) in given.iter().filter(|(_, value)| !is_empty(value)) {
        let id = key.parse::<i64>().ok().filter(|id| *id > 0).ok_or_else(|| format!("{} is no id", shown(key)))?;
        read.insert(id.to_string(), text(value).map_err(|error| format!("{id}: {error}"))?.into());
    }
    match read.len() {
        0 => Ok(Value::Null),
        count if count > CUSTOM_FIELDS_MAX => {
            Err(format!("{count} are too many: at most {CUSTOM_FIELDS_MAX} are kept"))
        }
        _ => Ok(Value::Object(read)),
    }
}

fn json_day(value: &Value) -> Result<Value, String> {
    day(value).map(|day: Day| day.to_string().into())
}

fn cycle_days(value: &Value) -> Result<Value, String> {
    let days = value.as_array().ok_or_else(|| format!("{} is no list of days", plain(value)))?;
    let days: Vec<i64> = days.iter().map(whole(0, 28)).collect::<Result<_, _>>()?;
    Ok(json!(days))
}

/// As many days as the cycle takes: weekdays for cycles of weeks, days of the month for the others.
fn check_cycle_days(rules: &Map<String, Value>, place: &str, cycle: Option<&str>, problems: &mut Problems) {
    let cycle = cycle.and_then(|title| BillingCycle::parse(title).ok()).unwrap_or(BillingCycle::Manual);
    let (count, weekdays) = cycle.start_days();
    let range = if weekdays { 0..=6 } else { 1..=28 };
    let days = rules.get("cycle_days").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64);
    let mut days: Vec<i64> = days.collect();
    let place = format!("{place}.cycle_days");
    for day in days.iter().filter(|day| !range.contains(*day)) {
        let (what, from, to) = (if weekdays { "weekday" } else { "day of the month" }, range.start(), range.end());
        let detail = format!("{day} is no {what} from {from} to {to}, which the cycle {:?} takes", cycle.title());
        problems.add(&place, detail);
    }
    days.sort_unstable();
    days.dedup();
    if !days.is_empty() && days.len() != count {
        let takes = match count {
            0 => "no days".to_owned(),
            1 => "one day".to_owned(),
            more => format!("{more} different days"),
        };
        problems.add(&place, format!("the billing_cycle {:?} takes {takes}, not {}", cycle.title(), days.len()));
    }
}

fn read_referrer(table: &mut Table<'_>, problems: &mut Problems) -> Value {
    let basis = table.value("basis", problems, one_of(&["payout", "revenue", "margin", "flat"]));
    let flat = basis.as_deref() == Some("flat");
    let mut read = Map::new();
    let mut keep = |key: &str, value: Option<Value>| value.and_then(|value| read.insert(key.to_owned(), value));
    keep("affiliate", table.required("affiliate", problems, |v| id(v).map(Value::from)));
    if flat {
        keep("fee", table.required("fee", problems, positive_amount));
    } else {
        keep("percent", table.required("percent", problems, percent));
    }
    keep("basis", basis.map(Value::from));
    keep("threshold", table.value("threshold", problems, positive_amount));
    keep("until", table.value("until", problems, json_day));
    keep("months", table.value("months", problems, |v| whole(1, TERM_MONTHS_MAX)(v).map(Value::from)));
    Value::Object(read)
}

fn read_tax(table: &mut Table<'_>, problems: &mut Problems) -> Value {
    let optional_text = |v: &Value| {
        if is_empty(v) { Ok(Value::from("")) } else { text(v).map(Value::from) }
    };
    let mode = table.value("mode", problems, one_of(&["none", "rate", "reverse_charge", "exempt"]));
    let rate = table.value("rate", problems, |v| if is_empty(v) { Ok(Value::from("")) } else { percent(v) });
    if mode.as_deref() == Some("rate") && rate.as_ref().is_none_or(|rate| rate == "") {
        problems.add(table.place_of("rate"), "is missing: the mode \"rate\" needs it");
    }
    let mut read = Map::new();
    let mut keep = |key: &str, value: Option<Value>| value.and_then(|value| read.insert(key.to_owned(), value));
    keep("mode", mode.map(Value::from));
    keep("rate", rate);
    keep("id", table.value("id", problems, optional_text));
    keep("text", table.value("text", problems, optional_text));
    keep("lines", table.value("lines", problems, taxed_lines));
    Value::Object(read)
}

/// The types of the lines that are taxed.
fn taxed_lines(value: &Value) -> Result<Value, String> {
    const KNOWN: [&str; 5] =
        [TAXED[0].as_str(), TAXED[1].as_str(), TAXED[2].as_str(), TAXED[3].as_str(), TAXED[4].as_str()];
    let words =
        value.as_array().ok_or_else(|| format!("{} is no list of lines: {}", plain(value), KNOWN.join(", ")))?;
    words.iter().map(|word| one_of(&KNOWN)(word).map(Value::from)).collect()
}

fn percent(value: &Value) -> Result<Value, String> {
    let text = amount(value)?;
    match Percent::parse(&text) {
        Ok(_) => Ok(text.into()),
        Err(_) => Err(format!("{} is no percentage from \"0\" to \"100\"", shown(&text))),
    }
}

fn positive_amount(value: &Value) -> Result<Value, String> {
    let text = amount(value)?;
    match DefaultAmount::parse(&text) {
        Some(DefaultAmount::Fixed(_)) => Ok(text.into()),
        _ => Err(format!("{} is no amount from 0 on", shown(&text))),
    }
}
