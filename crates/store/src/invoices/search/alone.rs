//! Searches that ask a single thing besides how invoices stand. An index holds all that each of them asks, orders by and
//! sums up, and where invoices stand and end is summed up already; where most invoices are found, the newest of all are
//! walked through instead of sorting what was found.

use quittance_domain::currency::Currency;
use quittance_domain::ids::NetworkId;
use quittance_domain::time::Day;

use super::{BalanceBound, Either, Found, FoundUnits, InvoiceSearch};
use crate::conversions::{currency, day_number};
use crate::error::Result;
use crate::invoices::counts::{Entered, entered};
use crate::invoices::standing::{Standing, sums_of, sums_of_all};
use crate::statements::statements;
use crate::tx::{Param, Row, Tx};

/// So many are always sorted: that is cheaper than finding out how many invoices there are besides.
const SORTED: i64 = 20_000;
/// The newest are walked through where at least one of so many is found.
const ONE_OF: i64 = 8;
/// What it costs to look at an invoice itself, beside reading on in an index.
const LOOKED_AT: i64 = 10;
/// A walk that leaves out more than so many is entered where the counts say.
const ENTERED_FROM: i64 = 1_000;
/// The first and the last way to stand of what is not void.
const NOT_VOID: (i64, i64) = (Standing::Open.number(), Standing::Settled.number());

macro_rules! of_kind {
    ($index:literal, $asked:literal) => {
        concat!("FROM invoices i {by:", $index, "} WHERE i.network_id = $1 AND i.kind = $2 AND ", $asked)
    };
}
macro_rules! standing {
    () => {
        of_kind!("invoices_by_standing", "i.standing {in:3} AND i.hidden {in:4}")
    };
}
macro_rules! terms {
    () => {
        of_kind!(
            "invoices_by_standing",
            "i.standing {in:3} AND i.hidden {in:4} AND COALESCE(i.payment_terms_days, 0) {in:5}"
        )
    };
}
/// What starts on a day or later ends then or later, too.
macro_rules! start {
    () => {
        of_kind!(
            "invoices_by_end",
            "i.period_end >= $5 AND i.period_start >= $5 AND i.standing >= $3 AND i.standing <= $4"
        )
    };
}
macro_rules! end {
    () => {
        of_kind!("invoices_by_end", "i.period_end <= $3 AND i.status <> 'void'")
    };
}
/// The bounds are the wider ones of all currencies, then those of the currency.
macro_rules! balance {
    () => {
        of_kind!(
            "invoices_by_balance",
            "i.balance_units > $5 AND i.balance_units < $6 AND i.standing >= $3 AND i.standing <= $4 \
             AND CASE WHEN i.currency {in:11} \
             THEN i.balance_units > CAST($8 AS BIGINT) AND i.balance_units < CAST($10 AS BIGINT) \
             ELSE i.balance_units > CAST($7 AS BIGINT) AND i.balance_units < CAST($9 AS BIGINT) END"
        )
    };
}
macro_rules! parties {
    () => {
        of_kind!("invoices_by_party", "i.party_id {in:5} AND i.standing >= $3 AND i.standing <= $4")
    };
}
macro_rules! ids {
    () => {
        of_kind!("invoices_summed_by_id", "i.invoice_id {in:5} AND i.standing >= $3 AND i.standing <= $4")
    };
}
/// Of parties or with ids: what both find is found by its party.
macro_rules! either {
    () => {
        concat!(
            "FROM (SELECT i.created_at, i.invoice_id, i.currency, i.period_end, i.billed_units, i.balance_units ",
            parties!(),
            " UNION ALL SELECT i.created_at, i.invoice_id, i.currency, i.period_end, i.billed_units, i.balance_units \
             FROM invoices i {by:invoices_by_id} WHERE i.network_id = $1 AND i.invoice_id {in:6} AND i.kind || '' = $2 \
             AND NOT (i.party_id + 0 {in:5}) AND i.standing + 0 >= $3 AND i.standing + 0 <= $4) i"
        )
    };
}

macro_rules! count {
    ($from:expr) => {
        concat!("SELECT COUNT(*) ", $from)
    };
}
/// Sums in two halves, since that over several currencies may leave 64 bits.
macro_rules! totals {
    ($from:expr) => {
        concat!(
            "SELECT COUNT(*), COALESCE(MIN(i.currency), ''), COALESCE(MAX(i.currency), ''), \
             CAST(COALESCE(SUM(i.billed_units >> 32), 0) AS BIGINT), \
             CAST(COALESCE(SUM(i.billed_units & 4294967295), 0) AS BIGINT), \
             CAST(COALESCE(SUM(i.balance_units >> 32), 0) AS BIGINT), \
             CAST(COALESCE(SUM(i.balance_units & 4294967295), 0) AS BIGINT) ",
            $from
        )
    };
}
macro_rules! by_day {
    ($from:expr) => {
        concat!(
            "SELECT i.currency, i.period_end, COUNT(*), CAST(SUM(i.billed_units) AS BIGINT), \
             CAST(SUM(i.balance_units) AS BIGINT) ",
            $from,
            " GROUP BY i.currency, i.period_end ORDER BY i.currency, i.period_end"
        )
    };
}
/// What is added keeps PostgreSQL from reading the newest of all in their order until it has found enough.
macro_rules! page {
    ($from:expr, $limit:literal, $offset:literal) => {
        concat!(
            "SELECT i.invoice_id ",
            $from,
            " ORDER BY i.created_at + 0 DESC, i.invoice_id DESC LIMIT $",
            $limit,
            " OFFSET $",
            $offset
        )
    };
}
/// The same with how many were found, in one pass: ids are looked up one by one, which costs more than keeping what is found.
macro_rules! counted_page {
    ($from:expr, $limit:literal, $offset:literal) => {
        concat!(
            "WITH found AS MATERIALIZED (SELECT i.created_at, i.invoice_id ",
            $from,
            ") SELECT invoice_id, (SELECT COUNT(*) FROM found) FROM found \
             ORDER BY created_at DESC, invoice_id DESC LIMIT $",
            $limit,
            " OFFSET $",
            $offset
        )
    };
}
/// The newest of all, or the oldest. In this form PostgreSQL expects that many of them are what is asked for.
macro_rules! walk {
    ($direction:literal, $asked:literal, $limit:literal, $offset:literal, $created:literal) => {
        concat!(
            "SELECT i.invoice_id FROM invoices i {by:invoices_by_created} WHERE i.network_id = $1 AND i.kind = $2 ",
            $created,
            "AND CASE WHEN i.standing < $3 THEN FALSE WHEN i.standing > $4 THEN FALSE ",
            $asked,
            " END ORDER BY i.created_at ",
            $direction,
            ", i.invoice_id ",
            $direction,
            " LIMIT $",
            $limit,
            " OFFSET $",
            $offset
        )
    };
}
macro_rules! walk_days {
    ($direction:literal) => {
        walk!(
            $direction,
            "WHEN i.period_start < $5 THEN FALSE ELSE i.period_end <= $6",
            "7",
            "8",
            "AND i.created_at >= $9 AND i.created_at < $10 "
        )
    };
}
macro_rules! walk_hidden {
    ($direction:literal) => {
        walk!($direction, "ELSE i.hidden = $5", "6", "7", "")
    };
}

statements! {
    COUNT_SUMMED = "SELECT CAST(COALESCE(SUM(invoices), 0) AS BIGINT) FROM invoice_sums s WHERE network_id = $1 AND kind = $2 \
        AND standing {in:3} AND period_end <= $4";
    WALK_FROM_NEW = walk_days!("DESC");
    WALK_FROM_OLD = walk_days!("ASC");
    WALK_HIDDEN_FROM_NEW = walk_hidden!("DESC");
    WALK_HIDDEN_FROM_OLD = walk_hidden!("ASC");
    ALONE_END_PAGE = page!(end!(), "4", "5");
    ALONE_STANDING_COUNT = count!(standing!());
    ALONE_STANDING_TOTALS = totals!(standing!());
    ALONE_STANDING_DAYS = by_day!(standing!());
    ALONE_STANDING_PAGE = page!(standing!(), "5", "6");
    ALONE_TERMS_COUNT = count!(terms!());
    ALONE_TERMS_TOTALS = totals!(terms!());
    ALONE_TERMS_DAYS = by_day!(terms!());
    ALONE_TERMS_PAGE = page!(terms!(), "6", "7");
    ALONE_START_COUNT = count!(start!());
    ALONE_START_TOTALS = totals!(start!());
    ALONE_START_DAYS = by_day!(start!());
    ALONE_START_PAGE = page!(start!(), "6", "7");
    ALONE_BALANCE_COUNT = count!(balance!());
    ALONE_BALANCE_TOTALS = totals!(balance!());
    ALONE_BALANCE_DAYS = by_day!(balance!());
    ALONE_BALANCE_PAGE = page!(balance!(), "12", "13");
    ALONE_PARTIES_COUNT = count!(parties!());
    ALONE_PARTIES_TOTALS = totals!(parties!());
    ALONE_PARTIES_DAYS = by_day!(parties!());
    ALONE_PARTIES_PAGE = page!(parties!(), "6", "7");
    ALONE_IDS_COUNT = count!(ids!());
    ALONE_IDS_TOTALS = totals!(ids!());
    ALONE_IDS_DAYS = by_day!(ids!());
    ALONE_IDS_PAGE = counted_page!(ids!(), "6", "7");
    ALONE_EITHER_COUNT = count!(either!());
    ALONE_EITHER_TOTALS = totals!(either!());
    ALONE_EITHER_DAYS = by_day!(either!());
    ALONE_EITHER_PAGE = page!(either!(), "7", "8");
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
enum Way<'a> {
    /// Nothing more: also the ends of periods are summed up already.
    Summed,
    End,
    Hidden,
    Terms(&'a [i64]),
    Start,
    Balance,
    Parties(&'a [i64]),
    Ids(&'a [i64]),
    Either(&'a Either),
}

/// The statements of a way: how many there are, their sums, these by day, and a page.
struct Texts(&'static str, &'static str, &'static str, &'static str);

/// A search for a single thing.
pub(super) struct Alone<'a> {
    network: NetworkId,
    search: &'a InvoiceSearch,
    way: Way<'a>,
    standings: Vec<i64>,
    /// The first and the last of them.
    bounds: (i64, i64),
    hidden: Vec<i64>,
    /// Currencies with the smaller units.
    small: Vec<&'static str>,
}

/// The first and the last of some numbers, where none is missing between them.
fn bounds(numbers: &[i64]) -> Option<(i64, i64)> {
    let (first, last) = (*numbers.iter().min()?, *numbers.iter().max()?);
    (first..=last).all(|number| numbers.contains(&number)).then_some((first, last))
}

fn way(search: &InvoiceSearch) -> Option<Way<'_>> {
    let balance = search.balance_above.is_some() || search.balance_below.is_some();
    let asked = [
        search.hidden.map(|_| Way::Hidden),
        search.payment_terms_days.as_deref().map(Way::Terms),
        search.starts_from.map(|_| Way::Start),
        search.ends_through.map(|_| Way::End),
        balance.then_some(Way::Balance),
        search.parties.as_deref().map(Way::Parties),
        search.ids.as_deref().map(Way::Ids),
        search.either.as_ref().map(Way::Either),
    ];
    let mut asked = asked.into_iter().flatten();
    let first = asked.next().unwrap_or(Way::Summed);
    asked.next().is_none().then_some(first)
}

impl<'a> Alone<'a> {
    /// The search, where it asks a single thing.
    pub(super) fn of(network: NetworkId, search: &'a InvoiceSearch) -> Option<Alone<'a>> {
        let way = way(search)?;
        let standings: Vec<i64> = search.standings.iter().map(|standing| standing.number()).collect();
        let bounds = bounds(&standings)?;
        // The index of last days tells only what is void from what is not.
        if matches!(way, Way::End) && bounds != NOT_VOID {
            return None;
        }
        let hidden = search.hidden.map_or(vec![0, 1], |hidden| vec![i64::from(hidden)]);
        let small = Currency::all_crypto().map(|currency| currency.code());
        Some(Alone { network, search, way, standings, bounds, hidden, small: small.collect() })
    }

    const fn texts(&self) -> Texts {
        match self.way {
            Way::Terms(_) => Texts(ALONE_TERMS_COUNT, ALONE_TERMS_TOTALS, ALONE_TERMS_DAYS, ALONE_TERMS_PAGE),
            Way::Start => Texts(ALONE_START_COUNT, ALONE_START_TOTALS, ALONE_START_DAYS, ALONE_START_PAGE),
            Way::Balance => Texts(ALONE_BALANCE_COUNT, ALONE_BALANCE_TOTALS, ALONE_BALANCE_DAYS, ALONE_BALANCE_PAGE),
            Way::Parties(_) => Texts(ALONE_PARTIES_COUNT, ALONE_PARTIES_TOTALS, ALONE_PARTIES_DAYS, ALONE_PARTIES_PAGE),
            Way::Ids(_) => Texts(ALONE_IDS_COUNT, ALONE_IDS_TOTALS, ALONE_IDS_DAYS, ALONE_IDS_PAGE),
            Way::Either(_) => Texts(ALONE_EITHER_COUNT, ALONE_EITHER_TOTALS, ALONE_EITHER_DAYS, ALONE_EITHER_PAGE),
            Way::End => Texts(COUNT_SUMMED, COUNT_SUMMED, COUNT_SUMMED, ALONE_END_PAGE),
            Way::Summed | Way::Hidden => {
                Texts(ALONE_STANDING_COUNT, ALONE_STANDING_TOTALS, ALONE_STANDING_DAYS, ALONE_STANDING_PAGE)
            }
        }
    }

    fn params(&self) -> Vec<Param<'_>> {
        let mut params = vec![Param::Int(self.network.get()), self.search.kind.as_str().into()];
        let bounds = [Param::Int(self.bounds.0), Param::Int(self.bounds.1)];
        let lists = [Param::Ints(&self.standings), Param::Ints(&self.hidden)];
        match self.way {
            Way::Summed | Way::Hidden => params.extend(lists),
            Way::Terms(days) => params.extend(lists.into_iter().chain([Param::Ints(days)])),
            Way::End => params.push(day_number(self.last_day()).into()),
            Way::Start => params.extend(bounds.into_iter().chain([self.first_day().into()])),
            Way::Parties(ids) | Way::Ids(ids) => params.extend(bounds.into_iter().chain([Param::Ints(ids)])),
            Way::Either(either) => {
                params.extend(bounds);
                params.extend([Param::Ints(&either.parties), Param::Ints(&either.ids)]);
            }
            Way::Balance => {
                params.extend(bounds);
                let none = |units| BalanceBound { units_6: units, units_8: units };
                let above = self.search.balance_above.unwrap_or(none(i64::MIN));
                let below = self.search.balance_below.unwrap_or(none(i64::MAX));
                let wide = [above.units_6.min(above.units_8), below.units_6.max(below.units_8)];
                let each = [above.units_6, above.units_8, below.units_6, below.units_8];
                params.extend(wide.into_iter().chain(each).map(Param::Int));
                params.push(Param::Texts(&self.small));
            }
        }
        params
    }

    fn first_day(&self) -> i64 {
        day_number(self.search.starts_from.unwrap_or(Day::MIN))
    }

    fn last_day(&self) -> Day {
        self.search.ends_through.unwrap_or(Day::MAX)
    }

    /// How many invoices that stand in some ways end up to a day.
    fn count_summed(&self, tx: &mut dyn Tx, standings: &[i64], through: Day) -> Result<i64> {
        let params = [
            self.network.get().into(),
            self.search.kind.as_str().into(),
            Param::Ints(standings),
            day_number(through).into(),
        ];
        tx.query_one(COUNT_SUMMED, &params)?.map_or(Ok(0), |row| row.int(0))
    }

    fn count(&self, tx: &mut dyn Tx) -> Result<i64> {
        match self.way {
            Way::Summed | Way::End => self.count_summed(tx, &self.standings, self.last_day()),
            _ => tx.query_one(self.texts().0, &self.params())?.map_or(Ok(0), |row| row.int(0)),
        }
    }

    /// A page, newest first: at most `limit` after the first `offset`.
    pub(super) fn found(&self, tx: &mut dyn Tx, (limit, offset): (i64, i64)) -> Result<Found> {
        if matches!(self.way, Way::Ids(_)) {
            let rows = self.sorted(tx, (limit, offset))?;
            if let Some(row) = rows.first() {
                let ids = rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
                return Ok(Found { ids, total: row.int(1)? });
            }
        }
        let total = self.count(tx)?;
        let left = total.saturating_sub(offset).clamp(0, limit);
        if left == 0 {
            return Ok(Found { ids: Vec::new(), total });
        }
        // The second half is read from its other end.
        let behind = total - offset - left;
        let rows = if self.walks(tx, total, left.saturating_add(offset.min(behind)))? {
            let backwards = behind < offset;
            self.walk(tx, left, if backwards { behind } else { offset }, backwards)?
        } else {
            self.sorted(tx, (left, offset))?
        };
        Ok(Found { ids: rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?, total })
    }

    fn sorted(&self, tx: &mut dyn Tx, (limit, offset): (i64, i64)) -> Result<Vec<Row>> {
        let mut params = self.params();
        params.extend([Param::Int(limit), Param::Int(offset)]);
        tx.query(self.texts().3, &params)
    }

    /// Whether a page is found sooner among the newest than by sorting all that is found.
    fn walks(&self, tx: &mut dyn Tx, total: i64, wanted: i64) -> Result<bool> {
        let each = match self.way {
            Way::Summed | Way::End | Way::Start => 1,
            Way::Hidden => LOOKED_AT,
            Way::Terms(_) | Way::Balance | Way::Parties(_) | Way::Ids(_) | Way::Either(_) => return Ok(false),
        };
        if total <= SORTED {
            return Ok(matches!(self.way, Way::Summed) && self.bounds == NOT_VOID);
        }
        let all = self.count_summed(tx, &[0, 1, 2], Day::MAX)?;
        let walked = wanted.saturating_mul(all) / total;
        Ok(total.saturating_mul(ONE_OF) >= all && walked.saturating_mul(each) <= total)
    }

    fn walk(&self, tx: &mut dyn Tx, limit: i64, offset: i64, backwards: bool) -> Result<Vec<Row>> {
        let mut params = vec![Param::Int(self.network.get()), self.search.kind.as_str().into()];
        params.extend([Param::Int(self.bounds.0), Param::Int(self.bounds.1)]);
        let (from_new, from_old) = match self.search.hidden {
            None => (WALK_FROM_NEW, WALK_FROM_OLD),
            Some(_) => (WALK_HIDDEN_FROM_NEW, WALK_HIDDEN_FROM_OLD),
        };
        match self.search.hidden {
            None => {
                let entered = self.entered(tx, offset, backwards)?;
                params.extend([Param::Int(self.first_day()), day_number(self.last_day()).into()]);
                params.extend([limit, entered.left_out, entered.created.0, entered.created.1].map(Param::Int));
            }
            Some(hidden) => params.extend([hidden.into(), Param::Int(limit), Param::Int(offset)]),
        }
        let mut rows = tx.query(if backwards { from_old } else { from_new }, &params)?;
        if backwards {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Where a walk is entered: where nothing is asked but that they are not void, it is known how many invoices each quarter
    /// of an hour has.
    fn entered(&self, tx: &mut dyn Tx, offset: i64, backwards: bool) -> Result<Entered> {
        let counted = matches!(self.way, Way::Summed) && self.bounds == NOT_VOID;
        match counted && offset > ENTERED_FROM {
            true => entered(tx, self.network, self.search.kind, offset, backwards),
            false => Ok(Entered { created: (i64::MIN, i64::MAX), left_out: offset }),
        }
    }

    /// The sums of all, none of which is void.
    pub(super) fn sums(&self, tx: &mut dyn Tx) -> Result<FoundUnits> {
        if matches!(self.way, Way::Summed | Way::End) {
            let kind = self.search.kind;
            let sums = sums_of_all(tx, self.network, kind, &self.search.standings, self.last_day());
            return sums.map(FoundUnits::ByDay);
        }
        let (texts, params) = (self.texts(), self.params());
        let row = tx.query_one(texts.1, &params)?.unwrap_or(Row(Vec::new()));
        let (invoices, code) = (row.int(0)?, row.text(1)?);
        if invoices > 0 && code == row.text(2)? {
            let whole = |high: usize| Ok((i128::from(row.int(high)?) << 32) + i128::from(row.int(high + 1)?));
            let (billed_units, balance_units) = (whole(3)?, whole(5)?);
            let paid_units = billed_units - balance_units;
            return Ok(FoundUnits::Alike {
                currency: currency(code)?,
                invoices,
                billed_units,
                paid_units,
                balance_units,
            });
        }
        let days = if invoices == 0 { Vec::new() } else { tx.query(texts.2, &params)? };
        Ok(FoundUnits::ByDay(days.iter().map(sums_of).collect::<Result<_>>()?))
    }
}
