//! Percentages, exactly as they are written.

use crate::money::{Money, MoneyError};
use crate::shown::shown;

/// The most decimals of a percentage.
const DECIMALS_MAX: usize = 6;

/// A percentage from 0 to 100: `19`, `12.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent {
    digits: i64,
    decimals: u32,
}

/// The refusal of a text that is no percentage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value} is no percentage from 0 to 100 with at most {DECIMALS_MAX} decimals")]
pub struct NoPercent {
    /// The text, quoted and shortened for the message.
    pub value: String,
}

impl Percent {
    /// Reads a percentage. Zeros at the end make no difference.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Percent, NoPercent> {
        let refuse = || NoPercent { value: shown(text) };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let plain = |part: &str| part.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || !plain(whole) || !plain(fraction) || text.ends_with('.') {
            return Err(refuse());
        }
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}").parse::<i64>().ok().filter(|_| fraction.len() <= DECIMALS_MAX);
        let percent = Percent { digits: digits.ok_or_else(refuse)?, decimals: fraction.len() as u32 };
        if percent.digits > 100 * 10_i64.pow(percent.decimals) { Err(refuse()) } else { Ok(percent) }
    }

    /// So much of an amount, rounded half away from zero to the currency's minor unit.
    ///
    /// # Errors
    /// The result does not fit.
    pub fn of(self, amount: Money) -> Result<Money, MoneyError> {
        let minor = i128::from(amount.currency().minor_unit_units());
        let above = i128::from(amount.units()) * i128::from(self.digits);
        let below = 100 * 10_i128.pow(self.decimals) * minor;
        let rounded = (2 * above + above.signum() * below) / (2 * below);
        let units = i64::try_from(rounded * minor).map_err(|_| MoneyError::Overflow)?;
        Ok(Money::new(units, amount.currency()))
    }

    /// Whether it is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.digits == 0
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = 10_i64.pow(self.decimals);
        match self.decimals as usize {
            0 => write!(f, "{}", self.digits),
            decimals => write!(f, "{}.{:0decimals$}", self.digits / one, self.digits % one),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::currency::Currency;

    fn of(percent: &str, amount: &str, code: &str) -> String {
        let amount = Money::parse(amount, Currency::parse(code).unwrap()).unwrap();
        Percent::parse(percent).unwrap().of(amount).unwrap().to_decimal()
    }

    /// By hand: 19 % of 10.05 is 1.9095; 12.5 % of 0.04 is half a cent; of 8 % of 1234 yen 98.72.
    #[test]
    fn shares_are_rounded_once_to_the_minor_unit() {
        assert_eq!(of("19", "10.05", "USD"), "1.91");
        assert_eq!(of("12.5", "0.04", "USD"), "0.01");
        assert_eq!(of("12.5", "-0.04", "USD"), "-0.01");
        assert_eq!(of("8", "1234", "JPY"), "99");
        assert_eq!(of("0", "1234", "JPY"), "0");
        assert_eq!(of("100", "10.05", "USD"), "10.05");
        assert_eq!(of("5.5", "0.001", "KWD"), "0.000");
    }

    #[test]
    fn texts() {
        for (text, shown) in
            [("19", "19"), ("19.00", "19"), ("12.50", "12.5"), ("0.000001", "0.000001"), ("100", "100")]
        {
            assert_eq!(Percent::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "-1", "101", "100.1", "1e1", ".5", "5.", "5 %", "0.0000001", "x", "1000"] {
            assert!(Percent::parse(text).is_err(), "{text}");
        }
    }
}
