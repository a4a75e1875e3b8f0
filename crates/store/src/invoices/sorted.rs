//! Lists of invoices in an order that is asked for. Each order is an index's, so that a page reads no more than it shows and
//! skips; those of some parties are found by their keys and put in order afterwards.

use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::time::Day;

use super::counts::{Listed, counted};
use crate::conversions::day_number;
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// What is asked of a row.
macro_rules! asked {
    () => {
        " WHERE i.network_id = $1 AND i.kind = $2 AND i.listed {in:3} AND i.period_start >= $4 AND i.period_end <= $5 "
    };
}
macro_rules! by {
    ($index:literal, $order:literal) => {
        concat!(
            "SELECT i.invoice_id FROM invoices i {by:",
            $index,
            "}",
            asked!(),
            "ORDER BY ",
            $order,
            " LIMIT $6 OFFSET $7"
        )
    };
}

statements! {
    BY_NUMBER_UP = by!("invoices_by_number", "i.number");
    BY_NUMBER_DOWN = by!("invoices_by_number", "i.number DESC");
    BY_PARTY_UP = by!("sqlite_autoindex_invoices_1", "i.party_id, i.invoice_id");
    BY_PARTY_DOWN = by!("sqlite_autoindex_invoices_1", "i.party_id DESC, i.invoice_id DESC");
    BY_CREATION_UP = by!("invoices_by_created", "i.created_at, i.invoice_id");
    BY_CREATION_DOWN = by!("invoices_by_created", "i.created_at DESC, i.invoice_id DESC");
    BY_START_UP = by!("invoices_by_first_day", "i.period_start, i.invoice_id");
    BY_START_DOWN = by!("invoices_by_first_day", "i.period_start DESC, i.invoice_id DESC");
    BY_END_UP = by!("invoices_by_end", "i.period_end, i.status, i.invoice_id");
    BY_END_DOWN = by!("invoices_by_end", "i.period_end DESC, i.status DESC, i.invoice_id DESC");
    COUNT_SORTED = concat!("SELECT COUNT(*) FROM invoices i", asked!());
    OF_PARTIES_TO_SORT = concat!("SELECT i.invoice_id, i.number, i.party_id, i.created_at, i.period_start, i.period_end, \
        i.status FROM invoices i", asked!(), "AND i.party_id {in:6} ORDER BY i.invoice_id");
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortBy {
    /// By number.
    #[default]
    Number,
    /// By party.
    Party,
    /// By when it was issued.
    Created,
    /// By the first day of its period.
    Start,
    /// By the last day of its period.
    End,
}

/// Which invoices of one kind to list, and in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortedQuery {
    /// Payable or receivable.
    pub kind: InvoiceKind,
    /// That stand like this.
    pub listed: Vec<Listed>,
    /// Only of these parties.
    pub parties: Option<Vec<i64>>,
    /// The period starts on this day or later.
    pub starts_from: Option<Day>,
    /// The period ends on this day or earlier.
    pub ends_through: Option<Day>,
    /// The order.
    pub sort: SortBy,
    /// The last of the order comes first.
    pub descending: bool,
}

impl SortedQuery {
    fn params<'a>(&self, network: NetworkId, words: &'a [&'static str]) -> Vec<Param<'a>> {
        vec![
            network.get().into(),
            self.kind.as_str().into(),
            Param::Texts(words),
            self.starts_from.map_or(i64::MIN, day_number).into(),
            self.ends_through.map_or(i64::MAX, day_number).into(),
        ]
    }

    fn sql(&self, descending: bool) -> &'static str {
        match (self.sort, descending) {
            (SortBy::Number, false) => BY_NUMBER_UP,
            (SortBy::Number, true) => BY_NUMBER_DOWN,
            (SortBy::Party, false) => BY_PARTY_UP,
            (SortBy::Party, true) => BY_PARTY_DOWN,
            (SortBy::Created, false) => BY_CREATION_UP,
            (SortBy::Created, true) => BY_CREATION_DOWN,
            (SortBy::Start, false) => BY_START_UP,
            (SortBy::Start, true) => BY_START_DOWN,
            (SortBy::End, false) => BY_END_UP,
            (SortBy::End, true) => BY_END_DOWN,
        }
    }

    /// What a row is ordered by: as the statements order, so that a list of some parties is a part of the whole one.
    fn place(&self, row: &Row) -> Result<(Vec<i64>, String)> {
        let columns: &[usize] = match self.sort {
            SortBy::Number => &[1],
            SortBy::Party => &[2, 0],
            SortBy::Created => &[3, 0],
            SortBy::Start => &[4, 0],
            SortBy::End => &[5],
        };
        let numbers = columns.iter().map(|column| row.int(*column)).collect::<Result<_>>()?;
        Ok((numbers, if self.sort == SortBy::End { row.string(6)? } else { String::new() }))
    }

    fn of_parties(&self, tx: &mut dyn Tx, network: NetworkId, parties: &[i64]) -> Result<Vec<InvoiceId>> {
        let words = Listed::words(&self.listed);
        let mut params = self.params(network, &words);
        params.push(Param::Ints(parties));
        let mut found = Vec::new();
        for row in tx.query(OF_PARTIES_TO_SORT, &params)? {
            found.push((self.place(&row)?, InvoiceId::new(row.int(0)?)));
        }
        found.sort_unstable();
        if self.descending {
            found.reverse();
        }
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }
}

/// How many invoices a query finds.
///
/// # Errors
/// What the database says.
pub fn count_sorted(tx: &mut dyn Tx, network: NetworkId, query: &SortedQuery) -> Result<i64> {
    if let Some(parties) = &query.parties {
        return Ok(query.of_parties(tx, network, parties)?.len() as i64);
    }
    if query.starts_from.is_none() && query.ends_through.is_none() {
        return counted(tx, network, query.kind, (i64::MIN, i64::MAX), &query.listed);
    }
    let words = Listed::words(&query.listed);
    tx.query_one(COUNT_SORTED, &query.params(network, &words))?.map_or(Ok(0), |row| row.int(0))
}

/// Invoices in the order: at most `limit` after the first `offset`, of `total` that the query finds.
///
/// # Errors
/// What the database says.
pub fn sorted(
    tx: &mut dyn Tx,
    network: NetworkId,
    query: &SortedQuery,
    (offset, limit): (i64, i64),
    total: i64,
) -> Result<Vec<InvoiceId>> {
    let left = total.saturating_sub(offset).clamp(0, limit);
    if left == 0 {
        return Ok(Vec::new());
    }
    if let Some(parties) = &query.parties {
        let found = query.of_parties(tx, network, parties)?;
        let (skip, take) = (usize::try_from(offset).unwrap_or(usize::MAX), usize::try_from(left).unwrap_or(0));
        return Ok(found.into_iter().skip(skip).take(take).collect());
    }
    // The second half is read from the other end.
    let from_end = total.saturating_sub(offset).saturating_sub(left);
    let turned = offset > from_end;
    let skip = if turned { from_end } else { offset };
    let words = Listed::words(&query.listed);
    let mut params = query.params(network, &words);
    params.extend([Param::Int(left), Param::Int(skip)]);
    let rows = tx.query(query.sql(query.descending != turned), &params)?;
    let mut found = rows.iter().map(|row| Ok(InvoiceId::new(row.int(0)?))).collect::<Result<Vec<_>>>()?;
    if turned {
        found.reverse();
    }
    Ok(found)
}
