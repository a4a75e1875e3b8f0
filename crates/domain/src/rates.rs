//! Rates of exchange: quotes by day and pair, and what follows from them. All of it is exact: a rate is a fraction.

use std::collections::BTreeMap;

use crate::currency::Currency;
use crate::money::{Money, MoneyError};
use crate::shown::shown;
use crate::time::Day;

/// The most digits of a quote.
const DIGITS_MAX: usize = 12;
/// How many decimals of a rate are shown to people.
const DECIMALS_SHOWN: u32 = 10;

/// A quoted figure, exactly as it was written: `1.0876`. Never zero or negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quote {
    digits: i64,
    decimals: u32,
}

/// Why a text is no quote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// It is no plain decimal.
    #[error("{value} is no rate: write a decimal of at most {DIGITS_MAX} digits, such as 1.0876")]
    NotDecimal {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// It is zero or below.
    #[error("{value} is no rate: a rate is above zero")]
    NotPositive {
        /// The text, quoted and shortened for the message.
        value: String,
    },
}

impl Quote {
    /// Reads a quote. Zeros at the end make no difference.
    ///
    /// # Errors
    /// The text is no decimal, has too many digits, or is not above zero.
    pub fn parse(text: &str) -> Result<Quote, QuoteError> {
        let not_decimal = || QuoteError::NotDecimal { value: shown(text) };
        let (negative, figure) = text.strip_prefix('-').map_or((false, text), |figure| (true, figure));
        let (whole, fraction) = figure.split_once('.').unwrap_or((figure, ""));
        let plain = |part: &str| part.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(fraction) || figure.ends_with('.') {
            return Err(not_decimal());
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{}{fraction}", whole.trim_start_matches('0'));
        if digits.len() > DIGITS_MAX {
            return Err(not_decimal());
        }
        match digits.trim_start_matches('0').parse::<i64>() {
            Ok(digits) if !negative => Ok(Quote { digits, decimals: fraction.len() as u32 }),
            _ => Err(QuoteError::NotPositive { value: shown(text) }),
        }
    }

    fn fraction(self) -> (i128, i128) {
        (i128::from(self.digits), 10_i128.pow(self.decimals))
    }

    /// Whether another quote is more than 30 % above or below this one.
    #[must_use]
    pub fn jumps_to(self, next: Quote) -> bool {
        let ((a, b), (c, d)) = (self.fraction(), next.fraction());
        let (old, new) = (a * d, c * b);
        10 * new > 13 * old || 10 * new < 7 * old
    }
}

impl std::fmt::Display for Quote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (digits, one) = self.fraction();
        let decimals = self.decimals as usize;
        match decimals {
            0 => write!(f, "{digits}"),
            _ => write!(f, "{}.{:0decimals$}", digits / one, digits % one),
        }
    }
}

/// A rate as it was used: how many units of one currency stand for how many of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    numerator: i128,
    denominator: i128,
    /// The day of the quotes.
    pub day: Day,
    /// The quotes that it comes from, and where they come from: `EUR/USD 1.0876 (ecb)`.
    pub source: String,
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl Rate {
    fn new((numerator, denominator): (i128, i128), day: Day, source: String) -> Rate {
        let divisor = gcd(numerator, denominator);
        Rate { numerator: numerator / divisor, denominator: denominator / divisor, day, source }
    }

    /// A rate from what [`exact`](Self::exact) says of it; `None` where the text is none.
    #[must_use]
    pub fn read(exact: &str, day: Day, source: String) -> Option<Rate> {
        let (numerator, denominator) = exact.split_once('/').unwrap_or((exact, "1"));
        let part = |text: &str| text.parse::<i128>().ok().filter(|number| *number > 0);
        Some(Rate::new((part(numerator)?, part(denominator)?), day, source))
    }

    /// The whole rate as a fraction in lowest terms: `10876/8431`, or `2` where it is a whole number.
    #[must_use]
    pub fn exact(&self) -> String {
        match self.denominator {
            1 => self.numerator.to_string(),
            _ => format!("{}/{}", self.numerator, self.denominator),
        }
    }

    /// The rate as a decimal of at most so many places, rounded half up where there are more, without zeros at its end.
    #[must_use]
    pub fn rounded(&self, decimals: u32) -> String {
        let one = 10_i128.pow(decimals);
        let (whole, rest) = (self.numerator / self.denominator, self.numerator % self.denominator);
        // What is left of a quotient of two quotes has far fewer digits than would overflow.
        let fraction = (2 * rest.saturating_mul(one) + self.denominator) / self.denominator.saturating_mul(2);
        let (whole, fraction) = (whole + fraction / one, fraction % one);
        let digits = format!("{fraction:0places$}", places = decimals as usize);
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() { whole.to_string() } else { format!("{whole}.{digits}") }
    }

    /// Converts an amount into a currency, rounded half away from zero to that currency's minor unit.
    ///
    /// # Errors
    /// The result does not fit.
    pub fn convert(&self, amount: Money, to: Currency) -> Result<Money, MoneyError> {
        let times = |a: i128, b: i128| a.checked_mul(b).ok_or(MoneyError::Overflow);
        let scale = |currency: Currency| 10_i128.pow(currency.billing_digits());
        let minor = i128::from(to.minor_unit_units());
        let above = times(times(i128::from(amount.units()), self.numerator)?, scale(to))?;
        let below = times(times(self.denominator, scale(amount.currency()))?, minor)?;
        let doubled = times(above, 2)?;
        let rounded = (doubled + above.signum() * below) / times(below, 2)?;
        let units = i64::try_from(times(rounded, minor)?).map_err(|_| MoneyError::Overflow)?;
        Ok(Money::new(units, to))
    }
}

/// The rate for people: a decimal of at most ten places, rounded where there are more.
impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rounded(DECIMALS_SHOWN))
    }
}

/// A rate that something waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRate {
    /// The currency that there is.
    pub from: Currency,
    /// The currency that is wanted.
    pub into: Currency,
    /// The day for which a rate is wanted.
    pub day: Day,
    /// The last day up to then that has one, and how many of the wanted currency one unit was: too long ago. `None`: there is
    /// none up to the day.
    pub newest: Option<(Day, String)>,
}

/// For people: `EUR to USD on 2026-01-31, the newest is 1.1 of 2026-01-02`.
impl std::fmt::Display for MissingRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} to {} on {}, ", self.from, self.into, self.day)?;
        match &self.newest {
            Some((day, rate)) => write!(f, "the newest is {rate} of {day}"),
            None => f.write_str("there is none up to then"),
        }
    }
}

/// A quote with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// The figure: one unit of the base is so many of the quoted currency.
    pub quote: Quote,
    /// Where it comes from: `ecb`, or what else the import was told.
    pub source: String,
}

/// Quotes by day and pair (base, quoted).
#[derive(Debug, Clone, Default)]
pub struct RateTable {
    days: BTreeMap<Day, BTreeMap<(Currency, Currency), Quoted>>,
}

impl RateTable {
    /// Adds a quote: one unit of `base` is so many of `quoted`. A later one of the same day and pair replaces it.
    pub fn add(&mut self, day: Day, base: Currency, quoted: Currency, quote: Quoted) {
        self.days.entry(day).or_default().insert((base, quoted), quote);
    }

    /// The rate of the day, or of the last earlier one with any, at most `age_days_max` days before. On one day a
    /// quote of the pair goes before its inverse, that before the cross through `pivot` (the network's currency), and
    /// that before the cross through another currency, the first by its code.
    #[must_use]
    pub fn rate(&self, from: Currency, to: Currency, on: Day, age_days_max: i32, pivot: Currency) -> Option<Rate> {
        if from == to {
            return Some(Rate::new((1, 1), on, String::new()));
        }
        let oldest = on.plus_days(-age_days_max);
        let days = self.days.range(oldest..=on).rev();
        days.into_iter().find_map(|(day, quotes)| {
            of_day(quotes, from, to, pivot).map(|(fraction, legs)| Rate::new(fraction, *day, legs))
        })
    }
}

type Quotes = BTreeMap<(Currency, Currency), Quoted>;

/// A fraction and the quotes it comes from.
type Found = ((i128, i128), String);

fn of_day(quotes: &Quotes, from: Currency, to: Currency, pivot: Currency) -> Option<Found> {
    let through = |middle: Currency| {
        let (a, first) = pair(quotes, from, middle)?;
        let (b, second) = pair(quotes, middle, to)?;
        Some(((a.0 * b.0, a.1 * b.1), format!("{first}, {second}")))
    };
    pair(quotes, from, to).or_else(|| through(pivot)).or_else(|| {
        let mut middles: Vec<Currency> = quotes.keys().flat_map(|(base, quoted)| [*base, *quoted]).collect();
        middles.sort_unstable_by_key(Currency::code);
        middles.dedup();
        middles.into_iter().find_map(through)
    })
}

/// The quote of a pair, or its inverse.
fn pair(quotes: &Quotes, from: Currency, to: Currency) -> Option<Found> {
    let leg = |base: Currency, quoted: Currency, found: &Quoted| {
        let source = if found.source.is_empty() { String::new() } else { format!(" ({})", found.source) };
        format!("{base}/{quoted} {}{source}", found.quote)
    };
    if let Some(found) = quotes.get(&(from, to)) {
        return Some((found.quote.fraction(), leg(from, to, found)));
    }
    let found = quotes.get(&(to, from))?;
    let (numerator, denominator) = found.quote.fraction();
    Some(((denominator, numerator), leg(to, from, found)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn money(text: &str, code: &str) -> Money {
        Money::parse(text, currency(code)).unwrap()
    }

    fn table(quotes: &[(&str, &str, &str, &str)]) -> RateTable {
        let mut table = RateTable::default();
        for (on, base, quoted, quote) in quotes {
            let quote = Quoted { quote: Quote::parse(quote).unwrap(), source: "ecb".to_owned() };
            table.add(day(on), currency(base), currency(quoted), quote);
        }
        table
    }

    fn rate(table: &RateTable, from: &str, to: &str, on: &str) -> Option<Rate> {
        table.rate(currency(from), currency(to), day(on), 7, currency("USD"))
    }

    #[test]
    fn quotes_are_read_as_they_are_written() {
        for (text, shown) in
            [("1.0876", "1.0876"), ("1.50", "1.5"), ("161", "161"), ("0.00001", "0.00001"), ("007", "7")]
        {
            assert_eq!(Quote::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "abc", "1,5", "1.", ".5", "1e3", "+1", "1234567890123", "N/A", " 1"] {
            assert!(matches!(Quote::parse(text), Err(QuoteError::NotDecimal { .. })), "{text:?}");
        }
        for text in ["0", "0.000", "-1.5", "-0"] {
            assert!(matches!(Quote::parse(text), Err(QuoteError::NotPositive { .. })), "{text:?}");
        }
    }

    #[test]
    fn a_jump_is_more_than_thirty_percent() {
        let quote = |text: &str| Quote::parse(text).unwrap();
        for (next, jumps) in [("1.3", false), ("1.3001", true), ("0.7", false), ("0.6999", true), ("1", false)] {
            assert_eq!(quote("1.00").jumps_to(quote(next)), jumps, "{next}");
        }
    }

    #[test]
    fn direct_inverse_and_cross() {
        let table = table(&[
            ("2026-01-02", "EUR", "USD", "1.25"),
            ("2026-01-02", "EUR", "GBP", "0.8"),
            ("2026-01-02", "EUR", "JPY", "160"),
        ]);
        let of = |from, to| {
            let rate = rate(&table, from, to, "2026-01-02").unwrap();
            (rate.exact(), rate.to_string(), rate.source)
        };
        let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(of("EUR", "USD"), text("5/4", "1.25", "EUR/USD 1.25 (ecb)"));
        assert_eq!(of("USD", "EUR"), text("4/5", "0.8", "EUR/USD 1.25 (ecb)"));
        assert_eq!(of("GBP", "USD"), text("25/16", "1.5625", "EUR/GBP 0.8 (ecb), EUR/USD 1.25 (ecb)"));
        assert_eq!(of("JPY", "GBP"), text("1/200", "0.005", "EUR/JPY 160 (ecb), EUR/GBP 0.8 (ecb)"));
        assert_eq!(of("USD", "USD"), text("1", "1", ""));
        assert_eq!(rate(&table, "CHF", "USD", "2026-01-02"), None);
    }

    /// The cross through the network's own currency goes before that through another one.
    #[test]
    fn the_base_currency_is_the_first_pivot() {
        let table = table(&[
            ("2026-01-02", "EUR", "GBP", "0.8"),
            ("2026-01-02", "EUR", "JPY", "160"),
            ("2026-01-02", "USD", "GBP", "0.7"),
            ("2026-01-02", "USD", "JPY", "150"),
        ]);
        assert_eq!(rate(&table, "GBP", "JPY", "2026-01-02").unwrap().exact(), "1500/7");
        let through_eur = table.rate(currency("GBP"), currency("JPY"), day("2026-01-02"), 7, currency("CHF"));
        assert_eq!(through_eur.unwrap().exact(), "200");
    }

    #[test]
    fn the_last_earlier_day_is_used_as_far_as_the_limit_allows() {
        let table = table(&[("2026-01-02", "EUR", "USD", "1.25"), ("2026-01-05", "EUR", "USD", "1.5")]);
        assert_eq!(rate(&table, "EUR", "USD", "2026-01-04").unwrap().day, day("2026-01-02"));
        assert_eq!(rate(&table, "EUR", "USD", "2026-01-05").unwrap().exact(), "3/2");
        assert_eq!(rate(&table, "EUR", "USD", "2026-01-12").unwrap().exact(), "3/2");
        assert_eq!(rate(&table, "EUR", "USD", "2026-01-13"), None);
        assert_eq!(rate(&table, "EUR", "USD", "2026-01-01"), None);
    }

    /// Each by hand: 100 × 1.0876; 100 ÷ 0.8431 × 1.0876 = 128.999…; minor units of 0, 3 and 8 decimals; halves.
    #[test]
    fn amounts_are_converted_exactly_and_rounded_once() {
        let table = table(&[
            ("2026-01-02", "EUR", "USD", "1.0876"),
            ("2026-01-02", "EUR", "GBP", "0.8431"),
            ("2026-01-02", "EUR", "JPY", "163.45"),
            ("2026-01-02", "EUR", "KWD", "0.33415"),
            ("2026-01-02", "BTC", "EUR", "80000"),
        ]);
        for (amount, from, to, expected) in [
            ("100", "EUR", "USD", "108.76"),
            ("-100", "EUR", "USD", "-108.76"),
            ("100", "GBP", "USD", "129.00"),
            ("1", "EUR", "JPY", "163"),
            ("0.01", "EUR", "JPY", "2"),
            ("10", "EUR", "KWD", "3.342"),
            ("1", "EUR", "KWD", "0.334"),
            ("1", "EUR", "BTC", "0.00001250"),
            ("0.12345678", "BTC", "EUR", "9876.54"),
            ("0", "EUR", "USD", "0.00"),
        ] {
            let rate = rate(&table, from, to, "2026-01-02").unwrap();
            let converted = rate.convert(money(amount, from), currency(to)).unwrap();
            assert_eq!(converted, money(expected, to), "{amount} {from} in {to}");
        }
        // 1 / 1.0876 = 0.919455…; ten places are those that people see.
        let inverse = rate(&table, "USD", "EUR", "2026-01-02").unwrap();
        assert_eq!((inverse.rounded(6), inverse.to_string()), ("0.919456".to_owned(), "0.9194556822".to_owned()));
        assert_eq!((inverse.rounded(1), inverse.rounded(0)), ("0.9".to_owned(), "1".to_owned()));
        let half = Rate::read("1/2", day("2026-01-02"), String::new()).unwrap();
        assert_eq!(half.convert(money("0.01", "EUR"), currency("USD")), Ok(money("0.01", "USD")));
        assert_eq!(half.convert(money("-0.01", "EUR"), currency("USD")), Ok(money("-0.01", "USD")));
        let huge = Rate::read("1000000000000", day("2026-01-02"), String::new()).unwrap();
        assert_eq!(huge.convert(Money::new(i64::MAX, currency("EUR")), currency("USD")), Err(MoneyError::Overflow));
    }

    proptest! {
        /// What is stored of a rate is the rate; and there and back again is at most a minor unit of each side off.
        #[test]
        fn a_rate_survives_being_stored(digits in 1..999_999_i64, decimals in 0..6_u32, cents in -100_000_000..100_000_000_i64) {
            let on = day("2026-01-02");
            let rate = Rate::new((i128::from(digits), 10_i128.pow(decimals)), on, "x".to_owned());
            prop_assert_eq!(Rate::read(&rate.exact(), on, "x".to_owned()), Some(rate.clone()));
            let amount = Money::new(cents * 10_000, currency("EUR"));
            let there = rate.convert(amount, currency("USD")).unwrap();
            // |there × denominator − amount × numerator| is at most half a cent's worth.
            let off = i128::from(there.units()) * rate.denominator - i128::from(amount.units()) * rate.numerator;
            prop_assert!(2 * off.abs() <= 10_000 * rate.denominator, "{}", off);
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Quote::parse(&text);
            let _ = Rate::read(&text, Day::MIN, String::new());
        }
    }
}
