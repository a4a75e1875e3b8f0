//! What of partners and advertisers a bulk edit can change, and what follows from it: a bulk edit lays new values over what a
//! client would read of a party, and keeps of what sending that back would change no more than what it names.

use quittance_engine::parties::PartyRow;
use quittance_http::Problem;
use serde_json::{Map, Value, json};

use super::from_wire::Fields;
use super::{partner_billing, partners};

/// The key of a party's frequency, and of the days that belong to it, in the body of a party.
const FREQUENCY: &str = "billing.billing_frequency";
const DETAILS: &str = "billing.details";

/// A property that can be changed.
#[derive(Debug)]
struct Patchable {
    /// The vendor's names, the first one in messages; `{}` is `affiliate` or `advertiser`.
    names: &'static [&'static str],
    /// Where it is in the body of a party.
    place: &'static str,
    /// The keys of a party's entry in a network file that follow from it.
    keys: &'static [&'static str],
}

const fn one(names: &'static [&'static str], place: &'static str, keys: &'static [&'static str]) -> Patchable {
    Patchable { names, place, keys }
}

/// In the order of the vendor's list. The names of the first five differ between its pages.
const PATCHABLE: [Patchable; 17] = [
    one(&["account_status", "{}_status"], "account_status", &["status"]),
    one(&["account_manager_id", "network_employee_id"], "network_employee_id", &["manager"]),
    one(&["{}_name", "name"], "name", &["name"]),
    one(&["currency_id", "default_currency_id"], "default_currency_id", &["currency"]),
    one(&["internal_note", "internal_notes"], "internal_notes", &["notes"]),
    one(&["billing_tax_details"], "billing.tax_id", &["tax"]),
    one(&["billing_frequency"], FREQUENCY, &["billing_cycle", "cycle_days", "cycle_month"]),
    one(&["billing_frequency_weekly"], DETAILS, &["cycle_days", "cycle_month"]),
    one(&["billing_frequency_bimonthly"], DETAILS, &["cycle_days", "cycle_month"]),
    one(&["billing_frequency_monthly"], DETAILS, &["cycle_days", "cycle_month"]),
    one(&["billing_frequency_two_months"], DETAILS, &["cycle_days", "cycle_month"]),
    one(&["billing_frequency_quarterly"], DETAILS, &["cycle_days", "cycle_month"]),
    one(&["billing_auto_invoicing_auto_creation"], "billing.is_invoice_creation_auto", &["auto_invoice"]),
    one(
        &["billing_auto_invoicing_creation_amount_threshold"],
        "billing.invoice_amount_threshold",
        &["minimum_payment"],
    ),
    one(&["billing_auto_invoicing_auto_invoice_start_date"], "billing.auto_invoice_start_date", &["auto_start"]),
    one(&["billing_auto_invoicing_generation_days_delay"], "billing.invoice_generation_days_delay", &["delay_days"]),
    one(&["billing_invoice_setting_terms_days"], "billing.default_payment_terms", &["payment_terms"]),
];
/// The vendor's name ends in an underscore; it is taken without one, too.
const HIDE: Patchable = one(
    &["billing_invoice_setting_hide_from_{}_", "billing_invoice_setting_hide_from_{}"],
    "billing.default_invoice_is_hidden",
    &["hidden_default"],
);

impl Patchable {
    fn all() -> impl Iterator<Item = &'static Patchable> {
        PATCHABLE.iter().chain([&HIDE])
    }

    fn name(&self, word: &str) -> String {
        self.names[0].replace("{}", word)
    }
}

/// A new value of one property.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    patchable: &'static Patchable,
    /// The property as the client named it.
    pub(super) field: String,
    pub(super) value: Value,
}

/// What all parties of a bulk edit get.
#[derive(Debug, Clone)]
pub(super) struct Patches {
    /// `affiliate` or `advertiser`.
    word: &'static str,
    pub(super) patches: Vec<Patch>,
}

impl Patches {
    /// From the body of a bulk edit.
    pub(super) fn read(body: &Fields, word: &'static str) -> Result<Patches, Problem> {
        let mut patches: Vec<Patch> = Vec::new();
        for one in body.objects("fields")? {
            let field = one.text(&["field_type"])?;
            let field = one.required("field_type", field)?;
            let is = |known: &&Patchable| known.names.iter().any(|name| name.replace("{}", word) == field);
            let Some(patchable) = Patchable::all().find(is) else {
                let known: Vec<String> = Patchable::all().map(|known| known.name(word)).collect();
                return Err(one.invalid("field_type", &format!("{field:?} is none of {}", known.join(", "))));
            };
            if let Some(operator) = one.text(&["operator"])?.filter(|operator| operator != "overwrite") {
                return Err(one.invalid("operator", &format!("{operator:?} is not \"overwrite\"")));
            }
            // The days of all frequencies stand in one place.
            if patches.iter().any(|other| other.patchable.place == patchable.place) {
                return Err(one.invalid("field_type", &format!("{field:?} is changed twice")));
            }
            // What is not sent is not taken away: an empty value is.
            if !one.has("field_value") {
                return one.required("field_value", None);
            }
            patches.push(Patch { patchable, field, value: one.value("field_value") });
        }
        match patches.is_empty() {
            true => body.required("fields", None::<()>).map(|()| Patches { word, patches }),
            false => Ok(Patches { word, patches }),
        }
    }

    fn at(&self, place: &str) -> Option<&Patch> {
        self.patches.iter().find(|patch| patch.patchable.place == place)
    }

    /// What a party has now of a property.
    pub(super) fn current(&self, row: &PartyRow, patch: &Patch) -> Value {
        let body = body_of(row);
        let frequency = body["billing"]["billing_frequency"].as_str().unwrap_or_default();
        let place = patch.patchable.place;
        match place {
            // The days of another frequency than it has.
            DETAILS if patch.field != details_name(frequency) => Value::Null,
            _ => body.pointer(&format!("/{}", place.replace('.', "/"))).cloned().unwrap_or_default(),
        }
    }

    /// The entry that a network file would have for the change of a party; or the key of it at fault, and what is wrong.
    pub(super) fn entry(&self, row: &PartyRow) -> Result<Map<String, Value>, (String, String)> {
        let mut body = body_of(row);
        self.check_details(&body)?;
        if self.at(FREQUENCY).is_some() {
            // The days of the old frequency are none of the new one's.
            body["billing"]["details"] = json!({});
        }
        for patch in &self.patches {
            if let Some(value) = body.pointer_mut(&format!("/{}", patch.patchable.place.replace('.', "/"))) {
                value.clone_from(&patch.value);
            }
        }
        let frequency = body["billing"]["billing_frequency"].as_str().unwrap_or_default().to_owned();
        let fields = Fields::of_value(body);
        let read = || {
            let mut entry = partners::plain_entry(&fields)?;
            partner_billing::read(&fields.object("billing")?, Some(&row.party), &[], &mut entry)?;
            Ok(entry)
        };
        let mut entry: Map<String, Value> = read().map_err(|problem: Problem| self.fault(&problem, &frequency))?;
        let kept: Vec<&str> = self.patches.iter().flat_map(|patch| patch.patchable.keys).copied().collect();
        entry.retain(|key, _| kept.contains(&key.as_str()));
        Ok(entry)
    }

    /// Days are those of the frequency that the party has, or gets.
    fn check_details(&self, body: &Value) -> Result<(), (String, String)> {
        let Some(details) = self.at(DETAILS) else { return Ok(()) };
        let asked = self.at(FREQUENCY).map(|patch| &patch.value);
        let frequency = asked.unwrap_or(&body["billing"]["billing_frequency"]).as_str().unwrap_or_default();
        if details.field == details_name(frequency) {
            return Ok(());
        }
        let detail = format!("{}: the billing_frequency is {frequency:?}; change that as well", details.field);
        Err((details.patchable.keys[0].to_owned(), detail))
    }

    /// The key at fault and what is wrong, in the names of bulk edits.
    fn fault(&self, problem: &Problem, frequency: &str) -> (String, String) {
        let place = problem.fields.first().map(|(place, _)| place.as_str()).unwrap_or_default();
        if let Some(rest) = problem.detail.strip_prefix(DETAILS) {
            return ("cycle_days".to_owned(), format!("{}{rest}", details_name(frequency)));
        }
        let found = self.patches.iter().find(|patch| patch.patchable.place == place);
        match found.map(|patch| (patch, problem.detail.strip_prefix(place))) {
            Some((patch, Some(rest))) => (patch.patchable.keys[0].to_owned(), format!("{}{rest}", patch.field)),
            _ => (self.key_of(place), self.named(place, &problem.detail)),
        }
    }

    /// A message about a place that no patch names, such as a day that another one makes necessary.
    fn named(&self, place: &str, detail: &str) -> String {
        let found = Patchable::all().find(|known| known.place == place);
        match (found, detail.strip_prefix(place)) {
            (Some(known), Some(rest)) => format!("{}{rest}", known.name(self.word)),
            _ => detail.to_owned(),
        }
    }

    fn key_of(&self, place: &str) -> String {
        Patchable::all().find(|known| known.place == place).map_or(String::new(), |known| known.keys[0].to_owned())
    }

    /// The property that a key of an entry follows from: one of these patches where one is meant.
    pub(super) fn field_of(&self, key: &str) -> Option<String> {
        let key = key.split(['.', '[']).next().unwrap_or_default();
        let patched = self.patches.iter().find(|patch| patch.patchable.keys.contains(&key));
        let known = || Patchable::all().find(|known| known.keys.contains(&key)).map(|known| known.name(self.word));
        patched.map(|patch| patch.field.clone()).or_else(known)
    }
}

/// The property that holds the days of a frequency.
fn details_name(frequency: &str) -> String {
    format!("billing_frequency_{frequency}")
}

/// The body of a party as far as it can be patched.
fn body_of(row: &PartyRow) -> Value {
    let party = &row.party;
    json!({
        "name": party.name,
        "account_status": party.status,
        "network_employee_id": party.manager_id.unwrap_or(0),
        "default_currency_id": party.currency.code(),
        "internal_notes": row.profile.notes.clone().unwrap_or_default(),
        "billing": partner_billing::shown(party, &[]),
    })
}
