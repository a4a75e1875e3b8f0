//! Lists of conversions by day in the books.

use quittance_domain::conversion::ConversionStatus;
use quittance_domain::ids::NetworkId;
use quittance_domain::time::{Day, Timestamp};

use super::{State, day_number, state};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Tx};

/// What a filter asks of a row, besides its days.
macro_rules! filtered {
    () => {
        "FROM conversions c {by:conversions_by_place} WHERE network_id = $1 AND posting_day >= $2 AND posting_day <= $3 \
         AND ($4 = 0 OR affiliate_id = $4) AND ($5 = 0 OR offer_id = $5) AND ($6 = 0 OR status {in:7}) \
         AND ($8 = 0 OR advertiser_id = $8) AND ($9 = 0 OR affiliate_id {in:10}) AND ($11 = 0 OR offer_id {in:12}) \
         AND ($13 = 0 OR advertiser_id {in:14}) AND ($15 = 0 OR (received_at >= $16 AND received_at < $17))"
    };
}

statements! {
    LISTED = concat!("SELECT ", super::state_columns!(), " ", filtered!(),
        " ORDER BY posting_day, offer_id, affiliate_id, conversion_id LIMIT $18 OFFSET $19");
    STARTING = concat!("SELECT ", super::state_columns!(), " FROM conversions c WHERE network_id = $1 \
        AND conversion_id >= $2 AND conversion_id < $3 ORDER BY conversion_id LIMIT $4");
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
    /// Of one of these affiliates; none: of any.
    pub affiliates: Vec<i64>,
    /// Of one of these offers; none: of any.
    pub offers: Vec<i64>,
    /// Of one of these advertisers; none: of any.
    pub advertisers: Vec<i64>,
    /// Changed last at this instant or later, and before that one. This looks at each row of the days.
    pub changed: Option<(Timestamp, Timestamp)>,
}

impl ConversionFilter {
    /// All conversions of a range of days, both inclusive.
    #[must_use]
    pub fn of_days(from: Day, through: Day) -> ConversionFilter {
        ConversionFilter {
            from,
            through,
            affiliate_id: None,
            offer_id: None,
            advertiser_id: None,
            statuses: Vec::new(),
            affiliates: Vec::new(),
            offers: Vec::new(),
            advertisers: Vec::new(),
            changed: None,
        }
    }

    fn statuses(&self) -> Vec<&'static str> {
        self.statuses.iter().map(|status| status.as_str()).collect()
    }

    fn params<'a>(&'a self, network: NetworkId, statuses: &'a [&'static str]) -> Vec<Param<'a>> {
        let (changed_from, changed_before) =
            self.changed.unwrap_or((Timestamp::from_micros(0), Timestamp::from_micros(0)));
        vec![
            network.get().into(),
            day_number(self.from).into(),
            day_number(self.through).into(),
            self.affiliate_id.unwrap_or(0).into(),
            self.offer_id.unwrap_or(0).into(),
            (statuses.len() as i64).into(),
            Param::Texts(statuses),
            self.advertiser_id.unwrap_or(0).into(),
            (self.affiliates.len() as i64).into(),
            Param::Ints(&self.affiliates),
            (self.offers.len() as i64).into(),
            Param::Ints(&self.offers),
            (self.advertisers.len() as i64).into(),
            Param::Ints(&self.advertisers),
            i64::from(self.changed.is_some()).into(),
            changed_from.micros().into(),
            changed_before.micros().into(),
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

/// Conversions whose ids begin with a text, by id: at most `limit`.
///
/// # Errors
/// What the database says.
pub fn starting(tx: &mut dyn Tx, network: NetworkId, text: &str, limit: i64) -> Result<Vec<State>> {
    let end = format!("{text}{}", char::MAX);
    let rows = tx.query(STARTING, &[network.get().into(), text.into(), end.as_str().into(), limit.into()])?;
    rows.iter().map(state).collect()
}
