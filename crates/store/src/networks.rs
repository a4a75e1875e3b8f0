//! Networks, their settings, and the counters that give ids and numbers.

use quittance_domain::conversion_key::ConversionKey;
use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId};
use quittance_domain::time::{Day, Timestamp};

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::statements;
use crate::tx::{Row, Tx};

/// The epoch of a new network. Cuts of books that nothing was billed of have the epoch before it.
const FIRST_EPOCH: i64 = 1;

/// The counter of invoice ids, for [`next`].
pub const COUNTER_INVOICE_ID: &str = "invoice_id";
/// The counter of key ids, for [`next`].
pub const COUNTER_KEY_ID: &str = "key_id";

statements! {
    NEW_ID = "SELECT COALESCE(MAX(network_id), 0) + 1 FROM networks";
    INSERT = "INSERT INTO networks (network_id, name, time_zone, currency, epoch, directory_version, created_at) \
        VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT DO NOTHING";
    LIST = "SELECT network_id, name, time_zone, currency, epoch, directory_version, conversion_key FROM networks ORDER BY network_id";
    BY_NAME = "SELECT network_id, name, time_zone, currency, epoch, directory_version, conversion_key FROM networks WHERE name = $1";
    BY_ID = "SELECT network_id, name, time_zone, currency, epoch, directory_version, conversion_key FROM networks WHERE network_id = $1";
    SET_TIME_ZONE = "UPDATE networks SET time_zone = $2 WHERE network_id = $1";
    LOCK = "SELECT network_id FROM networks WHERE network_id = $1 {lock:update}";
    CURRENT_EPOCH = "SELECT epoch FROM networks WHERE network_id = $1";
    SHARED_EPOCH = "SELECT epoch, locked_through, elsewhere_through, directory_version, conversion_key FROM networks WHERE network_id = $1 {lock:share}";
    LOCKED_THROUGH = "SELECT locked_through FROM networks WHERE network_id = $1";
    ELSEWHERE_THROUGH = "SELECT elsewhere_through FROM networks WHERE network_id = $1";
    SET_ELSEWHERE_THROUGH = "UPDATE networks SET elsewhere_through = $2 WHERE network_id = $1";
    SET_CONVERSION_KEY = "UPDATE networks SET conversion_key = $2 WHERE network_id = $1";
    SET_LOCKED_THROUGH = "UPDATE networks SET locked_through = $2 WHERE network_id = $1";
    TURN_SHARED = "SELECT {turn:shared}";
    TURN_ALONE = "SELECT {turn:alone}";
    CHANGE_DIRECTORY = "UPDATE networks SET directory_version = directory_version + 1 WHERE network_id = $1";
    RAISE_EPOCH = "UPDATE networks SET epoch = epoch + 1 WHERE network_id = $1";
    SETTINGS = "SELECT name, value FROM settings WHERE network_id = $1 ORDER BY name";
    PUT_SETTING = "INSERT INTO settings (network_id, name, value) VALUES ($1, $2, $3) \
        ON CONFLICT (network_id, name) DO UPDATE SET value = excluded.value";
    REMOVE_SETTING = "DELETE FROM settings WHERE network_id = $1 AND name = $2";
    COUNTER = "SELECT next_value FROM counters WHERE network_id = $1 AND name = $2";
    START_COUNTER = "INSERT INTO counters (network_id, name, next_value) VALUES ($1, $2, $3) \
        ON CONFLICT (network_id, name) DO NOTHING";
    ADVANCE_COUNTER = "UPDATE counters SET next_value = next_value + $3 WHERE network_id = $1 AND name = $2";
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its id.
    pub network_id: NetworkId,
    /// Its name, which no other network of the database has.
    pub name: String,
    /// The name of the zone of its days.
    pub time_zone: String,
    /// Its base currency.
    pub currency: Currency,
    /// The epoch that ingest writes to at present.
    pub epoch: i64,
    /// How often its parties or offers were changed.
    pub directory_version: i64,
    /// What the ids of its conversions are made of.
    pub conversion_key: ConversionKey,
}

fn conversion_key(row: &Row, column: usize) -> Result<ConversionKey> {
    let Some(word) = row.opt_text(column)? else { return Ok(ConversionKey::Id) };
    ConversionKey::parse(word).ok_or_else(|| Error::Corrupt(format!("conversion_key {word}")))
}

fn network(row: &Row) -> Result<Network> {
    Ok(Network {
        network_id: NetworkId::new(row.int(0)?),
        name: row.string(1)?,
        time_zone: row.string(2)?,
        currency: currency(row.text(3)?)?,
        epoch: row.int(4)?,
        directory_version: row.int(5)?,
        conversion_key: conversion_key(row, 6)?,
    })
}

/// The counter of the numbers of one kind of invoice, for [`next`].
#[must_use]
pub const fn invoice_number_counter(kind: InvoiceKind) -> &'static str {
    match kind {
        InvoiceKind::Payable => "invoice_number payable",
        InvoiceKind::Receivable => "invoice_number receivable",
    }
}

/// Makes a network. The caller has looked whether the name is free.
///
/// # Errors
/// What the database says; the closure runs again where another transaction made one at the same time.
pub fn insert(tx: &mut dyn Tx, name: &str, time_zone: &str, currency: Currency, now: Timestamp) -> Result<Network> {
    let id = tx.query_one(NEW_ID, &[])?.map_or(Ok(1), |row| row.int(0))?;
    let params =
        [id.into(), name.into(), time_zone.into(), currency.code().into(), FIRST_EPOCH.into(), now.micros().into()];
    if tx.execute(INSERT, &params)? == 0 {
        return Err(tx.conflict());
    }
    Ok(Network {
        network_id: NetworkId::new(id),
        name: name.to_owned(),
        time_zone: time_zone.to_owned(),
        currency,
        epoch: FIRST_EPOCH,
        directory_version: 0,
        conversion_key: ConversionKey::Id,
    })
}

/// All networks, by id.
///
/// # Errors
/// What the database says.
pub fn list(tx: &mut dyn Tx) -> Result<Vec<Network>> {
    tx.query(LIST, &[])?.iter().map(network).collect()
}

/// The network of a name.
///
/// # Errors
/// What the database says.
pub fn by_name(tx: &mut dyn Tx, name: &str) -> Result<Option<Network>> {
    tx.query_one(BY_NAME, &[name.into()])?.as_ref().map(network).transpose()
}

/// The network of an id.
///
/// # Errors
/// What the database says.
pub fn by_id(tx: &mut dyn Tx, id: NetworkId) -> Result<Option<Network>> {
    tx.query_one(BY_ID, &[id.get().into()])?.as_ref().map(network).transpose()
}

/// Changes the zone of a network's days, for what is ingested from now on. Waits for ingests that are under way.
///
/// # Errors
/// What the database says.
pub fn set_time_zone(tx: &mut dyn Tx, id: NetworkId, time_zone: &str) -> Result<()> {
    tx.execute(SET_TIME_ZONE, &[id.get().into(), time_zone.into()])?;
    Ok(())
}

/// Says what the ids of a network's conversions are made of. The caller holds its lock.
///
/// # Errors
/// What the database says.
pub fn set_conversion_key(tx: &mut dyn Tx, id: NetworkId, key: ConversionKey) -> Result<()> {
    let word = Some(key.as_str()).filter(|_| key.joins());
    tx.execute(SET_CONVERSION_KEY, &[id.get().into(), word.into()])?;
    Ok(())
}

/// Locks a network until the transaction ends: who changes its settings or imports its file takes turns, and everything
/// that posts to its books waits.
///
/// # Errors
/// [`Error::Corrupt`] where there is no such network; what the database says.
pub fn lock(tx: &mut dyn Tx, id: NetworkId) -> Result<()> {
    // The turn first, as everybody takes these two.
    tx.query(TURN_ALONE, &[id.get().into()])?;
    number(tx, LOCK, id).map(|_| ())
}

fn number(tx: &mut dyn Tx, sql: &'static str, id: NetworkId) -> Result<i64> {
    let row = tx.query_one(sql, &[id.get().into()])?;
    row.ok_or_else(|| Error::Corrupt(format!("there is no network {id}")))?.int(0)
}

/// The epoch that ingest writes to, as of this transaction's view.
///
/// # Errors
/// [`Error::Corrupt`] where there is no such network; what the database says.
pub fn current_epoch(tx: &mut dyn Tx, id: NetworkId) -> Result<i64> {
    number(tx, CURRENT_EPOCH, id)
}

/// What is written to the books now: in which epoch, and from which day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// The epoch.
    pub epoch: i64,
    /// The last day of the locked books.
    pub locked_through: Option<Day>,
    /// The last day whose conversions were billed before the network moved over.
    pub elsewhere_through: Option<Day>,
    /// How often parties or offers were changed.
    pub directory_version: i64,
    /// What the ids of conversions are made of.
    pub conversion_key: ConversionKey,
}

impl Present {
    /// The day on which something of a day is posted: that day, or the first open one.
    #[must_use]
    pub fn posting_day(&self, day: Day) -> Day {
        self.locked_through.map_or(day, |locked| day.max(locked.plus_days(1)))
    }
}

/// The epoch to write to, and the lock of the books. They stay what they are until this transaction ends: a run that
/// wants to raise the epoch waits, and so does who moves the lock.
///
/// # Errors
/// [`Error::Corrupt`] where there is no such network; what the database says.
pub fn present(tx: &mut dyn Tx, id: NetworkId) -> Result<Present> {
    tx.query(TURN_SHARED, &[id.get().into()])?;
    let row = tx.query_one(SHARED_EPOCH, &[id.get().into()])?;
    let row = row.ok_or_else(|| Error::Corrupt(format!("there is no network {id}")))?;
    Ok(Present {
        epoch: row.int(0)?,
        locked_through: row.opt_int(1)?.map(day).transpose()?,
        elsewhere_through: row.opt_int(2)?.map(day).transpose()?,
        directory_version: row.int(3)?,
        conversion_key: conversion_key(&row, 4)?,
    })
}

/// Says that parties or offers were changed. The network is locked, so that nothing is ingested meanwhile by the old ones.
///
/// # Errors
/// What the database says.
pub fn change_directory(tx: &mut dyn Tx, id: NetworkId) -> Result<()> {
    tx.execute(CHANGE_DIRECTORY, &[id.get().into()])?;
    Ok(())
}

/// The last day of the locked books, as of this transaction's view.
///
/// # Errors
/// What the database says.
pub fn locked_through(tx: &mut dyn Tx, id: NetworkId) -> Result<Option<Day>> {
    let row = tx.query_one(LOCKED_THROUGH, &[id.get().into()])?;
    row.map_or(Ok(None), |row| row.opt_int(0)?.map(day).transpose())
}

/// The last day whose conversions were billed before the network moved over, as of this transaction's view.
///
/// # Errors
/// What the database says.
pub fn elsewhere_through(tx: &mut dyn Tx, id: NetworkId) -> Result<Option<Day>> {
    let row = tx.query_one(ELSEWHERE_THROUGH, &[id.get().into()])?;
    row.map_or(Ok(None), |row| row.opt_int(0)?.map(day).transpose())
}

/// Says up to which day conversions were billed before the network moved over. The network is locked.
///
/// # Errors
/// What the database says.
pub fn set_elsewhere_through(tx: &mut dyn Tx, id: NetworkId, through: Option<Day>) -> Result<()> {
    tx.execute(SET_ELSEWHERE_THROUGH, &[id.get().into(), through.map(day_number).into()])?;
    Ok(())
}

/// Moves the lock of the books. The network is locked, so that nothing posts meanwhile.
///
/// # Errors
/// What the database says.
pub fn set_locked_through(tx: &mut dyn Tx, id: NetworkId, through: Option<Day>) -> Result<()> {
    tx.execute(SET_LOCKED_THROUGH, &[id.get().into(), through.map(day_number).into()])?;
    Ok(())
}

/// Begins the next epoch and answers the one that ended: once this is committed, everything up to it is complete.
///
/// # Errors
/// [`Error::Corrupt`] where there is no such network; what the database says.
pub fn raise_epoch(tx: &mut dyn Tx, id: NetworkId) -> Result<i64> {
    tx.query(TURN_ALONE, &[id.get().into()])?;
    tx.execute(RAISE_EPOCH, &[id.get().into()])?;
    Ok(current_epoch(tx, id)? - 1)
}

/// The settings that were set, by name.
///
/// # Errors
/// What the database says.
pub fn settings(tx: &mut dyn Tx, id: NetworkId) -> Result<Vec<(String, String)>> {
    let rows = tx.query(SETTINGS, &[id.get().into()])?;
    rows.iter().map(|row| Ok((row.string(0)?, row.string(1)?))).collect()
}

/// Sets a setting; with `None`, sets it back to its default.
///
/// # Errors
/// What the database says.
pub fn put_setting(tx: &mut dyn Tx, id: NetworkId, name: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(value) => tx.execute(PUT_SETTING, &[id.get().into(), name.into(), value.into()])?,
        None => tx.execute(REMOVE_SETTING, &[id.get().into(), name.into()])?,
    };
    Ok(())
}

/// The value that a counter gives next; `None` where it has given none yet.
///
/// # Errors
/// What the database says.
pub fn counter(tx: &mut dyn Tx, id: NetworkId, name: &str) -> Result<Option<i64>> {
    tx.query_one(COUNTER, &[id.get().into(), name.into()])?.map(|row| row.int(0)).transpose()
}

/// Takes `how_many` consecutive values of a counter and answers the first. A new counter starts at `first`. Other
/// transactions that want values wait until this one ends; when it is given up, the values are given again, so that
/// there are no gaps.
///
/// # Errors
/// What the database says.
pub fn next(tx: &mut dyn Tx, id: NetworkId, name: &str, first: i64, how_many: i64) -> Result<i64> {
    let advance = [id.get().into(), name.into(), how_many.into()];
    if tx.execute(ADVANCE_COUNTER, &advance)? == 0 {
        // Where another transaction starts it as well, this waits for that one and then finds its row.
        tx.execute(START_COUNTER, &[id.get().into(), name.into(), first.into()])?;
        tx.execute(ADVANCE_COUNTER, &advance)?;
    }
    let next = counter(tx, id, name)?;
    next.map(|next| next - how_many).ok_or_else(|| Error::Corrupt(format!("there is no counter {name}")))
}
