//! Tax on the lines of an invoice.

use crate::invoice::LineType;
use crate::money::{Money, MoneyError, sum_units};
use crate::percent::Percent;

/// The lines that are taxed where a party's rules name none: all but what was settled before, and tax itself.
pub const TAXED: [LineType; 5] =
    [LineType::Conversions, LineType::Rounding, LineType::Correction, LineType::Referral, LineType::Bonus];

/// How an invoice is taxed: one rate, on some of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// The rate; 0 where another says why there is none (reverse charge, exempt).
    pub percent: Percent,
    /// The lines that are taxed.
    pub lines: Vec<LineType>,
    /// What the line says.
    pub text: String,
}

impl Tax {
    /// The tax on some lines (type and billing units): of their sum, rounded once.
    ///
    /// # Errors
    /// A sum does not fit.
    pub fn on(
        &self,
        lines: impl Iterator<Item = (LineType, i64)>,
        currency: crate::currency::Currency,
    ) -> Result<Money, MoneyError> {
        let base = sum_units(lines.filter(|(line_type, _)| self.lines.contains(line_type)).map(|(_, units)| units))?;
        self.percent.of(Money::new(base, currency))
    }

    /// What is stored of the rate and the lines: `19 conversions,correction`.
    #[must_use]
    pub fn stored(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|line_type| line_type.as_str()).collect();
        format!("{} {}", self.percent, lines.join(","))
    }

    /// From what is stored; `None` where the text is not of that form.
    #[must_use]
    pub fn read(stored: &str, text: String) -> Option<Tax> {
        let (percent, lines) = stored.split_once(' ')?;
        let lines = lines.split(',').filter(|word| !word.is_empty()).map(LineType::parse).collect::<Option<_>>()?;
        Some(Tax { percent: Percent::parse(percent).ok()?, lines, text })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::currency::Currency;

    /// 19 % of 10.05 − 0.02 = 10.03 is 1.9057; the opening balance is not taxed.
    #[test]
    fn the_sum_is_taxed_and_rounded_once() {
        let tax = Tax { percent: Percent::parse("19").unwrap(), lines: TAXED.to_vec(), text: "VAT".into() };
        let lines = [
            (LineType::Conversions, 10_050_000),
            (LineType::Correction, -20_000),
            (LineType::OpeningBalance, 5_000_000),
        ];
        let usd = Currency::parse("USD").unwrap();
        assert_eq!(tax.on(lines.into_iter(), usd).unwrap().to_decimal(), "1.91");
        assert_eq!(Tax::read(&tax.stored(), "VAT".into()), Some(tax));
        assert_eq!(Tax::read("19", String::new()), None);
    }
}
