//! The vendor's `billing` object of a partner, and the settings that it stands for.

use quittance_domain::cycle::BillingCycle;
use quittance_domain::money::Money;
use quittance_engine::parties::{MethodView, Party};
use quittance_engine::reference::PaymentSystem;
use quittance_http::Problem;
use serde_json::{Map, Value, json};

use super::from_wire::Fields;
use super::to_wire::payment_type;
use super::wire::amount;

/// The vendor's frequencies with the cycles that they are. What has no frequency of its own is shown as `other`, and
/// `other` leaves a cycle as it is.
const FREQUENCIES: [(&str, BillingCycle); 6] = [
    ("weekly", BillingCycle::Weekly),
    ("bimonthly", BillingCycle::TwiceMonthly),
    ("monthly", BillingCycle::Monthly),
    ("two_months", BillingCycle::TwoMonthly),
    ("quarterly", BillingCycle::Quarterly),
    ("manual", BillingCycle::Manual),
];

/// The cycles that a frequency stands for: `other` for those that have none of their own.
pub(super) fn cycles_of(body: &Fields, word: &str) -> Result<Vec<BillingCycle>, Problem> {
    if word == "other" {
        let own = |cycle: &BillingCycle| FREQUENCIES.iter().any(|(_, known)| known == cycle);
        return Ok(BillingCycle::ALL.into_iter().filter(|cycle| !own(cycle)).collect());
    }
    let found = FREQUENCIES.iter().find(|(known, _)| *known == word);
    let known = FREQUENCIES.map(|(word, _)| word).join(", ");
    let (_, cycle) =
        found.ok_or_else(|| body.invalid("billing_frequency", &format!("{word:?} is none of {known} and other")))?;
    Ok(vec![*cycle])
}

/// The keys of `details` for a frequency: those of the days, and whether there is a month.
fn day_keys(frequency: &str) -> (&'static [&'static str], bool) {
    match frequency {
        "weekly" => (&["day_of_week"], false),
        "bimonthly" => (&["day_of_month_one", "day_of_month_two"], false),
        "monthly" => (&["day_of_month"], false),
        "two_months" | "quarterly" => (&["day_of_month"], true),
        _ => (&[], false),
    }
}

/// A label as a key: `Paxum ID` is `paxum_id`.
fn key_of(label: &str) -> String {
    let words = label.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

/// The fields of a payment system: id and key.
fn fields_of(system: &PaymentSystem) -> Vec<(String, String)> {
    let fields: Vec<Value> = serde_json::from_str(&system.fields).unwrap_or_default();
    let field = |field: &Value| Some((field.get("id")?.to_string(), key_of(field.get("label")?.as_str()?)));
    fields.iter().filter_map(field).collect()
}

/// The rules of a party as its row holds them.
fn rules(party: &Party) -> Map<String, Value> {
    serde_json::from_str(&party.rules).unwrap_or_default()
}

/// The payment method that is the main one; the first where none is.
fn main_method(methods: &[MethodView]) -> Option<&MethodView> {
    methods.iter().find(|method| method.method.main).or(methods.first())
}

/// The payment system of that method.
pub(super) fn main_system(methods: &[MethodView]) -> Option<&PaymentSystem> {
    main_method(methods).and_then(|method| method.system.as_ref())
}

/// The object as it is read back.
pub(super) fn shown(party: &Party, methods: &[MethodView]) -> Value {
    let rules = rules(party);
    let cycle = party.billing_cycle.as_deref().map_or(Ok(BillingCycle::Manual), BillingCycle::parse);
    let found = FREQUENCIES.iter().find(|(_, known)| cycle.as_ref() == Ok(known));
    let frequency = found.map_or("other", |(word, _)| word);
    let (main, system) = (main_method(methods), main_system(methods));
    let text = |key: &str| rules.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tax = rules.get("tax").and_then(|tax| tax.get("id")).and_then(Value::as_str).unwrap_or_default();
    json!({
        "network_affiliate_id": party.party_id,
        "billing_frequency": frequency,
        "payment_type": payment_type(system.map(|system| system.payment_type.as_str())),
        "tax_id": tax,
        "is_invoice_creation_auto": party.auto_invoice,
        "auto_invoice_start_date": text("auto_start"),
        "invoice_amount_threshold": amount(Money::new(party.minimum_units.unwrap_or(0), party.currency)),
        "invoice_generation_days_delay": rules.get("delay_days").and_then(Value::as_i64).unwrap_or(0),
        "default_invoice_is_hidden": party.hidden_default,
        "default_payment_terms": party.payment_terms_days.unwrap_or(0),
        "details": details(frequency, &rules),
        "billing": main.map_or_else(|| json!({}), payee),
    })
}

fn details(frequency: &str, rules: &Map<String, Value>) -> Value {
    let (keys, month) = day_keys(frequency);
    let days: Vec<i64> =
        rules.get("cycle_days").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_i64).collect();
    // Without days of its own a cycle starts on Mondays, or on the 1st, and the 16th.
    let own = |place: usize| if place == 0 { 1 } else { 16 };
    let mut details = Map::new();
    for (place, key) in keys.iter().enumerate() {
        details.insert((*key).to_owned(), days.get(place).copied().unwrap_or(own(place)).into());
    }
    if month {
        let first = rules.get("cycle_month").and_then(Value::as_i64).unwrap_or(1);
        details.insert("starting_month".to_owned(), first.into());
    }
    Value::Object(details)
}

/// The details of a payment method, by the keys of its fields.
fn payee(method: &MethodView) -> Value {
    let fields = method.system.as_ref().map(fields_of).unwrap_or_default();
    let named = |(id, key): (String, String)| Some((key, Value::from(method.details.get(&id)?.clone())));
    Value::Object(fields.into_iter().filter_map(named).collect())
}

/// What the object makes of a party's entry in a network file. What it leaves out has its default; `before` is the party
/// where there is one.
pub(super) fn read(
    body: &Fields,
    before: Option<&Party>,
    systems: &[PaymentSystem],
    entry: &mut Map<String, Value>,
) -> Result<(), Problem> {
    let mut set = |key: &str, value: Value| entry.insert(key.to_owned(), value);
    frequency(body, before, &mut set)?;
    let automatic = body.flag(&["is_invoice_creation_auto"])?.unwrap_or(false);
    set("auto_invoice", automatic.into());
    let start = body.day(&["auto_invoice_start_date"]);
    let start =
        if body.text(&["auto_invoice_start_date"])?.is_some_and(|text| text.is_empty()) { None } else { start? };
    if automatic && start.is_none() {
        return Err(body.invalid("auto_invoice_start_date", "is required where invoices are created automatically"));
    }
    set("auto_start", start.map_or(Value::Null, |day| day.to_string().into()));
    let threshold =
        body.amount(&["invoice_amount_threshold"])?.filter(|text| text.bytes().any(|b| (b'1'..=b'9').contains(&b)));
    set("minimum_payment", threshold.map_or(Value::Null, Value::from));
    set("delay_days", body.int(&["invoice_generation_days_delay"])?.unwrap_or(0).into());
    set("hidden_default", body.flag(&["default_invoice_is_hidden"])?.unwrap_or(false).into());
    // No terms leave the due date to the cycle.
    let terms = body.int(&["default_payment_terms"])?.filter(|days| *days != 0);
    set("payment_terms", terms.map_or(Value::Null, Value::from));
    let mut tax = before.and_then(|party| rules(party).remove("tax")).unwrap_or_else(|| json!({}));
    tax["id"] = body.text(&["tax_id"])?.unwrap_or_default().into();
    set("tax", tax);
    set("payment_methods", methods(body, systems)?);
    Ok(())
}

fn frequency(
    body: &Fields,
    before: Option<&Party>,
    set: &mut impl FnMut(&str, Value) -> Option<Value>,
) -> Result<(), Problem> {
    let word = body.text(&["billing_frequency"])?.unwrap_or_else(|| "manual".to_owned());
    if word == "other" {
        if before.is_none() {
            set("billing_cycle", BillingCycle::Manual.title().into());
        }
        return Ok(());
    }
    for cycle in cycles_of(body, &word)? {
        set("billing_cycle", cycle.title().into());
    }
    let details = body.object("details")?;
    let (keys, month) = day_keys(&word);
    let mut days = Vec::new();
    for key in keys {
        let day = details.int(&[*key])?;
        days.push(details.required(key, day)?);
    }
    set("cycle_days", if days.is_empty() { Value::Null } else { days.into() });
    let first = if month { details.int(&["starting_month"])? } else { None };
    set("cycle_month", first.map_or(Value::Null, Value::from));
    Ok(())
}

/// The payment method for a payment type, with the payee's details by the fields of the network's payment system.
fn methods(body: &Fields, systems: &[PaymentSystem]) -> Result<Value, Problem> {
    let word = body.text(&["payment_type"])?.unwrap_or_else(|| "none".to_owned());
    if word == "none" {
        return Ok(json!([]));
    }
    let system = systems.iter().find(|system| payment_type(Some(&system.payment_type)) == word);
    let system = system.ok_or_else(|| {
        body.invalid(
            "payment_type",
            &format!("the network has no payment system for {word:?}; it is set up there first"),
        )
    })?;
    let (payee, fields) = (body.object("billing")?, fields_of(system));
    let mut details = Map::new();
    for key in payee.keys() {
        let value = payee.text(&[key.as_str()])?.unwrap_or_default();
        // What is received by is told by what it is received with.
        let called = if key == "reception_identifier" { "email" } else { &key };
        match fields.iter().find(|(_, known)| known == called) {
            Some((id, _)) => details.insert(id.clone(), value.into()),
            None if key == "paypal_reception_method" || value.is_empty() => None,
            None => {
                let detail = format!("the network's payment system {:?} has no such field", system.title);
                return Err(payee.invalid(&key, &detail));
            }
        };
    }
    Ok(json!([{ "system": system.system_id, "main": true, "fields": details }]))
}
