//! Reading instants. This is on the path of every ingested record, so it reads bytes and makes nothing on success.

use jiff::civil::DateTime;

use super::{DAY, Day, SECOND, TimeError, Timestamp, Zone, shown};

/// The first instant after those that are read: the start of 2200 in UTC.
const END: i64 = 7_258_118_400 * SECOND;
/// The decimals of Unix seconds.
const UNIX_DECIMALS_MAX: usize = 6;
/// The decimals of a written second. The common libraries of languages write up to nine.
const SECOND_DECIMALS_MAX: usize = 9;
/// The hours that a written offset from UTC can have.
const OFFSET_HOURS_MAX: u32 = 23;

/// Reads an instant of the years 1970 to 2199 (in UTC), which is:
///
/// - RFC 3339: `2026-01-31T15:04:05Z`, `2026-01-31 15:04:05.25+01:00`;
/// - a reading of the zone's clock: `2026-01-31 15:04:05`, also with `T` and with decimals. Where a change of the
///   clock skips or doubles it, it is read by the offset before the change;
/// - Unix seconds: `1769871845`, with up to six decimals. Eight digits that also are a date (`20260131`) are refused,
///   since nobody who writes those means a day in 1970.
///
/// A second can have up to nine decimals; those beyond the microsecond are cut off, which moves nothing to another
/// day. A second 60 is refused, since the scale of Unix time has no place for it.
///
/// # Errors
/// The text has none of these forms, names a date or time that does not exist, or is out of range.
pub fn parse_instant(text: &str, zone: &Zone) -> Result<Timestamp, TimeError> {
    let bytes = text.as_bytes();
    let read = if matches!(bytes.get(4), Some(b'-')) { written(bytes, zone) } else { unix(bytes) };
    let value = || shown(text);
    match read {
        Ok(at) if (0..END).contains(&at.micros()) => Ok(at),
        Ok(_) | Err(Refusal::OutOfRange) => Err(TimeError::OutOfRange { value: value() }),
        Err(Refusal::Form) => Err(TimeError::NotAnInstant { value: value() }),
        Err(Refusal::DoesNotExist) => Err(TimeError::DoesNotExist { value: value() }),
        Err(Refusal::Ambiguous) => Err(TimeError::Ambiguous { value: value() }),
    }
}

/// What is wrong. The message is made only once something is.
enum Refusal {
    Form,
    DoesNotExist,
    OutOfRange,
    Ambiguous,
}

/// The number that some decimal digits make; `None` where they are none or too many.
fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// A number below 100, written with two digits.
fn two(digits: [u8; 2]) -> Result<u8, Refusal> {
    let [tens, ones] = digits;
    if !(tens.is_ascii_digit() && ones.is_ascii_digit()) {
        return Err(Refusal::Form);
    }
    Ok((tens - b'0') * 10 + (ones - b'0'))
}

/// The microseconds that the decimals of a second make.
fn micros(decimals: &[u8], most: usize) -> Result<i64, Refusal> {
    let fits = decimals.len() <= most;
    let mut micros = number(decimals).filter(|_| fits).ok_or(Refusal::Form)?;
    for _ in decimals.len()..6 {
        micros *= 10;
    }
    for _ in 6..decimals.len() {
        micros /= 10;
    }
    Ok(i64::from(micros))
}

/// A date and time, with or without an offset.
fn written(text: &[u8], zone: &Zone) -> Result<Timestamp, Refusal> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        mo1,
        mo2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        mi1,
        mi2,
        b':',
        s1,
        s2,
        ref rest @ ..,
    ] = text
    else {
        return Err(Refusal::Form);
    };
    let year = i32::from(two([y1, y2])?) * 100 + i32::from(two([y3, y4])?);
    let (month, day) = (two([mo1, mo2])?, two([d1, d2])?);
    let (hour, minute, second) = (two([h1, h2])?, two([mi1, mi2])?, two([s1, s2])?);
    let (fraction, rest) = match rest {
        [b'.', decimals @ ..] => {
            let end = decimals.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(decimals.len());
            (micros(&decimals[..end], SECOND_DECIMALS_MAX)?, &decimals[end..])
        }
        rest => (0, rest),
    };
    let offset = offset_seconds(rest)?;
    let date = Day::from_ymd(year, month, day).ok_or(Refusal::DoesNotExist)?;
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Refusal::DoesNotExist);
    }
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    let local = i64::from(date.number()) * DAY + seconds * SECOND + fraction;
    match offset {
        Some(offset) => Ok(Timestamp::from_micros(local - offset * SECOND)),
        None => {
            let [month, day, hour, minute, second] = [month, day, hour, minute, second].map(|part| part as i8);
            let reading = DateTime::new(year as i16, month, day, hour, minute, second, 0);
            Ok(zone.instant_of(reading.map_err(|_| Refusal::DoesNotExist)?, local))
        }
    }
}

/// The offset from UTC at the end of a text, in seconds; `None` where it has none.
fn offset_seconds(text: &[u8]) -> Result<Option<i64>, Refusal> {
    match *text {
        [] => Ok(None),
        [b'Z' | b'z'] => Ok(Some(0)),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (two([h1, h2])?, two([m1, m2])?);
            if u32::from(hours) > OFFSET_HOURS_MAX || minutes > 59 {
                return Err(Refusal::DoesNotExist);
            }
            let seconds = i64::from(hours) * 3600 + i64::from(minutes) * 60;
            Ok(Some(if sign == b'-' { -seconds } else { seconds }))
        }
        _ => Err(Refusal::Form),
    }
}

/// Unix seconds.
fn unix(text: &[u8]) -> Result<Timestamp, Refusal> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let point = unsigned.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&unsigned[..point], micros(&unsigned[point + 1..], UNIX_DECIMALS_MAX)?),
        None => (unsigned, 0),
    };
    if whole.is_empty() || !whole.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::Form);
    }
    if point.is_none() && is_compact_date(whole) {
        return Err(Refusal::Ambiguous);
    }
    let significant = whole.iter().position(|byte| *byte != b'0').map_or(&[][..], |first| &whole[first..]);
    // Ten digits reach to the year 2286.
    if significant.len() > 10 {
        return Err(Refusal::OutOfRange);
    }
    let seconds = significant.iter().fold(0, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    let micros = seconds * SECOND + fraction;
    Ok(Timestamp::from_micros(if negative { -micros } else { micros }))
}

/// Whether digits are a date such as `20260131`, of the years that are read.
fn is_compact_date(digits: &[u8]) -> bool {
    let Some(number) = number(digits).filter(|_| digits.len() == 8) else { return false };
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    (1970..=2199).contains(&year) && Day::from_ymd(year as i32, month as u8, day as u8).is_some()
}
