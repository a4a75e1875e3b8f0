//! Exact amounts of money: whole billing units of a currency, checked sums, named rounding.

use crate::currency::Currency;
use crate::shown::shown;

/// Why a calculation with amounts has no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Amounts of two currencies never add up.
    #[error("{left} and {right} cannot be added: convert one of them first")]
    CurrencyMismatch {
        /// The currency of the amount that something was to be added to.
        left: Currency,
        /// The currency of the other amount.
        right: Currency,
    },
    /// The result does not fit.
    #[error("the result is beyond the largest amount that can be counted")]
    Overflow,
    /// There is no weight above zero to share an amount out by.
    #[error("an amount cannot be shared out: no share has a weight above zero")]
    NoWeights,
}

/// Why a text is no amount. Every message names the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// There is no text.
    #[error("'' is no amount: it is empty")]
    Empty,
    /// An exponent, as in `1e3`.
    #[error("{value} is no amount: write it without an exponent, as a plain decimal such as 1000.00")]
    Exponent {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// `NaN`, `inf` and their like.
    #[error("{value} is no amount: it is not a finite number")]
    NotFinite {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// A space, at an end or within.
    #[error("{value} is no amount: it has a space in it")]
    Space {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// A comma or another separator of groups of digits.
    #[error("{value} is no amount: write no separators but one decimal point, as in 1234.56")]
    Separator {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// Anything else that is no plain decimal.
    #[error("{value} is no amount: write a plain decimal such as 12.50 or -3")]
    NotDecimal {
        /// The text, quoted and shortened for the message.
        value: String,
    },
    /// Digits below the billing unit.
    #[error("{value} has more than the {limit} decimals that an amount in {currency} can have")]
    TooManyDecimals {
        /// The text, quoted and shortened for the message.
        value: String,
        /// The currency.
        currency: Currency,
        /// The most decimals in that currency.
        limit: u32,
    },
    /// More than can be counted.
    #[error("{value} is beyond the largest amount in {currency} that can be counted")]
    OutOfRange {
        /// The text, quoted and shortened for the message.
        value: String,
        /// The currency.
        currency: Currency,
    },
}

/// Which way an amount between two minor units goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearer one; from the middle, away from zero. What invoices use.
    HalfAwayFromZero,
    /// To the nearer one; from the middle, to the even one.
    HalfEven,
    /// To the one nearer to zero.
    TowardZero,
}

/// An amount: a count of a currency's billing unit (see [`Currency::billing_digits`]), of either sign.
///
/// There are no operators: what can fail says so, and two currencies never meet unnoticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    units: i64,
    currency: Currency,
}

impl Money {
    /// An amount of so many billing units.
    #[must_use]
    pub const fn new(units: i64, currency: Currency) -> Money {
        Money { units, currency }
    }

    /// Nothing, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Money {
        Money { units: 0, currency }
    }

    /// The count of billing units.
    #[must_use]
    pub const fn units(self) -> i64 {
        self.units
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.units == 0
    }

    /// Whether it is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.units < 0
    }

    /// Whether it is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.units > 0
    }

    /// The sum of two amounts.
    ///
    /// # Errors
    /// The currencies differ, or the sum does not fit.
    pub fn checked_add(self, other: Money) -> Result<Money, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference of two amounts.
    ///
    /// # Errors
    /// The currencies differ, or the difference does not fit.
    pub fn checked_sub(self, other: Money) -> Result<Money, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    fn combine(self, other: Money, with: fn(i64, i64) -> Option<i64>) -> Result<Money, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency });
        }
        let units = with(self.units, other.units).ok_or(MoneyError::Overflow)?;
        Ok(Money { units, ..self })
    }

    /// The same amount with the other sign.
    ///
    /// # Errors
    /// It does not fit: the lowest amount of all has no counterpart.
    pub fn negate(self) -> Result<Money, MoneyError> {
        let units = self.units.checked_neg().ok_or(MoneyError::Overflow)?;
        Ok(Money { units, ..self })
    }

    /// The amount rounded to the currency's minor unit; still counted in billing units.
    ///
    /// # Errors
    /// The rounded amount does not fit.
    pub fn round_to_minor(self, rounding: Rounding) -> Result<Money, MoneyError> {
        let minor = self.currency.minor_unit_units();
        let (whole, rest) = (self.units / minor, self.units % minor);
        // A minor unit is at most 10^6 billing units, so doubling the rest is safe.
        let doubled = 2 * rest.abs();
        let away = match rounding {
            Rounding::HalfAwayFromZero => rest != 0 && doubled >= minor,
            Rounding::HalfEven => doubled > minor || (rest != 0 && doubled == minor && whole % 2 != 0),
            Rounding::TowardZero => false,
        };
        let whole = if away { whole + rest.signum() } else { whole };
        let units = whole.checked_mul(minor).ok_or(MoneyError::Overflow)?;
        Ok(Money { units, ..self })
    }

    /// Shares the amount out by weight, in billing units, so that the shares add up to it exactly. Each share is its
    /// exact part rounded toward zero; the units left over go to the shares that lost most, of equal ones to the
    /// first. The shares of the negative amount are the negatives of the shares.
    ///
    /// # Errors
    /// No weight is above zero.
    pub fn allocate(self, weights: &[u64]) -> Result<Vec<Money>, MoneyError> {
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        if total == 0 {
            return Err(MoneyError::NoWeights);
        }
        let magnitude = u128::from(self.units.unsigned_abs());
        let mut shares = Vec::with_capacity(weights.len());
        let mut losses = Vec::with_capacity(weights.len());
        for (index, weight) in weights.iter().enumerate() {
            // At most 2^63 * 2^64, which fits.
            let product = magnitude * u128::from(*weight);
            shares.push(product / total);
            losses.push((std::cmp::Reverse(product % total), index));
        }
        let left = magnitude - shares.iter().sum::<u128>();
        losses.sort_unstable();
        for (_, index) in losses.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            if let Some(share) = shares.get_mut(index) {
                *share += 1;
            }
        }
        let signed = |share: u128| {
            let share = i128::try_from(share).map_err(|_| MoneyError::Overflow)?;
            let share = if self.is_negative() { -share } else { share };
            let units = i64::try_from(share).map_err(|_| MoneyError::Overflow)?;
            Ok(Money { units, ..self })
        };
        shares.into_iter().map(signed).collect()
    }

    /// Reads a plain decimal: a sign or none, digits, and optionally a point and more digits. Nothing is rounded:
    /// decimals beyond the billing unit are refused unless they are zeros, which say nothing.
    ///
    /// # Errors
    /// The text is no plain decimal, is finer than the billing unit, or does not fit.
    pub fn parse(text: &str, currency: Currency) -> Result<Money, AmountError> {
        match read_units(text.as_bytes(), currency.billing_digits()) {
            Ok(units) => Ok(Money { units, currency }),
            Err(refusal) => Err(refusal.explain(text, currency)),
        }
    }

    /// The amount as a plain decimal, without its currency: at least the minor unit's decimals, and further ones as
    /// far as they are not zeros. `72.95`, `0.0125`, in JPY `1200`. [`parse`](Self::parse) reads it back.
    #[must_use]
    pub fn to_decimal(self) -> String {
        let digits = self.currency.billing_digits() as usize;
        let minor = self.currency.minor_digits() as usize;
        // One digit at least before the point.
        let mut text = format!("{:0width$}", self.units.unsigned_abs(), width = digits + 1);
        let point = text.len() - digits;
        let zeros = text.bytes().rev().take(digits - minor).take_while(|digit| *digit == b'0').count();
        text.truncate(text.len() - zeros);
        if text.len() > point {
            text.insert(point, '.');
        }
        if self.is_negative() {
            text.insert(0, '-');
        }
        text
    }
}

impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.to_decimal())
    }
}

/// The sum of amounts of one currency, in billing units. Added in 128 bits, so that only the result has to fit.
///
/// # Errors
/// The sum does not fit.
pub fn sum_units(units: impl IntoIterator<Item = i64>) -> Result<i64, MoneyError> {
    let sum: i128 = units.into_iter().map(i128::from).sum();
    i64::try_from(sum).map_err(|_| MoneyError::Overflow)
}

/// What [`read_units`] found wrong. The message is made only once something is.
enum Refusal {
    NotDecimal,
    TooManyDecimals,
    OutOfRange,
}

/// Reads a decimal into units of `10^-digits`.
fn read_units(text: &[u8], digits: u32) -> Result<i64, Refusal> {
    let (negative, unsigned) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let point = unsigned.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match point {
        Some(point) => (&unsigned[..point], &unsigned[point + 1..]),
        None => (unsigned, &[][..]),
    };
    let plain = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    if !plain(whole) || (point.is_some() && !plain(fraction)) {
        return Err(Refusal::NotDecimal);
    }
    let (counted, beyond) = fraction.split_at(fraction.len().min(digits as usize));
    if beyond.iter().any(|digit| *digit != b'0') {
        return Err(Refusal::TooManyDecimals);
    }
    let missing = digits as usize - counted.len();
    let zeros = std::iter::repeat_n(&b'0', missing);
    let mut magnitude = 0_u64;
    for digit in whole.iter().chain(counted).chain(zeros) {
        let shifted = magnitude.checked_mul(10).ok_or(Refusal::OutOfRange)?;
        magnitude = shifted.checked_add(u64::from(digit - b'0')).ok_or(Refusal::OutOfRange)?;
    }
    let units = if negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    units.ok_or(Refusal::OutOfRange)
}

impl Refusal {
    fn explain(self, text: &str, currency: Currency) -> AmountError {
        let value = shown(text);
        match self {
            Refusal::TooManyDecimals => {
                AmountError::TooManyDecimals { value, currency, limit: currency.billing_digits() }
            }
            Refusal::OutOfRange => AmountError::OutOfRange { value, currency },
            Refusal::NotDecimal => not_decimal(text, value),
        }
    }
}

/// Says as exactly as possible why a text is no decimal.
fn not_decimal(text: &str, value: String) -> AmountError {
    let unsigned = text.trim().trim_start_matches(['+', '-']).to_ascii_lowercase();
    let mantissa = unsigned.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if text.is_empty() {
        AmountError::Empty
    } else if text.contains(char::is_whitespace) {
        AmountError::Space { value }
    } else if ["nan", "inf", "infinity"].contains(&unsigned.as_str()) {
        AmountError::NotFinite { value }
    } else if mantissa.starts_with('e') && mantissa.len() < unsigned.len() {
        AmountError::Exponent { value }
    } else if text.contains([',', '\'', '_', '’', '٬', '٫']) {
        AmountError::Separator { value }
    } else {
        AmountError::NotDecimal { value }
    }
}
