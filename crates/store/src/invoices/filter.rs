//! Invoices by id, from a place on, by whatever can be asked of them.

use quittance_domain::currency::Currency;
use quittance_domain::ids::{InvoiceKind, NetworkId, RunId};
use quittance_domain::invoice::InvoiceStatus;
use quittance_domain::time::{Day, Timestamp};

use super::search::BalanceBound;
use super::{Invoice, invoice, invoice_columns, invoice_fields};
use crate::conversions::day_number;
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Tx};

/// What a filter asks of a row, besides how it is found.
macro_rules! asked {
    () => {
        "AND i.invoice_id > $2 AND i.invoice_id < $3 AND ($4 = '' OR i.kind = $4) AND ($5 = 0 OR i.status {in:6}) \
         AND ($7 = '' OR i.currency = $7) AND ($8 = 0 OR i.run_id = $8) AND ($9 < 0 OR i.hidden = $9) \
         AND i.period_start >= $10 AND i.period_end >= $11 AND i.period_end <= $12 AND i.due_day >= $13 \
         AND i.due_day <= $14 AND i.created_at >= $15 AND i.created_at < $16 AND i.updated_at >= $17 \
         AND ($18 = 0 OR COALESCE(i.payment_terms_days, 0) {in:19}) \
         AND ($20 = 0 OR i.balance_units > CASE WHEN i.currency {in:21} THEN CAST($23 AS BIGINT) ELSE CAST($22 AS BIGINT) END) \
         AND ($20 = 0 OR i.balance_units < CASE WHEN i.currency {in:21} THEN CAST($25 AS BIGINT) ELSE CAST($24 AS BIGINT) END) \
         AND ($26 = 0 OR i.party_id {in:27}) "
    };
}
macro_rules! all {
    ($order:literal) => {
        concat!(
            invoice_columns!(),
            "WHERE i.network_id = $1 ",
            asked!(),
            "ORDER BY i.invoice_id ",
            $order,
            " LIMIT $28"
        )
    };
}
macro_rules! of_party {
    ($order:literal) => {
        concat!(
            invoice_columns!(),
            "WHERE i.network_id = $1 AND i.kind = $4 AND i.party_id = $29 ",
            asked!(),
            "ORDER BY i.invoice_id ",
            $order,
            " LIMIT $28"
        )
    };
}

statements! {
    LIST = all!("");
    LIST_BACKWARDS = all!("DESC");
    LIST_OF_PARTY = of_party!("");
    LIST_OF_PARTY_BACKWARDS = of_party!("DESC");
    LAST = "SELECT invoice_id FROM invoices {by:invoices_by_id} WHERE network_id = $1 AND invoice_id > 0 \
        ORDER BY invoice_id DESC LIMIT 1";
}

/// Which invoices to list. An empty list and `None` ask for nothing.
#[derive(Debug, Clone, Default)]
pub struct InvoiceFilter {
    /// Payable or receivable.
    pub kind: Option<InvoiceKind>,
    /// Of this party; needs `kind`.
    pub party_id: Option<i64>,
    /// Of one of these parties; needs `kind`.
    pub parties: Option<Vec<i64>>,
    /// In one of these statuses.
    pub statuses: Vec<InvoiceStatus>,
    /// In this currency.
    pub currency: Option<Currency>,
    /// Issued by this run.
    pub run_id: Option<RunId>,
    /// Whether the party does not see it.
    pub hidden: Option<bool>,
    /// The period starts on this day or later.
    pub starts_from: Option<Day>,
    /// The period ends on this day or later.
    pub ends_from: Option<Day>,
    /// The period ends on this day or earlier.
    pub ends_through: Option<Day>,
    /// Due on this day or later.
    pub due_from: Option<Day>,
    /// Due on this day or earlier.
    pub due_through: Option<Day>,
    /// Issued at this instant or later.
    pub created_from: Option<Timestamp>,
    /// Issued before this instant.
    pub created_before: Option<Timestamp>,
    /// Last changed at this instant or later.
    pub updated_from: Option<Timestamp>,
    /// With one of these payment terms in days; none counts as 0.
    pub payment_terms_days: Option<Vec<i64>>,
    /// More is left to pay than this.
    pub balance_above: Option<BalanceBound>,
    /// Less is left to pay than this.
    pub balance_below: Option<BalanceBound>,
    /// The highest id first.
    pub backwards: bool,
}

/// A page of invoices in the order of their ids, after an id (0: from the start).
///
/// # Errors
/// What the database says.
pub fn list(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &InvoiceFilter,
    after: i64,
    limit: i64,
) -> Result<Vec<Invoice>> {
    let kind = match (filter.kind, filter.party_id) {
        (None, Some(_)) => InvoiceKind::Payable.as_str(),
        (kind, _) => kind.map_or("", InvoiceKind::as_str),
    };
    let (above, below) = match (filter.backwards, after) {
        (true, 0) => (0, i64::MAX),
        (true, after) => (0, after),
        (false, after) => (after, i64::MAX),
    };
    let statuses: Vec<&str> = filter.statuses.iter().map(|status| status.as_str()).collect();
    let bounded = filter.balance_above.is_some() || filter.balance_below.is_some();
    let small: Vec<&str> = Currency::all_crypto().map(|currency| currency.code()).collect();
    let more = filter.balance_above.unwrap_or(BalanceBound { units_6: i64::MIN, units_8: i64::MIN });
    let less = filter.balance_below.unwrap_or(BalanceBound { units_6: i64::MAX, units_8: i64::MAX });
    let since = |at: Option<Timestamp>| Param::Int(at.map_or(i64::MIN, Timestamp::micros));
    let first = |day: Option<Day>| Param::Int(day_number(day.unwrap_or(Day::MIN)));
    let last = |day: Option<Day>| Param::Int(day_number(day.unwrap_or(Day::MAX)));
    let mut params = vec![
        network.get().into(),
        above.into(),
        below.into(),
        kind.into(),
        (statuses.len() as i64).into(),
        Param::Texts(&statuses),
        filter.currency.as_ref().map_or("", Currency::code).into(),
        filter.run_id.map_or(0, RunId::get).into(),
        filter.hidden.map_or(-1, i64::from).into(),
        first(filter.starts_from),
        first(filter.ends_from),
        last(filter.ends_through),
        first(filter.due_from),
        last(filter.due_through),
        since(filter.created_from),
        Param::Int(filter.created_before.map_or(i64::MAX, Timestamp::micros)),
        since(filter.updated_from),
        filter.payment_terms_days.is_some().into(),
        Param::Ints(filter.payment_terms_days.as_deref().unwrap_or_default()),
        bounded.into(),
        Param::Texts(&small),
        more.units_6.into(),
        more.units_8.into(),
        less.units_6.into(),
        less.units_8.into(),
        filter.parties.is_some().into(),
        Param::Ints(filter.parties.as_deref().unwrap_or_default()),
        limit.into(),
    ];
    let rows = match (filter.party_id, filter.backwards) {
        (None, false) => tx.query(LIST, &params)?,
        (None, true) => tx.query(LIST_BACKWARDS, &params)?,
        (Some(party_id), backwards) => {
            params.push(party_id.into());
            tx.query(if backwards { LIST_OF_PARTY_BACKWARDS } else { LIST_OF_PARTY }, &params)?
        }
    };
    rows.iter().map(invoice).collect()
}

/// The highest id of an invoice; 0 where there is none.
///
/// # Errors
/// What the database says.
pub fn last_id(tx: &mut dyn Tx, network: NetworkId) -> Result<i64> {
    tx.query_one(LAST, &[network.get().into()])?.map_or(Ok(0), |row| row.int(0))
}
