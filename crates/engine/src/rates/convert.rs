//! Amounts of several currencies and days in other currencies, by the rates of their days.

use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_domain::rates::{Rate, RateTable};
use quittance_domain::time::Day;
use quittance_store::{Tx, rates};

use crate::error::{Error, Result};
use crate::ingest::State;
use crate::{Call, Engine};

/// The rates of some days.
struct Rates {
    table: RateTable,
    age_days_max: i32,
    /// The network's currency, through which crosses go first.
    base: Currency,
}

impl Rates {
    /// Reads the rates of days, from the first to the last of them, in one look-up; none where there is no day.
    fn read(tx: &mut dyn Tx, call: &Call, days: impl Iterator<Item = Day>) -> Result<Rates> {
        let settings = crate::networks::settings(tx, call.network)?;
        let age_days_max = settings.rate_max_age_days;
        let ends = days.fold(None, |ends: Option<(Day, Day)>, day| {
            Some(ends.map_or((day, day), |(first, last)| (first.min(day), last.max(day))))
        });
        let table = match ends {
            Some((first, last)) => rates::table(tx, call.network, first.plus_days(-age_days_max), last)?,
            None => RateTable::default(),
        };
        Ok(Rates { table, age_days_max, base: settings.currency })
    }

    fn rate(&self, from: Currency, into: Currency, day: Day) -> Option<Rate> {
        self.table.rate(from, into, day, self.age_days_max, self.base)
    }
}

/// What converts into one currency.
pub(crate) struct Converter {
    into: Currency,
    rates: Rates,
}

impl Converter {
    /// Reads the rates that amounts of some currencies and days need.
    pub(crate) fn read(
        tx: &mut dyn Tx,
        call: &Call,
        into: Currency,
        amounts: impl Iterator<Item = (Currency, Day)>,
    ) -> Result<Converter> {
        let foreign = amounts.filter(|(currency, _)| *currency != into).map(|(_, day)| day);
        Ok(Converter { into, rates: Rates::read(tx, call, foreign)? })
    }

    /// An amount of a day in the currency, in billing units.
    ///
    /// # Errors
    /// There is no rate, or the result does not fit.
    pub(crate) fn units(&self, amount: Money, day: Day) -> Result<i64> {
        let (into, from, age) = (self.into, amount.currency(), self.rates.age_days_max);
        if from == into {
            return Ok(amount.units());
        }
        let rate = self.rates.rate(from, into, day).ok_or_else(|| {
            let detail =
                format!("there is no rate of {from} to {into} for {day} or the {age} days before; import rates first");
            Error::Conflict(detail)
        })?;
        Ok(rate.convert(amount, into)?.units())
    }
}

/// An amount of a day, and the currency that it is wanted in.
pub type Wanted = (Money, Day, Currency);

impl Engine {
    /// Amounts in other currencies, each at the rate of its day, rounded to the minor unit; `None` where there is no rate.
    /// All rates are looked up at once.
    ///
    /// # Errors
    /// A result does not fit, or what the store says.
    pub fn in_currencies(&self, call: &Call, amounts: &[Wanted]) -> Result<Vec<Option<Money>>> {
        let foreign =
            |(amount, day, into): &Wanted| (amount.currency() != *into && amount.units() != 0).then_some(*day);
        let rates = self.store.read(|tx| Rates::read(tx, call, amounts.iter().filter_map(foreign)))?;
        let one = |(amount, day, into): &Wanted| match rates.rate(amount.currency(), *into, *day) {
            _ if amount.currency() == *into => Ok(Some(*amount)),
            // Nothing is nothing in every currency.
            _ if amount.units() == 0 => Ok(Some(Money::zero(*into))),
            Some(rate) => Ok(Some(rate.convert(*amount, *into)?)),
            None => Ok(None),
        };
        amounts.iter().map(one).collect()
    }

    /// What the advertisers owe for conversions, each in the currency of its payout at the rate of its day in the books: for
    /// interfaces that know one currency of a conversion. `None` where there is no rate.
    ///
    /// # Errors
    /// A result does not fit, or what the store says.
    pub fn revenues_as_payouts(&self, call: &Call, states: &[State]) -> Result<Vec<Option<Money>>> {
        let wanted = |state: &State| {
            let conversion = &state.known.conversion;
            (conversion.revenue, state.known.place.posting_day, conversion.payout.currency())
        };
        self.in_currencies(call, &states.iter().map(wanted).collect::<Vec<_>>())
    }
}
