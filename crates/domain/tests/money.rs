//! Amounts: reading, showing, rounding, sharing out and adding up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use quittance_domain::currency::Currency;
use quittance_domain::money::{AmountError, Money, MoneyError, Rounding, sum_units};

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn units(text: &str, code: &str) -> i64 {
    Money::parse(text, currency(code)).unwrap().units()
}

fn refusal(text: &str, code: &str) -> AmountError {
    Money::parse(text, currency(code)).unwrap_err()
}

fn any_currency() -> impl Strategy<Value = Currency> {
    prop::sample::select(Currency::all().collect::<Vec<_>>())
}

fn any_money() -> impl Strategy<Value = Money> {
    let units = prop_oneof![any::<i64>(), -2_000_000..2_000_000_i64, Just(i64::MIN), Just(i64::MAX)];
    (units, any_currency()).prop_map(|(units, currency)| Money::new(units, currency))
}

#[test]
fn plain_decimals_are_read() {
    assert_eq!(units("72.95", "USD"), 72_950_000);
    assert_eq!(units("0", "USD"), 0);
    assert_eq!(units("-0.00", "USD"), 0);
    assert_eq!(units("+3", "USD"), 3_000_000);
    assert_eq!(units("-0.000001", "USD"), -1);
    assert_eq!(units("007.5", "USD"), 7_500_000);
    assert_eq!(units("1200", "JPY"), 1_200_000_000);
    assert_eq!(units("0.00000001", "BTC"), 1);
    assert_eq!(units("21000000", "BTC"), 2_100_000_000_000_000);
    assert_eq!(units("9223372036854.775807", "USD"), i64::MAX);
    assert_eq!(units("-9223372036854.775808", "USD"), i64::MIN);
}

#[test]
fn zeros_beyond_the_billing_unit_say_nothing() {
    assert_eq!(units("1.25000000000", "USD"), 1_250_000);
    assert_eq!(units(&format!("{}1.5{}", "0".repeat(60), "0".repeat(60)), "USD"), 1_500_000);
}

#[test]
fn each_refusal_names_the_value_and_the_reason() {
    assert_eq!(refusal("", "USD"), AmountError::Empty);
    let is = |text: &str, check: fn(&AmountError) -> bool| {
        let refusal = refusal(text, "USD");
        assert!(check(&refusal), "{text}: {refusal:?}");
        assert!(refusal.to_string().contains(text), "{refusal}");
    };
    for text in ["1e3", "1E3", "-1.5e-3", "1.e3"] {
        is(text, |r| matches!(r, AmountError::Exponent { .. }));
    }
    for text in ["NaN", "nan", "inf", "-Infinity", "+INF"] {
        is(text, |r| matches!(r, AmountError::NotFinite { .. }));
    }
    for text in [" 1", "1 ", "1 000", "- 1", " ", "1\u{a0}000"] {
        is(text, |r| matches!(r, AmountError::Space { .. }));
    }
    for text in ["1,000.00", "12,50", "1_000", "1'000"] {
        is(text, |r| matches!(r, AmountError::Separator { .. }));
    }
    for text in ["-", "+", ".", "5.", ".5", "-.5", "--1", "1.2.3", "0x10", "$5", "5USD", "e5"] {
        is(text, |r| matches!(r, AmountError::NotDecimal { .. }));
    }
    for text in ["0.0000001", "1.2345678", "0.00000010"] {
        is(text, |r| matches!(r, AmountError::TooManyDecimals { limit: 6, .. }));
    }
    for text in ["9223372036854.775808", "-9223372036854.775809", "18446744073710", "99999999999999999999999999"] {
        is(text, |r| matches!(r, AmountError::OutOfRange { .. }));
    }
    assert!(matches!(refusal("0.000000001", "BTC"), AmountError::TooManyDecimals { limit: 8, .. }));
    assert!(refusal(&"9".repeat(100_000), "USD").to_string().len() < 300);
    assert_eq!(
        refusal("1.2345678", "USD").to_string(),
        "'1.2345678' has more than the 6 decimals that an amount in USD can have"
    );
}

#[test]
fn amounts_are_shown_with_the_minor_unit_and_no_further_zeros() {
    let shown = |text: &str, code: &str| Money::parse(text, currency(code)).unwrap().to_string();
    assert_eq!(shown("72.95", "USD"), "72.95");
    assert_eq!(shown("72.9", "USD"), "72.90");
    assert_eq!(shown("0", "USD"), "0.00");
    assert_eq!(shown("-0.5", "USD"), "-0.50");
    assert_eq!(shown("0.0125", "USD"), "0.0125");
    assert_eq!(shown("1200", "JPY"), "1200");
    assert_eq!(shown("1200.5", "JPY"), "1200.5");
    assert_eq!(shown("-7", "KWD"), "-7.000");
    assert_eq!(shown("1", "BTC"), "1.00000000");
    assert_eq!(shown("1", "USDT"), "1.000000");
    assert_eq!(shown("0.00000001", "USDT"), "0.00000001");
    assert_eq!(Money::new(i64::MIN, currency("USD")).to_decimal(), "-9223372036854.775808");
    assert_eq!(format!("{:>8}|", Money::zero(currency("USD"))), "    0.00|");
}

#[test]
fn rounding_from_the_middle() {
    let round = |text: &str, code: &str, rounding| {
        Money::parse(text, currency(code)).unwrap().round_to_minor(rounding).unwrap().to_string()
    };
    use Rounding::{HalfAwayFromZero, HalfEven, TowardZero};
    for (text, away, even, toward) in [
        ("0.005", "0.01", "0.00", "0.00"),
        ("-0.005", "-0.01", "0.00", "0.00"),
        ("0.015", "0.02", "0.02", "0.01"),
        ("0.025", "0.03", "0.02", "0.02"),
        ("-0.025", "-0.03", "-0.02", "-0.02"),
        ("0.004999", "0.00", "0.00", "0.00"),
        ("0.005001", "0.01", "0.01", "0.00"),
        ("0.014999", "0.01", "0.01", "0.01"),
        ("-1.999999", "-2.00", "-2.00", "-1.99"),
        ("3.14", "3.14", "3.14", "3.14"),
    ] {
        assert_eq!(round(text, "USD", HalfAwayFromZero), away, "{text}");
        assert_eq!(round(text, "USD", HalfEven), even, "{text}");
        assert_eq!(round(text, "USD", TowardZero), toward, "{text}");
    }
    assert_eq!(round("1200.5", "JPY", HalfAwayFromZero), "1201");
    assert_eq!(round("1200.5", "JPY", HalfEven), "1200");
    assert_eq!(round("0.0005", "KWD", HalfAwayFromZero), "0.001");
    assert_eq!(round("0.00000001", "BTC", TowardZero), "0.00000001");
    let most = Money::new(i64::MAX, currency("JPY"));
    assert_eq!(most.round_to_minor(HalfAwayFromZero), Err(MoneyError::Overflow));
    assert_eq!(most.round_to_minor(TowardZero).unwrap().to_string(), "9223372036854");
}

#[test]
fn sharing_out_gives_what_is_left_to_who_lost_most() {
    let usd = currency("USD");
    let shares = |units: i64, weights: &[u64]| -> Vec<i64> {
        let shares = Money::new(units, usd).allocate(weights).unwrap();
        shares.into_iter().map(Money::units).collect()
    };
    // 100 / 3 is 33 and a third each; the unit left goes to the first of equals.
    assert_eq!(shares(100, &[1, 1, 1]), [34, 33, 33]);
    assert_eq!(shares(-100, &[1, 1, 1]), [-34, -33, -33]);
    assert_eq!(shares(101, &[1, 1, 1]), [34, 34, 33]);
    // 10 * 1/6 = 1.67, 10 * 2/6 = 3.33, 10 * 3/6 = 5.
    assert_eq!(shares(10, &[1, 2, 3]), [2, 3, 5]);
    assert_eq!(shares(1, &[0, 0, 5, 5]), [0, 0, 1, 0]);
    assert_eq!(shares(0, &[1, 2]), [0, 0]);
    assert_eq!(shares(i64::MIN, &[u64::MAX]), [i64::MIN]);
    assert_eq!(shares(i64::MAX, &[u64::MAX, u64::MAX]), [i64::MAX / 2 + 1, i64::MAX / 2]);
    assert_eq!(Money::new(5, usd).allocate(&[]), Err(MoneyError::NoWeights));
    assert_eq!(Money::new(5, usd).allocate(&[0, 0]), Err(MoneyError::NoWeights));
}

#[test]
fn currencies_do_not_mix_and_nothing_wraps() {
    let (usd, eur) = (currency("USD"), currency("EUR"));
    let mixed = MoneyError::CurrencyMismatch { left: usd, right: eur };
    assert_eq!(Money::new(1, usd).checked_add(Money::new(1, eur)), Err(mixed));
    assert_eq!(Money::zero(usd).checked_sub(Money::zero(eur)), Err(mixed));
    assert_eq!(mixed.to_string(), "USD and EUR cannot be added: convert one of them first");
    assert_eq!(Money::new(i64::MAX, usd).checked_add(Money::new(1, usd)), Err(MoneyError::Overflow));
    assert_eq!(Money::new(i64::MIN, usd).checked_sub(Money::new(1, usd)), Err(MoneyError::Overflow));
    assert_eq!(Money::new(i64::MIN, usd).negate(), Err(MoneyError::Overflow));
    assert_eq!(Money::new(2, usd).checked_sub(Money::new(5, usd)), Ok(Money::new(-3, usd)));
    assert_eq!(Money::new(2, usd).negate(), Ok(Money::new(-2, usd)));
}

#[test]
fn only_the_sum_has_to_fit() {
    assert_eq!(sum_units([]), Ok(0));
    assert_eq!(sum_units([i64::MAX, i64::MAX, -i64::MAX]), Ok(i64::MAX));
    assert_eq!(sum_units([i64::MAX, 1]), Err(MoneyError::Overflow));
    assert_eq!(sum_units([i64::MIN, -1]), Err(MoneyError::Overflow));
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(money in any_money()) {
        let shown = money.to_string();
        prop_assert_eq!(Money::parse(&shown, money.currency()), Ok(money));
        let decimals = shown.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        prop_assert!(decimals >= money.currency().minor_digits() as usize);
        prop_assert!(decimals <= money.currency().billing_digits() as usize);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,30}|[-+0-9.eE, ]{0,24}|[0-9]{0,25}\\.?[0-9]{0,12}", currency in any_currency()) {
        match Money::parse(&text, currency) {
            Ok(money) => prop_assert_eq!(Money::parse(&money.to_string(), currency), Ok(money)),
            Err(refusal) => prop_assert!(!refusal.to_string().is_empty()),
        }
    }

    #[test]
    fn shares_add_up_and_are_within_one_unit_of_exact(
        money in any_money(), weights in prop::collection::vec(prop_oneof![any::<u64>(), 0..5_u64], 1..20),
    ) {
        let total: u128 = weights.iter().map(|w| u128::from(*w)).sum();
        prop_assume!(total > 0);
        let shares = money.allocate(&weights).unwrap();
        prop_assert_eq!(shares.len(), weights.len());
        prop_assert_eq!(sum_units(shares.iter().map(|share| share.units())), Ok(money.units()));
        for (share, weight) in shares.iter().zip(&weights) {
            let exact = u128::from(money.units().unsigned_abs()) * u128::from(*weight);
            let magnitude = u128::from(share.units().unsigned_abs());
            prop_assert!(magnitude == exact / total || (exact % total != 0 && magnitude == exact / total + 1));
        }
        if let Ok(opposite) = money.negate() {
            let opposites: Vec<_> = shares.iter().map(|share| share.negate().unwrap()).collect();
            prop_assert_eq!(opposite.allocate(&weights).unwrap(), opposites);
        }
    }

    #[test]
    fn rounding_is_near_symmetric_and_final(money in any_money()) {
        let minor = i128::from(money.currency().minor_unit_units());
        for rounding in [Rounding::HalfAwayFromZero, Rounding::HalfEven, Rounding::TowardZero] {
            let Ok(rounded) = money.round_to_minor(rounding) else {
                prop_assert!(i128::from(money.units()).abs() + minor > i128::from(i64::MAX));
                continue;
            };
            let moved = i128::from(rounded.units()) - i128::from(money.units());
            prop_assert_eq!(i128::from(rounded.units()) % minor, 0);
            prop_assert!(moved.abs() < minor && (rounding == Rounding::TowardZero || 2 * moved.abs() <= minor));
            prop_assert_eq!(rounded.round_to_minor(rounding), Ok(rounded));
            if let (Ok(opposite), Ok(expected)) = (money.negate(), rounded.negate()) {
                prop_assert_eq!(opposite.round_to_minor(rounding), Ok(expected));
            }
        }
    }

    #[test]
    fn adding_and_taking_away_cancel_out(money in any_money(), units in any::<i64>()) {
        let other = Money::new(units, money.currency());
        if let Ok(sum) = money.checked_add(other) {
            prop_assert_eq!(sum.checked_sub(other), Ok(money));
            prop_assert_eq!(sum_units([money.units(), units]), Ok(sum.units()));
        }
    }
}
