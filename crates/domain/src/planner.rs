//! The billing planner: from what is unbilled to the lines of one invoice, or the reason for none.

use std::collections::BTreeMap;

use crate::accrual::Tally;
use crate::currency::Currency;
use crate::ids::OfferId;
use crate::invoice::LineType;
use crate::money::{Money, MoneyError, Rounding};
use crate::period::Period;
use crate::rates::Rate;
use crate::tax::Tax;
use crate::time::Day;

/// Why a book with something unbilled gets no invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// The total is below the minimum payment.
    BelowMinimum,
    /// The network requires a payment method and the party has none for the currency.
    NoPaymentMethod,
    /// The total is negative or zero; it is carried to a later run.
    NotPositive,
    /// The party is on hold.
    PartyOnHold,
    /// All that is unbilled waits for the hold days of its offers.
    OfferHold,
    /// It lies before the day on which the party's automatic invoices start.
    BeforeAutoStart,
    /// There is no rate by which it could be converted into the party's currency.
    MissingRate,
}

impl SkipReason {
    /// The machine-readable word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SkipReason::BelowMinimum => "below_minimum",
            SkipReason::NoPaymentMethod => "no_payment_method",
            SkipReason::NotPositive => "not_positive",
            SkipReason::PartyOnHold => "party_on_hold",
            SkipReason::OfferHold => "offer_hold",
            SkipReason::BeforeAutoStart => "before_auto_start",
            SkipReason::MissingRate => "missing_rate",
        }
    }
}

/// What is unbilled of one offer, summed: for the invoice's own period, or for one earlier day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unbilled {
    /// The offer.
    pub offer_id: OfferId,
    /// The earlier day; `None`: days of the invoice's own period.
    pub earlier_day: Option<Day>,
    /// Of days of the own period: the last day of the period in which a run has left them out.
    pub left_through: Option<Day>,
    /// The first of the days that are summed here.
    pub first_day: Day,
    /// The exact sum.
    pub tally: Tally,
}

/// The conditions under which a book is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// Nothing of this party is billed now.
    pub on_hold: bool,
    /// The party has a payment method for the currency, or the network requires none.
    pub payable: bool,
    /// The smallest total that is invoiced, in billing units.
    pub minimum_units: i64,
    /// The invoice is asked for by name: none of these conditions keeps it from being issued, whatever it totals.
    pub unbound: bool,
}

/// What is unbilled of one book.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    /// The book's currency.
    pub currency: Currency,
    /// The rate by which it is converted into the invoice's currency; `None`: it is in that.
    pub rate: Option<Rate>,
    /// By which rates earlier invoices have billed what they took of the book, the first invoice first.
    pub paid_rates: &'a [PaidRate],
    /// The periods of the book's non-void invoices, where anything unbilled is earlier than `next_start`.
    pub billed_periods: &'a [Period],
    /// What rounding has left in the book so far, in billing units.
    pub remainder_units: i64,
    /// What is to be billed.
    pub unbilled: &'a [Unbilled],
    /// Up to which days runs have left the book out since its last invoice, in order: what has rolled over is on lines
    /// with those periods.
    pub left_through: &'a [Day],
}

/// A rate by which an invoice has billed an offer on some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidRate {
    /// The offer.
    pub offer_id: OfferId,
    /// The days.
    pub period: Period,
    /// The rate.
    pub rate: Rate,
}

/// A period of an offer in which everything cancels out: it has no line, and its days belong to no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emptied {
    /// The currency of the book.
    pub currency: Currency,
    /// The offer.
    pub offer_id: OfferId,
    /// The days.
    pub period: Period,
    /// The rate of the line that there would be; `None`: it would be in the invoice's currency.
    pub rate: Option<Rate>,
}

/// All that the plan of one invoice depends on.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The invoice's currency.
    pub currency: Currency,
    /// The first day, where the request names one.
    pub from: Option<Day>,
    /// The last day, inclusive.
    pub through: Day,
    /// The day after the last non-void invoice ended; `None` before the first.
    pub next_start: Option<Day>,
    /// The books that it bills: one, or all of a party that has everything converted.
    pub sources: &'a [Source<'a>],
    /// What it bills besides conversions, in its currency.
    pub extras: &'a [ExtraLine],
    /// How it is taxed.
    pub tax: Option<&'a Tax>,
    /// The conditions.
    pub conditions: Conditions,
}

/// A line that bills something else than conversions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraLine {
    /// What.
    pub line_type: LineType,
    /// How much, in billing units of the invoice's currency: whole minor units.
    pub units: i64,
    /// Where it comes from another currency: the amount in that, and the rate.
    pub converted: Option<Converted>,
    /// What it is for.
    pub comment: String,
}

impl ExtraLine {
    /// A line of an amount in whole minor units, converted by a rate where the invoice has another currency.
    ///
    /// # Errors
    /// The converted amount does not fit.
    pub fn of(
        line_type: LineType,
        amount: Money,
        into: (Currency, Option<&Rate>),
        comment: String,
    ) -> Result<ExtraLine, MoneyError> {
        let (units, converted) = match into {
            (currency, Some(rate)) if currency != amount.currency() => {
                let (currency, units) = (amount.currency(), amount.units());
                let converted = Converted { currency, units, rate: rate.clone() };
                (rate.convert(amount, into.0)?.units(), Some(converted))
            }
            _ => (amount.units(), None),
        };
        Ok(ExtraLine { line_type, units, converted, comment })
    }
}

/// What a line stands for in a currency that is not the invoice's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// That currency.
    pub currency: Currency,
    /// The amount in it, rounded to its minor unit, in billing units.
    pub units: i64,
    /// The rate.
    pub rate: Rate,
}

/// A line that bills conversions, or what rounding has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedLine {
    /// What it bills.
    pub line_type: LineType,
    /// The offer of a `conversions` line.
    pub offer_id: Option<OfferId>,
    /// The invoice's own period, or the earlier one that the line corrects.
    pub period: Period,
    /// The exact sum, in the currency of the conversions; zero on a rounding line.
    pub taken: Tally,
    /// The sum rounded to the currency's minor unit, in billing units of the invoice's currency.
    pub units: i64,
    /// Where the conversions are in another currency: the sum in that, and the rate.
    pub converted: Option<Converted>,
    /// What it is for, of lines that are not conversions.
    pub comment: String,
    /// How a tax line came about.
    pub tax: Option<Tax>,
}

impl PlannedLine {
    fn extra(line_type: LineType, period: Period, units: i64, comment: String) -> PlannedLine {
        let taken = Tally::default();
        PlannedLine { line_type, offer_id: None, period, taken, units, converted: None, comment, tax: None }
    }

    /// What the line takes from its book: rounded to the minor unit of the book's currency, in billing units.
    #[must_use]
    pub fn source_units(&self) -> i64 {
        self.converted.as_ref().map_or(self.units, |converted| converted.units)
    }
}

/// An invoice to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedInvoice {
    /// The period, both days inclusive.
    pub period: Period,
    /// The lines, own period first, by offer.
    pub lines: Vec<PlannedLine>,
    /// The periods of offers for which there is no line, since everything cancels out.
    pub emptied: Vec<Emptied>,
    /// The sum of the lines, in billing units.
    pub total_units: i64,
}

/// What becomes of a book in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// There is nothing to bill.
    Nothing,
    /// There is, and it stays unbilled for now.
    Skip {
        /// Why.
        reason: SkipReason,
        /// The total that would have been billed, in billing units.
        total_units: i64,
    },
    /// An invoice.
    Issue(PlannedInvoice),
}

/// Decides what becomes of a book.
///
/// # Errors
/// A sum does not fit.
pub fn plan(situation: &Situation<'_>) -> Result<Plan, MoneyError> {
    let period = own_period(situation);
    let (mut lines, mut emptied) = (Vec::new(), Vec::new());
    for source in situation.sources {
        lines.extend(lines_of(source, period, situation.currency, &mut emptied)?);
    }
    for ExtraLine { line_type, units, converted, comment } in situation.extras {
        let line = PlannedLine::extra(*line_type, period, *units, comment.clone());
        lines.push(PlannedLine { converted: converted.clone(), ..line });
    }
    if lines.is_empty() {
        return Ok(Plan::Nothing);
    }
    if let Some(tax) = situation.tax {
        let on = tax.on(lines.iter().map(|line| (line.line_type, line.units)), situation.currency)?;
        let line = PlannedLine::extra(LineType::Tax, period, on.units(), tax.text.clone());
        lines.push(PlannedLine { tax: Some(tax.clone()), ..line });
    }
    let total_units = crate::money::sum_units(lines.iter().map(|line| line.units))?;
    let invoice = PlannedInvoice { period, lines, emptied, total_units };
    let conditions = &situation.conditions;
    let reason = if conditions.unbound {
        None
    } else if conditions.on_hold {
        Some(SkipReason::PartyOnHold)
    } else if total_units <= 0 {
        Some(SkipReason::NotPositive)
    } else if !conditions.payable {
        Some(SkipReason::NoPaymentMethod)
    } else if total_units < conditions.minimum_units {
        Some(SkipReason::BelowMinimum)
    } else {
        None
    };
    Ok(match reason {
        Some(reason) => Plan::Skip { reason, total_units },
        None => Plan::Issue(invoice),
    })
}

/// The invoice's own period. It starts the day after the last one ended, the first on its first unbilled day; where
/// all that is billed lies earlier still, on the first day of that.
fn own_period(situation: &Situation<'_>) -> Period {
    let unbilled = situation.sources.iter().flat_map(|source| source.unbilled);
    let first = unbilled.map(|u| u.first_day).min().unwrap_or(situation.through);
    let next = situation.next_start.filter(|day| *day <= situation.through);
    let start = match (situation.from, next) {
        (Some(from), Some(next)) => from.max(next),
        (Some(from), None) => from,
        (None, Some(next)) => next,
        (None, None) => first,
    };
    Period { start: start.min(situation.through), end: situation.through }
}

/// What a line bills: first the own period, then earlier ones, by offer.
type LineKey = (bool, Period, OfferId);

/// The lines of one book: one an offer and period, without those in which nothing is left, and what rounding has left
/// once that has reached a minor unit.
fn lines_of(
    source: &Source<'_>,
    own: Period,
    currency: Currency,
    emptied: &mut Vec<Emptied>,
) -> Result<Vec<PlannedLine>, MoneyError> {
    let mut lines = Vec::new();
    let mut left = i128::from(source.remainder_units);
    for ((_, period, offer_id), (taken, rate)) in sums(source, own)? {
        if taken.is_zero() {
            emptied.push(Emptied { currency: source.currency, offer_id, period, rate: rate.cloned() });
            continue;
        }
        let exact = Money::new(taken.units, source.currency);
        let rounded = exact.round_to_minor(Rounding::HalfAwayFromZero)?;
        left += i128::from(taken.units) - i128::from(rounded.units());
        let what = (LineType::Conversions, Some(offer_id));
        lines.push(line(what, (period, taken), (rounded, rate), currency)?);
    }
    let left = i64::try_from(left).map_err(|_| MoneyError::Overflow)?;
    let rounded = Money::new(left, source.currency).round_to_minor(Rounding::TowardZero)?;
    if !lines.is_empty() && !rounded.is_zero() {
        let (what, rate) = ((LineType::Rounding, None), source.rate.as_ref());
        lines.push(line(what, (own, Tally::default()), (rounded, rate), currency)?);
    }
    Ok(lines)
}

/// What each line takes, and by which rate it is converted. What takes back of a day that an earlier invoice has billed is
/// taken back at the rate that it was paid at. Where only some days of a line are, these have lines of their own.
fn sums<'a>(source: &'a Source<'_>, own: Period) -> Result<BTreeMap<LineKey, (Tally, Option<&'a Rate>)>, MoneyError> {
    let spans = spans(source);
    let mut sums: BTreeMap<LineKey, (Tally, Option<&Rate>)> = BTreeMap::new();
    let mut add = |key: LineKey, tally: Tally, rate: Option<&'a Rate>| {
        let sum = sums.entry(key).or_insert((Tally::default(), rate));
        sum.0.add(tally)
    };
    for unbilled in source.unbilled.iter().filter(|unbilled| unbilled.earlier_day.is_none()) {
        let period = rolled_over(own, source.left_through, unbilled.left_through);
        add((false, period, unbilled.offer_id), unbilled.tally, source.rate.as_ref())?;
    }
    let mut earlier: BTreeMap<(Period, OfferId), Vec<(Day, Tally)>> = BTreeMap::new();
    for ((offer_id, day), tally) in by_earlier_day(source.unbilled)? {
        earlier.entry((span_of(&spans, day), offer_id)).or_default().push((day, tally));
    }
    for ((period, offer_id), days) in earlier {
        let rate_of = |day: Day, tally: Tally| match paid_rate(source, offer_id, day, tally) {
            Some(paid) => Some(paid),
            None => source.rate.as_ref(),
        };
        let mut rates = days.iter().filter(|(_, tally)| tally.units != 0).map(|(day, tally)| rate_of(*day, *tally));
        let first = rates.next().unwrap_or(source.rate.as_ref());
        let one_rate = rates.all(|rate| rate == first);
        for (day, tally) in days {
            match paid_rate(source, offer_id, day, tally).filter(|_| !one_rate) {
                Some(paid) => add((true, Period { start: day, end: day }, offer_id), tally, Some(paid))?,
                None => add((true, period, offer_id), tally, if one_rate { first } else { source.rate.as_ref() })?,
            }
        }
    }
    Ok(sums)
}

/// What the conversions of a book come to, in the invoice's currency.
///
/// # Errors
/// A sum does not fit.
pub fn conversions_units(source: &Source<'_>, currency: Currency) -> Result<i64, MoneyError> {
    let all = Period { start: Day::MIN, end: Day::MAX };
    let mut units = Vec::new();
    for (taken, rate) in sums(source, all)?.into_values() {
        let exact = Money::new(taken.units, source.currency);
        units.push(rate.map_or(Ok(exact), |rate| rate.convert(exact, currency))?.units());
    }
    crate::money::sum_units(units)
}

/// What is unbilled of each earlier day of an offer.
fn by_earlier_day(unbilled: &[Unbilled]) -> Result<BTreeMap<(OfferId, Day), Tally>, MoneyError> {
    let mut days: BTreeMap<(OfferId, Day), Tally> = BTreeMap::new();
    for unbilled in unbilled {
        if let Some(day) = unbilled.earlier_day {
            days.entry((unbilled.offer_id, day)).or_default().add(unbilled.tally)?;
        }
    }
    Ok(days)
}

/// The rate at which something is taken back: that of the first invoice that has billed the day. What is added is
/// converted by the rate of the run.
fn paid_rate<'a>(source: &'a Source<'_>, offer_id: OfferId, day: Day, tally: Tally) -> Option<&'a Rate> {
    let paid = source.paid_rates.iter().find(|paid| paid.offer_id == offer_id && paid.period.contains(day));
    paid.filter(|_| tally.units < 0).map(|paid| &paid.rate)
}

/// Whether anything of a book in another currency needs a rate of the run: all but what is taken back at the rate that it
/// was paid at, and what comes to nothing.
///
/// # Errors
/// A sum does not fit.
pub fn needs_rate(source: &Source<'_>) -> Result<bool, MoneyError> {
    // Also a line of nothing has a rate, be it another than the run's.
    if source.rate.is_none() || source.unbilled.iter().any(|unbilled| unbilled.earlier_day.is_none()) {
        return Ok(true);
    }
    let days = by_earlier_day(source.unbilled)?;
    let mut some = days.into_iter().filter(|(_, tally)| tally.units != 0);
    Ok(some.any(|((offer_id, day), tally)| paid_rate(source, offer_id, day, tally).is_none()))
}

/// The part of the own period that ends on a day up to which a run has left the book out, or the part after the last of
/// them.
fn rolled_over(own: Period, left_through: &[Day], end: Option<Day>) -> Period {
    let inside = |day: &&Day| **day >= own.start && **day < own.end;
    let before = left_through.iter().filter(inside).filter(|day| end.is_none_or(|end| **day < end)).max();
    let start = before.map_or(own.start, |day| day.plus_days(1));
    Period { start, end: end.unwrap_or(own.end) }
}

/// A line that bills an amount of a book, converted where the invoice has another currency.
fn line(
    (line_type, offer_id): (LineType, Option<OfferId>),
    (period, taken): (Period, Tally),
    (rounded, rate): (Money, Option<&Rate>),
    currency: Currency,
) -> Result<PlannedLine, MoneyError> {
    let (units, converted) = match rate {
        None => (rounded.units(), None),
        Some(rate) => {
            let converted = Converted { currency: rounded.currency(), units: rounded.units(), rate: rate.clone() };
            (rate.convert(rounded, currency)?.units(), Some(converted))
        }
    };
    Ok(PlannedLine { line_type, offer_id, period, taken, units, converted, comment: String::new(), tax: None })
}

/// The periods to which earlier days are assigned: those of the book's invoices, and the gaps between them as far as
/// something unbilled lies there.
fn spans(source: &Source<'_>) -> Vec<Period> {
    let mut spans = source.billed_periods.to_vec();
    let mut days: Vec<Day> = source.unbilled.iter().filter_map(|u| u.earlier_day).collect();
    days.sort_unstable();
    days.retain(|day| !source.billed_periods.iter().any(|period| period.contains(*day)));
    let between = |a: Day, b: Day| source.billed_periods.iter().any(|p| p.end > a && p.start < b);
    let mut gap: Option<Period> = None;
    for day in days {
        gap = match gap {
            Some(open) if !between(open.end, day) => Some(Period { start: open.start, end: day }),
            closed => {
                spans.extend(closed);
                Some(Period { start: day, end: day })
            }
        };
    }
    spans.extend(gap);
    spans
}

/// The span of a day: of several, the one that starts last, then the shortest.
#[must_use]
pub fn span_of(spans: &[Period], day: Day) -> Period {
    let holding = spans.iter().filter(|period| period.contains(day));
    let latest = holding.max_by_key(|period| (period.start, std::cmp::Reverse(period.end)));
    latest.copied().unwrap_or(Period { start: day, end: day })
}
