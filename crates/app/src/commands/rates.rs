//! `quittance rates`.

use clap::Args;
use quittance_api::native::wire;
use quittance_domain::currency::Currency;
use serde_json::json;

use super::day;
use crate::context::Context;
use crate::failure::Exit;
use crate::output::{Side, Table};

/// A list of rates.
#[derive(Debug, Args)]
pub(crate) struct Rates {
    /// The last day [default: today].
    #[arg(long, value_name = "DATE")]
    through: Option<String>,
    /// The first day, at most a year earlier [default: a week earlier].
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// Only those of this currency.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
}

impl Rates {
    /// Does it.
    ///
    /// # Errors
    /// A day or a currency is none, or what the engine says.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        let engine = context.engine()?;
        let call = context.call(&engine)?;
        let through = match &self.through {
            Some(through) => day("through", through)?,
            None => engine.zone_of(&call)?.day_of(call.now),
        };
        let from = self.from.as_deref().map(|from| day("from", from)).transpose()?;
        let currency = self.currency.as_deref().map(Currency::parse).transpose()?;
        let mut rates = engine.rates(&call, from.unwrap_or(through.plus_days(-7)), through)?;
        rates.retain(|rate| currency.is_none_or(|currency| rate.base == currency || rate.quoted == currency));
        let rows: Vec<_> = rates.iter().map(wire::rate).collect();
        context.answer(&json!({ "rates": rows }), || {
            let columns = [
                ("date", Side::Left),
                ("1", Side::Left),
                ("is", Side::Right),
                ("", Side::Left),
                ("source", Side::Left),
            ];
            let mut table = Table::new(&columns);
            for rate in &rates {
                table.row([
                    rate.day.to_string(),
                    rate.base.to_string(),
                    rate.quote.quote.to_string(),
                    rate.quoted.to_string(),
                    rate.quote.source.clone(),
                ]);
            }
            table.to_string()
        })?;
        Ok(Exit::Done)
    }
}
