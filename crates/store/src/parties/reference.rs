//! The small tables that parties refer to: payment systems, currencies, managers.

use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;

use crate::conversions::currency;
use crate::error::Result;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

statements! {
    SYSTEMS = "SELECT system_id, title, payment_type, currency, minimum_units, fields \
        FROM payment_systems WHERE network_id = $1 ORDER BY system_id";
    CURRENCIES = "SELECT currency, minimum_units FROM currencies WHERE network_id = $1 ORDER BY currency";
    LAST_ACTIVATION = "SELECT COALESCE(MAX(activation), 0) FROM currencies WHERE network_id = $1";
    BY_ACTIVATION = "SELECT currency FROM currencies WHERE network_id = $1 ORDER BY COALESCE(activation, 0), currency";
    MANAGERS = "SELECT manager_id, name, email FROM managers WHERE network_id = $1 ORDER BY manager_id";
}

bulks! {
    UPSERT_SYSTEMS = "payment_systems" [
        "network_id" Int, "system_id" Int, "title" Text, "payment_type" Text, "currency" Text,
        "minimum_units" Int, "fields" Text
    ] "ON CONFLICT (network_id, system_id) DO UPDATE SET title = excluded.title, \
       payment_type = excluded.payment_type, currency = excluded.currency, \
       minimum_units = excluded.minimum_units, fields = excluded.fields";
    UPSERT_CURRENCIES = "currencies" ["network_id" Int, "currency" Text, "minimum_units" Int, "activation" Int]
        "ON CONFLICT (network_id, currency) DO UPDATE SET minimum_units = excluded.minimum_units";
    UPSERT_MANAGERS = "managers" ["network_id" Int, "manager_id" Int, "name" Text, "email" Text]
        "ON CONFLICT (network_id, manager_id) DO UPDATE SET name = excluded.name, email = excluded.email";
}

/// A rail as the network offers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentSystem {
    /// Its id.
    pub system_id: i64,
    /// Its title.
    pub title: String,
    /// The rail: `paypal`, `wire` and so on.
    pub payment_type: String,
    /// What it pays in; `None`: any currency.
    pub currency: Option<Currency>,
    /// The least amount that is paid through it, in billing units of its currency. Where it names none: in those of the
    /// network's, and the same figure is meant in each.
    pub minimum_units: Option<i64>,
    /// What a party must say to be paid through it: a JSON list of `{"id", "label", "required"}`.
    pub fields: String,
}

/// An account manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manager {
    /// The manager's id.
    pub manager_id: i64,
    /// The manager's name.
    pub name: String,
    /// The manager's address.
    pub email: Option<String>,
}

fn system(row: &Row) -> Result<PaymentSystem> {
    Ok(PaymentSystem {
        system_id: row.int(0)?,
        title: row.string(1)?,
        payment_type: row.string(2)?,
        currency: row.opt_text(3)?.map(currency).transpose()?,
        minimum_units: row.opt_int(4)?,
        fields: row.string(5)?,
    })
}

/// The payment systems, by id.
///
/// # Errors
/// What the database says.
pub fn systems(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<PaymentSystem>> {
    tx.query(SYSTEMS, &[network.get().into()])?.iter().map(system).collect()
}

/// Writes payment systems: new ones are made, known ones replaced. No id comes twice.
///
/// # Errors
/// What the database says.
pub fn upsert_systems(tx: &mut dyn Tx, network: NetworkId, systems: &[PaymentSystem]) -> Result<()> {
    let mut values = Vec::with_capacity(systems.len() * 7);
    for system in systems {
        values.extend([
            network.get().into(),
            system.system_id.into(),
            Param::from(&system.title),
            (&system.payment_type).into(),
            system.currency.as_ref().map(Currency::code).into(),
            system.minimum_units.into(),
            (&system.fields).into(),
        ]);
    }
    tx.bulk(&UPSERT_SYSTEMS, &values)?;
    Ok(())
}

/// The currencies that are switched on, by code, each with the least amount that is invoiced, in billing units.
///
/// # Errors
/// What the database says.
pub fn currencies(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<(Currency, Option<i64>)>> {
    let rows = tx.query(CURRENCIES, &[network.get().into()])?;
    rows.iter().map(|row| Ok((currency(row.text(0)?)?, row.opt_int(1)?))).collect()
}

/// The currencies that are switched on, in the order in which they were.
///
/// # Errors
/// What the database says.
pub fn currencies_by_activation(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<Currency>> {
    tx.query(BY_ACTIVATION, &[network.get().into()])?.iter().map(|row| currency(row.text(0)?)).collect()
}

/// Switches currencies on, or changes their minima. No currency comes twice.
///
/// # Errors
/// What the database says.
pub fn upsert_currencies(tx: &mut dyn Tx, network: NetworkId, currencies: &[(Currency, Option<i64>)]) -> Result<()> {
    let last = tx.query_one(LAST_ACTIVATION, &[network.get().into()])?.map_or(Ok(0), |row| row.int(0))?;
    let mut values = Vec::with_capacity(currencies.len() * 4);
    // Those that are on already keep their places.
    for ((currency, minimum), activation) in currencies.iter().zip(last + 1..) {
        values.extend([Param::Int(network.get()), currency.code().into(), (*minimum).into(), activation.into()]);
    }
    tx.bulk(&UPSERT_CURRENCIES, &values)?;
    Ok(())
}

/// The account managers, by id.
///
/// # Errors
/// What the database says.
pub fn managers(tx: &mut dyn Tx, network: NetworkId) -> Result<Vec<Manager>> {
    let rows = tx.query(MANAGERS, &[network.get().into()])?;
    let manager = |row: &Row| Ok(Manager { manager_id: row.int(0)?, name: row.string(1)?, email: row.opt_string(2)? });
    rows.iter().map(manager).collect()
}

/// Writes managers: new ones are made, known ones replaced. No id comes twice.
///
/// # Errors
/// What the database says.
pub fn upsert_managers(tx: &mut dyn Tx, network: NetworkId, managers: &[Manager]) -> Result<()> {
    let mut values = Vec::with_capacity(managers.len() * 4);
    for manager in managers {
        values.extend([
            network.get().into(),
            manager.manager_id.into(),
            Param::from(&manager.name),
            manager.email.as_deref().into(),
        ]);
    }
    tx.bulk(&UPSERT_MANAGERS, &values)?;
    Ok(())
}
