//! Sums over the conversions that a filter finds, from the index of their days: what lies outside of these is not read.

use quittance_domain::conversion::ConversionStatus;
use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;
use quittance_domain::time::Day;

use super::list::{ConversionFilter, filtered};
use super::{currency, day};
use crate::error::{Error, Result};
use crate::statements::statements;
use crate::tx::{Row, Tx};

/// Amounts are added in two parts, since the sum of some thousands of the largest ones does not fit.
const PART: i128 = 1_000_000;

/// A revenue that is in another currency than the payout: each is converted, and rounded, by itself.
macro_rules! revenue_apart {
    () => {
        "CASE WHEN payout_currency <> revenue_currency THEN revenue_units END"
    };
}

statements! {
    SUMS_LISTED = concat!("SELECT posting_day, status, payout_currency, revenue_currency, sale_amount, COUNT(*), \
        CAST(SUM(payout_units / 1000000) AS BIGINT), CAST(SUM(payout_units % 1000000) AS BIGINT), \
        CAST(SUM(revenue_units / 1000000) AS BIGINT), CAST(SUM(revenue_units % 1000000) AS BIGINT), ", revenue_apart!(), " ",
        filtered!(), "GROUP BY posting_day, status, payout_currency, revenue_currency, sale_amount, ", revenue_apart!());
}

/// What conversions of one day, status, pair of currencies and sale amount add up to; where the two currencies differ, those
/// of one revenue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionSum {
    /// The day in the books.
    pub posting_day: Day,
    /// Where they stand.
    pub status: ConversionStatus,
    /// How many there are.
    pub conversions: i64,
    /// What their payouts add up to, in billing units.
    pub payout: (Currency, i128),
    /// What their revenues add up to, in billing units.
    pub revenue: (Currency, i128),
    /// The revenue of each, in billing units, where it is in another currency than the payout.
    pub revenue_apart: Option<i64>,
    /// The sale amount of each, as the tracker said it: it need not be a number.
    pub sale_amount: Option<String>,
}

fn sum(row: &Row) -> Result<ConversionSum> {
    let whole = |column: usize| Ok::<_, Error>(i128::from(row.int(column)?) * PART + i128::from(row.int(column + 1)?));
    let status = row.text(1)?;
    Ok(ConversionSum {
        posting_day: day(row.int(0)?)?,
        status: ConversionStatus::parse(status).ok_or_else(|| Error::Corrupt(format!("status {status}")))?,
        conversions: row.int(5)?,
        payout: (currency(row.text(2)?)?, whole(6)?),
        revenue: (currency(row.text(3)?)?, whole(8)?),
        revenue_apart: row.opt_int(10)?,
        sale_amount: row.opt_string(4)?,
    })
}

/// Sums over the conversions that a filter finds, one after the other and in no order.
///
/// # Errors
/// What the database or the caller says.
pub fn each_sum(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &ConversionFilter,
    take: &mut dyn FnMut(ConversionSum) -> Result<()>,
) -> Result<()> {
    filter.with_params(network, |params| tx.query_each(SUMS_LISTED, &params, &mut |row| take(sum(&row)?)))
}
