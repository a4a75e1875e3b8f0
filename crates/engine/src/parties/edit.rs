//! Making and changing one party: the entry that a network file would have for it, checked as the file is.

use quittance_domain::ids::PartyKind;
use quittance_domain::money::Money;
use quittance_store::changes::{self, NewChange};
use quittance_store::parties::{self, PaymentMethod};
use quittance_store::{Tx, invoices, networks as table};
use serde_json::{Map, Value, json};

use super::{Party, PartyView, view};
use crate::error::{Error, Result};
use crate::network_file::put_entry;
use crate::{Call, Engine};

/// What the history names without its values: it must not keep what is personal.
const PERSONAL: [&str; 8] = ["name", "email", "website", "phone", "country", "notes", "payment_methods", "tax"];

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
    let before = facts(tx, call, kind, id)?;
    let mut entry = entry.clone();
    entry.insert("id".to_owned(), id.into());
    let new_methods = entry.contains_key("payment_methods");
    put_entry(tx, call, &format!("{kind}s"), entry)?;
    if new_methods {
        // Open invoices follow the party's methods, also where somebody had written an account on one.
        invoices::forget_accounts(tx, call.network, kind.invoice_kind(), id)?;
    }
    let after = facts(tx, call, kind, id)?.unwrap_or_default();
    let details = changed(before.as_ref(), &after);
    if !details.is_empty() {
        let row = NewChange {
            subject: kind.as_str(),
            subject_id: id.to_string(),
            action: if before.is_some() { "updated" } else { "created" },
            details: Value::Object(details).to_string(),
        };
        changes::add(tx, call.network, &call.actor, call.now, &[row])?;
    }
    crate::idempotency::mark_done(tx, call)?;
    view(tx, call, kind, id)
}

/// What is known of a party, by the names of the network file.
fn facts(tx: &mut dyn Tx, call: &Call, kind: PartyKind, id: i64) -> Result<Option<Map<String, Value>>> {
    let Some(party) = parties::by_ids(tx, call.network, kind, &[id])?.pop() else { return Ok(None) };
    let methods = parties::methods_of(tx, call.network, kind, &[id])?;
    Ok(Some(named(&party, &methods)))
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
