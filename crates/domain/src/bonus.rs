//! Volume bonuses: so many percent more from a step on, by calendar month.

use crate::accrual::Tally;
use crate::currency::Currency;
use crate::money::{Money, MoneyError};
use crate::percent::Percent;

/// A step: from so much on, so many percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// Where it begins: conversions, or billing units of an amount.
    pub from: i64,
    /// The bonus.
    pub percent: Percent,
}

/// What the steps are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The net number of conversions.
    Conversions,
    /// What they come to, in this currency.
    Amount(Currency),
}

/// What a bonus is paid on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// On everything of the month, by the highest step that is reached.
    Retroactive,
    /// By each step on what lies between it and the next.
    Above,
}

/// The steps of a bonus, from the lowest to the highest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bonus {
    /// What the steps are of.
    pub measure: Measure,
    /// What it is paid on.
    pub reach: Reach,
    /// The steps, each beginning above the one before.
    pub tiers: Vec<Tier>,
}

impl Bonus {
    /// The bonus on what a month has come to so far, rounded to the minor unit per step. Of steps by number, what lies
    /// above one is its share of the amount by the number of conversions, rounded toward zero to the billing unit.
    ///
    /// # Errors
    /// An amount does not fit.
    pub fn on(&self, month: Tally, currency: Currency) -> Result<Money, MoneyError> {
        let reached = match self.measure {
            Measure::Conversions => month.conversions,
            Measure::Amount(of) if of == currency => month.units,
            Measure::Amount(_) => return Ok(Money::zero(currency)),
        };
        let tiers: Vec<&Tier> = self.tiers.iter().filter(|tier| tier.from <= reached).collect();
        let share = |from: i64, to: i64| -> Result<Money, MoneyError> {
            let units = match self.measure {
                Measure::Amount(_) => i128::from(to) - i128::from(from),
                Measure::Conversions => {
                    i128::from(month.units) * (i128::from(to) - i128::from(from)) / i128::from(reached.max(1))
                }
            };
            Ok(Money::new(i64::try_from(units).map_err(|_| MoneyError::Overflow)?, currency))
        };
        match self.reach {
            Reach::Retroactive => match tiers.last() {
                Some(tier) => tier.percent.of(Money::new(month.units, currency)),
                None => Ok(Money::zero(currency)),
            },
            Reach::Above => {
                let mut sum = Money::zero(currency);
                for (index, tier) in tiers.iter().enumerate() {
                    let to = tiers.get(index + 1).map_or(reached, |next| next.from);
                    sum = sum.checked_add(tier.percent.of(share(tier.from, to)?)?)?;
                }
                Ok(sum)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn usd() -> Currency {
        Currency::parse("USD").unwrap()
    }

    fn tier(from: i64, percent: &str) -> Tier {
        Tier { from, percent: Percent::parse(percent).unwrap() }
    }

    fn on(bonus: &Bonus, conversions: i64, dollars: i64) -> String {
        bonus.on(Tally { units: dollars * 1_000_000, conversions }, usd()).unwrap().to_decimal()
    }

    /// By hand, of 10 % from 100 conversions and 20 % from 200 on.
    #[test]
    fn by_number_of_conversions() {
        let tiers = vec![tier(100, "10"), tier(200, "20")];
        let bonus = Bonus { measure: Measure::Conversions, reach: Reach::Retroactive, tiers };
        assert_eq!(on(&bonus, 99, 990), "0.00");
        assert_eq!(on(&bonus, 100, 1000), "100.00");
        assert_eq!(on(&bonus, 250, 2500), "500.00");
        // Of 250, 100 lie between the steps and 50 above the second: 10 % of 1000 and 20 % of 500.
        let above = Bonus { reach: Reach::Above, ..bonus };
        assert_eq!(on(&above, 250, 2500), "200.00");
        assert_eq!(on(&above, 100, 1000), "0.00");
        assert_eq!(on(&above, -5, -50), "0.00");
    }

    #[test]
    fn by_amount() {
        let tiers = vec![tier(1_000_000_000, "5"), tier(2_000_000_000, "10")];
        let bonus = Bonus { measure: Measure::Amount(usd()), reach: Reach::Above, tiers };
        assert_eq!(on(&bonus, 1, 2500), "100.00");
        let all = Bonus { reach: Reach::Retroactive, ..bonus };
        assert_eq!(on(&all, 1, 2500), "250.00");
        assert_eq!(
            all.on(Tally { units: i64::MAX, conversions: 1 }, Currency::parse("EUR").unwrap()).unwrap().units(),
            0
        );
    }
}
