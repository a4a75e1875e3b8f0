//! The rules by which a party is billed, as its row holds them.

use quittance_domain::cycle::CycleStarts;
use quittance_domain::time::Day;
use quittance_store::parties::Party;
use serde::{Deserialize, Deserializer};

use crate::error::Result;

/// What the invoices of a party are in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CurrencyPolicy {
    /// One invoice for each currency of its conversions.
    #[default]
    PerCurrency,
    /// One invoice, with everything converted into the party's currency.
    Convert,
}

/// The rules of a party.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct PartyRules {
    pub(crate) currency_policy: CurrencyPolicy,
    /// Invoices are made by the schedule.
    pub(crate) auto_invoice: bool,
    /// Nothing earlier is invoiced by the schedule.
    #[serde(deserialize_with = "day")]
    pub(crate) auto_start: Option<Day>,
    /// Days from the end of a period to the making of its invoice.
    pub(crate) delay_days: i32,
    /// The days on which periods of the cycle start.
    pub(crate) cycle_days: Vec<u8>,
    /// The month in which periods of several months start.
    pub(crate) cycle_month: Option<u8>,
    /// Where bi-weekly periods count from.
    #[serde(deserialize_with = "day")]
    pub(crate) cycle_anchor: Option<Day>,
    /// The last day whose conversions were billed before the party moved over.
    #[serde(deserialize_with = "day")]
    pub(crate) billed_elsewhere_through: Option<Day>,
}

/// Where bi-weekly periods count from unless something else is said: a Monday.
const ANCHOR: (i32, u8, u8) = (2024, 1, 1);

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Day>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Day::parse(&text).map_err(serde::de::Error::custom)).transpose()
}

impl PartyRules {
    /// On which days the periods of the party's cycle start.
    pub(crate) fn starts(&self, week_start: u8) -> CycleStarts {
        let (year, month, day) = ANCHOR;
        CycleStarts {
            days: self.cycle_days.clone(),
            month: self.cycle_month.unwrap_or(1),
            week_start,
            anchor: self.cycle_anchor.or_else(|| Day::from_ymd(year, month, day)).unwrap_or(Day::MIN),
        }
    }

    /// The rules of a party.
    ///
    /// # Errors
    /// Its row holds none that can be read.
    pub(crate) fn of(party: &Party) -> Result<PartyRules> {
        let corrupt = |error| {
            let text = format!("the rules of {} {}: {error}", party.kind, party.party_id);
            quittance_store::Error::Corrupt(text)
        };
        Ok(serde_json::from_str(&party.rules).map_err(corrupt)?)
    }
}
