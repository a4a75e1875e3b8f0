//! Lists of conversions by day in the books.

use quittance_domain::conversion::ConversionStatus;
use quittance_domain::ids::NetworkId;
use quittance_domain::time::Day;

use super::{State, day_number, state};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Tx};

/// What a filter asks of a row, besides its days.
macro_rules! filtered {
    () => {
        "FROM conversions c {by:conversions_by_place} WHERE network_id = $1 AND posting_day >= $2 AND posting_day <= $3 \
         AND ($4 = 0 OR affiliate_id = $4) AND ($5 = 0 OR offer_id = $5) AND ($6 = '' OR status = $6) \
         AND ($7 = 0 OR advertiser_id = $7)"
    };
}

statements! {
    LISTED = concat!("SELECT ", super::state_columns!(), " ", filtered!(),
        " ORDER BY posting_day, offer_id, affiliate_id, conversion_id LIMIT $8 OFFSET $9");
    COUNT_LISTED = concat!("SELECT COUNT(*) ", filtered!());
}

/// Which conversions to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConversionFilter {
    /// The first day in the books.
    pub from: Day,
    /// The last day in the books, inclusive.
    pub through: Day,
    /// Of this affiliate.
    pub affiliate_id: Option<i64>,
    /// Of this offer.
    pub offer_id: Option<i64>,
    /// Of this advertiser.
    pub advertiser_id: Option<i64>,
    /// In this status.
    pub status: Option<ConversionStatus>,
}

impl ConversionFilter {
    fn params(&self, network: NetworkId) -> Vec<Param<'static>> {
        vec![
            network.get().into(),
            day_number(self.from).into(),
            day_number(self.through).into(),
            self.affiliate_id.unwrap_or(0).into(),
            self.offer_id.unwrap_or(0).into(),
            self.status.map_or("", ConversionStatus::as_str).into(),
            self.advertiser_id.unwrap_or(0).into(),
        ]
    }
}

/// Conversions by day, offer, affiliate and id: at most `limit` after the first `offset`.
///
/// # Errors
/// What the database says.
pub fn listed(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &ConversionFilter,
    offset: i64,
    limit: i64,
) -> Result<Vec<State>> {
    let mut params = filter.params(network);
    params.extend([Param::Int(limit), Param::Int(offset)]);
    let mut states = Vec::new();
    tx.query_each(LISTED, &params, &mut |row| {
        states.push(state(&row)?);
        Ok(())
    })?;
    Ok(states)
}

/// How many conversions a filter finds.
///
/// # Errors
/// What the database says.
pub fn count_listed(tx: &mut dyn Tx, network: NetworkId, filter: &ConversionFilter) -> Result<i64> {
    tx.query_one(COUNT_LISTED, &filter.params(network))?.map_or(Ok(0), |row| row.int(0))
}
