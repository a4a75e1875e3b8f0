//! Searches that ask several things together. What is found is found by the index of what is asked most narrowly; the rest
//! is asked of the rows that come out, in a form that no other index answers.

use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;
use quittance_domain::time::Day;

use super::{BalanceBound, Found, InvoiceSearch};
use crate::conversions::{currency, day, day_number};
use crate::error::Result;
use crate::invoices::standing::{InvoiceSums, sums_of};
use crate::statements::statements;
use crate::tx::{Param, Tx};

/// What is asked of a row besides how it is found. Currencies are told apart by the size of their billing units.
macro_rules! asked {
    () => {
        " AND i.standing + 0 {in:3} AND i.hidden + 0 {in:4} \
         AND ($5 = 0 OR COALESCE(i.payment_terms_days, 0) + 0 {in:6}) \
         AND i.period_start + 0 >= $7 AND i.period_end + 0 <= $8 \
         AND i.balance_units + 0 > CASE WHEN i.currency {in:13} THEN CAST($10 AS BIGINT) ELSE CAST($9 AS BIGINT) END \
         AND i.balance_units + 0 < CASE WHEN i.currency {in:13} THEN CAST($12 AS BIGINT) ELSE CAST($11 AS BIGINT) END \
         AND ($14 = 0 OR i.party_id + 0 {in:15}) AND ($16 = 0 OR i.invoice_id + 0 {in:17}) \
         AND ($18 = 0 OR i.party_id + 0 {in:19} OR i.invoice_id + 0 {in:20}) "
    };
}
macro_rules! by_standing {
    ($columns:literal) => {
        concat!(
            $columns,
            " FROM invoices i {by:invoices_by_standing} WHERE i.network_id = $1 AND i.kind = $2 \
            AND i.standing {in:3} AND i.hidden {in:4}",
            asked!()
        )
    };
}
macro_rules! by_terms {
    ($columns:literal) => {
        concat!(
            $columns,
            " FROM invoices i {by:invoices_by_standing} WHERE i.network_id = $1 AND i.kind = $2 \
            AND i.standing {in:3} AND i.hidden {in:4} AND COALESCE(i.payment_terms_days, 0) {in:6}",
            asked!()
        )
    };
}
macro_rules! by_start {
    ($columns:literal) => {
        concat!(
            $columns,
            " FROM invoices i {by:invoices_by_end} WHERE i.network_id = $1 AND i.kind = $2 \
            AND i.period_end >= $7",
            asked!()
        )
    };
}
macro_rules! by_last_day {
    ($columns:literal) => {
        concat!(
            $columns,
            " FROM invoices i {by:invoices_by_end} WHERE i.network_id = $1 AND i.kind = $2 \
            AND i.period_end <= $8",
            asked!()
        )
    };
}
macro_rules! by_balance {
    ($columns:literal) => {
        concat!($columns, " FROM invoices i {by:invoices_by_balance} WHERE i.network_id = $1 AND i.kind = $2 \
            AND i.balance_units > CASE WHEN CAST($9 AS BIGINT) < CAST($10 AS BIGINT) THEN CAST($9 AS BIGINT) ELSE CAST($10 AS BIGINT) END \
            AND i.balance_units < CASE WHEN CAST($11 AS BIGINT) > CAST($12 AS BIGINT) THEN CAST($11 AS BIGINT) ELSE CAST($12 AS BIGINT) END", asked!())
    };
}
/// Of parties or of ids: what both find is found once.
macro_rules! by_keys {
    ($columns:literal) => {
        concat!($columns, " FROM invoices i {by:sqlite_autoindex_invoices_1} WHERE i.network_id = $1 AND i.kind = $2 AND i.party_id {in:23}", asked!(),
            " UNION ", $columns, " FROM invoices i {by:invoices_by_id} WHERE i.network_id = $1 AND i.invoice_id {in:24} \
            AND i.kind || '' = $2", asked!())
    };
}
/// A page of what was found, with how many it is.
macro_rules! page {
    ($found:expr) => {
        concat!(
            "WITH found AS MATERIALIZED (",
            $found,
            ") SELECT invoice_id, (SELECT COUNT(*) FROM found) FROM found \
            ORDER BY created_at DESC, invoice_id DESC LIMIT $21 OFFSET $22"
        )
    };
}
macro_rules! sums {
    ($found:expr) => {
        concat!(
            "WITH found AS MATERIALIZED (",
            $found,
            ") SELECT currency, period_end, COUNT(*), \
            CAST(SUM(billed_units) AS BIGINT), CAST(SUM(balance_units) AS BIGINT) FROM found \
            GROUP BY currency, period_end ORDER BY currency, period_end LIMIT $21 OFFSET $22"
        )
    };
}

statements! {
    FIND_BY_STANDING = page!(by_standing!("SELECT i.created_at, i.invoice_id"));
    FIND_BY_TERMS = page!(by_terms!("SELECT i.created_at, i.invoice_id"));
    FIND_BY_START = page!(by_start!("SELECT i.created_at, i.invoice_id"));
    FIND_BY_END = page!(by_last_day!("SELECT i.created_at, i.invoice_id"));
    FIND_BY_BALANCE = page!(by_balance!("SELECT i.created_at, i.invoice_id"));
    FIND_BY_KEYS = page!(by_keys!("SELECT i.created_at, i.invoice_id"));
    /// What was paid of void invoices. There are few of them beside the others.
    PAID_OF_VOID = concat!("SELECT i.currency, i.period_end, CAST(SUM(p.units) AS BIGINT) \
        FROM invoices i {by:invoices_by_standing} CROSS JOIN payments p {by:payments_by_invoice} \
        WHERE p.network_id = i.network_id AND p.kind = i.kind AND p.party_id = i.party_id AND p.invoice_id = i.invoice_id \
        AND i.network_id = $1 AND i.kind = $2 AND i.standing {in:3} AND i.hidden {in:4}", asked!(),
        "GROUP BY i.currency, i.period_end ORDER BY i.currency, i.period_end LIMIT $21 OFFSET $22");
    SUM_BY_STANDING = sums!(by_standing!("SELECT i.currency, i.period_end, i.billed_units, i.balance_units, i.invoice_id"));
    SUM_BY_TERMS = sums!(by_terms!("SELECT i.currency, i.period_end, i.billed_units, i.balance_units, i.invoice_id"));
    SUM_BY_START = sums!(by_start!("SELECT i.currency, i.period_end, i.billed_units, i.balance_units, i.invoice_id"));
    SUM_BY_END = sums!(by_last_day!("SELECT i.currency, i.period_end, i.billed_units, i.balance_units, i.invoice_id"));
    SUM_BY_BALANCE = sums!(by_balance!("SELECT i.currency, i.period_end, i.billed_units, i.balance_units, i.invoice_id"));
    SUM_BY_KEYS = sums!(by_keys!("SELECT i.currency, i.period_end, i.billed_units, i.balance_units, i.invoice_id"));
}

/// How what is searched for is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Standing,
    Terms,
    Start,
    End,
    Balance,
    Keys,
}

impl InvoiceSearch {
    fn way(&self) -> Way {
        match self {
            InvoiceSearch { parties: Some(_), .. } | InvoiceSearch { ids: Some(_), .. } => Way::Keys,
            InvoiceSearch { either: Some(_), .. } => Way::Keys,
            InvoiceSearch { balance_above: Some(_), .. } | InvoiceSearch { balance_below: Some(_), .. } => Way::Balance,
            InvoiceSearch { starts_from: Some(_), .. } => Way::Start,
            InvoiceSearch { ends_through: Some(_), .. } => Way::End,
            InvoiceSearch { payment_terms_days: Some(_), .. } => Way::Terms,
            _ => Way::Standing,
        }
    }

    /// By which parties and ids it is found: the ids where they are asked for, since they are fewest.
    fn keys(&self) -> (&[i64], &[i64]) {
        let either = || self.either.as_ref().map_or((&[][..], &[][..]), |either| (&*either.parties, &*either.ids));
        match (&self.ids, &self.parties) {
            (Some(ids), _) => (&[], ids),
            (None, Some(parties)) => (parties, &[]),
            (None, None) => either(),
        }
    }

    fn with_params<T>(
        &self,
        network: NetworkId,
        (limit, offset): (i64, i64),
        way: Way,
        ask: impl FnOnce(&[Param<'_>]) -> Result<T>,
    ) -> Result<T> {
        let standings: Vec<i64> = self.standings.iter().map(|standing| standing.number()).collect();
        let hidden: Vec<i64> = self.hidden.map_or(vec![0, 1], |hidden| vec![i64::from(hidden)]);
        let small: Vec<&str> = Currency::all_crypto().map(|currency| currency.code()).collect();
        let above = self.balance_above.unwrap_or(BalanceBound { units_6: i64::MIN, units_8: i64::MIN });
        let below = self.balance_below.unwrap_or(BalanceBound { units_6: i64::MAX, units_8: i64::MAX });
        let either = self.either.clone().unwrap_or_default();
        let (key_parties, key_ids) = self.keys();
        let list = |list: &'_ Option<Vec<i64>>| Param::from(list.is_some());
        let params = [
            network.get().into(),
            self.kind.as_str().into(),
            Param::Ints(&standings),
            Param::Ints(&hidden),
            list(&self.payment_terms_days),
            Param::Ints(self.payment_terms_days.as_deref().unwrap_or_default()),
            day_number(self.starts_from.unwrap_or(Day::MIN)).into(),
            day_number(self.ends_through.unwrap_or(Day::MAX)).into(),
            above.units_6.into(),
            above.units_8.into(),
            below.units_6.into(),
            below.units_8.into(),
            Param::Texts(&small),
            list(&self.parties),
            Param::Ints(self.parties.as_deref().unwrap_or_default()),
            list(&self.ids),
            Param::Ints(self.ids.as_deref().unwrap_or_default()),
            self.either.is_some().into(),
            Param::Ints(&either.parties),
            Param::Ints(&either.ids),
            limit.into(),
            offset.into(),
            Param::Ints(key_parties),
            Param::Ints(key_ids),
        ];
        // Only the way by keys has places for them.
        let used = if way == Way::Keys { params.len() } else { params.len() - 2 };
        ask(&params[..used])
    }
}

/// A page of what is found.
pub(super) fn found(tx: &mut dyn Tx, network: NetworkId, search: &InvoiceSearch, page: (i64, i64)) -> Result<Found> {
    let sql = match search.way() {
        Way::Standing => FIND_BY_STANDING,
        Way::Terms => FIND_BY_TERMS,
        Way::Start => FIND_BY_START,
        Way::End => FIND_BY_END,
        Way::Balance => FIND_BY_BALANCE,
        Way::Keys => FIND_BY_KEYS,
    };
    let rows = search.with_params(network, page, search.way(), |params| tx.query(sql, params))?;
    let total = match rows.first() {
        Some(row) => row.int(1)?,
        // A page behind the last one says nothing.
        None => sums(tx, network, search)?.iter().map(|sums| sums.invoices).sum(),
    };
    Ok(Found { ids: rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?, total })
}

/// The sums of what is found, by currency and last day.
pub(super) fn sums(tx: &mut dyn Tx, network: NetworkId, search: &InvoiceSearch) -> Result<Vec<InvoiceSums>> {
    let sql = match search.way() {
        Way::Standing => SUM_BY_STANDING,
        Way::Terms => SUM_BY_TERMS,
        Way::Start => SUM_BY_START,
        Way::End => SUM_BY_END,
        Way::Balance => SUM_BY_BALANCE,
        Way::Keys => SUM_BY_KEYS,
    };
    let rows = search.with_params(network, (i64::MAX, 0), search.way(), |params| tx.query(sql, params))?;
    rows.iter().map(sums_of).collect()
}

/// What was paid of the void invoices among what is found, by currency and last day.
pub(super) fn paid_of_void(
    tx: &mut dyn Tx,
    network: NetworkId,
    search: &InvoiceSearch,
) -> Result<Vec<(Currency, Day, i64)>> {
    let all = (i64::MAX, 0);
    let rows = search.with_params(network, all, Way::Standing, |params| tx.query(PAID_OF_VOID, params))?;
    rows.iter().map(|row| Ok((currency(row.text(0)?)?, day(row.int(1)?)?, row.int(2)?))).collect()
}
