//! The parties of a network file, with their payment methods.

use std::collections::HashMap;

use quittance_domain::currency::Currency;
use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_store::parties::{Party, PaymentMethod, PaymentSystem};

use super::file::{MethodEntry, NetworkFile, PartyEntry, SystemField, minimum_amount};
use super::plan::{Known, MovedOver, Plan, required};
use super::reader::{Patch, Problems};
use super::rules;
use crate::party_rules::PartyRules;
use crate::settings::meant;

/// Lays the file's parties over those there are.
pub(super) fn plan(known: &mut Known, base: Currency, file: &NetworkFile, plan: &mut Plan, problems: &mut Problems) {
    for entry in &file.parties {
        let before = known.parties.get(&(entry.kind, entry.id)).cloned();
        check_manager(entry, known, problems);
        let row = party(entry, before.clone(), base, problems);
        let methods = methods(entry, known, problems);
        if let Some(before) = &before {
            plan.moved_over.extend(moved_over(entry, before, &row));
        }
        plan.parties(entry.kind).take(before.as_ref(), row.clone(), methods.is_some());
        if let Some(methods) = methods {
            plan.methods.0.push(entry.id);
            plan.methods.1.extend(methods);
        }
        known.parties.insert((entry.kind, entry.id), row);
    }
    // Only now are all affiliates of the file known.
    for entry in &file.parties {
        check_referrer(entry, known, problems);
    }
}

fn party(entry: &PartyEntry, before: Option<Party>, base: Currency, problems: &mut Problems) -> Party {
    let place = &entry.place;
    let name = before.as_ref().map(|row| row.name.clone());
    let name = required(entry.name.as_ref(), name, place, "name", problems);
    let old = before.unwrap_or_else(|| Party::unnamed(entry.kind, entry.id, base));
    let currency = entry.currency.unwrap_or(old.currency);
    // As text, since units of one currency are not those of another.
    let minimum = old.minimum_units.map(|units| Money::new(units, old.currency).to_decimal());
    let minimum = entry.minimum.clone().over(minimum);
    let minimum =
        minimum.and_then(|text| minimum_amount(&text, currency, format!("{place}.minimum_payment"), problems));
    let billing_cycle = entry.billing_cycle.clone().over(old.billing_cycle);
    let rules = entry.rules.over(&old.rules, place, billing_cycle.as_deref(), problems);
    Party {
        kind: entry.kind,
        party_id: entry.id,
        name,
        email: entry.email.clone().over(old.email),
        status: entry.status.clone().unwrap_or(old.status),
        manager_id: entry.manager.clone().over(old.manager_id),
        currency,
        auto_invoice: rules::is_automatic(&rules),
        scheduled_through: old.scheduled_through,
        rules,
        billing_cycle,
        payment_terms_days: entry.payment_terms.clone().over(old.payment_terms_days),
        minimum_units: minimum.map(Money::units),
        on_hold: entry.on_hold.unwrap_or(old.on_hold),
        hidden_default: entry.hidden_default.unwrap_or(old.hidden_default),
    }
}

/// A change of the day up to which a party's conversions were billed elsewhere.
fn moved_over(entry: &PartyEntry, before: &Party, after: &Party) -> Option<MovedOver> {
    let through = |party: &Party| PartyRules::of(party).ok()?.billed_elsewhere_through;
    let (before, after) = (through(before), through(after));
    let place = format!("{}.billed_elsewhere_through", entry.place);
    (before != after).then_some(MovedOver { kind: entry.kind, party_id: entry.id, before, after, place })
}

fn check_manager(entry: &PartyEntry, known: &Known, problems: &mut Problems) {
    if let Patch::Set(id) = entry.manager
        && !known.managers.contains_key(&id)
    {
        problems.add(format!("{}.manager", entry.place), format!("there is no manager {id}"));
    }
}

fn check_referrer(entry: &PartyEntry, known: &Known, problems: &mut Problems) {
    let Some(id) = entry.rules.referrer else {
        return;
    };
    let place = format!("{}.referrer.affiliate", entry.place);
    if id == entry.id {
        problems.add(place, format!("affiliate {id} cannot have referred itself"));
    } else if !known.parties.contains_key(&(PartyKind::Affiliate, id)) {
        problems.add(place, format!("there is no affiliate {id}"));
    }
}

/// The methods that replace an affiliate's; `None` where they stay.
fn methods(entry: &PartyEntry, known: &Known, problems: &mut Problems) -> Option<Vec<PaymentMethod>> {
    let given = entry.methods.as_ref()?;
    let mut rows = Vec::with_capacity(given.len());
    let mut mains: HashMap<Option<Currency>, &str> = HashMap::new();
    for (method, method_no) in given.iter().zip(1..) {
        check_method(method, known, problems);
        if method.main
            && let Some(first) = mains.insert(method.currency, &method.place)
        {
            let detail = format!("there is a main method for the same currency already, at {first}");
            problems.add(format!("{}.main", method.place), detail);
        }
        rows.push(PaymentMethod {
            party_id: entry.id,
            method_no,
            system_id: method.system,
            currency: method.currency,
            main: method.main,
            fields: serde_json::to_string(&method.fields).unwrap_or_default(),
        });
    }
    let before = known.methods.get(&entry.id).map_or(&[][..], Vec::as_slice);
    (before != rows).then_some(rows)
}

fn check_method(method: &MethodEntry, known: &Known, problems: &mut Problems) {
    let place = &method.place;
    let Some(system) = known.systems.get(&method.system) else {
        problems.add(format!("{place}.system"), format!("there is no payment system {}", method.system));
        return;
    };
    let title = named(system);
    if let (Some(wanted), Some(pays)) = (method.currency, system.currency)
        && wanted != pays
    {
        let detail = format!("{title} pays in {pays}, not in {wanted}");
        problems.add(format!("{place}.currency"), detail);
    }
    let fields: Vec<SystemField> = serde_json::from_str(&system.fields).unwrap_or_default();
    for field in fields.iter().filter(|field| field.required) {
        if !method.fields.contains_key(&field.id.to_string()) {
            let detail = format!("field {} ({}) is missing: {title} requires it", field.id, field.label);
            problems.add(format!("{place}.fields"), detail);
        }
    }
    let ids: Vec<String> = fields.iter().map(|field| field.id.to_string()).collect();
    for key in method.fields.keys().filter(|key| !ids.contains(key)) {
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let detail = format!("{title} has no field {key:?}: {}", meant(key, &ids));
        problems.add(format!("{place}.fields.{key}"), detail);
    }
}

fn named(system: &PaymentSystem) -> String {
    format!("payment system {} ({})", system.system_id, system.title)
}
