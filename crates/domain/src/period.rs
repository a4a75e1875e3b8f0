//! Closed ranges of days, such as an invoice covers.

use crate::time::Day;

/// A range of days that includes both of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The first day.
    pub start: Day,
    /// The last day, never before the first.
    pub end: Day,
}

/// The refusal of a period that would end before it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a period cannot end on {end}, before it starts on {start}")]
pub struct PeriodError {
    /// The first day.
    pub start: Day,
    /// The last day.
    pub end: Day,
}

impl Period {
    /// The period of these two days and all between.
    ///
    /// # Errors
    /// It would end before it starts.
    pub fn new(start: Day, end: Day) -> Result<Period, PeriodError> {
        if end < start { Err(PeriodError { start, end }) } else { Ok(Period { start, end }) }
    }

    /// Whether a day is one of it.
    #[must_use]
    pub fn contains(self, day: Day) -> bool {
        self.start <= day && day <= self.end
    }

    /// How many days it has: at least 1.
    #[must_use]
    pub fn days(self) -> u32 {
        self.end.number().abs_diff(self.start.number()).saturating_add(1)
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn both_ends_belong_to_it() {
        let january = Period::new(day("2026-01-01"), day("2026-01-31")).unwrap();
        assert!(january.contains(january.start) && january.contains(january.end));
        assert!(!january.contains(day("2025-12-31")) && !january.contains(day("2026-02-01")));
        assert_eq!(january.days(), 31);
        assert_eq!(january.to_string(), "2026-01-01..2026-01-31");
        assert_eq!(Period::new(january.start, january.start).unwrap().days(), 1);
    }

    #[test]
    fn the_end_is_not_before_the_start() {
        let refusal = Period::new(day("2026-01-02"), day("2026-01-01")).unwrap_err();
        assert_eq!(refusal.to_string(), "a period cannot end on 2026-01-01, before it starts on 2026-01-02");
    }
}
