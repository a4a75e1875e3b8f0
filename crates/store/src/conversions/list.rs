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
         AND ($4 = 0 OR affiliate_id = $4) AND ($5 = 0 OR offer_id = $5) AND ($6 = 0 OR status {in:7}) \
         AND ($8 = 0 OR advertiser_id = $8)"
    };
}

statements! {
    LISTED = concat!("SELECT ", super::state_columns!(), " ", filtered!(),
        " ORDER BY posting_day, offer_id, affiliate_id, conversion_id LIMIT $9 OFFSET $10");
    COUNT_LISTED = concat!("SELECT COUNT(*) ", filtered!());
}

/// Which conversions to list.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// In one of these statuses; none: in any.
    pub statuses: Vec<ConversionStatus>,
}

impl ConversionFilter {
    fn statuses(&self) -> Vec<&'static str> {
        self.statuses.iter().map(|status| status.as_str()).collect()
    }

    fn params<'a>(&self, network: NetworkId, statuses: &'a [&'static str]) -> Vec<Param<'a>> {
        vec![
            network.get().into(),
            day_number(self.from).into(),
            day_number(self.through).into(),
            self.affiliate_id.unwrap_or(0).into(),
            self.offer_id.unwrap_or(0).into(),
            (statuses.len() as i64).into(),
            Param::Texts(statuses),
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
    let statuses = filter.statuses();
    let mut params = filter.params(network, &statuses);
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
    let statuses = filter.statuses();
    tx.query_one(COUNT_LISTED, &filter.params(network, &statuses))?.map_or(Ok(0), |row| row.int(0))
}
