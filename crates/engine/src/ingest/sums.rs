//! What the conversions that a filter finds add up to.

use std::collections::{BTreeMap, BTreeSet};

use quittance_domain::conversion::{AMOUNT_WHOLE_MAX, ConversionStatus};
use quittance_domain::currency::Currency;
use quittance_domain::money::{Money, MoneyError, sum_units};
use quittance_domain::time::Day;
use quittance_store::conversions::{self, ConversionFilter, ConversionSum};

use super::edit::check_days;
use crate::error::{Error, Result};
use crate::rates::Converter;
use crate::{Call, Engine};

/// What conversions add up to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionSums {
    /// How many there are in each status.
    pub counts: BTreeMap<ConversionStatus, i64>,
    /// The payouts of the approved ones.
    pub payout: Money,
    /// Their revenues.
    pub revenue: Money,
    /// Their sale amounts, which are in the currencies of their payouts; what a tracker sends that is no amount is left out.
    pub sales: Money,
    /// The sums are of amounts in several currencies, converted by the rates of their days in the books.
    pub converted: bool,
}

/// An amount in billing units by currency and day in the books. What is nothing is left out.
#[derive(Default)]
struct ByDay(BTreeMap<(Currency, Day), i128>);

impl ByDay {
    fn add(&mut self, currency: Currency, day: Day, units: i128) {
        if units != 0 {
            *self.0.entry((currency, day)).or_default() += units;
        }
    }

    fn sum(&self, converter: &Converter, into: Currency) -> Result<Money> {
        let one = |((currency, day), units): (&(Currency, Day), &i128)| {
            let units = i64::try_from(*units).map_err(|_| Error::from(MoneyError::Overflow))?;
            converter.units(Money::new(units, *currency), *day)
        };
        let units = self.0.iter().map(one).collect::<Result<Vec<i64>>>()?;
        Ok(Money::new(sum_units(units)?, into))
    }
}

/// Revenues in another currency than their payouts: by the payout's currency, the day in the books and the revenue, how many
/// conversions have it.
#[derive(Default)]
struct Apart(BTreeMap<(Currency, Day, Currency, i64), i64>);

impl Apart {
    /// Adds up those whose payouts are in the currency, each as a list shows it; the others go to the sums of their days.
    fn sum(&self, converter: &Converter, into: Currency, others: &mut ByDay) -> Result<i64> {
        let mut shown = Vec::new();
        for ((payout, day, currency, units), count) in &self.0 {
            if *payout != into || *currency == into {
                others.add(*currency, *day, i128::from(*units) * i128::from(*count));
                continue;
            }
            let one = converter.units(Money::new(*units, *currency), *day)?;
            shown.push(one.checked_mul(*count).ok_or(MoneyError::Overflow)?);
        }
        Ok(sum_units(shown)?)
    }

    /// The currencies and days.
    fn days(&self) -> impl Iterator<Item = (Currency, Day)> {
        self.0.keys().map(|(_, day, currency, _)| (*currency, *day))
    }
}

/// The sums while they are read.
#[derive(Default)]
struct Sums {
    counts: BTreeMap<ConversionStatus, i64>,
    /// The currencies of the payouts: a conversion is shown in the one of its payout.
    shown_in: BTreeSet<Currency>,
    payout: ByDay,
    revenue: ByDay,
    apart: Apart,
    sales: ByDay,
}

/// A sale amount. Trackers may send any text: what is no decimal of the currency's billing units, or beyond what a conversion
/// may be worth, is none.
#[must_use]
pub fn sale_amount(text: &str, currency: Currency) -> Option<Money> {
    let amount = Money::parse(text, currency).ok()?;
    let most = i128::from(AMOUNT_WHOLE_MAX) * 10_i128.pow(currency.billing_digits());
    (i128::from(amount.units()).abs() <= most).then_some(amount)
}

impl Sums {
    fn add(&mut self, sum: &ConversionSum) {
        *self.counts.entry(sum.status).or_default() += sum.conversions;
        if sum.status != ConversionStatus::Approved {
            return;
        }
        let day = sum.posting_day;
        self.shown_in.insert(sum.payout.0);
        self.payout.add(sum.payout.0, day, sum.payout.1);
        match sum.revenue_apart {
            // Nothing is nothing in every currency.
            Some(0) => {}
            Some(units) => {
                *self.apart.0.entry((sum.payout.0, day, sum.revenue.0, units)).or_default() += sum.conversions
            }
            None => self.revenue.add(sum.revenue.0, day, sum.revenue.1),
        }
        if let Some(amount) = sum.sale_amount.as_deref().and_then(|text| sale_amount(text, sum.payout.0)) {
            self.sales.add(sum.payout.0, day, i128::from(amount.units()) * i128::from(sum.conversions));
        }
    }
}

impl Engine {
    /// What the conversions that a filter finds add up to: in a currency where one is named, else in that of their payouts
    /// where they have one, else in the network's. In the currency of the payouts, the revenues add up to what
    /// [`revenues_as_payouts`](Engine::revenues_as_payouts) says of each. It reads the conversions of the filter's days and no others.
    ///
    /// # Errors
    /// The range is longer than a year, a sum does not fit, or a rate is missing.
    pub fn sum_conversions(
        &self,
        call: &Call,
        filter: &ConversionFilter,
        into: Option<Currency>,
    ) -> Result<ConversionSums> {
        check_days(filter)?;
        self.store.read(|tx| {
            let mut sums = Sums::default();
            conversions::each_sum(tx, call.network, filter, &mut |sum| {
                sums.add(&sum);
                Ok(())
            })?;
            let all = [&sums.payout, &sums.revenue, &sums.sales];
            let amounts: BTreeSet<(Currency, Day)> =
                all.iter().flat_map(|amounts| amounts.0.keys().copied()).chain(sums.apart.days()).collect();
            let into = match (into, sums.shown_in.first().copied()) {
                (Some(into), _) => into,
                (None, Some(only)) if sums.shown_in.len() == 1 => only,
                _ => crate::networks::network(tx, call.network)?.currency,
            };
            let converter = Converter::read(tx, call, into, amounts.iter().copied())?;
            let apart = sums.apart.sum(&converter, into, &mut sums.revenue)?;
            let revenue = sums.revenue.sum(&converter, into)?.checked_add(Money::new(apart, into))?;
            let currencies: BTreeSet<Currency> = amounts.iter().map(|(currency, _)| *currency).collect();
            Ok(ConversionSums {
                payout: sums.payout.sum(&converter, into)?,
                revenue,
                sales: sums.sales.sum(&converter, into)?,
                converted: currencies.len() > 1,
                counts: sums.counts,
            })
        })
    }
}
