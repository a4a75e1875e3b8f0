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

/// What a filter asks of a row, besides how it is found; in a form that no other index answers, since PostgreSQL takes each range
/// whose ends it does not know for a narrow one.
macro_rules! asked {
    () => {
        "AND i.invoice_id > $2 AND i.invoice_id < $3 AND ($4 = '' OR i.kind = $4) AND ($5 = 0 OR i.status {in:6}) \
         AND ($7 = '' OR i.currency = $7) AND ($8 = 0 OR i.run_id = $8) AND ($9 < 0 OR i.hidden = $9) \
         AND i.period_start + 0 >= $10 AND i.period_end + 0 >= $11 AND i.period_end + 0 <= $12 AND i.due_day + 0 >= $13 \
         AND i.due_day + 0 <= $14 AND i.created_at + 0 >= $15 AND i.created_at + 0 < $16 AND i.updated_at + 0 >= $17 \
         AND ($18 = 0 OR COALESCE(i.payment_terms_days, 0) {in:19}) \
         AND ($20 = 0 OR i.balance_units > CASE WHEN i.currency {in:21} THEN CAST($23 AS BIGINT) ELSE CAST($22 AS BIGINT) END) \
         AND ($20 = 0 OR i.balance_units < CASE WHEN i.currency {in:21} THEN CAST($25 AS BIGINT) ELSE CAST($24 AS BIGINT) END) \
         AND ($26 = 0 OR i.party_id {in:27}) AND ($28 < 0 OR i.number = $28) "
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
            " LIMIT $29"
        )
    };
}
macro_rules! of_party {
    ($order:literal) => {
        concat!(
            invoice_columns!(),
            "WHERE i.network_id = $1 AND i.kind = $4 AND i.party_id = $30 ",
            asked!(),
            "ORDER BY i.invoice_id ",
            $order,
            " LIMIT $29"
        )
    };
}

statements! {
    LIST = all!("");
    LIST_BACKWARDS = all!("DESC");
    LIST_OF_PARTY = of_party!("");
    LIST_OF_PARTY_BACKWARDS = of_party!("DESC");
    /// Of these ids alone.
    LIST_OF_IDS = concat!(invoice_columns!(), "WHERE i.network_id = $1 AND i.invoice_id {in:30} ", asked!(),
        "ORDER BY i.invoice_id LIMIT $29");
    LIST_OF_IDS_BACKWARDS = concat!(invoice_columns!(), "WHERE i.network_id = $1 AND i.invoice_id {in:30} ", asked!(),
        "ORDER BY i.invoice_id DESC LIMIT $29");
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
    /// With this number; there may be one of each kind.
    pub number: Option<i64>,
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

/// A page of invoices in the order of their ids, after an id (0: from the start). It looks at as many as it takes.
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
    list_between(tx, network, filter, filter.bounds(after), limit)
}

/// The invoices between two ids, without these.
pub(super) fn list_between(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &InvoiceFilter,
    bounds: (i64, i64),
    limit: i64,
) -> Result<Vec<Invoice>> {
    filter.asked(network, bounds, limit, |mut params| {
        let sql = match (filter.party_id, filter.backwards) {
            (None, false) => LIST,
            (None, true) => LIST_BACKWARDS,
            (Some(_), false) => LIST_OF_PARTY,
            (Some(_), true) => LIST_OF_PARTY_BACKWARDS,
        };
        params.extend(filter.party_id.map(Param::Int));
        tx.query(sql, &params)?.into_iter().map(invoice).collect()
    })
}

/// Those of some ids that a filter finds, in its order.
pub(super) fn list_of_ids(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &InvoiceFilter,
    ids: &[i64],
) -> Result<Vec<Invoice>> {
    filter.asked(network, (i64::MIN, i64::MAX), ids.len() as i64, |params| {
        let mut params: Vec<Param<'_>> = params;
        params.push(Param::Ints(ids));
        let sql = if filter.backwards { LIST_OF_IDS_BACKWARDS } else { LIST_OF_IDS };
        tx.query(sql, &params)?.into_iter().map(invoice).collect()
    })
}

impl InvoiceFilter {
    /// Between which ids, without these, the invoices after one are (0: from the start).
    pub(super) fn bounds(&self, after: i64) -> (i64, i64) {
        match (self.backwards, after) {
            (true, 0) => (0, i64::MAX),
            (true, after) => (0, after),
            (false, after) => (after, i64::MAX),
        }
    }

    /// The kind that is asked for; that of a party is payable where nothing else is said.
    pub(super) fn asked_kind(&self) -> Option<InvoiceKind> {
        self.kind.or(self.party_id.map(|_| InvoiceKind::Payable))
    }

    /// Asks with the values of the places 1 to 29.
    fn asked<T>(
        &self,
        network: NetworkId,
        (above, below): (i64, i64),
        limit: i64,
        ask: impl FnOnce(Vec<Param<'_>>) -> Result<T>,
    ) -> Result<T> {
        let statuses: Vec<&str> = self.statuses.iter().map(|status| status.as_str()).collect();
        let bounded = self.balance_above.is_some() || self.balance_below.is_some();
        let small: Vec<&str> = Currency::all_crypto().map(|currency| currency.code()).collect();
        let more = self.balance_above.unwrap_or(BalanceBound { units_6: i64::MIN, units_8: i64::MIN });
        let less = self.balance_below.unwrap_or(BalanceBound { units_6: i64::MAX, units_8: i64::MAX });
        let since = |at: Option<Timestamp>| Param::Int(at.map_or(i64::MIN, Timestamp::micros));
        let first = |day: Option<Day>| Param::Int(day_number(day.unwrap_or(Day::MIN)));
        let last = |day: Option<Day>| Param::Int(day_number(day.unwrap_or(Day::MAX)));
        ask(vec![
            network.get().into(),
            above.into(),
            below.into(),
            self.asked_kind().map_or("", InvoiceKind::as_str).into(),
            (statuses.len() as i64).into(),
            Param::Texts(&statuses),
            self.currency.as_ref().map_or("", Currency::code).into(),
            self.run_id.map_or(0, RunId::get).into(),
            self.hidden.map_or(-1, i64::from).into(),
            first(self.starts_from),
            first(self.ends_from),
            last(self.ends_through),
            first(self.due_from),
            last(self.due_through),
            since(self.created_from),
            Param::Int(self.created_before.map_or(i64::MAX, Timestamp::micros)),
            since(self.updated_from),
            self.payment_terms_days.is_some().into(),
            Param::Ints(self.payment_terms_days.as_deref().unwrap_or_default()),
            bounded.into(),
            Param::Texts(&small),
            more.units_6.into(),
            more.units_8.into(),
            less.units_6.into(),
            less.units_8.into(),
            self.parties.is_some().into(),
            Param::Ints(self.parties.as_deref().unwrap_or_default()),
            self.number.map_or(-1, |number| number.max(0)).into(),
            limit.into(),
        ])
    }
}

/// The highest id of an invoice; 0 where there is none.
///
/// # Errors
/// What the database says.
pub fn last_id(tx: &mut dyn Tx, network: NetworkId) -> Result<i64> {
    tx.query_one(LAST, &[network.get().into()])?.map_or(Ok(0), |row| row.int(0))
}
