//! The rules by which a party is billed, as its row holds them.

use quittance_domain::cycle::CycleStarts;
use quittance_domain::invoice::LineType;
use quittance_domain::percent::Percent;
use quittance_domain::tax::{TAXED, Tax};
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
    pub(crate) referrer: Option<Referrer>,
    tax: TaxRule,
}

/// Who has referred an affiliate, and what that one is paid for it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Referrer {
    pub(crate) affiliate: i64,
    pub(crate) percent: Option<String>,
    #[serde(default)]
    pub(crate) basis: Basis,
    pub(crate) fee: Option<String>,
    pub(crate) threshold: Option<String>,
    #[serde(default, deserialize_with = "day")]
    pub(crate) until: Option<Day>,
    /// For so many months from the first commission on.
    pub(crate) months: Option<i32>,
}

impl Referrer {
    /// The last day whose conversions are shared, where the first commission that is shared is of a day; `None`: there is
    /// no end.
    pub(crate) fn last_day(&self, first: Option<Day>) -> Option<Day> {
        let by_months = self.months.zip(first).map(|(months, first)| first.plus_months(months).plus_days(-1));
        [self.until, by_months].into_iter().flatten().min()
    }

    /// Whether the share may end before a day, as far as can be said without the first commission.
    pub(crate) fn may_end_before(&self, day: Day) -> bool {
        self.months.is_some() || self.until.is_some_and(|until| until < day)
    }
}

/// What a referrer's share is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Basis {
    /// What the referred affiliate is billed for its conversions.
    #[default]
    Payout,
    /// What they bring.
    Revenue,
    /// The difference.
    Margin,
    /// Nothing: a fee, once.
    Flat,
}

impl Basis {
    /// The word for it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Basis::Payout => "payout",
            Basis::Revenue => "revenue",
            Basis::Margin => "margin",
            Basis::Flat => "flat",
        }
    }

    /// From the word; anything else is the default.
    pub(crate) fn parse(word: &str) -> Basis {
        let all = [Basis::Payout, Basis::Revenue, Basis::Margin, Basis::Flat];
        all.into_iter().find(|basis| basis.as_str() == word).unwrap_or_default()
    }
}

/// How a party is taxed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct TaxRule {
    mode: Option<String>,
    rate: Option<String>,
    text: Option<String>,
    lines: Option<Vec<String>>,
}

/// Where bi-weekly periods count from unless something else is said: a Monday.
const ANCHOR: (i32, u8, u8) = (2024, 1, 1);

fn day<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Day>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Day::parse(&text).map_err(serde::de::Error::custom)).transpose()
}

impl PartyRules {
    /// How the party's invoices are taxed.
    pub(crate) fn tax(&self) -> Option<Tax> {
        let text = |default: &str| self.tax.text.clone().filter(|text| !text.is_empty()).unwrap_or(default.to_owned());
        let (rate, text) = match self.tax.mode.as_deref() {
            Some("rate") => {
                let rate = self.tax.rate.as_deref().unwrap_or("0");
                (rate, text(&format!("Tax {rate} %")))
            }
            Some("reverse_charge") => ("0", text("Reverse charge")),
            Some("exempt") => ("0", text("Exempt from tax")),
            _ => return None,
        };
        let named =
            self.tax.lines.as_ref().map(|lines| lines.iter().filter_map(|word| LineType::parse(word)).collect());
        let percent = Percent::parse(rate).ok()?;
        Some(Tax { percent, lines: named.unwrap_or_else(|| TAXED.to_vec()), text })
    }

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
