//! Rates of exchange.

use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;
use quittance_domain::rates::{Quote, Quoted, RateTable};
use quittance_domain::time::{Day, Timestamp};

use crate::conversions::{currency, day, day_number};
use crate::error::{Error, Result};
use crate::statements::{bulks, statements};
use crate::tx::{Param, Row, Tx};

/// How many rows are bound at a time.
const BULK_ROWS: usize = 5_000;

statements! {
    BETWEEN = "SELECT day, base, quoted, quote, source FROM rates WHERE network_id = $1 AND day >= $2 AND day <= $3 \
        ORDER BY day, base, quoted";
    LISTED = "SELECT day, base, quoted, quote, source FROM rates WHERE network_id = $1 AND day >= $2 AND day <= $3 \
        AND (day, base, quoted) > ($4, $5, $6) ORDER BY day, base, quoted LIMIT $7";
    /// The last day with a quote of a pair, its inverse, or two quotes that meet in a third currency.
    NEWEST = "SELECT MAX(a.day) FROM rates a JOIN rates b ON b.network_id = a.network_id AND b.day = a.day \
        WHERE a.network_id = $1 AND a.day <= $2 AND (a.base = $3 OR a.quoted = $3) AND (b.base = $4 OR b.quoted = $4) \
        AND (a.base = $4 OR a.quoted = $4 OR CASE WHEN a.base = $3 THEN a.quoted ELSE a.base END \
          = CASE WHEN b.base = $4 THEN b.quoted ELSE b.base END)";
}

bulks! {
    PUT = "rates" [
        "network_id" Int, "day" Int, "recorded_at" Int, "base" Text, "quoted" Text, "quote" Text, "source" Text
    ] "ON CONFLICT (network_id, day, base, quoted) DO UPDATE SET quote = excluded.quote, source = excluded.source, \
       recorded_at = excluded.recorded_at";
}

/// A quote of a day: one unit of the base is so many of the quoted currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayQuote {
    /// The day.
    pub day: Day,
    /// The base.
    pub base: Currency,
    /// The quoted currency.
    pub quoted: Currency,
    /// The figure and where it comes from.
    pub quote: Quoted,
}

fn day_quote(row: &Row) -> Result<DayQuote> {
    let quote = Quote::parse(row.text(3)?).map_err(|error| Error::Corrupt(error.to_string()))?;
    Ok(DayQuote {
        day: day(row.int(0)?)?,
        base: currency(row.text(1)?)?,
        quoted: currency(row.text(2)?)?,
        quote: Quoted { quote, source: row.string(4)? },
    })
}

/// The quotes of a range of days, by day and pair.
///
/// # Errors
/// What the database says.
pub fn between(tx: &mut dyn Tx, network: NetworkId, from: Day, through: Day) -> Result<Vec<DayQuote>> {
    let mut quotes = Vec::new();
    let params = [network.get().into(), day_number(from).into(), day_number(through).into()];
    tx.query_each(BETWEEN, &params, &mut |row| {
        quotes.push(day_quote(&row)?);
        Ok(())
    })?;
    Ok(quotes)
}

/// The place of a quote among others: its day and its pair.
pub type RatePlace = (Day, Currency, Currency);

/// The quotes of a range of days, by day and pair, after a place: at most `limit`.
///
/// # Errors
/// What the database says.
pub fn listed(
    tx: &mut dyn Tx,
    network: NetworkId,
    (from, through): (Day, Day),
    after: Option<RatePlace>,
    limit: i64,
) -> Result<Vec<DayQuote>> {
    let (day, base, quoted) = match &after {
        Some((day, base, quoted)) => (day_number(*day), base.code(), quoted.code()),
        None => (i64::MIN, "", ""),
    };
    let params = [
        network.get().into(),
        day_number(from).into(),
        day_number(through).into(),
        Param::Int(day),
        base.into(),
        quoted.into(),
        limit.into(),
    ];
    tx.query(LISTED, &params)?.iter().map(day_quote).collect()
}

/// The quotes of a range of days as a table.
///
/// # Errors
/// What the database says.
pub fn table(tx: &mut dyn Tx, network: NetworkId, from: Day, through: Day) -> Result<RateTable> {
    let mut table = RateTable::default();
    for DayQuote { day, base, quoted, quote } in between(tx, network, from, through)? {
        table.add(day, base, quoted, quote);
    }
    Ok(table)
}

/// The last day up to another with a rate from a currency into another: a quote of the pair or its inverse, or by way of a
/// third currency.
///
/// # Errors
/// What the database says.
pub fn newest_day(
    tx: &mut dyn Tx,
    network: NetworkId,
    (from, into): (Currency, Currency),
    through: Day,
) -> Result<Option<Day>> {
    let params = [network.get().into(), day_number(through).into(), from.code().into(), into.code().into()];
    let found = tx.query_one(NEWEST, &params)?;
    found.map(|row| row.opt_int(0)).transpose()?.flatten().map(day).transpose()
}

/// Writes quotes, in place of those of the same day and pair.
///
/// # Errors
/// What the database says.
pub fn put(tx: &mut dyn Tx, network: NetworkId, quotes: &[DayQuote], now: Timestamp) -> Result<()> {
    for part in quotes.chunks(BULK_ROWS) {
        let figures: Vec<String> = part.iter().map(|quote| quote.quote.quote.to_string()).collect();
        let mut values = Vec::with_capacity(part.len() * 7);
        for (quote, figure) in part.iter().zip(&figures) {
            values.extend([
                Param::Int(network.get()),
                day_number(quote.day).into(),
                now.micros().into(),
                quote.base.code().into(),
                quote.quoted.code().into(),
                figure.into(),
                (&quote.quote.source).into(),
            ]);
        }
        tx.bulk(&PUT, &values)?;
    }
    Ok(())
}
