//! Lists of invoices with the newest first. What a list is filtered by is in one index, its length is kept, and its second half
//! is read from the other end, so that its last page costs what its first one does.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Timestamp;

use super::counts::{Listed, QUARTER_MICROS, counted};
use crate::conversions::currency;
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// The payment system of the method that a party has for a currency: one in the currency before one that names none, the main
/// one before the others.
macro_rules! method {
    ($of:literal) => {
        concat!(
            "(SELECT m.system_id FROM (SELECT o.system_id, o.main, o.method_no, COALESCE(o.currency, \
               (SELECT s.currency FROM payment_systems s WHERE s.network_id = o.network_id AND s.system_id = o.system_id)) \
               AS currency FROM payment_methods o WHERE o.network_id = ",
            $of,
            ".network_id AND o.kind = $14 AND o.party_id = ",
            $of,
            ".party_id) m WHERE COALESCE(m.currency, ",
            $of,
            ".currency) = ",
            $of,
            ".currency ORDER BY CASE WHEN m.currency IS NULL THEN 1 ELSE 0 END, m.main DESC, m.method_no LIMIT 1)"
        )
    };
}
/// The payment system that an invoice is paid through: the one that it keeps once it is paid, else that of its party's method.
macro_rules! system {
    () => {
        concat!(
            "COALESCE((SELECT d.system_id FROM invoice_destinations d WHERE d.network_id = i.network_id AND d.kind = i.kind \
               AND d.party_id = i.party_id AND d.invoice_id = i.invoice_id), ",
            method!("i"),
            ")"
        )
    };
}
/// What is asked of a row besides the payment system. Those that were deleted are in no such list.
macro_rules! plainly_asked {
    () => {
        "i.network_id = $1 AND i.kind = $2 AND i.created_at >= $3 AND i.created_at < $4 \
         AND i.listed {in:5} AND ($6 = 0 OR i.invoice_id {in:7}) AND ($8 = 0 OR i.party_id {in:9}) \
         AND i.updated_at >= $10 AND i.updated_at < $11 "
    };
}
macro_rules! asked {
    ($index:literal) => {
        concat!(
            "FROM invoices i {by:",
            $index,
            "} WHERE ",
            plainly_asked!(),
            "AND ($12 = 0 OR ",
            system!(),
            " {in:13}) "
        )
    };
}
/// The books whose invoices go through one of the systems while they are not paid: each method is looked at once for all of
/// them. CROSS JOIN makes SQLite begin with whoever has such a method.
macro_rules! with_through {
    ($select:expr) => {
        concat!(
            "WITH through AS MATERIALIZED (SELECT b.party_id, b.currency FROM \
             (SELECT DISTINCT m.party_id FROM payment_methods m {by:payment_methods_by_system} \
             WHERE m.network_id = $1 AND m.kind = $14 AND m.system_id {in:13}) found \
             CROSS JOIN books b WHERE b.network_id = $1 AND b.kind = $2 AND b.party_id = found.party_id AND ",
            method!("b"),
            " {in:13}) ",
            $select
        )
    };
}
/// Those that were paid through one of the systems.
macro_rules! kept {
    () => {
        concat!(
            "FROM invoice_destinations d {by:invoice_destinations_by_system} CROSS JOIN invoices i {by:invoices_by_id} \
             WHERE d.network_id = $1 AND d.kind = $2 AND d.system_id {in:13} AND d.system_id IS NOT NULL \
             AND i.invoice_id = d.invoice_id AND ",
            plainly_asked!()
        )
    };
}
/// Those that keep no system and go through one of these, whoever they are of.
macro_rules! following {
    () => {
        concat!(
            "FROM invoices i {by:invoices_by_created} WHERE ",
            plainly_asked!(),
            "AND $12 = 1 AND (i.party_id, i.currency) IN (SELECT found.party_id, found.currency FROM through found) \
             AND NOT EXISTS (SELECT 1 FROM invoice_destinations d WHERE d.network_id = i.network_id AND d.kind = i.kind \
             AND d.party_id = i.party_id AND d.invoice_id = i.invoice_id AND d.system_id IS NOT NULL) "
        )
    };
}
macro_rules! through {
    ($order:literal) => {
        with_through!(concat!(
            "SELECT invoice_id, party_id, currency FROM (SELECT i.invoice_id, i.party_id, i.currency, i.created_at ",
            kept!(),
            "UNION ALL SELECT i.invoice_id, i.party_id, i.currency, i.created_at ",
            following!(),
            ") found ORDER BY created_at",
            $order,
            ", invoice_id",
            $order,
            " LIMIT $15 OFFSET $16"
        ))
    };
}
/// Those of some ids: each is looked up.
macro_rules! of_ids {
    () => {
        concat!(asked!("invoices_by_id"), "AND i.invoice_id {in:7} ")
    };
}
/// Those of some parties: each one's lie together.
macro_rules! of_parties {
    () => {
        concat!(asked!("sqlite_autoindex_invoices_1"), "AND i.party_id {in:9} ")
    };
}
macro_rules! page {
    ($found:expr, $order:literal) => {
        concat!(
            "SELECT i.invoice_id, i.party_id, i.currency ",
            $found,
            "ORDER BY i.created_at",
            $order,
            ", i.invoice_id",
            $order,
            " LIMIT $15 OFFSET $16"
        )
    };
}

statements! {
    COUNT_NEWEST = concat!("SELECT COUNT(*) ", asked!("invoices_by_created"));
    COUNT_THROUGH = with_through!(concat!("SELECT (SELECT COUNT(*) ", kept!(), ") + (SELECT COUNT(*) ", following!(), ")"));
    THROUGH_FROM_NEW_END = through!(" DESC");
    THROUGH_FROM_OLD_END = through!("");
    COUNT_OF_IDS = concat!("SELECT COUNT(*) ", of_ids!());
    COUNT_OF_PARTIES = concat!("SELECT COUNT(*) ", of_parties!());
    FROM_NEW_END = page!(asked!("invoices_by_created"), " DESC");
    FROM_OLD_END = page!(asked!("invoices_by_created"), "");
    OF_IDS_FROM_NEW_END = page!(of_ids!(), " DESC");
    OF_IDS_FROM_OLD_END = page!(of_ids!(), "");
    OF_PARTIES_FROM_NEW_END = page!(of_parties!(), " DESC");
    OF_PARTIES_FROM_OLD_END = page!(of_parties!(), "");
}

/// A page by payment systems is read from the index by issue alone where this many times as many invoices are found as it
/// goes past: it is soon full. Else the books of the systems are looked up first, which costs the same wherever it is.
const SOON_FULL: i64 = 50;

/// How what is asked for is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Created,
    Through,
    Ids,
    Parties,
}

/// Which invoices of one kind to list. An empty list of statuses asks for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestQuery {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// Issued at this instant or later.
    pub created_from: Timestamp,
    /// Issued before this instant.
    pub created_before: Timestamp,
    /// Only these.
    pub ids: Option<Vec<i64>>,
    /// Only of these parties.
    pub parties: Option<Vec<i64>>,
    /// In one of these statuses. One that is marked as paid in part counts as that until it is.
    pub statuses: Vec<InvoiceStatus>,
    /// Changed at this instant or later.
    pub updated_from: Option<Timestamp>,
    /// Changed before this instant.
    pub updated_before: Option<Timestamp>,
    /// Paid, or to be paid, through one of these payment systems.
    pub systems: Option<Vec<i64>>,
}

/// What of an invoice is known without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spotted {
    /// The invoice.
    pub invoice_id: InvoiceId,
    /// Its party.
    pub party_id: i64,
    /// Its currency.
    pub currency: Currency,
}

fn spotted(row: &Row) -> Result<Spotted> {
    Ok(Spotted { invoice_id: InvoiceId::new(row.int(0)?), party_id: row.int(1)?, currency: currency(row.text(2)?)? })
}

impl NewestQuery {
    /// How lists tell where those stand that are asked for.
    fn listed(&self) -> Vec<Listed> {
        if self.statuses.is_empty() {
            return Listed::ALL.to_vec();
        }
        self.statuses.iter().map(|status| Listed::Status(*status)).collect()
    }

    fn way(&self) -> Way {
        match (&self.ids, &self.parties, &self.systems) {
            (Some(_), _, _) => Way::Ids,
            (None, Some(_), _) => Way::Parties,
            (None, None, Some(_)) => Way::Through,
            (None, None, None) => Way::Created,
        }
    }

    fn params<'a>(&'a self, network: NetworkId, words: &'a [&'static str]) -> Vec<Param<'a>> {
        let given = |list: &Option<Vec<i64>>| Param::Int(i64::from(list.is_some()));
        vec![
            network.get().into(),
            self.kind.as_str().into(),
            self.created_from.micros().into(),
            self.created_before.micros().into(),
            Param::Texts(words),
            given(&self.ids),
            Param::Ints(self.ids.as_deref().unwrap_or(&[])),
            given(&self.parties),
            Param::Ints(self.parties.as_deref().unwrap_or(&[])),
            self.updated_from.map_or(i64::MIN, Timestamp::micros).into(),
            self.updated_before.map_or(i64::MAX, Timestamp::micros).into(),
            given(&self.systems),
            Param::Ints(self.systems.as_deref().unwrap_or(&[])),
            self.kind.party_kind().as_str().into(),
        ]
    }

    /// The whole quarters of an hour in which what is asked for was issued.
    fn quarters(&self) -> (i64, i64) {
        let (from, before) = (self.created_from.micros(), self.created_before.micros());
        let first = from.div_euclid(QUARTER_MICROS) + i64::from(from.rem_euclid(QUARTER_MICROS) > 0);
        (first, before.div_euclid(QUARTER_MICROS))
    }

    fn count(&self, tx: &mut dyn Tx, network: NetworkId) -> Result<i64> {
        let words = Listed::words(&self.listed());
        let sql = match self.way() {
            Way::Created => COUNT_NEWEST,
            Way::Through => COUNT_THROUGH,
            Way::Ids => COUNT_OF_IDS,
            Way::Parties => COUNT_OF_PARTIES,
        };
        let params = self.params(network, &words);
        let count = match self.way() {
            Way::Through => joined(tx, |tx| tx.query_one(sql, &params))?,
            _ => tx.query_one(sql, &params)?,
        };
        count.map_or(Ok(0), |row| row.int(0))
    }
}

/// Asks for something that joins large sets with each other.
fn joined<T>(tx: &mut dyn Tx, ask: impl FnOnce(&mut dyn Tx) -> Result<T>) -> Result<T> {
    tx.join_whole_sets(true)?;
    let answer = ask(tx)?;
    tx.join_whole_sets(false)?;
    Ok(answer)
}

/// How many invoices a query finds. What asks for nothing but instants of issue and statuses is known from the counts that are
/// kept, but for the part of a quarter of an hour at either end.
///
/// # Errors
/// What the database says.
pub fn count_newest(tx: &mut dyn Tx, network: NetworkId, query: &NewestQuery) -> Result<i64> {
    let (first, end) = query.quarters();
    let updated = query.updated_from.is_some() || query.updated_before.is_some();
    let bare = query.way() == Way::Created && !updated;
    if !bare || first >= end {
        return query.count(tx, network);
    }
    let mut total = counted(tx, network, query.kind, (first, end), &query.listed())?;
    let start_of = |quarter: i64| Timestamp::from_micros(quarter.saturating_mul(QUARTER_MICROS));
    let edges = [(query.created_from, start_of(first)), (start_of(end), query.created_before)];
    for (created_from, created_before) in edges.into_iter().filter(|(from, before)| from < before) {
        total += NewestQuery { created_from, created_before, ..query.clone() }.count(tx, network)?;
    }
    Ok(total)
}

/// Invoices with the newest first: at most `limit` after the first `offset`, of `total` that the query finds.
///
/// # Errors
/// What the database says.
pub fn newest(
    tx: &mut dyn Tx,
    network: NetworkId,
    query: &NewestQuery,
    (offset, limit): (i64, i64),
    total: i64,
) -> Result<Vec<Spotted>> {
    let left = total.saturating_sub(offset).clamp(0, limit);
    if left == 0 {
        return Ok(Vec::new());
    }
    let from_end = total.saturating_sub(offset).saturating_sub(left);
    let backwards = offset > from_end;
    let skip = if backwards { from_end } else { offset };
    let way = match query.way() {
        Way::Through if skip.saturating_add(left).saturating_mul(SOON_FULL) <= total => Way::Created,
        way => way,
    };
    let sql = match (way, backwards) {
        (Way::Created, false) => FROM_NEW_END,
        (Way::Created, true) => FROM_OLD_END,
        (Way::Through, false) => THROUGH_FROM_NEW_END,
        (Way::Through, true) => THROUGH_FROM_OLD_END,
        (Way::Ids, false) => OF_IDS_FROM_NEW_END,
        (Way::Ids, true) => OF_IDS_FROM_OLD_END,
        (Way::Parties, false) => OF_PARTIES_FROM_NEW_END,
        (Way::Parties, true) => OF_PARTIES_FROM_OLD_END,
    };
    let words = Listed::words(&query.listed());
    let mut params = query.params(network, &words);
    params.extend([Param::Int(left), Param::Int(skip)]);
    let rows = match way {
        Way::Through => joined(tx, |tx| tx.query(sql, &params))?,
        _ => tx.query(sql, &params)?,
    };
    let mut found = rows.iter().map(spotted).collect::<Result<Vec<Spotted>>>()?;
    if backwards {
        found.reverse();
    }
    Ok(found)
}
