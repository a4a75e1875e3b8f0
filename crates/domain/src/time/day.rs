//! Calendar days, of no particular zone.

use super::{Digits, TimeError, shown};

/// A day of the Gregorian calendar, of the years 1 to 9999. Ordered by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// 0001-01-01.
    pub const MIN: Day = Day(-719_162);
    /// 9999-12-31.
    pub const MAX: Day = Day(2_932_896);

    /// The day so many days after (negative: before) 1970-01-01. Numbers beyond [`MIN`](Self::MIN) and
    /// [`MAX`](Self::MAX) give these.
    #[must_use]
    pub const fn from_number(number: i32) -> Day {
        if number < Day::MIN.0 {
            Day::MIN
        } else if number > Day::MAX.0 {
            Day::MAX
        } else {
            Day(number)
        }
    }

    /// The same for any number, however large.
    pub(super) fn from_number_i64(number: i64) -> Day {
        Day(number.clamp(i64::from(Day::MIN.0), i64::from(Day::MAX.0)) as i32)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The day of a year (1 to 9999), month (from 1) and day of the month (from 1); `None` where there is none such.
    #[must_use]
    pub fn from_ymd(year: i32, month: u8, day: u8) -> Option<Day> {
        let exists = (1..=9999).contains(&year) && (1..=12).contains(&month);
        (exists && (1..=days_of_month(year, month)).contains(&day)).then(|| Day(number(year, month, day)))
    }

    /// Year, month (from 1) and day of the month (from 1).
    #[must_use]
    pub fn ymd(self) -> (i32, u8, u8) {
        let (year, month, day) = civil(i64::from(self.0));
        (year as i32, month, day)
    }

    /// Reads `YYYY-MM-DD`, and nothing else.
    ///
    /// # Errors
    /// The text has another form, or there is no such day.
    pub fn parse(text: &str) -> Result<Day, TimeError> {
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return Err(TimeError::NotADay { value: shown(text) });
        };
        let digits = [y1, y2, y3, y4, m1, m2, d1, d2];
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(TimeError::NotADay { value: shown(text) });
        }
        let [y1, y2, y3, y4, m1, m2, d1, d2] = digits.map(|digit| digit - b'0');
        let year = [y1, y2, y3, y4].iter().fold(0, |year, digit| year * 10 + i32::from(*digit));
        Day::from_ymd(year, m1 * 10 + m2, d1 * 10 + d2).ok_or_else(|| TimeError::DoesNotExist { value: shown(text) })
    }

    /// The day so many days later (negative: earlier), at most [`MAX`](Self::MAX), at least [`MIN`](Self::MIN).
    #[must_use]
    pub const fn plus_days(self, days: i32) -> Day {
        Day::from_number(self.0.saturating_add(days))
    }

    /// The day of the week: 0 is Sunday, 6 is Saturday.
    #[must_use]
    pub const fn weekday(self) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.0 + 4).rem_euclid(7) as u8
    }

    /// The first day of its month.
    #[must_use]
    pub fn first_of_month(self) -> Day {
        let (_, _, day) = self.ymd();
        self.plus_days(1 - i32::from(day))
    }

    /// The last day of its month.
    #[must_use]
    pub fn last_of_month(self) -> Day {
        let (year, month, day) = self.ymd();
        self.plus_days(i32::from(days_of_month(year, month)) - i32::from(day))
    }

    /// The same day so many months later (negative: earlier), or the last of that month where it is shorter. At most
    /// [`MAX`](Self::MAX), at least [`MIN`](Self::MIN).
    #[must_use]
    pub fn plus_months(self, months: i32) -> Day {
        let (year, month, day) = self.ymd();
        let count = i64::from(year) * 12 + i64::from(month) - 1 + i64::from(months);
        let month = count.rem_euclid(12) as u8 + 1;
        match i32::try_from(count.div_euclid(12)) {
            Ok(year @ 1..=9999) => Day(number(year, month, day.min(days_of_month(year, month)))),
            _ if months < 0 => Day::MIN,
            _ => Day::MAX,
        }
    }
}

impl std::fmt::Display for Day {
    /// `YYYY-MM-DD`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.ymd();
        Digits::date(year.into(), month, day).write(f)
    }
}

impl std::fmt::Debug for Day {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// How many days a month (1 to 12) has.
fn days_of_month(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, of a date that exists in the years 1 to 9999.
///
/// Years are counted from March here, so that the leap day is the last of its year and the months before it have the
/// same lengths in every year.
fn number(year: i32, month: u8, day: u8) -> i32 {
    let month = i32::from(month);
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + i32::from(day) - 1;
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01, for any that an instant can have.
pub(super) fn civil(number: i64) -> (i64, u8, u8) {
    const DAYS_IN_400_YEARS: i64 = 146_097;
    let days = number + 719_468;
    let (era, day) = (days.div_euclid(DAYS_IN_400_YEARS), days.rem_euclid(DAYS_IN_400_YEARS));
    // The leap days before it taken out, all years have 365 days.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
    let (month, next) = if from_march < 10 { (from_march + 3, 0) } else { (from_march - 9, 1) };
    (era * 400 + year + next, month as u8, day_of_month as u8)
}
