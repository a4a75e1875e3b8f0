//! How far an account's conversions were read, as it is kept in the database.

use quittance_domain::time::{Day, Timestamp, Zone};
use serde::{Deserialize, Serialize};

use super::source::Reach;

/// How far the first pull goes back, in days; several vendors give no older conversions, or no longer ranges.
const FIRST_DAYS: i32 = 364;
/// How many days windows of changes overlap. A vendor's clock, zone and lag are within.
const OVERLAP_DAYS: i32 = 1;
/// The days of a window: few, so that pages are not far from its start.
const STEP_DAYS: i32 = 7;
/// The same where only what was changed is asked for.
const STEP_CHANGED_DAYS: i32 = 31;

/// How far was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// When the last pull that came to its end had begun, in microseconds since 1970.
    done: Option<i64>,
    /// The pull that has not come to its end.
    under_way: Option<UnderWay>,
}

/// A pull on its way. Days are numbers of days since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UnderWay {
    /// When it began, in microseconds since 1970.
    began: i64,
    /// The first day of all.
    from: i32,
    /// The last day of all.
    through: i32,
    /// Only what was changed on this day or later.
    changed_from: Option<i32>,
    /// The first day of the window that is read.
    window: i32,
    /// The page of it that is next, from 1.
    pub(super) page: u64,
    /// How many rows of it were read.
    pub(super) read: u64,
}

impl Place {
    /// The pull that is to go on, or a new one.
    pub(super) fn begin(&mut self, now: Timestamp, zone: &Zone, since: Option<Day>, reach: Reach) -> UnderWay {
        if let Some(under_way) = &self.under_way
            && since.is_none_or(|since| since.number() == under_way.from)
        {
            return under_way.clone();
        }
        let today = zone.day_of(now);
        let last = self.done.map(|done| zone.day_of(Timestamp::from_micros(done)));
        let (from, changed_from) = match (since, last) {
            (Some(since), _) => (since, None),
            (None, None) => (today.plus_days(-FIRST_DAYS), None),
            (None, Some(last)) => {
                let changed_from = reach.by_change.then(|| last.plus_days(-OVERLAP_DAYS).number());
                (last.plus_days(-reach.window_days.max(OVERLAP_DAYS)), changed_from)
            }
        };
        // The account's today may be tomorrow.
        let through = today.plus_days(1).max(from);
        UnderWay {
            began: now.micros(),
            from: from.number(),
            through: through.number(),
            changed_from,
            window: from.number(),
            page: 1,
            read: 0,
        }
    }

    /// Keeps a pull as it is now, or, where there is none any more, that it has come to its end.
    pub(super) fn keep(&mut self, under_way: &UnderWay, ended: bool) {
        if ended {
            self.done = Some(under_way.began);
            self.under_way = None;
        } else {
            self.under_way = Some(under_way.clone());
        }
    }
}

impl UnderWay {
    /// The days of the window, both inclusive.
    pub(super) fn days(&self) -> (Day, Day) {
        let step = if self.changed_from.is_some() { STEP_CHANGED_DAYS } else { STEP_DAYS };
        (Day::from_number(self.window), Day::from_number((self.window + step - 1).min(self.through)))
    }

    /// Only what was changed on this day or later.
    pub(super) fn changed_from(&self) -> Option<Day> {
        self.changed_from.map(Day::from_number)
    }

    /// A page of the window was read.
    pub(super) fn next_page(&mut self, rows: u64) {
        self.page += 1;
        self.read += rows;
    }

    /// The window was read to its end; answers whether it was the last one.
    pub(super) fn next_window(&mut self) -> bool {
        let (_, last) = self.days();
        self.window = last.number() + 1;
        (self.page, self.read) = (1, 0);
        self.window > self.through
    }
}
