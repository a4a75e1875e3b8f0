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

    /// The period of the cycle that a day lies in; `None` for the manual cycle.
    ///
    /// `week_start` is the weekday (0 is Sunday, 6 is Saturday) on which weeks start, and only matters to the weekly
    /// cycle; `anchor` is the first day of some period of the bi-weekly cycle, and only matters to that. It may lie
    /// after the day.
    #[must_use]
    pub fn period_containing(self, day: Day, week_start: u8, anchor: Day) -> Option<Period> {
        let (_, month, day_of_month) = day.ymd();
        let months = |count: u8| {
            let before = (month - 1) % count;
            let start = day.first_of_month().plus_months(-i32::from(before));
            Period { start, end: start.plus_months(i32::from(count) - 1).last_of_month() }
        };
        Some(match self {
            BillingCycle::Net7 | BillingCycle::Net15 | BillingCycle::Net30 | BillingCycle::Monthly => months(1),
            BillingCycle::TwoMonthly => months(2),
            BillingCycle::Quarterly => months(3),
            BillingCycle::Weekly => {
                let before = (i32::from(day.weekday()) - i32::from(week_start)).rem_euclid(7);
                days_from(day.plus_days(-before), 7)
            }
            BillingCycle::BiWeekly => {
                let before = (day.number() - anchor.number()).rem_euclid(14);
                days_from(day.plus_days(-before), 14)
            }
            BillingCycle::TwiceMonthly if day_of_month <= 15 => {
                let start = day.first_of_month();
                Period { start, end: start.plus_days(14) }
            }
            BillingCycle::TwiceMonthly => {
                Period { start: day.first_of_month().plus_days(15), end: day.last_of_month() }
            }
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

/// So many days from the first one on.
fn days_from(start: Day, days: i32) -> Period {
    Period { start, end: start.plus_days(days - 1) }
}
