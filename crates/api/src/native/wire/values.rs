//! Amounts, days, instants and currencies as they stand in JSON.

use quittance_domain::currency::Currency;
use quittance_domain::money::Money;
use quittance_domain::period::Period as Days;
use quittance_domain::time::{Day, Timestamp};
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An amount as a decimal text, in the currency that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = r"^-?[0-9]+(\.[0-9]+)?$", example = "12.50")]
pub struct Amount(String);

impl Amount {
    /// Billing units of a currency.
    #[must_use]
    pub fn of(units: i64, currency: Currency) -> Amount {
        Money::new(units, currency).into()
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Amount {
        Amount(money.to_decimal())
    }
}

/// Billing units as a decimal.
#[must_use]
pub fn amount(units: i64, currency: Currency) -> Amount {
    Amount::of(units, currency)
}

/// An amount that is sent: a decimal text, or a number, which is read as it was written. A currency's billing unit has
/// six digits after the point, a crypto-currency's eight; more are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmountGiven;

impl PartialSchema for AmountGiven {
    fn schema() -> RefOr<Schema> {
        let either = SchemaType::from_iter([Type::String, Type::Number]);
        let told = "A decimal text, or a number, which is read as it was written. A currency's billing unit has six digits \
            after the point, a crypto-currency's eight; more are refused.";
        let form = r"^-?[0-9]+(\.[0-9]+)?$";
        ObjectBuilder::new().schema_type(either).pattern(Some(form)).description(Some(told)).examples(["12.50"]).into()
    }
}

impl ToSchema for AmountGiven {}

/// A text that is not blank.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[allow(dead_code, reason = "it describes what is sent")]
#[schema(min_length = 1, pattern = r"\S")]
pub struct Named(String);

/// An id.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[allow(dead_code, reason = "it describes what is sent")]
#[schema(minimum = 1, example = 1)]
pub struct Id(i64);

/// A payout or revenue that is sent: an amount, or a share such as `12 %`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateGiven;

impl PartialSchema for RateGiven {
    fn schema() -> RefOr<Schema> {
        let either = SchemaType::from_iter([Type::String, Type::Number]);
        let told = "An amount as a decimal text or a number, or a share such as `12 %`.";
        let form = r"^[0-9]{1,9}(\.[0-9]{1,2})?( ?%)?$";
        ObjectBuilder::new().schema_type(either).pattern(Some(form)).description(Some(told)).examples(["12 %"]).into()
    }
}

impl ToSchema for RateGiven {}

/// A day: `2026-01-31`, in the network's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(format = Date, example = "2026-01-31")]
pub struct Date(String);

impl From<Day> for Date {
    fn from(day: Day) -> Date {
        Date(day.to_string())
    }
}

/// An instant in UTC: `2026-01-31T12:00:00Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(format = DateTime, example = "2026-01-31T12:00:00Z")]
pub struct Instant(String);

impl From<Timestamp> for Instant {
    fn from(at: Timestamp) -> Instant {
        Instant(at.to_string())
    }
}

/// A currency by its code: of ISO 4217, or of a crypto-currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(pattern = "^[A-Z0-9]{3,10}$", example = "USD")]
pub struct Code(String);

impl From<Currency> for Code {
    fn from(currency: Currency) -> Code {
        Code(currency.code().to_owned())
    }
}

/// A range of days, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Period {
    /// The first day.
    pub start: Date,
    /// The last day.
    pub end: Date,
}

impl From<Days> for Period {
    fn from(days: Days) -> Period {
        Period { start: days.start.into(), end: days.end.into() }
    }
}
