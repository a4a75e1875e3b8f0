//! Lists of invoices by id, from any place in them. Ids of a network follow one another, so that a place in the whole list
//! is an id, but for those of documents that gave something up.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceId, InvoiceKind, NetworkId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::{Day, Timestamp};

use super::{Invoice, invoice, last_id};
use crate::conversions::{day, day_number};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// How many documents that gave something up are looked at a time.
const DOCUMENTS: i64 = 1_000;

/// What a query asks of a row, besides how it is found; in a form that no other index answers, since PostgreSQL takes each range
/// whose ends it does not know for a narrow one.
macro_rules! asked {
    () => {
        "AND i.invoice_id >= $2 AND i.invoice_id <= $3 AND ($4 = '' OR i.kind = $4) AND ($5 = 0 OR i.party_id = $5) \
         AND ($6 = 0 OR i.status {in:7}) AND ($8 = '' OR i.currency = $8) AND i.period_end + 0 >= $9 \
         AND i.period_end + 0 <= $10 AND i.created_at + 0 >= $11 AND i.created_at + 0 < $12 AND ($13 < 0 OR i.hidden = $13) \
         AND ($14 < 0 OR $14 = CASE WHEN i.void_reason = 'deleted' THEN 1 ELSE 0 END) "
    };
}
macro_rules! all {
    () => {
        concat!("FROM invoices i {by:invoices_by_id} WHERE i.network_id = $1 ", asked!())
    };
}
macro_rules! of_party {
    () => {
        concat!("FROM invoices i WHERE i.network_id = $1 AND i.kind = $4 AND i.party_id = $5 ", asked!())
    };
}
macro_rules! by_ids {
    () => {
        concat!("FROM invoices i {by:invoices_by_id} WHERE i.network_id = $1 AND i.invoice_id {in:16} ", asked!())
    };
}
/// Nothing is asked that this index does not hold: the rows themselves are not looked at.
macro_rules! covered {
    () => {
        "FROM invoices i {by:invoices_by_end} WHERE i.network_id = $1 AND i.period_end >= $2 AND i.period_end <= $3 \
         AND ($4 = '' OR i.kind = $4) AND ($5 = 0 OR i.status {in:6}) "
    };
}
/// A column of the last payment in money.
macro_rules! last_payment {
    ($column:literal) => {
        concat!(
            "(SELECT p.",
            $column,
            " FROM payments p WHERE p.network_id = i.network_id AND p.kind = i.kind AND p.party_id = i.party_id \
             AND p.invoice_id = i.invoice_id AND p.source = 'money' ORDER BY p.payment_id DESC LIMIT 1)"
        )
    };
}
macro_rules! row {
    () => {
        concat!(
            super::invoice_fields!(),
            ", (SELECT CASE WHEN h.action = 'approved' THEN h.happened_at END FROM invoice_history h \
               WHERE h.network_id = i.network_id AND h.kind = i.kind AND h.party_id = i.party_id \
               AND h.invoice_id = i.invoice_id AND h.action IN ('approved', 'unapproved') ORDER BY h.version DESC LIMIT 1), \
             ",
            last_payment!("rail"),
            ", ",
            last_payment!("paid_day"),
            ", ",
            last_payment!("reference"),
            ", (SELECT MAX(p.recorded_at) FROM payments p WHERE p.network_id = i.network_id AND p.kind = i.kind \
               AND p.party_id = i.party_id AND p.invoice_id = i.invoice_id) "
        )
    };
}

statements! {
    ROWS = concat!(row!(), all!(), "ORDER BY i.invoice_id LIMIT $15");
    ROWS_OF_PARTY = concat!(row!(), of_party!(), "ORDER BY i.invoice_id LIMIT $15");
    ROWS_BY_IDS = concat!(row!(), by_ids!(), "ORDER BY i.invoice_id LIMIT $15");
    NTH = concat!("SELECT i.invoice_id ", all!(), "ORDER BY i.invoice_id LIMIT 1 OFFSET $15");
    NTH_OF_PARTY = concat!("SELECT i.invoice_id ", of_party!(), "ORDER BY i.invoice_id LIMIT 1 OFFSET $15");
    NTH_BY_IDS = concat!("SELECT i.invoice_id ", by_ids!(), "ORDER BY i.invoice_id LIMIT 1 OFFSET $15");
    COUNT_FOUND = concat!("SELECT COUNT(*) ", all!(), "LIMIT $15");
    COUNT_COVERED = concat!("SELECT COUNT(*) ", covered!());
    NTH_COVERED = concat!("SELECT i.invoice_id ", covered!(), "ORDER BY i.invoice_id LIMIT 1 OFFSET $7");
    COUNT_OF_PARTY = concat!("SELECT COUNT(*) ", of_party!(), "LIMIT $15");
    COUNT_BY_IDS = concat!("SELECT COUNT(*) ", by_ids!(), "LIMIT $15");
    FIRST_ID = "SELECT invoice_id FROM invoices {by:invoices_by_id} WHERE network_id = $1 AND invoice_id > 0 \
        ORDER BY invoice_id LIMIT 1";
    FIRST_NUMBER = "SELECT number FROM invoices {by:invoices_by_number} WHERE network_id = $1 AND kind = $2 AND number > 0 \
        ORDER BY number LIMIT 1";
    LAST_NUMBER = "SELECT number FROM invoices {by:invoices_by_number} WHERE network_id = $1 AND kind = $2 AND number > 0 \
        ORDER BY number DESC LIMIT 1";
    BY_NUMBER = "SELECT invoice_id FROM invoices {by:invoices_by_number} WHERE network_id = $1 AND kind = $2 AND number = $3";
    DOCUMENTS_UP_TO = "SELECT COUNT(DISTINCT document_id) FROM write_offs {by:write_offs_by_document} \
        WHERE network_id = $1 AND document_id >= $2 AND document_id <= $3";
    DOCUMENTS_AFTER = "SELECT DISTINCT document_id FROM write_offs {by:write_offs_by_document} \
        WHERE network_id = $1 AND document_id > $2 ORDER BY document_id LIMIT $3";
}

/// Which invoices to list. An empty list and `None` ask for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InvoiceQuery {
    /// Only these; `Some` of an empty list finds none.
    pub ids: Option<Vec<i64>>,
    /// Payable or receivable.
    pub kind: Option<InvoiceKind>,
    /// Of this party; needs `kind`.
    pub party_id: Option<i64>,
    /// In one of these statuses.
    pub statuses: Vec<InvoiceStatus>,
    /// In this currency.
    pub currency: Option<Currency>,
    /// The period ends on this day or later.
    pub ends_from: Option<Day>,
    /// The period ends on this day or earlier.
    pub ends_through: Option<Day>,
    /// Issued at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Issued before this instant.
    pub created_before: Option<Timestamp>,
    /// Whether the party does not see it.
    pub hidden: Option<bool>,
    /// Whether it is void since it was deleted.
    pub deleted: Option<bool>,
}

impl InvoiceQuery {
    /// Whether it asks for nothing but a kind.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        *self == InvoiceQuery { kind: self.kind, ..InvoiceQuery::default() }
    }

    /// Whether it asks for nothing but a kind, statuses and the ends of periods.
    fn is_covered(&self) -> bool {
        let covered = InvoiceQuery {
            kind: self.kind,
            statuses: self.statuses.clone(),
            ends_from: self.ends_from,
            ends_through: self.ends_through,
            ..InvoiceQuery::default()
        };
        *self == covered
    }

    fn covered_params<'a>(&self, network: NetworkId, statuses: &'a [&'static str]) -> Vec<Param<'a>> {
        vec![
            network.get().into(),
            day_number(self.ends_from.unwrap_or(Day::MIN)).into(),
            day_number(self.ends_through.unwrap_or(Day::MAX)).into(),
            self.kind.map_or("", InvoiceKind::as_str).into(),
            (statuses.len() as i64).into(),
            Param::Texts(statuses),
        ]
    }

    fn statuses(&self) -> Vec<&'static str> {
        self.statuses.iter().map(|status| status.as_str()).collect()
    }

    fn params<'a>(
        &'a self,
        network: NetworkId,
        (from, through): (i64, i64),
        statuses: &'a [&'static str],
        last: i64,
    ) -> Vec<Param<'a>> {
        let flag = |flag: Option<bool>| Param::Int(flag.map_or(-1, i64::from));
        let mut params = vec![
            network.get().into(),
            from.into(),
            through.into(),
            self.kind.map_or("", InvoiceKind::as_str).into(),
            self.party_id.unwrap_or(0).into(),
            (statuses.len() as i64).into(),
            Param::Texts(statuses),
            self.currency.as_ref().map_or("", Currency::code).into(),
            day_number(self.ends_from.unwrap_or(Day::MIN)).into(),
            day_number(self.ends_through.unwrap_or(Day::MAX)).into(),
            self.created_from.map_or(i64::MIN, Timestamp::micros).into(),
            self.created_before.map_or(i64::MAX, Timestamp::micros).into(),
            flag(self.hidden),
            flag(self.deleted),
            Param::Int(last),
        ];
        params.extend(self.ids.as_deref().map(Param::Ints));
        params
    }

    /// The statement for how the rows are found: among all, those of a party, or by their ids.
    fn choose(&self, all: &'static str, of_party: &'static str, by_ids: &'static str) -> &'static str {
        match (&self.ids, self.kind, self.party_id) {
            (Some(_), _, _) => by_ids,
            (None, Some(_), Some(_)) => of_party,
            (None, _, _) => all,
        }
    }
}

/// The last payment in money of an invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastPayment {
    /// The rail.
    pub rail: String,
    /// The day.
    pub day: Day,
    /// The payer's reference.
    pub reference: String,
}

/// An invoice as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvoiceRow {
    /// The invoice.
    pub invoice: Invoice,
    /// When it was approved, unless that was taken back.
    pub approved_at: Option<Timestamp>,
    /// Its last payment in money.
    pub last_payment: Option<LastPayment>,
    /// When the last of what settles it was recorded.
    pub settled_at: Option<Timestamp>,
}

/// Invoices by id, in a range of ids (both inclusive): at most `limit`.
///
/// # Errors
/// What the database says.
pub fn rows(
    tx: &mut dyn Tx,
    network: NetworkId,
    query: &InvoiceQuery,
    ids: (i64, i64),
    limit: i64,
) -> Result<Vec<InvoiceRow>> {
    let statuses = query.statuses();
    let params = query.params(network, ids, &statuses, limit);
    let sql = query.choose(ROWS, ROWS_OF_PARTY, ROWS_BY_IDS);
    let mut rows = Vec::new();
    tx.query_each(sql, &params, &mut |row| {
        let approved_at = row.opt_int(28)?.map(Timestamp::from_micros);
        let last_payment = match row.opt_string(29)? {
            Some(rail) => Some(LastPayment { rail, day: day(row.int(30)?)?, reference: row.string(31)? }),
            None => None,
        };
        let settled_at = row.opt_int(32)?.map(Timestamp::from_micros);
        rows.push(InvoiceRow { invoice: invoice(row)?, approved_at, last_payment, settled_at });
        Ok(())
    })?;
    Ok(rows)
}

/// The id at a place (from 0) of what a query finds.
///
/// # Errors
/// What the database says.
pub fn nth_found(tx: &mut dyn Tx, network: NetworkId, query: &InvoiceQuery, place: i64) -> Result<Option<i64>> {
    let statuses = query.statuses();
    if query.is_covered() {
        let mut params = query.covered_params(network, &statuses);
        params.push(place.into());
        return number(tx, NTH_COVERED, &params);
    }
    let params = query.params(network, (i64::MIN, i64::MAX), &statuses, place);
    let sql = query.choose(NTH, NTH_OF_PARTY, NTH_BY_IDS);
    tx.query_one(sql, &params)?.map(|row| row.int(0)).transpose()
}

/// How many invoices a query finds.
///
/// # Errors
/// What the database says.
pub fn count_found(tx: &mut dyn Tx, network: NetworkId, query: &InvoiceQuery) -> Result<i64> {
    let statuses = query.statuses();
    if query.is_covered() {
        return Ok(number(tx, COUNT_COVERED, &query.covered_params(network, &statuses))?.unwrap_or(0));
    }
    let params = query.params(network, (i64::MIN, i64::MAX), &statuses, 1);
    let sql = query.choose(COUNT_FOUND, COUNT_OF_PARTY, COUNT_BY_IDS);
    tx.query_one(sql, &params)?.map_or(Ok(0), |row| row.int(0))
}

/// The numbers of one kind of invoice: they have no gap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first number; 0 where there is no invoice.
    pub first: i64,
    /// How many there are.
    pub count: i64,
}

fn number(tx: &mut dyn Tx, sql: &'static str, params: &[Param<'_>]) -> Result<Option<i64>> {
    tx.query_one(sql, params)?.map(|row: Row| row.int(0)).transpose()
}

/// The numbers of one kind of invoice.
///
/// # Errors
/// What the database says.
pub fn extent(tx: &mut dyn Tx, network: NetworkId, kind: InvoiceKind) -> Result<Extent> {
    let params = [network.get().into(), kind.as_str().into()];
    let first = number(tx, FIRST_NUMBER, &params)?;
    let last = number(tx, LAST_NUMBER, &params)?;
    Ok(match (first, last) {
        (Some(first), Some(last)) => Extent { first, count: last - first + 1 },
        _ => Extent::default(),
    })
}

/// The id of the invoice of a kind that has a number.
///
/// # Errors
/// What the database says.
pub fn id_of_number(
    tx: &mut dyn Tx,
    network: NetworkId,
    kind: InvoiceKind,
    of_number: i64,
) -> Result<Option<InvoiceId>> {
    let params = [network.get().into(), kind.as_str().into(), of_number.into()];
    Ok(number(tx, BY_NUMBER, &params)?.map(InvoiceId::new))
}

/// The id at a place (from 0) among all invoices, or those of one kind.
///
/// # Errors
/// What the database says.
pub fn id_at(tx: &mut dyn Tx, network: NetworkId, kind: Option<InvoiceKind>, place: i64) -> Result<Option<InvoiceId>> {
    let network_id = Param::Int(network.get());
    if let Some(kind) = kind {
        let extent = extent(tx, network, kind)?;
        if place >= extent.count {
            return Ok(None);
        }
        return id_of_number(tx, network, kind, extent.first + place);
    }
    let Some(first) = number(tx, FIRST_ID, &[network_id])? else { return Ok(None) };
    let last = last_id(tx, network)?;
    let Some(mut id) = first.checked_add(place).filter(|id| *id <= last) else { return Ok(None) };
    let mut looked_at = id;
    id += number(tx, DOCUMENTS_UP_TO, &[network_id, first.into(), id.into()])?.unwrap_or(0);
    // Each document up to the id pushes it one further.
    loop {
        let documents = tx.query(DOCUMENTS_AFTER, &[network_id, looked_at.into(), DOCUMENTS.into()])?;
        let Some(end) = documents.last() else { break };
        looked_at = end.int(0)?;
        for document in &documents {
            if document.int(0)? > id {
                return Ok(Some(id).filter(|id| *id <= last).map(InvoiceId::new));
            }
            id += 1;
        }
    }
    Ok(Some(id).filter(|id| *id <= last).map(InvoiceId::new))
}
