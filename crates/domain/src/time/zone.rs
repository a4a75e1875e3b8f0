//! Time zones: which day an instant belongs to, and when a day starts.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};

use super::{DAY, Day, SECOND, TimeError, Timestamp, shown};

/// A time zone of the IANA database. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    zone: TimeZone,
}

impl Zone {
    /// The zone without offset and without changes.
    #[must_use]
    pub const fn utc() -> Zone {
        Zone { zone: TimeZone::UTC }
    }

    /// The zone for its name, such as `America/New_York` or `UTC`, in upper or lower case.
    ///
    /// # Errors
    /// There is no zone of that name.
    pub fn parse(name: &str) -> Result<Zone, TimeError> {
        let known = |zone: &TimeZone| !zone.is_unknown() && zone.iana_name().is_some();
        match TimeZoneDatabase::bundled().get(name) {
            Ok(zone) if known(&zone) => Ok(Zone { zone }),
            _ => Err(TimeError::UnknownZone { value: shown(name) }),
        }
    }

    /// The names of all zones that are known, by name.
    #[must_use]
    pub fn names() -> Vec<String> {
        TimeZoneDatabase::bundled().available().map(|name| name.as_str().to_owned()).collect()
    }

    /// The name as the database spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The local date of an instant. Instants beyond the days that there are belong to the first or the last one.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> Day {
        local_day(at, micros_of(self.zone.to_offset(instant(at))))
    }

    /// What the clock shows at an instant, to the second: `2026-01-31T23:59:59`.
    #[must_use]
    pub fn reading(&self, at: Timestamp) -> String {
        let offset = micros_of(self.zone.to_offset(instant(at)));
        let local = Timestamp::from_micros(at.micros().saturating_add(offset)).to_string();
        local.split(['.', 'Z']).next().unwrap_or(&local).to_owned()
    }

    /// How far its clocks are ahead of UTC at an instant, in seconds.
    #[must_use]
    pub fn offset_seconds(&self, at: Timestamp) -> i32 {
        self.zone.to_offset(instant(at)).seconds()
    }

    /// The first instant of a day: midnight, or where the clocks are put forward over midnight, the moment they are.
    /// Of a midnight that comes twice, the first. Where a zone leaves a whole day out, the start of the next one.
    ///
    /// In the rare case that clocks are put back across a midnight that has passed, the day before goes on for a
    /// while after this instant.
    #[must_use]
    pub fn start_of_day(&self, day: Day) -> Timestamp {
        let (year, month, day_of_month) = day.ymd();
        let local = i64::from(day.number()) * DAY;
        // Every day of the years 1 to 9999 is one to jiff as well.
        let midnight = DateTime::new(year as i16, month as i8, day_of_month as i8, 0, 0, 0, 0).unwrap_or_default();
        let (before, skipped) = self.offset_before(midnight);
        let start = Timestamp::from_micros(local - before);
        if !skipped {
            return start;
        }
        // The change is at or before the skipped midnight's reading by the old clock, and nothing comes between.
        let change = self.zone.preceding(just_after(start)).next();
        change.map_or(start, |change| Timestamp::from_micros(change.timestamp().as_microsecond()))
    }

    /// The instant of a local reading of the clock: by the offset before the change where it is skipped or doubled.
    pub(super) fn instant_of(&self, reading: DateTime, local_micros: i64) -> Timestamp {
        if self.zone == TimeZone::UTC {
            return Timestamp::from_micros(local_micros);
        }
        Timestamp::from_micros(local_micros - self.offset_before(reading).0)
    }

    /// The offset that a local reading has, or has before a change, in microseconds, and whether the reading is
    /// skipped.
    fn offset_before(&self, reading: DateTime) -> (i64, bool) {
        match self.zone.to_ambiguous_timestamp(reading).offset() {
            AmbiguousOffset::Unambiguous { offset } => (micros_of(offset), false),
            AmbiguousOffset::Fold { before, .. } => (micros_of(before), false),
            AmbiguousOffset::Gap { before, .. } => (micros_of(before), true),
        }
    }
}

/// Finds the days of many instants of one zone. It remembers between which changes of the zone the last instant lay,
/// so that a further one between them costs a division.
#[derive(Debug, Clone)]
pub struct DayFinder {
    zone: Zone,
    /// The zone has the offset from the first instant on, until before the second.
    from: i64,
    until: i64,
    offset: i64,
}

impl DayFinder {
    /// A finder for a zone.
    #[must_use]
    pub const fn new(zone: Zone) -> DayFinder {
        DayFinder { zone, from: 0, until: 0, offset: 0 }
    }

    /// The zone.
    #[must_use]
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The local date of an instant: the same as [`Zone::day_of`].
    pub fn day_of(&mut self, at: Timestamp) -> Day {
        if at.micros() < self.from || at.micros() >= self.until {
            self.remember(at);
        }
        local_day(at, self.offset)
    }

    fn remember(&mut self, at: Timestamp) {
        let zone = &self.zone.zone;
        let change = |change: Option<i64>, none| change.unwrap_or(none);
        // A change at the instant itself has happened: `preceding` leaves out the instant it is given.
        let last = zone.preceding(just_after(at)).next().map(|t| t.timestamp().as_microsecond());
        let next = zone.following(instant(at)).next().map(|t| t.timestamp().as_microsecond());
        self.from = change(last, i64::MIN);
        self.until = change(next, i64::MAX);
        self.offset = micros_of(zone.to_offset(instant(at)));
    }
}

fn micros_of(offset: Offset) -> i64 {
    i64::from(offset.seconds()) * SECOND
}

fn local_day(at: Timestamp, offset_micros: i64) -> Day {
    Day::from_number_i64(at.micros().saturating_add(offset_micros).div_euclid(DAY))
}

/// The instant for jiff, which ends in the year 9999; what is beyond is taken for its first or last one.
fn instant(at: Timestamp) -> jiff::Timestamp {
    let limit = if at.micros() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(limit)
}

fn just_after(at: Timestamp) -> jiff::Timestamp {
    instant(Timestamp::from_micros(at.micros().saturating_add(1)))
}
