//! The billing planner: from what is unbilled in a book to the lines of one invoice, or the reason for none.

use std::collections::BTreeMap;

use crate::accrual::{Book, Tally};
use crate::ids::OfferId;
use crate::invoice::LineType;
use crate::money::{Money, MoneyError, Rounding};
use crate::period::Period;
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
}

/// All that the plan of one invoice depends on.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// The book.
    pub book: Book,
    /// The first day, where the request names one.
    pub from: Option<Day>,
    /// The last day, inclusive.
    pub through: Day,
    /// The day after the book's last non-void invoice ended; `None` before the first.
    pub next_start: Option<Day>,
    /// The periods of the book's non-void invoices, where anything unbilled is earlier than `next_start`.
    pub billed_periods: &'a [Period],
    /// What rounding has left in the book so far, in billing units.
    pub remainder_units: i64,
    /// What is to be billed.
    pub unbilled: &'a [Unbilled],
    /// The conditions.
    pub conditions: Conditions,
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
    /// The exact sum; zero on a rounding line.
    pub taken: Tally,
    /// The sum rounded to the currency's minor unit, in billing units.
    pub units: i64,
}

/// An invoice to be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedInvoice {
    /// The period, both days inclusive.
    pub period: Period,
    /// The lines, own period first, by offer.
    pub lines: Vec<PlannedLine>,
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
    let lines = conversion_lines(situation)?;
    if lines.is_empty() {
        return Ok(Plan::Nothing);
    }
    let invoice = with_rounding(situation, lines)?;
    let total_units = invoice.total_units;
    let conditions = &situation.conditions;
    let reason = if conditions.on_hold {
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
    let first = situation.unbilled.iter().map(|u| u.first_day).min().unwrap_or(situation.through);
    let next = situation.next_start.filter(|day| *day <= situation.through);
    let start = match (situation.from, next) {
        (Some(from), Some(next)) => from.max(next),
        (Some(from), None) => from,
        (None, Some(next)) => next,
        (None, None) => first,
    };
    Period { start: start.min(situation.through), end: situation.through }
}

/// One line an offer and period, without those in which nothing is left.
fn conversion_lines(situation: &Situation<'_>) -> Result<Vec<PlannedLine>, MoneyError> {
    let own = own_period(situation);
    let spans = spans(situation);
    let mut sums: BTreeMap<(bool, Period, OfferId), Tally> = BTreeMap::new();
    for unbilled in situation.unbilled {
        let period = unbilled.earlier_day.map_or(own, |day| span_of(&spans, day));
        let key = (unbilled.earlier_day.is_some(), period, unbilled.offer_id);
        sums.entry(key).or_default().add(unbilled.tally)?;
    }
    let lines = sums.into_iter().filter(|(_, taken)| !taken.is_zero());
    lines
        .map(|((_, period, offer_id), taken)| {
            let exact = Money::new(taken.units, situation.book.currency);
            let units = exact.round_to_minor(Rounding::HalfAwayFromZero)?.units();
            Ok(PlannedLine { line_type: LineType::Conversions, offer_id: Some(offer_id), period, taken, units })
        })
        .collect()
}

/// The periods to which earlier days are assigned: those of the book's invoices, and the gaps between them as far as
/// something unbilled lies there.
fn spans(situation: &Situation<'_>) -> Vec<Period> {
    let mut spans = situation.billed_periods.to_vec();
    let mut days: Vec<Day> = situation.unbilled.iter().filter_map(|u| u.earlier_day).collect();
    days.sort_unstable();
    days.retain(|day| !situation.billed_periods.iter().any(|period| period.contains(*day)));
    let between = |a: Day, b: Day| situation.billed_periods.iter().any(|p| p.end > a && p.start < b);
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

/// Adds the line that bills what rounding has left, once that has reached a minor unit.
fn with_rounding(situation: &Situation<'_>, mut lines: Vec<PlannedLine>) -> Result<PlannedInvoice, MoneyError> {
    let period = own_period(situation);
    let left = lines.iter().map(|line| i128::from(line.taken.units) - i128::from(line.units)).sum::<i128>();
    let left = i64::try_from(left + i128::from(situation.remainder_units)).map_err(|_| MoneyError::Overflow)?;
    let units = Money::new(left, situation.book.currency).round_to_minor(Rounding::TowardZero)?.units();
    if units != 0 {
        let line_type = LineType::Rounding;
        lines.push(PlannedLine { line_type, offer_id: None, period, taken: Tally::default(), units });
    }
    let total_units = crate::money::sum_units(lines.iter().map(|line| line.units))?;
    Ok(PlannedInvoice { period, lines, total_units })
}
