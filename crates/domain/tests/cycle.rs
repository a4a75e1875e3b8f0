//! Billing cycles: periods, due dates, titles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use quittance_domain::cycle::{BillingCycle, CycleStarts};
use quittance_domain::period::Period;
use quittance_domain::time::{Day, Timestamp, Zone};

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn periods_by_cycle() {
    let anchor = day("2024-01-01");
    let period = |cycle: BillingCycle, text: &str, week_start| {
        let starts = CycleStarts { days: Vec::new(), month: 1, week_start, anchor };
        cycle.period_containing(day(text), &starts).map(|period: Period| period.to_string())
    };
    let is = |cycle, text: &str, expected: &str| {
        assert_eq!(period(cycle, text, 1).as_deref(), Some(expected), "{cycle} {text}");
    };
    for cycle in [BillingCycle::Net7, BillingCycle::Net15, BillingCycle::Net30, BillingCycle::Monthly] {
        is(cycle, "2024-02-29", "2024-02-01..2024-02-29");
    }
    // 2026-01-01 was a Thursday.
    is(BillingCycle::Weekly, "2026-01-01", "2025-12-29..2026-01-04");
    assert_eq!(period(BillingCycle::Weekly, "2026-01-01", 0).unwrap(), "2025-12-28..2026-01-03");
    assert_eq!(period(BillingCycle::Weekly, "2026-01-01", 4).unwrap(), "2026-01-01..2026-01-07");
    is(BillingCycle::BiWeekly, "2024-01-14", "2024-01-01..2024-01-14");
    is(BillingCycle::BiWeekly, "2024-01-15", "2024-01-15..2024-01-28");
    is(BillingCycle::BiWeekly, "2023-12-31", "2023-12-18..2023-12-31");
    is(BillingCycle::TwiceMonthly, "2026-02-15", "2026-02-01..2026-02-15");
    is(BillingCycle::TwiceMonthly, "2026-02-16", "2026-02-16..2026-02-28");
    is(BillingCycle::TwoMonthly, "2024-02-10", "2024-01-01..2024-02-29");
    is(BillingCycle::TwoMonthly, "2026-12-31", "2026-11-01..2026-12-31");
    is(BillingCycle::Quarterly, "2026-05-05", "2026-04-01..2026-06-30");
    assert_eq!(period(BillingCycle::Manual, "2026-01-01", 1), None);
}

#[test]
fn terms_decide_the_due_date_where_there_are_any() {
    let end = day("2026-01-31");
    let due = |cycle: BillingCycle, terms| cycle.due_date(end, terms).to_string();
    assert_eq!(due(BillingCycle::Net7, None), "2026-02-07");
    assert_eq!(due(BillingCycle::Net15, None), "2026-02-15");
    assert_eq!(due(BillingCycle::Net30, None), "2026-03-02");
    assert_eq!(due(BillingCycle::Net30, Some(10)), "2026-02-10");
    assert_eq!(due(BillingCycle::Net30, Some(0)), "2026-01-31");
    assert_eq!(due(BillingCycle::Weekly, None), "2026-01-31");
    assert_eq!(due(BillingCycle::Manual, Some(14)), "2026-02-14");
    assert_eq!(BillingCycle::Monthly.due_date(end, Some(u32::MAX)), Day::MAX);
}

#[test]
fn cycles_by_title() {
    for cycle in BillingCycle::ALL {
        assert_eq!(BillingCycle::parse(cycle.title()), Ok(cycle));
        assert_eq!(BillingCycle::parse(&cycle.title().to_uppercase()), Ok(cycle));
    }
    for (text, cycle) in [
        ("net30", BillingCycle::Net30),
        ("Bi-Weekly", BillingCycle::BiWeekly),
        ("biweekly", BillingCycle::BiWeekly),
        ("Every two months", BillingCycle::TwoMonthly),
    ] {
        assert_eq!(BillingCycle::parse(text), Ok(cycle));
    }
    for text in ["", "net", "Net 10", "daily", "bimonthly"] {
        assert!(BillingCycle::parse(text).unwrap_err().to_string().starts_with(&format!("'{text}' is not")));
    }
}

/// By hand, from a calendar: 2026-01-01 is a Thursday.
#[test]
fn periods_start_on_the_days_that_are_chosen() {
    let is = |cycle: BillingCycle, days: &[u8], month: u8, on: &str, expected: &str| {
        let starts = CycleStarts { days: days.to_vec(), month, week_start: 1, anchor: day("2026-01-01") };
        assert_eq!(cycle.period_containing(day(on), &starts).unwrap().to_string(), expected, "{cycle} {days:?} {on}");
    };
    is(BillingCycle::Weekly, &[4], 1, "2026-01-07", "2026-01-01..2026-01-07");
    is(BillingCycle::Weekly, &[0], 1, "2026-01-01", "2025-12-28..2026-01-03");
    is(BillingCycle::BiWeekly, &[], 1, "2026-01-14", "2026-01-01..2026-01-14");
    is(BillingCycle::BiWeekly, &[1], 1, "2026-01-05", "2026-01-05..2026-01-18");
    is(BillingCycle::BiWeekly, &[1], 1, "2026-01-04", "2025-12-22..2026-01-04");
    is(BillingCycle::Monthly, &[15], 1, "2026-03-14", "2026-02-15..2026-03-14");
    is(BillingCycle::Monthly, &[15], 1, "2026-03-15", "2026-03-15..2026-04-14");
    is(BillingCycle::Net30, &[28], 1, "2024-02-29", "2024-02-28..2024-03-27");
    is(BillingCycle::TwiceMonthly, &[10, 25], 1, "2026-03-09", "2026-02-25..2026-03-09");
    is(BillingCycle::TwiceMonthly, &[10, 25], 1, "2026-03-24", "2026-03-10..2026-03-24");
    is(BillingCycle::TwiceMonthly, &[25, 10], 1, "2026-03-31", "2026-03-25..2026-04-09");
    is(BillingCycle::TwoMonthly, &[], 2, "2026-01-31", "2025-12-01..2026-01-31");
    is(BillingCycle::TwoMonthly, &[5], 12, "2026-02-04", "2025-12-05..2026-02-04");
    is(BillingCycle::Quarterly, &[], 2, "2026-01-01", "2025-11-01..2026-01-31");
    is(BillingCycle::Quarterly, &[20], 3, "2026-06-19", "2026-03-20..2026-06-19");
}

/// Days of a cycle as a party may choose them.
fn start_days(cycle: BillingCycle) -> impl Strategy<Value = Vec<u8>> {
    let (count, weekdays) = cycle.start_days();
    let day = if weekdays { 0..7_u8 } else { 1..29_u8 };
    (any::<bool>(), prop::collection::btree_set(day, count))
        .prop_map(|(chosen, days)| if chosen { days.into_iter().collect() } else { Vec::new() })
}

fn cycles() -> impl Strategy<Value = (BillingCycle, Vec<u8>)> {
    prop::sample::select(BillingCycle::ALL.to_vec()).prop_flat_map(|cycle| (Just(cycle), start_days(cycle)))
}

proptest! {
    #[test]
    fn periods_of_a_cycle_touch_and_never_overlap(
        number in -30_000..60_000, week_start in 0..7_u8, month in 1..13_u8, anchor in -30_000..60_000,
        (cycle, days) in cycles(),
    ) {
        let (day, anchor) = (Day::from_number(number), Day::from_number(anchor));
        let starts = CycleStarts { days: days.clone(), month, week_start, anchor };
        let containing = |day| cycle.period_containing(day, &starts);
        let Some(period) = containing(day) else {
            prop_assert_eq!(cycle, BillingCycle::Manual);
            return Ok(());
        };
        prop_assert!(period.contains(day));
        prop_assert_eq!(containing(period.start), Some(period));
        prop_assert_eq!(containing(period.end), Some(period));
        prop_assert_eq!(containing(period.end.plus_days(1)).unwrap().start, period.end.plus_days(1));
        prop_assert_eq!(containing(period.start.plus_days(-1)).unwrap().end, period.start.plus_days(-1));
        let (_, weekdays) = cycle.start_days();
        match (cycle, days.first()) {
            (BillingCycle::Weekly, _) => prop_assert_eq!(period.days(), 7),
            (BillingCycle::BiWeekly, _) => prop_assert_eq!(period.days(), 14),
            (_, None) => prop_assert!(period.end == period.end.last_of_month() || period.end.ymd().2 == 15),
            _ => {}
        }
        if !days.is_empty() {
            let start = if weekdays { period.start.weekday() } else { period.start.ymd().2 };
            prop_assert!(days.contains(&start), "{} starts on {start}", period);
        }
    }
}

/// In every zone of the tz database each of the days of ten years begins when the one before has ended, days of 23 and
/// 25 hours among them; and each belongs to exactly one period of every cycle.
#[test]
fn in_every_zone_the_days_of_ten_years_are_covered_once() {
    const MICROS_PER_HOUR: i64 = 3_600_000_000;
    let (first, last) = (day("2018-01-01"), day("2027-12-31"));
    let starts = CycleStarts { days: Vec::new(), month: 1, week_start: 1, anchor: day("2024-01-01") };
    let days = || (first.number()..=last.number()).map(Day::from_number);
    for cycle in BillingCycle::ALL.into_iter().filter(|cycle| *cycle != BillingCycle::Manual) {
        let mut periods: Vec<Period> = days().map(|day| cycle.period_containing(day, &starts).unwrap()).collect();
        periods.dedup();
        assert!(periods.windows(2).all(|pair| pair[1].start == pair[0].end.plus_days(1)), "{cycle}");
    }
    let (mut zones, mut odd_days) = (0, 0);
    for name in Zone::names() {
        let zone = Zone::parse(&name).unwrap();
        zones += 1;
        let mut before = zone.start_of_day(first);
        for day in days().skip(1) {
            let start = zone.start_of_day(day);
            let just_before = Timestamp::from_micros(start.micros() - 1);
            assert_eq!((zone.day_of(just_before), zone.day_of(start)), (day.plus_days(-1), day), "{name}");
            odd_days += i32::from(start.micros() - before.micros() != 24 * MICROS_PER_HOUR);
            before = start;
        }
    }
    assert!(zones > 400 && odd_days > 2_000, "{zones} zones, {odd_days} days of another length");
}
