//! The history of what is no invoice: settings, rates, parties. Rows are only ever added.

use quittance_domain::ids::NetworkId;
use quittance_domain::time::Timestamp;

use crate::error::Result;
use crate::networks;
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// The counter of a network's changes.
const CHANGE_NUMBERS: &str = "change_no";
/// How many rows are bound at a time.
const BULK_ROWS: usize = 5_000;

statements! {
    AFTER = "SELECT change_no, happened_at, actor, subject, subject_id, action, details FROM changes \
        WHERE network_id = $1 AND change_no > $2 AND ($3 = '' OR subject = $3) ORDER BY change_no LIMIT $4";
}

bulks! {
    ADD = "changes" [
        "network_id" Int, "change_no" Int, "happened_at" Int, "actor" Text, "subject" Text, "subject_id" Text,
        "action" Text, "details" Text
    ] "";
}

/// What happened to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewChange {
    /// The kind of thing: `setting`, `rate`, `affiliate`.
    pub subject: &'static str,
    /// Which one.
    pub subject_id: String,
    /// What was done with it.
    pub action: &'static str,
    /// From what to what, as a JSON object.
    pub details: String,
}

/// A row of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Its place in the network's history, counted from 1.
    pub change_no: i64,
    /// When.
    pub happened_at: Timestamp,
    /// Who.
    pub actor: String,
    /// The kind of thing.
    pub subject: String,
    /// Which one.
    pub subject_id: String,
    /// What was done with it.
    pub action: String,
    /// From what to what, as a JSON object.
    pub details: String,
}

/// Appends to a network's history.
///
/// # Errors
/// What the database says.
pub fn add(
    tx: &mut dyn Tx,
    network: NetworkId,
    actor: &str,
    happened_at: Timestamp,
    changes: &[NewChange],
) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let first = networks::next(tx, network, CHANGE_NUMBERS, 1, changes.len() as i64)?;
    let mut numbers = first..;
    for part in changes.chunks(BULK_ROWS) {
        let mut values = Vec::with_capacity(part.len() * 8);
        for (change, number) in part.iter().zip(&mut numbers) {
            values.extend([
                Param::Int(network.get()),
                Param::Int(number),
                happened_at.micros().into(),
                actor.into(),
                change.subject.into(),
                (&change.subject_id).into(),
                change.action.into(),
                (&change.details).into(),
            ]);
        }
        tx.bulk(&ADD, &values)?;
    }
    Ok(())
}

/// A page of a network's history, oldest first, after a place in it; only of one kind of thing where given.
///
/// # Errors
/// What the database says.
pub fn after(
    tx: &mut dyn Tx,
    network: NetworkId,
    after: i64,
    subject: Option<&str>,
    limit: i64,
) -> Result<Vec<ChangeRow>> {
    let params = [network.get().into(), after.into(), subject.unwrap_or("").into(), Param::Int(limit)];
    let change = |row: &Row| {
        Ok(ChangeRow {
            change_no: row.int(0)?,
            happened_at: Timestamp::from_micros(row.int(1)?),
            actor: row.string(2)?,
            subject: row.string(3)?,
            subject_id: row.string(4)?,
            action: row.string(5)?,
            details: row.string(6)?,
        })
    };
    tx.query(AFTER, &params)?.iter().map(change).collect()
}
