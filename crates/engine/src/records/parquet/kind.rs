//! What the values of a column are, and how they become text without loss.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::schema::types::ColumnDescriptor;
use quittance_domain::time::Day;

/// Days from 1970 to 2199: what instants are read for.
const DAYS: std::ops::Range<i64> = 0..84_006;
const DAY_SECONDS: i64 = 86_400;
/// The largest scale that has a sense for amounts, and that 128 bits can hold.
const SCALE_MAX: i32 = 38;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Texts, or bytes that nobody has said more about.
    Text,
    /// Whole numbers.
    Whole {
        /// They are not below zero.
        unsigned: bool,
    },
    /// Decimals with so many digits behind the point.
    Decimal {
        /// How many.
        scale: u32,
    },
    /// Days since 1970.
    Date,
    /// Instants.
    Instant {
        /// How many of its units a second has.
        per_second: i64,
        /// They are in UTC; else readings of a clock, taken for that of the network.
        utc: bool,
    },
    /// Instants in the old form of twelve bytes, in UTC.
    OldInstant,
    /// Truth values.
    Flag,
    /// Binary floating point.
    Float,
    /// A list, map or structure.
    Nested,
    /// Something else.
    Other,
}

impl Kind {
    /// That of a flat column.
    pub(super) fn of(column: &ColumnDescriptor) -> Kind {
        let physical = column.physical_type();
        match column.logical_type_ref() {
            Some(LogicalType::Decimal(decimal)) => return Kind::decimal(decimal.scale),
            Some(LogicalType::Date) => return Kind::Date,
            Some(LogicalType::Timestamp(timestamp)) => {
                let per_second = match timestamp.unit {
                    TimeUnit::MILLIS => 1_000,
                    TimeUnit::MICROS => 1_000_000,
                    TimeUnit::NANOS => 1_000_000_000,
                };
                return Kind::Instant { per_second, utc: timestamp.is_adjusted_to_u_t_c };
            }
            Some(LogicalType::Integer(integer)) => return Kind::Whole { unsigned: !integer.is_signed },
            Some(LogicalType::String | LogicalType::Enum | LogicalType::Json) => return Kind::Text,
            Some(LogicalType::Float16) => return Kind::Float,
            Some(_) => return Kind::Other,
            None => {}
        }
        match (column.converted_type(), physical) {
            (ConvertedType::DECIMAL, _) => Kind::decimal(column.type_scale()),
            (ConvertedType::DATE, _) => Kind::Date,
            (ConvertedType::TIMESTAMP_MILLIS, _) => Kind::Instant { per_second: 1_000, utc: true },
            (ConvertedType::TIMESTAMP_MICROS, _) => Kind::Instant { per_second: 1_000_000, utc: true },
            (ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64, _) => {
                Kind::Whole { unsigned: true }
            }
            (ConvertedType::TIME_MILLIS | ConvertedType::TIME_MICROS | ConvertedType::INTERVAL, _) => Kind::Other,
            (_, Type::BOOLEAN) => Kind::Flag,
            (_, Type::INT32 | Type::INT64) => Kind::Whole { unsigned: false },
            (_, Type::INT96) => Kind::OldInstant,
            (_, Type::FLOAT | Type::DOUBLE) => Kind::Float,
            (_, Type::BYTE_ARRAY) => Kind::Text,
            (_, Type::FIXED_LEN_BYTE_ARRAY) => Kind::Other,
        }
    }

    fn decimal(scale: i32) -> Kind {
        match u32::try_from(scale) {
            Ok(scale) if scale <= SCALE_MAX as u32 => Kind::Decimal { scale },
            _ => Kind::Other,
        }
    }

    /// Whether a field can be read from it. The error says why not, and what to do.
    pub(super) fn usable(self) -> Result<(), &'static str> {
        match self {
            Kind::Float => Err(
                "is floating point, which cannot hold amounts and ids exactly: write it as a decimal, a whole number or a text",
            ),
            Kind::Nested => Err("is a list or a structure: write it as a column of plain values"),
            Kind::Other => {
                Err("has a type that is no text, whole number, decimal, date or timestamp: write it as a text")
            }
            _ => Ok(()),
        }
    }

    /// A whole number, day, instant or decimal as text.
    pub(super) fn number(self, value: i128) -> String {
        match self {
            Kind::Decimal { scale } => decimal(value, scale),
            Kind::Date => match i64::try_from(value) {
                Ok(day) if DAYS.contains(&day) => format!("{} 00:00:00", self::day(day)),
                // As a plain number it would be taken for Unix seconds.
                _ => format!("day {value} since 1970"),
            },
            Kind::Instant { per_second, utc } => {
                let (seconds, part) = (value.div_euclid(per_second.into()), value.rem_euclid(per_second.into()));
                let nanos = part * (1_000_000_000 / i128::from(per_second));
                match (i64::try_from(seconds), i64::try_from(nanos)) {
                    (Ok(seconds), Ok(nanos)) if DAYS.contains(&seconds.div_euclid(DAY_SECONDS)) => {
                        instant(seconds, nanos, utc)
                    }
                    _ => format!("{value} / {per_second} seconds since 1970"),
                }
            }
            _ => value.to_string(),
        }
    }

    /// An instant of twelve bytes: nanoseconds of the day in two words, and the Julian day.
    pub(super) fn old_instant(words: [u32; 3]) -> String {
        let day = i64::from(words[2]) - 2_440_588;
        let nanos = (i128::from(words[1]) << 32) | i128::from(words[0]);
        let since = i128::from(day) * i128::from(DAY_SECONDS) * 1_000_000_000 + nanos;
        Kind::Instant { per_second: 1_000_000_000, utc: true }.number(since)
    }

    /// The big-endian bytes of a decimal; `None` where the number needs more than 128 bits.
    pub(super) fn big_endian(bytes: &[u8]) -> Option<i128> {
        let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
        // Of a wide column most bytes are the sign.
        let surplus = bytes.len().saturating_sub(16);
        let (wide, bytes) = bytes.split_at(surplus);
        let same_sign = bytes.first()? & 0x80 == sign & 0x80;
        if !wide.iter().all(|byte| *byte == sign) || (surplus > 0 && !same_sign) {
            return None;
        }
        let mut whole = [sign; 16];
        whole[16 - bytes.len()..].copy_from_slice(bytes);
        Some(i128::from_be_bytes(whole))
    }
}

fn day(number: i64) -> Day {
    Day::from_number(i32::try_from(number).unwrap_or_default())
}

fn instant(seconds: i64, nanos: i64, utc: bool) -> String {
    let (date, second) = (day(seconds.div_euclid(DAY_SECONDS)), seconds.rem_euclid(DAY_SECONDS));
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let zone = if utc { "Z" } else { "" };
    let fraction = if nanos == 0 { String::new() } else { format!(".{nanos:09}") };
    format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
}

/// `-1234` with the scale 2 is `-12.34`.
fn decimal(units: i128, scale: u32) -> String {
    let width = scale as usize;
    let digits = format!("{:0>width$}", units.unsigned_abs(), width = width + 1);
    let (whole, fraction) = digits.split_at(digits.len() - width);
    let sign = if units < 0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_their_digits() {
        for (units, scale, text) in
            [(0, 2, "0.00"), (5, 2, "0.05"), (-5, 2, "-0.05"), (123_456, 3, "123.456"), (-7, 0, "-7")]
        {
            assert_eq!(Kind::Decimal { scale }.number(units), text);
        }
        let least = Kind::Decimal { scale: 38 }.number(i128::MIN);
        assert_eq!(least, "-1.70141183460469231731687303715884105728");
    }

    #[test]
    fn decimals_of_bytes_have_a_sign() {
        assert_eq!(Kind::big_endian(&[0xff, 0x85]), Some(-123));
        assert_eq!(Kind::big_endian(&[0x00, 0xff]), Some(255));
        assert_eq!(Kind::big_endian(&[0x80; 16]), Some(i128::from_be_bytes([0x80; 16])));
        assert_eq!(Kind::big_endian(&[0; 17]), Some(0));
        assert_eq!(Kind::big_endian(&[0xff; 32]), Some(-1));
        // One bit more than fits.
        let mut wide = [0; 17];
        wide[1] = 0x80;
        assert_eq!((Kind::big_endian(&wide), Kind::big_endian(&[1; 17]), Kind::big_endian(&[])), (None, None, None));
    }

    #[test]
    fn instants_outside_of_what_is_read_are_no_numbers() {
        let millis = Kind::Instant { per_second: 1_000, utc: true };
        assert_eq!(millis.number(1_769_871_845_250), "2026-01-31T15:04:05.250000000Z");
        assert_eq!(Kind::Instant { per_second: 1_000_000, utc: false }.number(0), "1970-01-01T00:00:00");
        assert_eq!(Kind::Date.number(20_484), "2026-01-31 00:00:00");
        for text in
            [millis.number(-1), millis.number(i64::MAX.into()), Kind::Date.number(-1), Kind::Date.number(99_999)]
        {
            assert!(text.contains("since 1970"), "{text}");
        }
        // Julian day 2,440,588 is the first of 1970.
        assert_eq!(Kind::old_instant([1_000_000_000, 0, 2_440_588 + 20_484]), "2026-01-31T00:00:01Z");
        assert!(Kind::old_instant([u32::MAX; 3]).contains("since 1970"));
    }
}
