//! What a conversion is worth where its tracker does not say: amounts of its offer, fixed or a share of the sale amount.
//!
//! A share is kept with what it came to, so that a sale of which a part is refunded later pays and brings so much less,
//! whatever the offer says by then.

use super::{Conversion, RecordError, amount};
use crate::currency::Currency;
use crate::money::Money;

/// The most digits of a percentage before its point.
const WHOLE_DIGITS_MAX: usize = 9;
/// The most decimals of a percentage.
const DECIMALS_MAX: usize = 8;

/// A percentage of the sale amount. Unlike other percentages it may be above 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SaleShare {
    /// The percentage without its decimal point.
    digits: i64,
    /// How many of its digits are decimals.
    decimals: u32,
}

impl SaleShare {
    /// Reads the number of a percentage: `12.5`. `None` where it is none.
    #[must_use]
    pub fn parse(number: &str) -> Option<SaleShare> {
        if !is_plain(number) {
            return None;
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}").parse().ok()?;
        Some(SaleShare { digits, decimals: fraction.len() as u32 })
    }

    /// So much of a sale, rounded half away from zero to the billing unit.
    fn of(self, field: &'static str, sale_amount: &str, currency: Currency) -> Result<Money, RecordError> {
        let sale = amount("sale_amount", sale_amount, currency)?;
        let divisor = 100 * 10_i128.pow(self.decimals);
        let product = i128::from(sale.units()) * i128::from(self.digits);
        let rounded = (2 * product + product.signum() * divisor) / (2 * divisor);
        let units = i64::try_from(rounded).map_err(|_| RecordError::TooLarge { field, value: rounded.to_string() })?;
        Ok(Money::new(units, currency))
    }
}

impl std::fmt::Display for SaleShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let one = 10_i64.pow(self.decimals);
        match self.decimals as usize {
            0 => write!(f, "{}", self.digits),
            decimals => write!(f, "{}.{:0decimals$}", self.digits / one, self.digits % one),
        }
    }
}

/// A decimal without a sign, of a bounded length.
fn is_plain(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fits = !whole.is_empty() && whole.len() <= WHOLE_DIGITS_MAX && fraction.len() <= DECIMALS_MAX;
    fits && !text.ends_with('.') && whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit())
}

/// Which shares of its sale amount a conversion's amounts are. `None`: the amount was given, or is a fixed one of its offer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Of the payout.
    pub payout: Option<SaleShare>,
    /// Of the revenue.
    pub revenue: Option<SaleShare>,
}

/// An offer's payout or revenue where a record names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DefaultAmount {
    /// A fixed decimal amount.
    Fixed(Box<str>),
    /// A share of the record's sale amount.
    Share(SaleShare),
}

impl DefaultAmount {
    /// Reads `2.50` or `12.5 %`. `None` where it is neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<DefaultAmount> {
        match text.trim().strip_suffix('%') {
            Some(number) => SaleShare::parse(number.trim_end()).map(DefaultAmount::Share),
            None => is_plain(text).then(|| DefaultAmount::Fixed(text.into())),
        }
    }

    pub(super) fn is_share(&self) -> bool {
        matches!(self, DefaultAmount::Share(_))
    }

    /// What it comes to in a currency.
    pub(super) fn owed(
        &self,
        field: &'static str,
        sale_amount: Option<&str>,
        currency: Currency,
    ) -> Result<Owed, RecordError> {
        match self {
            DefaultAmount::Fixed(text) => Ok(Owed::given(amount(field, text, currency)?)),
            DefaultAmount::Share(share) => {
                let sale = sale_amount.ok_or(RecordError::Missing { field: "sale_amount" })?;
                Ok(Owed { amount: share.of(field, sale, currency)?, share: Some(*share) })
            }
        }
    }
}

/// A conversion's sale amount before and after a change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sale<'a> {
    pub(super) known: Option<&'a str>,
    pub(super) next: Option<&'a str>,
}

/// A payout or revenue, with the share of the sale amount that it is, if it is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owed {
    pub(super) amount: Money,
    pub(super) share: Option<SaleShare>,
}

impl Owed {
    pub(super) fn given(amount: Money) -> Owed {
        Owed { amount, share: None }
    }

    /// What it is after a change that says an amount, a currency, both or neither. What is not said stays; but a share
    /// follows the sale amount and its currency.
    pub(super) fn revised(
        self,
        field: &'static str,
        text: Option<&str>,
        currency: Option<Currency>,
        sale: Sale<'_>,
    ) -> Result<Owed, RecordError> {
        let same_currency = currency.is_none_or(|currency| currency == self.amount.currency());
        let currency = currency.unwrap_or(self.amount.currency());
        match (text, self.share) {
            (Some(text), share) => {
                let given = amount(field, text, currency)?;
                // Who repeats what a share comes to, as a list of ours read in again does, does not make it a given amount.
                let comes_to =
                    |share: &SaleShare| sale.next.is_some_and(|sale| share.of(field, sale, currency) == Ok(given));
                Ok(Owed { amount: given, share: share.filter(comes_to) })
            }
            (None, Some(share)) if !same_currency || sale.known != sale.next => {
                let sale = sale.next.ok_or(RecordError::ShareOfNothing { of: field, share })?;
                Ok(Owed { amount: share.of(field, sale, currency)?, share: Some(share) })
            }
            (None, _) if same_currency => Ok(self),
            // The old figure would mean another amount in the new currency.
            (None, _) => Err(RecordError::Missing { field }),
        }
    }
}

impl Conversion {
    pub(super) fn payout_owed(&self) -> Owed {
        Owed { amount: self.payout, share: self.terms.payout }
    }

    pub(super) fn revenue_owed(&self) -> Owed {
        Owed { amount: self.revenue, share: self.terms.revenue }
    }

    /// Sets what it pays and brings.
    pub(super) fn owes(&mut self, payout: Owed, revenue: Owed) {
        (self.payout, self.revenue) = (payout.amount, revenue.amount);
        self.terms = Terms { payout: payout.share, revenue: revenue.share };
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn usd() -> Currency {
        Currency::parse("USD").unwrap()
    }

    /// By hand: 12.5 % of 0.000004 is half a billing unit; of 8 % of 1234 yen 98.72.
    #[test]
    fn shares_are_rounded_once_to_the_billing_unit() {
        let of = |share: &str, sale: &str, code: &str| {
            let share = SaleShare::parse(share).unwrap();
            share.of("payout", sale, Currency::parse(code).unwrap()).unwrap().to_decimal()
        };
        assert_eq!(of("10", "100.00", "USD"), "10.00");
        assert_eq!(of("12.5", "0.000004", "USD"), "0.000001");
        assert_eq!(of("12.5", "-0.000004", "USD"), "-0.000001");
        assert_eq!(of("8", "1234", "JPY"), "98.72");
        assert_eq!(of("250", "2", "USD"), "5.00");
    }

    #[test]
    fn texts() {
        for (text, shown) in [("10", "10"), ("12.50", "12.5"), ("0.00000001", "0.00000001"), ("10.0", "10")] {
            assert_eq!(SaleShare::parse(text).unwrap().to_string(), shown);
        }
        for text in ["", "-1", "1e1", ".5", "5.", "5 %", "0.000000001", "x", "1000000000"] {
            assert!(SaleShare::parse(text).is_none(), "{text}");
        }
        assert_eq!(DefaultAmount::parse("12.5 %"), SaleShare::parse("12.5").map(DefaultAmount::Share));
        assert_eq!(DefaultAmount::parse("2.50"), Some(DefaultAmount::Fixed("2.50".into())));
    }

    #[test]
    fn a_share_follows_the_sale_and_its_currency_and_a_given_amount_does_not() {
        let share = SaleShare::parse("10").unwrap();
        let ten = Owed { amount: Money::parse("10", usd()).unwrap(), share: Some(share) };
        let sale = |next| Sale { known: Some("100"), next };
        let shown = |amount: Money| format!("{amount} {}", amount.currency());
        let revised = |owed: Owed, text, code: Option<&str>, next| {
            let currency = code.map(|code| Currency::parse(code).unwrap());
            owed.revised("payout", text, currency, sale(next)).map(|owed| (shown(owed.amount), owed.share))
        };
        assert_eq!(revised(ten, None, None, Some("60")), Ok(("6.00 USD".into(), Some(share))));
        assert_eq!(revised(ten, None, Some("EUR"), Some("100")), Ok(("10.00 EUR".into(), Some(share))));
        assert_eq!(revised(ten, Some("10"), None, Some("60")), Ok(("10.00 USD".into(), None)));
        assert_eq!(revised(ten, Some("6"), None, Some("60")), Ok(("6.00 USD".into(), Some(share))));
        assert_eq!(revised(ten, None, None, None), Err(RecordError::ShareOfNothing { of: "payout", share }));
        let given = Owed::given(ten.amount);
        assert_eq!(revised(given, None, None, Some("60")), Ok(("10.00 USD".into(), None)));
        assert_eq!(revised(given, None, Some("EUR"), Some("60")), Err(RecordError::Missing { field: "payout" }));
    }
}
