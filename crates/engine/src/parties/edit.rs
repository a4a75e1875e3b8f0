//! Making and changing one party: the entry that a network file would have for it, checked as the file is.

use std::collections::BTreeMap;

use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_store::changes::{self, NewChange};
use quittance_store::parties::{self, PaymentMethod};
use quittance_store::{Tx, invoices, networks as table};
use serde_json::{Map, Value, json};

use super::{Party, PartyView, view};
use crate::error::{Error, Result};
use crate::network_file::{EntryProblem, put_entries};
use crate::{Call, Engine};

/// What the history names without its values: it must not keep what is personal.
const PERSONAL: [&str; 9] =
    ["name", "email", "website", "phone", "country", "notes", "custom_fields", "payment_methods", "tax"];

impl Engine {
    /// Makes a party of the next free id, from the entry that a network file would have for it, without its id.
    ///
    /// # Errors
    /// A value is wrong: the field is the entry's key.
    pub fn create_party(&self, call: &Call, kind: PartyKind, entry: &Map<String, Value>) -> Result<PartyView> {
        self.store.write(|tx| {
            table::lock(tx, call.network)?;
            let id = parties::last_id(tx, call.network, kind)? + 1;
            put(tx, call, kind, id, entry)
        })
    }

    /// Changes a party: what the entry of a network file leaves out stays, an empty value takes one away.
    ///
    /// # Errors
    /// There is no such party, or a value is wrong: the field is the entry's key.
    pub fn update_party(&self, call: &Call, kind: PartyKind, id: i64, entry: &Map<String, Value>) -> Result<PartyView> {
        self.update_party_if(call, kind, id, entry, &|_| true)
    }

    /// The same where the party is still as the caller has read it.
    ///
    /// # Errors
    /// The same, and the party is not as `expected` wants it.
    pub fn update_party_if(
        &self,
        call: &Call,
        kind: PartyKind,
        id: i64,
        entry: &Map<String, Value>,
        expected: &dyn Fn(&PartyView) -> bool,
    ) -> Result<PartyView> {
        self.store.write(|tx| {
            table::lock(tx, call.network)?;
            if !expected(&view(tx, call, kind, id)?) {
                return Err(Error::Changed(format!("{kind} {id} has changed: read it again")));
            }
            put(tx, call, kind, id, entry)
        })
    }
}

fn put(tx: &mut dyn Tx, call: &Call, kind: PartyKind, id: i64, entry: &Map<String, Value>) -> Result<PartyView> {
    if let Some(problem) = put_all(tx, call, kind, &[(id, entry.clone())])?.into_iter().next() {
        return Err(Error::invalid(problem.field.clone(), problem.named()));
    }
    crate::idempotency::mark_done(tx, call)?;
    view(tx, call, kind, id)
}

/// Writes parties of different ids with their history; none where something is wrong with one of them.
pub(super) fn put_all(
    tx: &mut dyn Tx,
    call: &Call,
    kind: PartyKind,
    entries: &[(i64, Map<String, Value>)],
) -> Result<Vec<EntryProblem>> {
    let ids: Vec<i64> = entries.iter().map(|(id, _)| *id).collect();
    let mut before = facts(tx, call, kind, &ids)?;
    let problems = put_entries(tx, call, &format!("{kind}s"), with_ids(entries))?;
    if !problems.is_empty() {
        return Ok(problems);
    }
    for (id, _) in entries.iter().filter(|(_, entry)| entry.contains_key("payment_methods")) {
        // Open invoices follow the party's methods, also where somebody had written an account on one.
        invoices::forget_accounts(tx, call.network, kind.invoice_kind(), *id)?;
    }
    let mut rows = Vec::new();
    for (id, after) in facts(tx, call, kind, &ids)? {
        let before = before.remove(&id);
        let details = changed(before.as_ref(), &after);
        if !details.is_empty() {
            rows.push(NewChange {
                subject: kind.as_str(),
                subject_id: id.to_string(),
                action: if before.is_some() { "updated" } else { "created" },
                details: Value::Object(details).to_string(),
            });
        }
    }
    changes::add(tx, call.network, &call.actor, call.now, &rows)?;
    Ok(Vec::new())
}

pub(super) fn with_ids(entries: &[(i64, Map<String, Value>)]) -> Vec<Map<String, Value>> {
    let with_id = |(id, entry): &(i64, Map<String, Value>)| {
        let mut entry = entry.clone();
        entry.insert("id".to_owned(), (*id).into());
        entry
    };
    entries.iter().map(with_id).collect()
}

/// What is known of parties, by the names of the network file.
fn facts(tx: &mut dyn Tx, call: &Call, kind: PartyKind, ids: &[i64]) -> Result<BTreeMap<i64, Map<String, Value>>> {
    let mut methods: BTreeMap<i64, Vec<PaymentMethod>> = BTreeMap::new();
    for method in parties::methods_of(tx, call.network, kind, ids)? {
        methods.entry(method.party_id).or_default().push(method);
    }
    let facts = |party: Party| {
        let methods = methods.get(&party.party_id).map_or(&[][..], Vec::as_slice);
        (party.party_id, named(&party, methods))
    };
    Ok(parties::by_ids(tx, call.network, kind, ids)?.into_iter().map(facts).collect())
}

fn named(party: &Party, methods: &[PaymentMethod]) -> Map<String, Value> {
    let mut facts: Map<String, Value> = serde_json::from_str(&party.rules).unwrap_or_default();
    let minimum = party.minimum_units.map(|units| Money::new(units, party.currency).to_decimal());
    let methods: Vec<Value> =
        methods.iter().map(|m| json!([m.system_id, m.currency.as_ref().map(|c| c.code()), m.main, m.fields])).collect();
    let Value::Object(own) = json!({
        "name": party.name, "email": party.email, "status": party.status, "manager": party.manager_id,
        "currency": party.currency.code(), "billing_cycle": party.billing_cycle,
        "payment_terms": party.payment_terms_days, "minimum_payment": minimum, "on_hold": party.on_hold,
        "hidden_default": party.hidden_default, "payment_methods": methods,
    }) else {
        return facts;
    };
    facts.extend(own);
    facts
}

/// From what to what, of what is not personal; of the rest only that it changed.
fn changed(before: Option<&Map<String, Value>>, after: &Map<String, Value>) -> Map<String, Value> {
    let none = Map::new();
    let before = before.unwrap_or(&none);
    let mut changed = Map::new();
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (old, new) = (before.get(name).unwrap_or(&Value::Null), after.get(name).unwrap_or(&Value::Null));
        if old == new {
            continue;
        }
        let said = if PERSONAL.contains(&name.as_str()) { json!("changed") } else { json!({ "from": old, "to": new }) };
        changed.insert(name.clone(), said);
    }
    changed
}
