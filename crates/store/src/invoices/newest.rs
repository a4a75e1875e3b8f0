//! Lists of invoices with the newest first. What a list is filtered by is in one index, and its second half is read from the
//! other end, so that its last page costs what its first one does.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::Timestamp;

use crate::conversions::currency;
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// What is asked of a row. Those that were deleted are in no such list.
macro_rules! asked {
    () => {
        "FROM invoices i {by:invoices_by_created} WHERE i.network_id = $1 AND i.kind = $2 AND i.created_at >= $3 \
         AND i.created_at < $4 AND COALESCE(i.void_reason, '') <> 'deleted' AND ($5 = 0 OR i.invoice_id {in:6}) \
         AND ($7 = 0 OR i.party_id {in:8}) AND ($9 = 0 OR CASE WHEN i.status IN ('pending', 'approved') AND EXISTS \
           (SELECT 1 FROM invoice_destinations d WHERE d.network_id = i.network_id AND d.kind = i.kind \
            AND d.party_id = i.party_id AND d.invoice_id = i.invoice_id AND d.in_part = 1) \
           THEN 'partly_paid' ELSE i.status END {in:10}) AND i.updated_at >= $11 AND i.updated_at < $12 "
    };
}

statements! {
    COUNT_NEWEST = concat!("SELECT COUNT(*) ", asked!(), "LIMIT $13");
    FROM_NEW_END = concat!("SELECT i.invoice_id, i.party_id, i.currency ", asked!(),
        "ORDER BY i.created_at DESC, i.invoice_id DESC LIMIT $13 OFFSET $14");
    FROM_OLD_END = concat!("SELECT i.invoice_id, i.party_id, i.currency ", asked!(),
        "ORDER BY i.created_at, i.invoice_id LIMIT $13 OFFSET $14");
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
    fn statuses(&self) -> Vec<&'static str> {
        self.statuses.iter().map(|status| status.as_str()).collect()
    }

    fn params<'a>(&'a self, network: NetworkId, statuses: &'a [&'static str]) -> Vec<Param<'a>> {
        let given = |list: &Option<Vec<i64>>| Param::Int(i64::from(list.is_some()));
        vec![
            network.get().into(),
            self.kind.as_str().into(),
            self.created_from.micros().into(),
            self.created_before.micros().into(),
            given(&self.ids),
            Param::Ints(self.ids.as_deref().unwrap_or(&[])),
            given(&self.parties),
            Param::Ints(self.parties.as_deref().unwrap_or(&[])),
            (statuses.len() as i64).into(),
            Param::Texts(statuses),
            self.updated_from.map_or(i64::MIN, Timestamp::micros).into(),
            self.updated_before.map_or(i64::MAX, Timestamp::micros).into(),
        ]
    }
}

/// How many invoices a query finds.
///
/// # Errors
/// What the database says.
pub fn count_newest(tx: &mut dyn Tx, network: NetworkId, query: &NewestQuery) -> Result<i64> {
    let statuses = query.statuses();
    let mut params = query.params(network, &statuses);
    params.push(Param::Int(1));
    tx.query_one(COUNT_NEWEST, &params)?.map_or(Ok(0), |row| row.int(0))
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
    let (sql, skip) = if backwards { (FROM_OLD_END, from_end) } else { (FROM_NEW_END, offset) };
    let statuses = query.statuses();
    let mut params = query.params(network, &statuses);
    params.extend([Param::Int(left), Param::Int(skip)]);
    let mut found = tx.query(sql, &params)?.iter().map(spotted).collect::<Result<Vec<Spotted>>>()?;
    if backwards {
        found.reverse();
    }
    Ok(found)
}
