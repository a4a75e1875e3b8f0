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

/// How many rows one search looks at: what is asked for may be rare among them.
const LOOKED_AT_MAX: i64 = 10_000;

macro_rules! columns {
    () => {
        "SELECT change_no, happened_at, actor, subject, subject_id, action, details FROM "
    };
}

/// What is asked of the rows that are looked at.
macro_rules! asked {
    () => {
        "looked_at WHERE ($4 = '' OR subject = $4) AND ($5 = '' OR actor = $5) AND ($6 = '' OR action = $6) \
         AND happened_at >= $7 AND happened_at < $8 ORDER BY change_no LIMIT $9"
    };
}

statements! {
    FIND = concat!(columns!(), "(", columns!(), "changes WHERE network_id = $1 AND change_no > $2 \
        ORDER BY change_no LIMIT $3) ", asked!());
    FIND_OF_ONE = concat!(columns!(), "(", columns!(), "changes WHERE network_id = $1 AND subject = $4 AND subject_id = $10 \
        AND change_no > $2 ORDER BY change_no LIMIT $3) ", asked!());
    LOOKED_AT = "SELECT COUNT(*), COALESCE(MAX(change_no), 0) FROM (SELECT change_no FROM changes WHERE network_id = $1 \
        AND change_no > $2 ORDER BY change_no LIMIT $3) looked_at";
    LOOKED_AT_OF_ONE = "SELECT COUNT(*), COALESCE(MAX(change_no), 0) FROM (SELECT change_no FROM changes \
        WHERE network_id = $1 AND subject = $4 AND subject_id = $5 AND change_no > $2 ORDER BY change_no LIMIT $3) looked_at";
    AFTER = "SELECT change_no, happened_at, actor, subject, subject_id, action, details FROM changes \
        WHERE network_id = $1 AND change_no > $2 AND ($3 = '' OR subject = $3) ORDER BY change_no LIMIT $4";
    RENAME_ACTOR = "UPDATE changes SET actor = $3 WHERE network_id = $1 AND actor = $2";
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

/// Which changes to list; what is empty asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeFilter {
    /// The kind of thing.
    pub subject: String,
    /// Which one; with its kind.
    pub subject_id: String,
    /// By whom, as it stands in the history.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// At this instant or later.
    pub from: Timestamp,
    /// Before this instant.
    pub before: Timestamp,
}

impl Default for ChangeFilter {
    fn default() -> ChangeFilter {
        let [from, before] = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
        let none = String::new;
        ChangeFilter { subject: none(), subject_id: none(), actor: none(), action: none(), from, before }
    }
}

/// The changes that a filter finds after a place, oldest first, and how far the search has come, where it has not come to
/// the end.
///
/// # Errors
/// What the database says.
pub fn find(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &ChangeFilter,
    after: i64,
    limit: i64,
) -> Result<(Vec<ChangeRow>, Option<i64>)> {
    let start = [network.get().into(), after.into(), Param::Int(LOOKED_AT_MAX)];
    let mut params = start.to_vec();
    let filters: [Param<'_>; 6] = [
        (&filter.subject).into(),
        (&filter.actor).into(),
        (&filter.action).into(),
        filter.from.micros().into(),
        filter.before.micros().into(),
        limit.into(),
    ];
    params.extend(filters);
    let of_one = !filter.subject.is_empty() && !filter.subject_id.is_empty();
    let (find, looked_at, one) = match of_one {
        true => (FIND_OF_ONE, LOOKED_AT_OF_ONE, vec![(&filter.subject).into(), (&filter.subject_id).into()]),
        false => (FIND, LOOKED_AT, Vec::new()),
    };
    params.extend(one.get(1).copied());
    let found = tx.query(find, &params)?.iter().map(change).collect::<Result<Vec<_>>>()?;
    if found.len() as i64 == limit {
        let last = found.last().map(|row| row.change_no);
        return Ok((found, last));
    }
    let row = tx.query_one(looked_at, &[&start[..], &one].concat())?;
    let (count, last) = row.map_or(Ok((0, 0)), |row| Ok::<_, crate::Error>((row.int(0)?, row.int(1)?)))?;
    Ok((found, (count == LOOKED_AT_MAX).then_some(last)))
}

fn change(row: &Row) -> Result<ChangeRow> {
    Ok(ChangeRow {
        change_no: row.int(0)?,
        happened_at: Timestamp::from_micros(row.int(1)?),
        actor: row.string(2)?,
        subject: row.string(3)?,
        subject_id: row.string(4)?,
        action: row.string(5)?,
        details: row.string(6)?,
    })
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
    tx.query(AFTER, &params)?.iter().map(change).collect()
}

/// Calls whoever has made changes something else: the only thing that is ever changed in a history, where somebody is erased.
///
/// # Errors
/// What the database says.
pub fn rename_actor(tx: &mut dyn Tx, network: NetworkId, actor: &str, instead: &str) -> Result<()> {
    tx.execute(RENAME_ACTOR, &[network.get().into(), actor.into(), instead.into()])?;
    Ok(())
}
