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
        let today = zone.day_of(now);
        // The account's today may be tomorrow.
        let tomorrow = today.plus_days(1);
        if let Some(under_way) = &self.under_way
            && since.is_none_or(|since| since.number() == under_way.from)
        {
            // Time went on since it was cut short.
            let through = under_way.through.max(tomorrow.number());
            return UnderWay { through, ..under_way.clone() };
        }
        let last = self.done.map(|done| zone.day_of(Timestamp::from_micros(done)));
        let (from, changed_from) = match (since, last) {
            (Some(since), _) => (since, None),
            (None, None) => (today.plus_days(-FIRST_DAYS), None),
            (None, Some(last)) => {
                let changed_from = reach.by_change.then(|| last.plus_days(-OVERLAP_DAYS).number());
                (last.plus_days(-reach.window_days.max(OVERLAP_DAYS)), changed_from)
            }
        };
        let through = tomorrow.max(from);
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use quittance_domain::time::parse_instant;

    use super::*;

    const BY_DAY: Reach = Reach { by_change: false, window_days: 60 };
    const BY_CHANGE: Reach = Reach { by_change: true, window_days: 364 };

    fn begin(place: &mut Place, at: &str, since: Option<&str>, reach: Reach) -> UnderWay {
        let now = parse_instant(&format!("{at} 12:00:00"), &Zone::utc()).unwrap();
        place.begin(now, &Zone::utc(), since.map(|day| Day::parse(day).unwrap()), reach)
    }

    /// The days of every window, and since when changes are asked for.
    fn windows(mut under_way: UnderWay) -> (Vec<String>, Option<String>) {
        let mut all = Vec::new();
        loop {
            let (from, through) = under_way.days();
            all.push(format!("{from}..{through}"));
            if under_way.next_window() {
                return (all, under_way.changed_from().map(|day| day.to_string()));
            }
        }
    }

    #[test]
    fn windows_cover_every_day_once() {
        let mut place = Place::default();
        let (first, changed) = windows(begin(&mut place, "2026-01-31", None, BY_DAY));
        assert_eq!((first.len(), first[0].as_str(), changed), (53, "2025-02-01..2025-02-07", None));
        assert_eq!(first[51..], ["2026-01-24..2026-01-30", "2026-01-31..2026-02-01"]);
        let (since, _) = windows(begin(&mut place, "2026-01-31", Some("2026-01-20"), BY_DAY));
        assert_eq!(since, ["2026-01-20..2026-01-26", "2026-01-27..2026-02-01"]);
        let (later, _) = windows(begin(&mut place, "2026-01-31", Some("2026-03-01"), BY_DAY));
        assert_eq!(later, ["2026-03-01..2026-03-01"]);
    }

    #[test]
    fn the_next_pull_looks_back_from_where_the_last_one_began() {
        let mut place = Place::default();
        let under_way = begin(&mut place, "2026-01-31", None, BY_DAY);
        place.keep(&under_way, true);
        let (next, changed) = windows(begin(&mut place, "2026-03-15", None, BY_DAY));
        // Sixty days before the last one.
        assert_eq!((next[0].as_str(), changed), ("2025-12-02..2025-12-08", None));
        assert!(next.last().unwrap().ends_with("..2026-03-16"), "{next:?}");
        let (next, changed) = windows(begin(&mut place, "2026-03-15", None, BY_CHANGE));
        assert_eq!((next[0].as_str(), changed.as_deref()), ("2025-02-01..2025-03-03", Some("2026-01-30")));
    }

    #[test]
    fn a_pull_that_was_cut_short_goes_on_and_reaches_today() {
        let mut place = Place::default();
        let mut under_way = begin(&mut place, "2026-01-31", Some("2026-01-20"), BY_DAY);
        under_way.next_window();
        under_way.next_page(500);
        place.keep(&under_way, false);
        let text = serde_json::to_string(&place).unwrap();
        let mut place: Place = serde_json::from_str(&text).unwrap();
        let on = begin(&mut place, "2026-02-05", None, BY_DAY);
        assert_eq!((on.page, on.read), (2, 500));
        assert_eq!(windows(on.clone()).0, ["2026-01-27..2026-02-02", "2026-02-03..2026-02-06"]);
        assert_eq!(begin(&mut place, "2026-02-05", Some("2026-01-20"), BY_DAY), on);
        // Another day to begin with makes another pull.
        assert_eq!(begin(&mut place, "2026-02-05", Some("2026-01-21"), BY_DAY).page, 1);
        place.keep(&on, true);
        // It is over, and had begun on the 31st.
        assert_eq!(windows(begin(&mut place, "2026-02-06", None, BY_CHANGE)).1.as_deref(), Some("2026-01-30"));
    }
}
