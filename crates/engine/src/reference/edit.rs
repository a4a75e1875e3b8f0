//! Making and changing one entry of a list: what a network file would say of it, checked as the file is.

use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_store::changes::{self, NewChange};
use quittance_store::{Tx, networks as table, parties};
use serde_json::{Map, Value, json};

use super::{Manager, Offer, PaymentSystem, SwitchedOn};
use crate::error::{Error, Result};
use crate::network_file::put_entry;
use crate::{Call, Engine};

/// An entry of one of the lists that the rest refers to.
pub trait Known: Sized {
    /// The list's key in a network file.
    const LIST: &'static str;
    /// The entry's kind in the history and in messages.
    const SUBJECT: &'static str;
    /// The name of its id in a network file.
    const ID: &'static str;

    /// All entries, or the one that is asked for.
    ///
    /// # Errors
    /// What the store says.
    fn load(tx: &mut dyn Tx, call: &Call, id: &Value) -> Result<Option<Self>>;

    /// The id of a new entry that says none.
    ///
    /// # Errors
    /// It must say one, or what the store says.
    fn next(tx: &mut dyn Tx, call: &Call) -> Result<Value>;

    /// What is known of it, by the names of a network file.
    fn facts(&self) -> Map<String, Value>;
}

impl Engine {
    /// Makes an entry of a list; one that says no id gets the next free one.
    ///
    /// # Errors
    /// There is one with this id, or a value is wrong: the field is the entry's key.
    pub fn create_entry<T: Known>(&self, call: &Call, entry: &Map<String, Value>) -> Result<T> {
        self.store.write(|tx| {
            table::lock(tx, call.network)?;
            let id = match entry.get(T::ID) {
                Some(id) => id.clone(),
                None => T::next(tx, call)?,
            };
            if T::load(tx, call, &id)?.is_some() {
                return Err(Error::Conflict(format!("there is a {} {} already", T::SUBJECT, plain(&id))));
            }
            put(tx, call, &id, entry, None)
        })
    }

    /// Changes an entry of a list where it is as `expected` wants it: what is left out stays.
    ///
    /// # Errors
    /// There is none, it has changed, or a value is wrong: the field is the entry's key.
    pub fn update_entry<T: Known>(
        &self,
        call: &Call,
        id: &Value,
        entry: &Map<String, Value>,
        expected: &dyn Fn(&T) -> bool,
    ) -> Result<T> {
        self.store.write(|tx| {
            table::lock(tx, call.network)?;
            let before = T::load(tx, call, id)?.ok_or_else(|| absent::<T>(id))?;
            if !expected(&before) {
                return Err(Error::Changed(format!("{} {} has changed: read it again", T::SUBJECT, plain(id))));
            }
            put(tx, call, id, entry, Some(&before))
        })
    }

    /// One entry of a list.
    ///
    /// # Errors
    /// There is none.
    pub fn entry<T: Known>(&self, call: &Call, id: &Value) -> Result<T> {
        self.store.read(|tx| T::load(tx, call, id)?.ok_or_else(|| absent::<T>(id)))
    }
}

fn plain(id: &Value) -> String {
    id.as_str().map_or_else(|| id.to_string(), str::to_owned)
}

fn absent<T: Known>(id: &Value) -> Error {
    Error::NotFound(format!("there is no {} {}", T::SUBJECT, plain(id)))
}

fn put<T: Known>(
    tx: &mut dyn Tx,
    call: &Call,
    id: &Value,
    entry: &Map<String, Value>,
    before: Option<&T>,
) -> Result<T> {
    let mut entry = entry.clone();
    entry.insert(T::ID.to_owned(), id.clone());
    put_entry(tx, call, T::LIST, entry)?;
    let after = T::load(tx, call, id)?.ok_or_else(|| absent::<T>(id))?;
    let (old, new) = (before.map(T::facts).unwrap_or_default(), after.facts());
    let differing = new.iter().filter(|(name, value)| old.get(*name).unwrap_or(&Value::Null) != *value);
    let details: Map<String, Value> =
        differing.map(|(name, value)| (name.clone(), json!({ "from": old.get(name), "to": value }))).collect();
    if !details.is_empty() {
        let row = NewChange {
            subject: T::SUBJECT,
            subject_id: plain(id),
            action: if before.is_some() { "updated" } else { "created" },
            details: Value::Object(details).to_string(),
        };
        changes::add(tx, call.network, &call.actor, call.now, &[row])?;
    }
    crate::idempotency::mark_done(tx, call)?;
    Ok(after)
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

fn after_last(ids: impl Iterator<Item = i64>) -> Result<Value> {
    let next = ids.max().unwrap_or(0).checked_add(1);
    next.map(Value::from).ok_or_else(|| Error::Conflict("there is no free id above the highest one".to_owned()))
}

impl Known for Manager {
    const LIST: &'static str = "managers";
    const SUBJECT: &'static str = "manager";
    const ID: &'static str = "id";

    fn load(tx: &mut dyn Tx, call: &Call, id: &Value) -> Result<Option<Manager>> {
        let all = parties::managers(tx, call.network)?;
        Ok(all.into_iter().find(|manager| id.as_i64() == Some(manager.manager_id)))
    }

    fn next(tx: &mut dyn Tx, call: &Call) -> Result<Value> {
        after_last(parties::managers(tx, call.network)?.iter().map(|manager| manager.manager_id))
    }

    fn facts(&self) -> Map<String, Value> {
        members(json!({ "name": self.name, "email": self.email }))
    }
}

impl Known for PaymentSystem {
    const LIST: &'static str = "payment_systems";
    const SUBJECT: &'static str = "payment_system";
    const ID: &'static str = "id";

    fn load(tx: &mut dyn Tx, call: &Call, id: &Value) -> Result<Option<PaymentSystem>> {
        let all = parties::systems(tx, call.network)?;
        Ok(all.into_iter().find(|system| id.as_i64() == Some(system.system_id)))
    }

    fn next(tx: &mut dyn Tx, call: &Call) -> Result<Value> {
        after_last(parties::systems(tx, call.network)?.iter().map(|system| system.system_id))
    }

    fn facts(&self) -> Map<String, Value> {
        members(json!({
            "title": self.title,
            "type": self.payment_type,
            "currency": self.currency.map(|currency| currency.code()),
            "minimum_units": self.minimum_units,
            "fields": serde_json::from_str::<Value>(&self.fields).unwrap_or_default(),
        }))
    }
}

impl Known for SwitchedOn {
    const LIST: &'static str = "currencies";
    const SUBJECT: &'static str = "currency";
    const ID: &'static str = "code";

    fn load(tx: &mut dyn Tx, call: &Call, id: &Value) -> Result<Option<SwitchedOn>> {
        let all = parties::currencies(tx, call.network)?;
        let found = all.into_iter().find(|(currency, _)| id.as_str() == Some(currency.code()));
        Ok(found
            .map(|(currency, units)| SwitchedOn { currency, minimum: units.map(|units| Money::new(units, currency)) }))
    }

    fn next(_tx: &mut dyn Tx, _call: &Call) -> Result<Value> {
        Err(Error::invalid("code", "code: it is missing, the currency's code such as \"USD\""))
    }

    fn facts(&self) -> Map<String, Value> {
        members(json!({ "minimum_payment": self.minimum.map(Money::to_decimal) }))
    }
}

impl Known for Offer {
    const LIST: &'static str = "offers";
    const SUBJECT: &'static str = "offer";
    const ID: &'static str = "id";

    fn load(tx: &mut dyn Tx, call: &Call, id: &Value) -> Result<Option<Offer>> {
        let Some(id) = id.as_i64() else { return Ok(None) };
        Ok(parties::offers_by_ids(tx, call.network, &[id])?.pop())
    }

    fn next(tx: &mut dyn Tx, call: &Call) -> Result<Value> {
        after_last(std::iter::once(parties::last_offer_id(tx, call.network)?))
    }

    fn facts(&self) -> Map<String, Value> {
        members(json!({
            "name": self.name,
            "advertiser": self.advertiser_id,
            "hold_days": self.hold_days,
            "payout": self.payout,
            "payout_currency": self.payout_currency.as_ref().map(Currency::code),
            "revenue": self.revenue,
        }))
    }
}
