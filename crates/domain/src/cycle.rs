//! Billing cycles: which period a day is billed in, and when that is due.

use crate::period::Period;
use crate::shown::shown;
use crate::time::Day;

/// When invoices are due to be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BillingCycle {
    /// Calendar months, due 7 days after their end.
    Net7,
    /// Calendar months, due 15 days after their end.
    Net15,
    /// Calendar months, due 30 days after their end.
    Net30,
    /// Weeks from the network's first day of the week.
    Weekly,
    /// Periods of 14 days, counted from the party's anchor.
    BiWeekly,
    /// The 1st to the 15th, and the 16th to the end of the month.
    TwiceMonthly,
    /// Calendar months.
    Monthly,
    /// Two calendar months: January with February, and so on.
    TwoMonthly,
    /// Calendar quarters.
    Quarterly,
    /// Only by hand: there are no periods.
    Manual,
}

/// The refusal of a text that is no title of a billing cycle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{value} is not a billing cycle: write Net 7, Net 15, Net 30, weekly, bi-weekly, twice a month, monthly, \
     two-monthly, quarterly or manual"
)]
pub struct UnknownCycle {
    /// The text, quoted and shortened for the message.
    pub value: String,
}

impl BillingCycle {
    /// All cycles.
    pub const ALL: [BillingCycle; 10] = [
        BillingCycle::Net7,
        BillingCycle::Net15,
        BillingCycle::Net30,
        BillingCycle::Weekly,
        BillingCycle::BiWeekly,
        BillingCycle::TwiceMonthly,
        BillingCycle::Monthly,
        BillingCycle::TwoMonthly,
        BillingCycle::Quarterly,
        BillingCycle::Manual,
    ];

    /// The title that is stored and shown.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            BillingCycle::Net7 => "Net 7",
            BillingCycle::Net15 => "Net 15",
            BillingCycle::Net30 => "Net 30",
            BillingCycle::Weekly => "weekly",
            BillingCycle::BiWeekly => "bi-weekly",
            BillingCycle::TwiceMonthly => "twice a month",
            BillingCycle::Monthly => "monthly",
            BillingCycle::TwoMonthly => "two-monthly",
            BillingCycle::Quarterly => "quarterly",
            BillingCycle::Manual => "manual",
        }
    }

    /// The cycle for its title. Case, spaces, hyphens and underscores make no difference; `every two months` is
    /// `two-monthly` as well.
    ///
    /// # Errors
    /// The text is no such title.
    pub fn parse(text: &str) -> Result<BillingCycle, UnknownCycle> {
        let bare = |text: &str| text.to_lowercase().replace([' ', '-', '_'], "");
        let wanted = bare(text);
        if wanted == "everytwomonths" {
            return Ok(BillingCycle::TwoMonthly);
        }
        let found = BillingCycle::ALL.into_iter().find(|cycle| bare(cycle.title()) == wanted);
        found.ok_or_else(|| UnknownCycle { value: shown(text) })
    }

    /// On how many days a period of the cycle can start, and whether they are weekdays (0 is Sunday) or days of the
    /// month (1 to 28).
    #[must_use]
    pub const fn start_days(self) -> (usize, bool) {
        match self {
            BillingCycle::Weekly | BillingCycle::BiWeekly => (1, true),
            BillingCycle::TwiceMonthly => (2, false),
            BillingCycle::Manual => (0, false),
            _ => (1, false),
        }
    }

    /// The period of the cycle that a day lies in; `None` for the manual cycle.
    #[must_use]
    pub fn period_containing(self, day: Day, starts: &CycleStarts) -> Option<Period> {
        let first = |default: u8| starts.days.first().copied().unwrap_or(default);
        Some(match self {
            BillingCycle::Net7 | BillingCycle::Net15 | BillingCycle::Net30 | BillingCycle::Monthly => {
                months(day, first(1), 1, starts.month)
            }
            BillingCycle::TwoMonthly => months(day, first(1), 2, starts.month),
            BillingCycle::Quarterly => months(day, first(1), 3, starts.month),
            BillingCycle::Weekly => days_from(on_weekday(day, first(starts.week_start)), 7),
            BillingCycle::BiWeekly => {
                let anchor = starts.days.first().map_or(starts.anchor, |weekday| {
                    // The first such weekday from the anchor on.
                    on_weekday(starts.anchor.plus_days(6), *weekday)
                });
                let before = (day.number() - anchor.number()).rem_euclid(14);
                days_from(day.plus_days(-before), 14)
            }
            BillingCycle::TwiceMonthly => twice_a_month(day, &starts.days),
            BillingCycle::Manual => return None,
        })
    }

    /// The day until which an invoice is to be paid. The party's payment terms (days after the end of the period)
    /// decide where it has them, 0 included; else the days of a Net cycle; else it is due when its period ends.
    #[must_use]
    pub fn due_date(self, period_end: Day, payment_terms: Option<u32>) -> Day {
        let days = payment_terms.unwrap_or(match self {
            BillingCycle::Net7 => 7,
            BillingCycle::Net15 => 15,
            BillingCycle::Net30 => 30,
            _ => 0,
        });
        period_end.plus_days(i32::try_from(days).unwrap_or(i32::MAX))
    }
}

impl std::fmt::Display for BillingCycle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.title())
    }
}

/// On which days the periods of a cycle start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CycleStarts {
    /// The days: a weekday (0 is Sunday) of the weekly and bi-weekly cycles, one day of the month (1 to 28) or two of the
    /// others. None: what the cycle has by itself.
    pub days: Vec<u8>,
    /// The month (1 to 12) in which periods of several months start: in it, and every two or three months from it.
    pub month: u8,
    /// The weekday on which weeks start where `days` names none.
    pub week_start: u8,
    /// The first day of some bi-weekly period, or of the week before it where `days` names a weekday. It may lie after
    /// the days that are asked about.
    pub anchor: Day,
}

/// The last such weekday up to a day.
fn on_weekday(day: Day, weekday: u8) -> Day {
    day.plus_days(-(i32::from(day.weekday()) - i32::from(weekday)).rem_euclid(7))
}

/// So many months from a day of the month on, counted from a month.
fn months(day: Day, first_day: u8, count: u8, first_month: u8) -> Period {
    let (_, _, day_of_month) = day.ymd();
    let began = day.first_of_month().plus_months(if day_of_month < first_day { -1 } else { 0 });
    let (_, month, _) = began.ymd();
    let before = (i32::from(month) - i32::from(first_month)).rem_euclid(i32::from(count));
    let start = began.plus_months(-before);
    let later = i32::from(first_day) - 1;
    let next = start.plus_months(i32::from(count)).plus_days(later);
    Period { start: start.plus_days(later), end: next.plus_days(-1) }
}

/// From one of two days of the month to the day before the other.
fn twice_a_month(day: Day, days: &[u8]) -> Period {
    let (first, second) = match days {
        [a, b] => (*a.min(b), *a.max(b)),
        _ => (1, 16),
    };
    let (_, _, of_month) = day.ymd();
    let on = |months: i32, of_month: u8| day.first_of_month().plus_months(months).plus_days(i32::from(of_month) - 1);
    let (start, next) = match of_month {
        of_month if of_month < first => (on(-1, second), on(0, first)),
        of_month if of_month < second => (on(0, first), on(0, second)),
        _ => (on(0, second), on(1, first)),
    };
    Period { start, end: next.plus_days(-1) }
}

/// So many days from the first one on.
fn days_from(start: Day, days: i32) -> Period {
    Period { start, end: start.plus_days(days - 1) }
}
