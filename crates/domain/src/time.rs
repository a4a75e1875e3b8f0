//! Instants, days and time zones.
//!
//! An instant is kept in UTC. Which day it belongs to depends on the network's time zone, in which days can have 23,
//! 25 or other numbers of hours. The rules of the zones are compiled in, so that two servers never disagree.

use crate::shown::shown;

mod day;
mod instant;
mod zone;

pub use day::Day;
pub use instant::parse_instant;
pub use zone::{DayFinder, Zone};

/// Microseconds in a second.
const SECOND: i64 = 1_000_000;
/// Microseconds in a day of 24 hours.
const DAY: i64 = 86_400 * SECOND;

/// Why a text is no day, instant or zone. Every message names the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not of the form of a day.
    #[error("{value} is not a day: write YYYY-MM-DD")]
    NotADay {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// Of the right form, but there is no such day or time of day.
    #[error("{value} does not exist in the calendar or on the clock")]
    DoesNotExist {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// Of none of the forms of an instant.
    #[error(
        "{value} is not a point in time: write 2026-01-31T15:04:05Z, 2026-01-31T15:04:05+01:00, 2026-01-31 15:04:05 \
         or Unix seconds"
    )]
    NotAnInstant {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// A date without separators, which is also a number of seconds.
    #[error("{value} may be a date or a number of seconds: write a date as YYYY-MM-DD HH:MM:SS")]
    Ambiguous {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// Before 1970 or after 2199.
    #[error("{value} is outside the years 1970 to 2199 (Unix times are counted in seconds here)")]
    OutOfRange {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// Not a zone of the IANA database.
    #[error("{value} is not a time zone: write an IANA name such as Europe/Berlin or UTC")]
    UnknownZone {
        /// The text, quoted and shortened for the message.
        value: String,
    },
}

/// An instant: microseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant so many microseconds after (negative: before) the start of 1970 in UTC.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// Microseconds since the start of 1970 in UTC.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }
}

impl std::fmt::Display for Timestamp {
    /// RFC 3339 in UTC with `Z`; six decimals of the second where they are not all zero.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = day::civil(self.0.div_euclid(DAY));
        let micros = self.0.rem_euclid(DAY);
        let (seconds, fraction) = (micros / SECOND, micros % SECOND);
        let mut text = Digits::date(year, month, day);
        for (before, part) in [(b'T', seconds / 3600), (b':', seconds / 60 % 60), (b':', seconds % 60)] {
            text.push(before);
            text.push_two(part);
        }
        if fraction != 0 {
            text.push(b'.');
            for part in [fraction / 10_000, fraction / 100 % 100, fraction % 100] {
                text.push_two(part);
            }
        }
        text.push(b'Z');
        text.write(f)
    }
}

/// The text of a date or an instant. Lists write them by the thousand, and this is several times faster than formats with
/// widths.
struct Digits {
    /// A year of up to six digits with its sign, and 23 characters after it.
    bytes: [u8; 32],
    length: usize,
}

impl Digits {
    /// `YYYY-MM-DD`; a year before 0 or after 9999, which no date has but an instant may, with its sign and six digits.
    fn date(year: i64, month: u8, day: u8) -> Digits {
        let mut text = Digits { bytes: [0; 32], length: 0 };
        if !(0..=9999).contains(&year) {
            text.push(if year < 0 { b'-' } else { b'+' });
            text.push_two(year.abs() / 10_000);
        }
        text.push_two(year.abs() / 100);
        text.push_two(year.abs());
        for part in [month, day] {
            text.push(b'-');
            text.push_two(part.into());
        }
        text
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// The last two digits of a number that is not negative.
    fn push_two(&mut self, number: i64) {
        let digit = |value: i64| b'0' + (value % 10).unsigned_abs() as u8;
        self.push(digit(number / 10));
        self.push(digit(number));
    }

    fn write(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default())
    }
}
