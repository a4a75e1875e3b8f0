//! Days, zones and instants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use quittance_domain::time::{Day, DayFinder, TimeError, Timestamp, Zone, parse_instant};

const SECOND: i64 = 1_000_000;
/// Zones with changes by the hour and the half hour, at, around and over midnight, of whole days, and none.
const ZONES: [&str; 16] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "America/Havana",
    "Africa/Cairo",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Nuuk",
    "America/Caracas",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Asia/Gaza",
    "Antarctica/Troll",
];

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

fn read(text: &str, name: &str) -> String {
    parse_instant(text, &zone(name)).unwrap().to_string()
}

fn any_zone() -> impl Strategy<Value = &'static str> {
    prop::sample::select(ZONES.to_vec())
}

/// Any instant that is read, and with them the hours around every change of any zone.
fn any_micros() -> impl Strategy<Value = i64> {
    let changes = any_zone().prop_flat_map(|name| {
        let zone = TimeZone::get(name).unwrap();
        let to: jiff::Timestamp = "2060-01-01T00:00:00Z".parse().unwrap();
        let mut changes: Vec<i64> = zone
            .following(jiff::Timestamp::UNIX_EPOCH)
            .map(|change| change.timestamp())
            .take_while(|at| *at < to)
            .map(|at| at.as_microsecond())
            .collect();
        changes.push(0);
        (prop::sample::select(changes), -7_200_i64..=7_200, -1..=1_i64)
            .prop_map(|(change, seconds, micros)| (change + seconds * SECOND + micros).max(0))
    });
    prop_oneof![0..7_258_118_400_000_000_i64, changes]
}

#[test]
fn a_clock_shows_local_time_to_the_second() {
    let at = |text: &str| quittance_domain::time::parse_instant(text, &Zone::utc()).unwrap();
    let new_york = Zone::parse("America/New_York").unwrap();
    assert_eq!(new_york.reading(at("2026-03-08T06:59:59.5Z")), "2026-03-08T01:59:59");
    assert_eq!(new_york.reading(at("2026-03-08T07:00:00Z")), "2026-03-08T03:00:00");
    assert_eq!(Zone::utc().reading(at("2026-12-31T23:59:59.999999Z")), "2026-12-31T23:59:59");
}

#[test]
fn days_are_counted_from_1970() {
    for (text, number, weekday) in [
        ("1970-01-01", 0, 4),
        ("1969-12-31", -1, 3),
        ("2000-02-29", 11_016, 2),
        ("2024-02-29", 19_782, 4),
        ("2026-01-31", 20_484, 6),
        ("2026-02-01", 20_485, 0),
        ("0001-01-01", -719_162, 1),
        ("9999-12-31", 2_932_896, 5),
    ] {
        let day = day(text);
        assert_eq!((day.number(), day.weekday(), day.to_string().as_str()), (number, weekday, text));
        assert_eq!(Day::from_number(number), day);
    }
    assert_eq!((day("0001-01-01"), day("9999-12-31")), (Day::MIN, Day::MAX));
    assert_eq!((Day::from_number(i32::MIN), Day::from_number(i32::MAX)), (Day::MIN, Day::MAX));
    assert_eq!((Day::MIN.plus_days(-1), Day::MAX.plus_days(i32::MAX)), (Day::MIN, Day::MAX));
}

#[test]
fn only_days_that_exist_are_read() {
    for text in ["2026-02-29", "2100-02-29", "2026-04-31", "2026-00-10", "2026-13-01", "2026-01-00", "0000-01-01"] {
        let refusal = Day::parse(text).unwrap_err();
        assert!(matches!(refusal, TimeError::DoesNotExist { .. }) && refusal.to_string().contains(text), "{text}");
    }
    for text in ["", "2026-1-01", "2026/01/01", "20260101", "2026-01-01 ", "+026-01-01", "2026-01-0１", "-026-01-01"] {
        assert!(matches!(Day::parse(text), Err(TimeError::NotADay { .. })), "{text}");
    }
}

#[test]
fn months_end_where_they_end() {
    let plus = |text: &str, months| day(text).plus_months(months).to_string();
    assert_eq!(plus("2026-01-31", 1), "2026-02-28");
    assert_eq!(plus("2024-01-31", 1), "2024-02-29");
    assert_eq!(plus("2024-02-29", 12), "2025-02-28");
    assert_eq!(plus("2026-01-15", -1), "2025-12-15");
    assert_eq!(plus("2026-03-31", -13), "2025-02-28");
    assert_eq!(plus("2026-12-31", 2), "2027-02-28");
    assert_eq!((Day::MAX.plus_months(1), Day::MIN.plus_months(-1)), (Day::MAX, Day::MIN));
    assert_eq!(
        (day("2026-01-01").plus_months(i32::MAX), day("2026-01-01").plus_months(i32::MIN)),
        (Day::MAX, Day::MIN)
    );
    assert_eq!(day("2024-02-10").last_of_month(), day("2024-02-29"));
    assert_eq!(day("2025-02-10").first_of_month(), day("2025-02-01"));
    assert_eq!(Day::from_ymd(2023, 2, 29), None);
    assert_eq!(Day::from_ymd(2000, 2, 29), Some(day("2000-02-29")));
}

#[test]
fn days_change_at_local_midnight() {
    let day_at = |text: &str, name: &str| zone(name).day_of(parse_instant(text, &Zone::utc()).unwrap()).to_string();
    assert_eq!(day_at("2026-01-01T04:59:59.999999Z", "America/New_York"), "2025-12-31");
    assert_eq!(day_at("2026-01-01T05:00:00Z", "America/New_York"), "2026-01-01");
    assert_eq!(day_at("2026-07-01T03:59:59Z", "America/New_York"), "2026-06-30");
    assert_eq!(day_at("2026-07-01T04:00:00Z", "America/New_York"), "2026-07-01");
    assert_eq!(day_at("2026-03-28T22:59:59Z", "Europe/Berlin"), "2026-03-28");
    assert_eq!(day_at("2026-03-28T23:00:00Z", "Europe/Berlin"), "2026-03-29");
}

#[test]
fn days_have_23_24_or_25_hours() {
    let hours = |text: &str, name: &str| {
        let (zone, day) = (zone(name), day(text));
        (zone.start_of_day(day.plus_days(1)).micros() - zone.start_of_day(day).micros()) / (3600 * SECOND)
    };
    assert_eq!(hours("2026-03-08", "America/New_York"), 23);
    assert_eq!(hours("2026-11-01", "America/New_York"), 25);
    assert_eq!(hours("2026-03-29", "Europe/Berlin"), 23);
    assert_eq!(hours("2026-10-25", "Europe/Berlin"), 25);
    assert_eq!(hours("2026-10-26", "Europe/Berlin"), 24);
    // Samoa crossed the date line and had no 30 December 2011.
    assert_eq!(hours("2011-12-29", "Pacific/Apia"), 24);
    assert_eq!(hours("2011-12-30", "Pacific/Apia"), 0);
}

#[test]
fn a_day_without_midnight_starts_when_the_clock_jumps() {
    let start = |text: &str, name: &str| zone(name).start_of_day(day(text)).to_string();
    // Clocks go from 00:00 to 01:00.
    assert_eq!(start("2026-03-08", "America/Havana"), "2026-03-08T05:00:00Z");
    assert_eq!(start("2026-04-24", "Africa/Cairo"), "2026-04-23T22:00:00Z");
    // Midnight comes twice: at 01:00 clocks go back to 00:00. The first counts.
    assert_eq!(start("2026-11-01", "America/Havana"), "2026-11-01T04:00:00Z");
    // Clocks went from 23:30 to 00:30.
    assert_eq!(start("1919-03-31", "America/Toronto"), "1919-03-31T04:30:00Z");
    // Kiritimati crossed the date line and had no 31 December 1994.
    assert_eq!(start("1994-12-31", "Pacific/Kiritimati"), "1994-12-31T10:00:00Z");
    assert_eq!(start("1995-01-01", "Pacific/Kiritimati"), "1994-12-31T10:00:00Z");
}

#[test]
fn zones_are_found_by_name() {
    assert_eq!(zone("europe/berlin").name(), "Europe/Berlin");
    assert_eq!(zone("UTC").name(), "UTC");
    assert_eq!(zone("UTC"), Zone::utc());
    for name in ["", "Mars/Olympus", "Etc/Unknown", "EST5EDT4,M3.2.0", "../etc/passwd", "+01:00"] {
        assert!(matches!(Zone::parse(name), Err(TimeError::UnknownZone { .. })), "{name}");
    }
}

#[test]
fn instants_are_read_in_their_three_forms() {
    for text in [
        "2026-01-31T15:04:05Z",
        "2026-01-31t15:04:05z",
        "2026-01-31 15:04:05Z",
        "2026-01-31T16:04:05+01:00",
        "2026-01-31T10:34:05-04:30",
        "2026-01-31T15:04:05.000-00:00",
        "1769871845",
        "1769871845.000000",
        "0001769871845",
    ] {
        assert_eq!(read(text, "Asia/Tokyo"), "2026-01-31T15:04:05Z", "{text}");
    }
    for text in ["2026-01-31 10:04:05", "2026-01-31T10:04:05.000000"] {
        assert_eq!(read(text, "America/New_York"), "2026-01-31T15:04:05Z", "{text}");
    }
    assert_eq!(read("2026-01-31T15:04:05.5Z", "UTC"), "2026-01-31T15:04:05.500000Z");
    assert_eq!(read("2026-01-31T15:04:05.123456999Z", "UTC"), "2026-01-31T15:04:05.123456Z");
    assert_eq!(read("1769871845.25", "UTC"), "2026-01-31T15:04:05.250000Z");
    assert_eq!(read("0", "UTC"), "1970-01-01T00:00:00Z");
    assert_eq!(read("2199-12-31T23:59:59.999999Z", "UTC"), "2199-12-31T23:59:59.999999Z");
}

#[test]
fn skipped_and_doubled_readings_take_the_offset_before_the_change() {
    // Skipped: 02:30 by the offset before (-05:00) is 03:30 by the one after.
    assert_eq!(read("2026-03-08 02:30:00", "America/New_York"), "2026-03-08T07:30:00Z");
    assert_eq!(read("2026-03-29 02:30:00", "Europe/Berlin"), "2026-03-29T01:30:00Z");
    assert_eq!(read("2026-04-24 00:30:00", "Africa/Cairo"), "2026-04-23T22:30:00Z");
    // Doubled: the first of the two.
    assert_eq!(read("2026-11-01 01:30:00", "America/New_York"), "2026-11-01T05:30:00Z");
    assert_eq!(read("2026-10-25 02:30:00", "Europe/Berlin"), "2026-10-25T00:30:00Z");
}

#[test]
fn what_is_no_instant_is_refused_by_name() {
    let is = |text: &str, check: fn(&TimeError) -> bool| {
        let refusal = parse_instant(text, &zone("Europe/Berlin")).unwrap_err();
        assert!(check(&refusal), "{text}: {refusal:?}");
        assert!(refusal.to_string().contains(&format!("'{text}'")), "{refusal}");
    };
    for text in [
        "",
        " ",
        "yesterday",
        "2026-01-31",
        "2026-01-31T15:04",
        "2026-01-31T15:04:05.Z",
        "2026-01-31T15:04:05+0100",
        "2026-01-31T15:04:05 Z",
        "2026-01-31T15:04:05.1234567891",
        "31.01.2026 15:04:05",
        "2026-01-31_15:04:05",
        "1769871845.",
        ".5",
        "1769871845.1234567",
        "1e9",
        "+1769871845",
        "1769871845 ",
        "٠١٢٣",
        "2026-０1-31T15:04:05",
    ] {
        is(text, |r| matches!(r, TimeError::NotAnInstant { .. }));
    }
    for text in [
        "2026-02-29T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:60:00Z",
        "2016-12-31T23:59:60Z",
        "2026-01-31T15:04:05+24:00",
        "2026-01-31T15:04:05+01:60",
        "2026-06-31 00:00:00",
    ] {
        is(text, |r| matches!(r, TimeError::DoesNotExist { .. }));
    }
    for text in [
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
        "1970-01-01 00:00:00",
        "2200-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "-1",
        "1769871845000",
        "7258118400",
        "99999999999999999999999",
    ] {
        is(text, |r| matches!(r, TimeError::OutOfRange { .. }));
    }
    is("20260131", |r| matches!(r, TimeError::Ambiguous { .. }));
    assert!(parse_instant("20261331", &Zone::utc()).is_ok());
}

#[test]
fn any_number_of_microseconds_can_be_shown_and_has_a_day() {
    assert_eq!(Timestamp::from_micros(-1).to_string(), "1969-12-31T23:59:59.999999Z");
    for micros in [i64::MIN, i64::MAX] {
        assert!(Timestamp::from_micros(micros).to_string().ends_with('Z'));
        let end = if micros < 0 { Day::MIN } else { Day::MAX };
        for name in ZONES {
            assert_eq!(zone(name).day_of(Timestamp::from_micros(micros)), end);
            assert_eq!(DayFinder::new(zone(name)).day_of(Timestamp::from_micros(micros)), end);
        }
    }
    for name in ZONES {
        assert!(zone(name).start_of_day(Day::MIN) < zone(name).start_of_day(Day::MAX));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn days_agree_with_jiff(number in Day::MIN.number()..=Day::MAX.number()) {
        let day = Day::from_number(number);
        let date: Date = day.to_string().parse().unwrap();
        let (year, month, day_of_month) = day.ymd();
        prop_assert_eq!((year, month, day_of_month), (date.year().into(), date.month() as u8, date.day() as u8));
        prop_assert_eq!(date.since((jiff::Unit::Day, Date::constant(1970, 1, 1))).unwrap().get_days(), number);
        prop_assert_eq!(Day::from_ymd(year, month, day_of_month), Some(day));
        prop_assert_eq!(Day::parse(&day.to_string()), Ok(day));
        prop_assert_eq!(i8::try_from(day.weekday()).unwrap(), date.weekday().to_sunday_zero_offset());
        prop_assert_eq!(day.last_of_month().to_string(), date.last_of_month().to_string());
    }

    #[test]
    fn months_agree_with_jiff(number in -100_000..100_000, months in -2_000..2_000) {
        let day = Day::from_number(number);
        let date: Date = day.to_string().parse().unwrap();
        let later = date.checked_add(jiff::Span::new().months(months)).unwrap();
        prop_assert_eq!(day.plus_months(months).to_string(), later.to_string());
    }

    #[test]
    fn local_days_agree_with_jiff_found_one_by_one_or_remembered(
        name in any_zone(), instants in prop::collection::vec(any_micros(), 1..20),
    ) {
        let (zone, theirs) = (zone(name), TimeZone::get(name).unwrap());
        let mut finder = DayFinder::new(zone.clone());
        for micros in instants {
            let date = theirs.to_datetime(jiff::Timestamp::from_microsecond(micros).unwrap()).date();
            prop_assert_eq!(zone.day_of(Timestamp::from_micros(micros)).to_string(), date.to_string());
            prop_assert_eq!(finder.day_of(Timestamp::from_micros(micros)).to_string(), date.to_string());
        }
    }

    #[test]
    fn a_day_starts_at_its_first_instant(name in any_zone(), micros in any_micros()) {
        let zone = zone(name);
        let day = zone.day_of(Timestamp::from_micros(micros));
        let start = zone.start_of_day(day);
        prop_assert_eq!(zone.day_of(start), day);
        prop_assert!(zone.day_of(Timestamp::from_micros(start.micros() - 1)) < day);
        prop_assert!(start.micros() <= micros);
    }

    #[test]
    fn readings_agree_with_jiff(name in any_zone(), micros in any_micros(), nanos in 0..1_000_i32) {
        let theirs = TimeZone::get(name).unwrap();
        let at = jiff::Timestamp::from_microsecond(micros).unwrap();
        let local = theirs.to_datetime(at);
        prop_assume!(local.year() >= 1970);
        // The same reading one hour on, which may be skipped, and with digits below the microsecond.
        for reading in [local, local.checked_add(jiff::Span::new().hours(1)).unwrap()] {
            let expected = theirs.to_timestamp(reading).unwrap().as_microsecond();
            let within = (0..7_258_118_400_000_000).contains(&expected);
            let finer = reading.checked_add(jiff::Span::new().nanoseconds(nanos)).unwrap();
            for text in [finer.to_string(), finer.to_string().replace('T', " ")] {
                let read = parse_instant(&text, &zone(name)).ok().map(Timestamp::micros);
                prop_assert_eq!(read, within.then_some(expected), "{}", text);
            }
        }
    }

    #[test]
    fn instants_are_read_back(micros in any_micros(), name in any_zone(), minutes in -1_439..=1_439_i32) {
        let at = Timestamp::from_micros(micros);
        prop_assert_eq!(parse_instant(&at.to_string(), &zone(name)), Ok(at));
        prop_assert_eq!(at.to_string().parse::<jiff::Timestamp>().unwrap().as_microsecond(), micros);
        let offset = jiff::tz::Offset::from_seconds(minutes * 60).unwrap();
        let text = jiff::Timestamp::from_microsecond(micros).unwrap().display_with_offset(offset).to_string();
        prop_assert_eq!(parse_instant(&text, &zone(name)), Ok(at));
        let unix = format!("{}.{:06}", micros / SECOND, micros % SECOND);
        prop_assert_eq!(parse_instant(&unix, &zone(name)), Ok(at));
    }

    #[test]
    fn no_text_panics(
        text in "\\PC{0,30}|[-+0-9.:TZ ]{0,30}|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,10})?([+-][0-9]{2}:[0-9]{2}|Z)?",
        name in any_zone(),
    ) {
        // Whatever is read with an offset, jiff reads as the same instant.
        if let Ok(at) = parse_instant(&text, &zone(name)) {
            prop_assert!((0..7_258_118_400_000_000).contains(&at.micros()));
            if let Ok(theirs) = text.parse::<jiff::Timestamp>() {
                prop_assert_eq!(theirs.as_microsecond(), at.micros());
            }
        }
        let _ = Day::parse(&text);
        let _ = Zone::parse(&text);
    }
}

#[test]
fn the_calendar_of_jiff_reaches_as_far_as_ours() {
    assert!(DateTime::new(1, 1, 1, 0, 0, 0, 0).is_ok() && DateTime::new(9999, 12, 31, 0, 0, 0, 0).is_ok());
}
