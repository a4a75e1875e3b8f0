//! Billing cycles: periods, due dates, titles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use quittance_domain::cycle::BillingCycle;
use quittance_domain::period::Period;
use quittance_domain::time::Day;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn periods_by_cycle() {
    let anchor = day("2024-01-01");
    let period = |cycle: BillingCycle, text: &str, week_start| {
        cycle.period_containing(day(text), week_start, anchor).map(|period: Period| period.to_string())
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

proptest! {
    #[test]
    fn periods_of_a_cycle_touch_and_never_overlap(
        number in -30_000..60_000, week_start in 0..7_u8, anchor in -30_000..60_000, cycle in prop::sample::select(BillingCycle::ALL.to_vec()),
    ) {
        let (day, anchor) = (Day::from_number(number), Day::from_number(anchor));
        let containing = |day| cycle.period_containing(day, week_start, anchor);
        let Some(period) = containing(day) else {
            prop_assert_eq!(cycle, BillingCycle::Manual);
            return Ok(());
        };
        prop_assert!(period.contains(day));
        prop_assert_eq!(containing(period.start), Some(period));
        prop_assert_eq!(containing(period.end), Some(period));
        prop_assert_eq!(containing(period.end.plus_days(1)).unwrap().start, period.end.plus_days(1));
        prop_assert_eq!(containing(period.start.plus_days(-1)).unwrap().end, period.start.plus_days(-1));
        match cycle {
            BillingCycle::Weekly => prop_assert_eq!((period.start.weekday(), period.days()), (week_start, 7)),
            BillingCycle::BiWeekly => {
                prop_assert_eq!(((period.start.number() - anchor.number()) % 14, period.days()), (0, 14));
            }
            _ => prop_assert!(period.end == period.end.last_of_month() || period.end.ymd().2 == 15),
        }
    }
}
