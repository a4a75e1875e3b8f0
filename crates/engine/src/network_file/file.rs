//! What a network file says, read without looking at the database.

use std::collections::{BTreeMap, HashMap};

use quittance_domain::conversion::DefaultAmount;
use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bonuses::{self, BonusEntry};
use super::reader::{
    Patch, Problems, Table, amount, currency, cycle, email, flag, id, is_empty, one_of, plain, shown, text, whole,
};
use super::rules::RuleChanges;
use crate::settings::NAMES;

/// The rails that there are.
#[rustfmt::skip]
const PAYMENT_TYPES: &[&str] = &[
    "check", "paypal", "ach", "wire", "prepaid", "direct_deposit", "sepa", "wise", "payoneer",
    "tipalti", "veem", "paxum", "webmoney", "skrill", "capitalist", "masspay", "gift_card",
    "crypto", "other",
];
/// What a party can be.
const STATUSES: &[&str] = &["active", "pending", "inactive", "suspended"];
/// The most days of payment terms and of holds: ten years.
const DAYS_MAX: i64 = 3_650;

/// A network file.
#[derive(Debug, Clone, Default)]
pub(super) struct NetworkFile {
    pub(super) network: NetworkSection,
    pub(super) currencies: Vec<CurrencyEntry>,
    pub(super) systems: Vec<SystemEntry>,
    pub(super) managers: Vec<ManagerEntry>,
    pub(super) parties: Vec<PartyEntry>,
    pub(super) bonuses: Vec<BonusEntry>,
    pub(super) offers: Vec<OfferEntry>,
}

/// `[network]`: its name, and settings as texts.
#[derive(Debug, Clone, Default)]
pub(super) struct NetworkSection {
    pub(super) name: Option<String>,
    pub(super) settings: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone)]
pub(super) struct CurrencyEntry {
    pub(super) currency: Currency,
    pub(super) minimum: Patch<i64>,
}

#[derive(Debug, Clone)]
pub(super) struct SystemEntry {
    pub(super) place: String,
    pub(super) id: i64,
    pub(super) title: Option<String>,
    pub(super) payment_type: Option<String>,
    pub(super) currency: Patch<Currency>,
    pub(super) minimum: Patch<String>,
    pub(super) fields: Option<Vec<SystemField>>,
}

/// Something that a payment system needs to know of a party; kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SystemField {
    pub(super) id: i64,
    pub(super) label: String,
    pub(super) required: bool,
}

#[derive(Debug, Clone)]
pub(super) struct ManagerEntry {
    pub(super) place: String,
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) email: Patch<String>,
}

#[derive(Debug, Clone)]
pub(super) struct PartyEntry {
    pub(super) place: String,
    pub(super) kind: PartyKind,
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) email: Patch<String>,
    pub(super) status: Option<String>,
    pub(super) manager: Patch<i64>,
    pub(super) currency: Option<Currency>,
    pub(super) billing_cycle: Patch<String>,
    pub(super) payment_terms: Patch<i64>,
    pub(super) minimum: Patch<String>,
    pub(super) on_hold: Option<bool>,
    pub(super) hidden_default: Option<bool>,
    pub(super) methods: Option<Vec<MethodEntry>>,
    pub(super) rules: RuleChanges,
}

#[derive(Debug, Clone)]
pub(super) struct MethodEntry {
    pub(super) place: String,
    pub(super) system: i64,
    pub(super) currency: Option<Currency>,
    pub(super) main: bool,
    pub(super) fields: BTreeMap<String, String>,
}

#[derive(Debug, Clone)]
pub(super) struct OfferEntry {
    pub(super) place: String,
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) advertiser: Patch<i64>,
    pub(super) hold_days: Option<i64>,
    pub(super) payout: Patch<String>,
    pub(super) payout_currency: Patch<Currency>,
    pub(super) revenue: Patch<String>,
}

impl NetworkFile {
    /// Reads the file; what is wrong in it is added to the problems.
    pub(super) fn read(file: &Value, problems: &mut Problems) -> NetworkFile {
        let mut read = NetworkFile::default();
        let Some(mut table) = Table::open(file, String::new(), problems) else {
            return read;
        };
        if let Some(section) = table.table("network", problems) {
            read.network = read_network(section, problems);
        }
        read.currencies = entries(&mut table, "currencies", problems, read_currency);
        let twice = read.currencies.iter().map(|entry| (entry.currency, format!("currency {}", entry.currency)));
        refuse_twice(twice, problems);
        read.systems = entries(&mut table, "payment_systems", problems, read_system);
        refuse_twice(read.systems.iter().map(|e| (e.id, format!("{}.id", e.place))), problems);
        read.managers = entries(&mut table, "managers", problems, read_manager);
        refuse_twice(read.managers.iter().map(|e| (e.id, format!("{}.id", e.place))), problems);
        for (key, kind) in [("advertisers", PartyKind::Advertiser), ("affiliates", PartyKind::Affiliate)] {
            let parties = entries(&mut table, key, problems, |table, problems| read_party(table, kind, problems));
            refuse_twice(parties.iter().map(|e| (e.id, format!("{}.id", e.place))), problems);
            read.parties.extend(parties);
        }
        read.offers = entries(&mut table, "offers", problems, read_offer);
        refuse_twice(read.offers.iter().map(|e| (e.id, format!("{}.id", e.place))), problems);
        read.bonuses = entries(&mut table, "bonuses", problems, bonuses::read);
        refuse_twice(read.bonuses.iter().map(|e| (e.id, format!("{}.id", e.place))), problems);
        table.close(problems);
        read
    }
}

fn entries<'a, T>(
    table: &mut Table<'a>,
    key: &'static str,
    problems: &mut Problems,
    read: impl Fn(&mut Table<'a>, &mut Problems) -> Option<T>,
) -> Vec<T> {
    let mut entries = Vec::new();
    for mut entry in table.tables(key, problems).unwrap_or_default() {
        entries.extend(read(&mut entry, problems));
        entry.close(problems);
    }
    entries
}

fn refuse_twice<K: std::hash::Hash + Eq + Copy + std::fmt::Display>(
    keys: impl Iterator<Item = (K, String)>,
    problems: &mut Problems,
) {
    let mut seen: HashMap<K, String> = HashMap::new();
    for (key, place) in keys {
        if let Some(first) = seen.get(&key) {
            problems.add(place, format!("{key} is there twice, first at {first}"));
        } else {
            seen.insert(key, place);
        }
    }
}

fn read_network(mut table: Table<'_>, problems: &mut Problems) -> NetworkSection {
    let name = table.value("name", problems, text);
    let mut settings = Vec::new();
    for key in NAMES {
        let value = table.value(key, problems, |value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            Value::Null => Ok("none".to_owned()),
            other => Err(format!("{} is no value of a setting", plain(other))),
        });
        settings.extend(value.map(|value| (key, value)));
    }
    table.close(problems);
    NetworkSection { name, settings }
}

fn read_currency(table: &mut Table<'_>, problems: &mut Problems) -> Option<CurrencyEntry> {
    let currency = table.required("code", problems, currency);
    let minimum = table.patch("minimum_payment", problems, amount);
    let currency = currency?;
    let minimum = match minimum {
        Patch::Keep => Patch::Keep,
        Patch::Clear => Patch::Clear,
        Patch::Set(text) => {
            let place = table.place_of("minimum_payment");
            minimum_amount(&text, currency, place, problems).map_or(Patch::Keep, |money| Patch::Set(money.units()))
        }
    };
    Some(CurrencyEntry { currency, minimum })
}

/// A minimum in its currency: an amount that is not below zero.
pub(super) fn minimum_amount(text: &str, currency: Currency, place: String, problems: &mut Problems) -> Option<Money> {
    match Money::parse(text, currency) {
        Ok(money) if money.is_negative() => problems.add(place, format!("{} is below zero", shown(text))),
        Ok(money) => return Some(money),
        Err(error) => problems.add(place, error.to_string()),
    }
    None
}

fn read_system(table: &mut Table<'_>, problems: &mut Problems) -> Option<SystemEntry> {
    let id = table.required("id", problems, id);
    let fields = table.tables("fields", problems);
    let entry = SystemEntry {
        place: table.place().to_owned(),
        id: id.unwrap_or_default(),
        title: table.value("title", problems, text),
        payment_type: table.value("type", problems, one_of(PAYMENT_TYPES)),
        currency: table.patch("currency", problems, currency),
        minimum: table.patch("minimum_payment", problems, amount),
        fields: fields.map(|fields| read_fields(fields, problems)),
    };
    id.map(|_| entry)
}

fn read_fields(tables: Vec<Table<'_>>, problems: &mut Problems) -> Vec<SystemField> {
    let mut fields = Vec::new();
    let mut places = Vec::new();
    for mut table in tables {
        let id = table.required("id", problems, id);
        let label = table.required("label", problems, text);
        let required = table.value("required", problems, flag).unwrap_or(false);
        if let (Some(id), Some(label)) = (id, label) {
            fields.push(SystemField { id, label, required });
            places.push((id, table.place_of("id")));
        }
        table.close(problems);
    }
    refuse_twice(places.into_iter(), problems);
    fields
}

fn read_manager(table: &mut Table<'_>, problems: &mut Problems) -> Option<ManagerEntry> {
    let id = table.required("id", problems, id);
    let entry = ManagerEntry {
        place: table.place().to_owned(),
        id: id.unwrap_or_default(),
        name: table.value("name", problems, text),
        email: table.patch("email", problems, email),
    };
    id.map(|_| entry)
}

fn read_party(table: &mut Table<'_>, kind: PartyKind, problems: &mut Problems) -> Option<PartyEntry> {
    let party = table.required("id", problems, id);
    let methods = match kind {
        PartyKind::Affiliate => table.tables("payment_methods", problems),
        PartyKind::Advertiser => None,
    };
    let entry = PartyEntry {
        place: table.place().to_owned(),
        kind,
        id: party.unwrap_or_default(),
        name: table.value("name", problems, text),
        email: table.patch("email", problems, email),
        status: table.value("status", problems, one_of(STATUSES)),
        manager: table.patch("manager", problems, id),
        currency: table.value("currency", problems, currency),
        billing_cycle: table.patch("billing_cycle", problems, cycle),
        payment_terms: table.patch("payment_terms", problems, whole(0, DAYS_MAX)),
        minimum: table.patch("minimum_payment", problems, amount),
        on_hold: table.value("on_hold", problems, flag),
        hidden_default: table.value("hidden_default", problems, flag),
        methods: methods.map(|methods| read_methods(methods, problems)),
        rules: RuleChanges::read(table, kind, problems),
    };
    party.map(|_| entry)
}

fn read_methods(tables: Vec<Table<'_>>, problems: &mut Problems) -> Vec<MethodEntry> {
    let mut methods = Vec::new();
    for mut table in tables {
        let system = table.required("system", problems, id);
        let fields = table.table("fields", problems);
        let entry = MethodEntry {
            place: table.place().to_owned(),
            system: system.unwrap_or_default(),
            currency: table.value("currency", problems, currency),
            main: table.value("main", problems, flag).unwrap_or(false),
            fields: fields.map(|fields| read_field_values(&fields, problems)).unwrap_or_default(),
        };
        methods.extend(system.map(|_| entry));
        table.close(problems);
    }
    methods
}

/// The values by the ids of the payment system's fields.
fn read_field_values(table: &Table<'_>, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    for (key, value) in table.entries().filter(|(_, value)| !is_empty(value)) {
        match text(value) {
            Ok(text) => values.extend([(key.clone(), text)]),
            Err(detail) => problems.add(table.place_of(key), detail),
        }
    }
    values
}

fn read_offer(table: &mut Table<'_>, problems: &mut Problems) -> Option<OfferEntry> {
    let offer = table.required("id", problems, id);
    let entry = OfferEntry {
        place: table.place().to_owned(),
        id: offer.unwrap_or_default(),
        name: table.value("name", problems, text),
        advertiser: table.patch("advertiser", problems, id),
        hold_days: table.value("hold_days", problems, whole(0, DAYS_MAX)),
        payout: table.patch("payout", problems, rate),
        payout_currency: table.patch("payout_currency", problems, currency),
        revenue: table.patch("revenue", problems, rate),
    };
    offer.map(|_| entry)
}

/// An offer's payout or revenue.
fn rate(value: &Value) -> Result<String, String> {
    let text = amount(value)?;
    match DefaultAmount::parse(&text) {
        Some(_) => Ok(text),
        None => Err(format!("{} is neither an amount such as \"2.50\" nor a share such as \"12 %\"", shown(&text))),
    }
}
