//! Lists of conversions by day in the books.

use quittance_domain::conversion::ConversionStatus;
use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;
use quittance_domain::time::{Day, Timestamp};

use super::{State, day, day_number, skip, state};
use crate::error::Result;
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// What a filter asks of a row.
macro_rules! filtered {
    () => {
        crate::conversions::list::filtered!("posting_day >= $2")
    };
    ($from:literal) => {
        concat!("FROM conversions c {by:conversions_by_place} WHERE network_id = $1 AND ", $from, " AND posting_day <= $3 \
         AND ($4 = 0 OR affiliate_id = $4) AND ($5 = 0 OR offer_id = $5) AND ($6 = 0 OR status {in:7}) \
         AND ($8 = 0 OR advertiser_id = $8) AND ($9 = 0 OR affiliate_id {in:10}) AND ($11 = 0 OR offer_id {in:12}) \
         AND ($13 = 0 OR advertiser_id {in:14}) AND ($15 = 0 OR LOWER(country) {in:16}) AND ($17 = 0 OR goal {in:18}) \
         AND ($19 = '' OR click_id = $19) AND ($20 = '' OR sub1 = $20) AND ($21 = '' OR sub2 = $21) \
         AND ($22 = '' OR sub3 = $22) AND ($23 = '' OR sub4 = $23) AND ($24 = '' OR sub5 = $24) \
         AND ($25 = '' OR comment = $25) AND ($26 = '' OR payout_currency = $26) \
         AND payout_units * CASE WHEN payout_currency {in:27} THEN 1 ELSE 100 END >= $28 \
         AND payout_units * CASE WHEN payout_currency {in:27} THEN 1 ELSE 100 END <= $29 \
         AND revenue_units * CASE WHEN revenue_currency {in:27} THEN 1 ELSE 100 END >= $30 \
         AND revenue_units * CASE WHEN revenue_currency {in:27} THEN 1 ELSE 100 END <= $31 \
         AND received_at >= $32 AND received_at < $33 AND occurred_at >= $34 AND occurred_at < $35 \
         AND ($36 = 0 OR ($36 = 1 AND payout_currency = revenue_currency) OR ($36 = 2 AND payout_currency <> revenue_currency)) ")
    };
}
pub(super) use filtered;

/// The same after a place, which is not before the first day: the place and not the day is where the index is entered. Of
/// two lower bounds SQLite takes the first that it sees, and would go over all that is before the place.
macro_rules! filtered_after {
    () => {
        concat!(
            filtered!("posting_day + 0 >= $2"),
            " AND (posting_day, offer_id, affiliate_id, conversion_id) > ($37, $38, $39, $40) "
        )
    };
}

statements! {
    LISTED = concat!("SELECT ", super::state_columns!(), " ", filtered!(),
        " ORDER BY posting_day, offer_id, affiliate_id, conversion_id LIMIT $37 OFFSET $38");
    LISTED_AFTER = concat!("SELECT ", super::state_columns!(), " ", filtered_after!(),
        "ORDER BY posting_day, offer_id, affiliate_id, conversion_id LIMIT $41");
    LISTED_WITHIN = concat!("SELECT ", super::state_columns!(), " ", filtered_after!(),
        "AND (posting_day, offer_id, affiliate_id, conversion_id) <= ($42, $43, $44, $45) \
        ORDER BY posting_day, offer_id, affiliate_id, conversion_id LIMIT $41");
    /// The last of as many as a part of a list looks at.
    PART_LOOKED_AT = "SELECT posting_day, offer_id, affiliate_id, conversion_id FROM conversions {by:conversions_by_place} \
        WHERE network_id = $1 AND posting_day <= $2 \
        AND (posting_day, offer_id, affiliate_id, conversion_id) > ($3, $4, $5, $6) \
        ORDER BY posting_day, offer_id, affiliate_id, conversion_id LIMIT 1 OFFSET 9999";
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
    /// From one of these countries, in any case; none: from any.
    pub countries: Vec<String>,
    /// With one of these goals; none: with any.
    pub goals: Vec<String>,
    /// With this click id; here and below empty asks for nothing.
    pub click_id: String,
    /// With these texts in `sub1` to `sub5`.
    pub subs: [String; 5],
    /// With this comment.
    pub comment: String,
    /// With a payout in this currency.
    pub currency: Option<Currency>,
    /// With a payout from the first to the second, both inclusive, in 10^-8 of whatever currency it is in.
    pub payout: (i64, i64),
    /// With a revenue from the first to the second, likewise.
    pub revenue: (i64, i64),
    /// Changed last from the first instant on and before the second. This looks at each row of the days.
    pub changed: (Timestamp, Timestamp),
    /// Happened from the first instant on and before the second.
    pub occurred: (Timestamp, Timestamp),
    /// Whether the revenue is in another currency than the payout.
    pub apart: Option<bool>,
}

/// A range that asks for nothing.
const ANY: (i64, i64) = (i64::MIN, i64::MAX);
/// The same of instants.
const EVER: (Timestamp, Timestamp) = (Timestamp::from_micros(i64::MIN), Timestamp::from_micros(i64::MAX));

/// A filter's lists as the database takes them.
struct Lists<'a> {
    statuses: Vec<&'static str>,
    countries: Vec<String>,
    goals: Vec<&'a str>,
    /// The currencies whose billing unit is 10^-8.
    small: Vec<&'static str>,
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
            countries: Vec::new(),
            goals: Vec::new(),
            click_id: String::new(),
            subs: Default::default(),
            comment: String::new(),
            currency: None,
            payout: ANY,
            revenue: ANY,
            changed: EVER,
            occurred: EVER,
            apart: None,
        }
    }

    /// The same, whatever the revenue is.
    #[must_use]
    pub fn of_any_revenue(self) -> ConversionFilter {
        ConversionFilter { revenue: ANY, ..self }
    }

    pub(super) fn with_params<T>(
        &self,
        network: NetworkId,
        ask: impl FnOnce(Vec<Param<'_>>) -> Result<T>,
    ) -> Result<T> {
        let lists = Lists {
            statuses: self.statuses.iter().map(|status| status.as_str()).collect(),
            countries: self.countries.iter().map(|country| country.to_lowercase()).collect(),
            goals: self.goals.iter().map(String::as_str).collect(),
            small: Currency::all_crypto().map(|c| c.code()).collect(),
        };
        let countries: Vec<&str> = lists.countries.iter().map(String::as_str).collect();
        let mut params = self.params(network, &lists.statuses);
        let small = Param::Texts(&lists.small);
        params.extend([
            Param::Int(countries.len() as i64),
            Param::Texts(&countries),
            Param::Int(lists.goals.len() as i64),
            Param::Texts(&lists.goals),
            self.click_id.as_str().into(),
        ]);
        params.extend(self.subs.iter().map(|sub| Param::Text(sub)));
        params.extend([
            self.comment.as_str().into(),
            self.currency.as_ref().map_or("", Currency::code).into(),
            small,
            self.payout.0.into(),
            self.payout.1.into(),
            self.revenue.0.into(),
            self.revenue.1.into(),
            self.changed.0.micros().into(),
            self.changed.1.micros().into(),
            self.occurred.0.micros().into(),
            self.occurred.1.micros().into(),
            Param::Int(self.apart.map_or(0, |apart| 1 + i64::from(apart))),
        ]);
        ask(params)
    }

    fn params<'a>(&'a self, network: NetworkId, statuses: &'a [&'static str]) -> Vec<Param<'a>> {
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
    let mut states = Vec::new();
    filter.with_params(network, |mut params| {
        params.extend([Param::Int(limit), Param::Int(offset)]);
        tx.query_each(LISTED, &params, &mut |row| {
            states.push(state(&row)?);
            Ok(())
        })
    })?;
    Ok(states)
}

/// The place of a conversion in a list: its day in the books, offer, affiliate and id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionPlace {
    /// The day in the books.
    pub posting_day: Day,
    /// The offer.
    pub offer_id: i64,
    /// The affiliate.
    pub affiliate_id: i64,
    /// The conversion.
    pub conversion_id: String,
}

impl ConversionPlace {
    /// Behind all conversions of a day, offer and affiliate.
    pub(super) fn behind((posting_day, offer_id, affiliate_id): (Day, i64, i64)) -> ConversionPlace {
        ConversionPlace { posting_day, offer_id, affiliate_id, conversion_id: char::MAX.to_string() }
    }

    /// Before any conversion of a day.
    fn before(posting_day: Day) -> ConversionPlace {
        let (offer_id, affiliate_id) = (i64::MIN, i64::MIN);
        ConversionPlace { posting_day, offer_id, affiliate_id, conversion_id: String::new() }
    }

    fn params(&self) -> [Param<'_>; 4] {
        let day = day_number(self.posting_day);
        [day.into(), self.offer_id.into(), self.affiliate_id.into(), Param::Text(&self.conversion_id)]
    }
}

/// Conversions by day, offer, affiliate and id, after a place: at most `limit`. What is asked for may be rare: the search ends
/// after a bounded number of rows, and says how far it has come.
///
/// # Errors
/// What the database says.
pub fn listed_after(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &ConversionFilter,
    after: Option<&ConversionPlace>,
    limit: i64,
) -> Result<(Vec<State>, Option<ConversionPlace>)> {
    let start = ConversionPlace::before(filter.from);
    let after = after.filter(|after| after.posting_day >= filter.from).unwrap_or(&start);
    // All of some days are not rare.
    let last = match *filter == ConversionFilter::of_days(filter.from, filter.through) {
        true => None,
        false => last_looked_at(tx, network, filter, after)?,
    };
    let mut states = Vec::new();
    filter.with_params(network, |params| {
        let mut params: Vec<Param<'_>> = params;
        params.extend(after.params());
        params.push(Param::Int(limit));
        params.extend(last.iter().flat_map(ConversionPlace::params));
        let sql = if last.is_some() { LISTED_WITHIN } else { LISTED_AFTER };
        tx.query_each(sql, &params, &mut |row| {
            states.push(state(&row)?);
            Ok(())
        })
    })?;
    match last.filter(|_| !i64::try_from(states.len()).is_ok_and(|count| count == limit)) {
        None => Ok((states, None)),
        Some(last) => Ok((states, skip::to_next(tx, network, filter, last)?)),
    }
}

/// The last of as many conversions of the filter's days as a part looks at; `None` where there are not so many.
fn last_looked_at(
    tx: &mut dyn Tx,
    network: NetworkId,
    filter: &ConversionFilter,
    after: &ConversionPlace,
) -> Result<Option<ConversionPlace>> {
    let mut params = vec![network.get().into(), day_number(filter.through).into()];
    params.extend(after.params());
    let place = |row: Row| {
        let (posting_day, offer_id) = (day(row.int(0)?)?, row.int(1)?);
        let (affiliate_id, conversion_id) = (row.int(2)?, row.string(3)?);
        Ok(ConversionPlace { posting_day, offer_id, affiliate_id, conversion_id })
    };
    tx.query_one(PART_LOOKED_AT, &params)?.map(place).transpose()
}

/// How many conversions a filter finds.
///
/// # Errors
/// What the database says.
pub fn count_listed(tx: &mut dyn Tx, network: NetworkId, filter: &ConversionFilter) -> Result<i64> {
    filter.with_params(network, |params| tx.query_one(COUNT_LISTED, &params)?.map_or(Ok(0), |row| row.int(0)))
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
