//! Amounts of several currencies and days in one currency, by the rates of their days.

use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_domain::rates::RateTable;
use quittance_domain::time::Day;
use quittance_store::{Tx, rates};

use crate::Call;
use crate::error::{Error, Result};

/// What converts into one currency.
pub(crate) struct Converter {
    into: Currency,
    table: RateTable,
    age_days_max: i32,
    /// The network's currency, through which crosses go first.
    base: Currency,
}

impl Converter {
    /// Reads the rates that amounts of some currencies and days need.
    pub(crate) fn read(
        tx: &mut dyn Tx,
        call: &Call,
        into: Currency,
        amounts: impl Iterator<Item = (Currency, Day)>,
    ) -> Result<Converter> {
        let settings = crate::networks::settings(tx, call.network)?;
        let age_days_max = settings.rate_max_age_days;
        let foreign = amounts.filter(|(currency, _)| *currency != into).map(|(_, day)| day);
        let ends = foreign.fold(None, |ends: Option<(Day, Day)>, day| {
            Some(ends.map_or((day, day), |(first, last)| (first.min(day), last.max(day))))
        });
        let table = match ends {
            Some((first, last)) => rates::table(tx, call.network, first.plus_days(-age_days_max), last)?,
            None => RateTable::default(),
        };
        Ok(Converter { into, table, age_days_max, base: settings.currency })
    }

    /// An amount of a day in the currency, in billing units.
    ///
    /// # Errors
    /// There is no rate, or the result does not fit.
    pub(crate) fn units(&self, amount: Money, day: Day) -> Result<i64> {
        let (into, from, age) = (self.into, amount.currency(), self.age_days_max);
        if from == into {
            return Ok(amount.units());
        }
        let rate = self.table.rate(from, into, day, age, self.base).ok_or_else(|| {
            let detail =
                format!("there is no rate of {from} to {into} for {day} or the {age} days before; import rates first");
            Error::Conflict(detail)
        })?;
        Ok(rate.convert(amount, into)?.units())
    }
}
