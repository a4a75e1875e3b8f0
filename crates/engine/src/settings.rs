//! The settings of a network: which there are, their forms and defaults.
//!
//! To add one: a field of [`Settings`], its line in `Settings::apply` and in [`Settings::shown`], its name in
//! [`NAMES`].

use quittance_domain::conversion_key::ConversionKey;
use quittance_domain::currency::Currency;
use quittance_domain::time::{Day, Zone};

use crate::error::{Error, Result};
use crate::records::nearest;

/// The names of all settings, in the order of the documentation.
pub const NAMES: [&str; 17] = [
    "time_zone",
    "currency",
    "auto_approve",
    "require_payment_method",
    "create_missing",
    "conversion_key",
    "rejected_is_final",
    "week_start",
    "overpayment",
    "carry_negatives",
    "referral_shows",
    "rate_max_age_days",
    "locked_through",
    "billed_elsewhere_through",
    "first_invoice_id",
    "first_invoice_number",
    "invoice_prefix",
];

/// The word for "no value".
const NONE: &str = "none";
/// The weekdays by their numbers: 0 is Sunday.
const WEEKDAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
/// The highest first id or number: below 2^53, so that every client can read what follows.
const FIRST_MAX: i64 = 1_000_000_000_000_000;
/// The oldest that rates may be allowed to be: what is older than ten years is a mistake.
const RATE_AGE_DAYS_MAX: i32 = 3_650;
/// The longest prefix of invoice numbers.
const PREFIX_CHARS_MAX: usize = 20;

/// The settings of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name of the zone of days and periods.
    pub time_zone: String,
    /// The base currency.
    pub currency: Currency,
    /// New invoices are approved at once.
    pub auto_approve: bool,
    /// Who has no payment method for a currency is not billed in it.
    pub require_payment_method: bool,
    /// Unknown affiliates and offers are created on ingest.
    pub create_missing: bool,
    /// What the ids of conversions are made of.
    pub conversion_key: ConversionKey,
    /// A conversion that was rejected stays so, unless a record says when that was changed.
    pub rejected_is_final: bool,
    /// The first day of weekly periods: 0 is Sunday, 6 is Saturday.
    pub week_start: u8,
    /// What is paid beyond a balance is kept as the party's credit; else it is refused.
    pub overpayment_is_credit: bool,
    /// Negative totals are carried to the next invoice; else a run gives them up.
    pub carry_negatives: bool,
    /// A referrer's line shows the name of whom it has referred; else only the id.
    pub referral_shows_name: bool,
    /// How old a rate may be, in days.
    pub rate_max_age_days: i32,
    /// The last day of the locked books.
    pub locked_through: Option<Day>,
    /// Conversions up to this day are recorded and never billed: that was done before the network moved over.
    pub billed_elsewhere_through: Option<Day>,
    /// Where the ids of invoices start.
    pub first_invoice_id: i64,
    /// Where the numbers of invoices start, of each kind.
    pub first_invoice_number: i64,
    /// What is put before an invoice's number when it is shown.
    pub invoice_prefix: Option<String>,
}

/// What setting a value means for the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is kept among the settings.
    Setting,
    /// It is kept with the network itself.
    TimeZone,
    /// It is kept with the network itself, and what is posting is waited for.
    LockedThrough,
    /// It is kept with the network itself, and has to agree with what is recorded.
    BilledElsewhere,
    /// The value is the only one there is: nothing is kept.
    Nothing,
    /// It is kept with the network itself, and may be set only while there are no conversions.
    BeforeFirstConversion,
    /// It is kept among the settings, and may be set only while there are no invoices.
    BeforeFirstInvoice,
}

impl Settings {
    /// What a new network has.
    #[must_use]
    pub fn new(time_zone: &str, currency: Currency) -> Settings {
        Settings {
            time_zone: time_zone.to_owned(),
            currency,
            auto_approve: false,
            require_payment_method: true,
            create_missing: false,
            conversion_key: ConversionKey::Id,
            rejected_is_final: false,
            week_start: 1,
            overpayment_is_credit: false,
            carry_negatives: true,
            referral_shows_name: false,
            locked_through: None,
            billed_elsewhere_through: None,
            rate_max_age_days: 7,
            first_invoice_id: 1,
            first_invoice_number: 1,
            invoice_prefix: None,
        }
    }

    /// Sets one setting from its text.
    ///
    /// # Errors
    /// There is no such setting, the text is no value of it, or its rule is not supported yet.
    pub(crate) fn apply(&mut self, name: &str, value: &str) -> Result<Change> {
        match name {
            "time_zone" => {
                let zone = Zone::parse(value).map_err(|error| wrong(name, error))?;
                zone.name().clone_into(&mut self.time_zone);
                return Ok(Change::TimeZone);
            }
            "currency" => {
                let currency = Currency::parse(value).map_err(|error| wrong(name, error))?;
                return unchangeable_currency(self.currency, currency);
            }
            "auto_approve" => self.auto_approve = flag(name, value)?,
            "require_payment_method" => self.require_payment_method = flag(name, value)?,
            "create_missing" => self.create_missing = flag(name, value)?,
            "conversion_key" => {
                self.conversion_key = conversion_key(value)?;
                return Ok(Change::BeforeFirstConversion);
            }
            "rejected_is_final" => self.rejected_is_final = flag(name, value)?,
            "week_start" => self.week_start = weekday(value)?,
            "overpayment" => match value {
                "refuse" => self.overpayment_is_credit = false,
                "credit" => self.overpayment_is_credit = true,
                _ => {
                    return Err(wrong(name, format!("{value:?} is neither refuse nor credit")));
                }
            },
            "carry_negatives" => self.carry_negatives = flag(name, value)?,
            "referral_shows" => match value {
                "id" => self.referral_shows_name = false,
                "name" => self.referral_shows_name = true,
                _ => return Err(wrong(name, format!("{value:?} is neither id nor name"))),
            },
            "rate_max_age_days" => self.rate_max_age_days = days(name, value, RATE_AGE_DAYS_MAX)?,
            "locked_through" => {
                self.locked_through = optional_day(name, value)?;
                return Ok(Change::LockedThrough);
            }
            "billed_elsewhere_through" => {
                self.billed_elsewhere_through = optional_day(name, value)?;
                return Ok(Change::BilledElsewhere);
            }
            "first_invoice_id" => {
                self.first_invoice_id = number(name, value, 1, FIRST_MAX)?;
                return Ok(Change::BeforeFirstInvoice);
            }
            "first_invoice_number" => {
                self.first_invoice_number = number(name, value, 1, FIRST_MAX)?;
                return Ok(Change::BeforeFirstInvoice);
            }
            "invoice_prefix" => {
                self.invoice_prefix = prefix(value)?;
                return Ok(Change::BeforeFirstInvoice);
            }
            _ => return Err(unknown(name)),
        }
        Ok(Change::Setting)
    }

    /// Every setting with its value as text, in the order of [`NAMES`]: what `apply` reads back.
    #[must_use]
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let value = |name: &str| match name {
            "time_zone" => self.time_zone.clone(),
            "currency" => self.currency.code().to_owned(),
            "auto_approve" => self.auto_approve.to_string(),
            "require_payment_method" => self.require_payment_method.to_string(),
            "create_missing" => self.create_missing.to_string(),
            "conversion_key" => self.conversion_key.as_str().to_owned(),
            "rejected_is_final" => self.rejected_is_final.to_string(),
            "week_start" => WEEKDAYS.get(usize::from(self.week_start)).copied().unwrap_or_default().to_owned(),
            "overpayment" => if self.overpayment_is_credit { "credit" } else { "refuse" }.to_owned(),
            "locked_through" => self.locked_through.map_or_else(|| NONE.to_owned(), |day| day.to_string()),
            "carry_negatives" => self.carry_negatives.to_string(),
            "referral_shows" => if self.referral_shows_name { "name" } else { "id" }.to_owned(),
            "billed_elsewhere_through" => {
                self.billed_elsewhere_through.map_or_else(|| NONE.to_owned(), |day| day.to_string())
            }
            "rate_max_age_days" => self.rate_max_age_days.to_string(),
            "first_invoice_id" => self.first_invoice_id.to_string(),
            "first_invoice_number" => self.first_invoice_number.to_string(),
            "invoice_prefix" => self.invoice_prefix.clone().unwrap_or_else(|| NONE.to_owned()),
            _ => NONE.to_owned(),
        };
        NAMES.iter().map(|name| (*name, value(name))).collect()
    }
}

fn wrong(name: &str, why: impl std::fmt::Display) -> Error {
    Error::invalid(name, format!("{name}: {why}"))
}

fn unknown(name: &str) -> Error {
    let detail = format!("there is no setting {name:?}: {}", meant(name, &NAMES));
    Error::invalid(name, detail)
}

/// What somebody may have meant who wrote an unknown name: the nearest known one, else all of them.
#[must_use]
pub fn meant(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest}?"),
        None => format!("known are {}", known.join(", ")),
    }
}

fn unchangeable_currency(now: Currency, wanted: Currency) -> Result<Change> {
    if now == wanted {
        return Ok(Change::Nothing);
    }
    let detail = format!("the currency of a network cannot change: it is {now}, and {wanted} was asked for");
    Err(Error::Conflict(detail))
}

fn optional_day(name: &str, value: &str) -> Result<Option<Day>> {
    if value == NONE {
        return Ok(None);
    }
    Day::parse(value).map(Some).map_err(|error| wrong(name, error))
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(wrong(name, format!("{value:?} is neither true nor false"))),
    }
}

fn conversion_key(value: &str) -> Result<ConversionKey> {
    let words = ConversionKey::WORDS.join(", ");
    ConversionKey::parse(value).ok_or_else(|| wrong("conversion_key", format!("{value:?} is none of {words}")))
}

fn weekday(value: &str) -> Result<u8> {
    let found = WEEKDAYS.iter().position(|day| day.eq_ignore_ascii_case(value));
    let found = found.and_then(|day| u8::try_from(day).ok());
    found.ok_or_else(|| wrong("week_start", format!("{value:?} is no weekday: write one of {}", WEEKDAYS.join(", "))))
}

fn number(name: &str, value: &str, least: i64, most: i64) -> Result<i64> {
    let read = value.parse::<i64>().ok().filter(|number| (least..=most).contains(number));
    read.ok_or_else(|| wrong(name, format!("{value:?} is no whole number from {least} to {most}")))
}

fn days(name: &str, value: &str, most: i32) -> Result<i32> {
    let read = number(name, value, 0, i64::from(most))?;
    i32::try_from(read).map_err(|error| wrong(name, error))
}

fn prefix(value: &str) -> Result<Option<String>> {
    if value == NONE || value.is_empty() {
        return Ok(None);
    }
    if value.chars().count() > PREFIX_CHARS_MAX || value.chars().any(char::is_control) {
        let why = format!("{value:?} is no prefix: at most {PREFIX_CHARS_MAX} printable characters are allowed");
        return Err(wrong("invoice_prefix", why));
    }
    Ok(Some(value.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings::new("UTC", Currency::parse("USD").unwrap())
    }

    #[test]
    fn what_is_shown_is_read_back() {
        let mut settings = settings();
        settings.apply("week_start", "Sunday").unwrap();
        settings.apply("invoice_prefix", "INV-").unwrap();
        settings.apply("auto_approve", "true").unwrap();
        settings.apply("time_zone", "america/new_york").unwrap();
        let mut copy = Settings::new("UTC", settings.currency);
        for (name, value) in settings.shown() {
            copy.apply(name, &value).unwrap();
        }
        assert_eq!(copy, settings);
        assert_eq!(copy.time_zone, "America/New_York");
        assert_eq!(settings.shown().len(), NAMES.len());
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let error = settings().apply("auto_aprove", "true").unwrap_err().to_string();
        assert_eq!(error, "there is no setting \"auto_aprove\": did you mean auto_approve?");
        let error = settings().apply("colour", "red").unwrap_err().to_string();
        assert!(error.contains("known are time_zone, currency"), "{error}");
    }

    #[test]
    fn wrong_values_are_named() {
        for (name, value) in [
            ("time_zone", "Mars/Olympus"),
            ("currency", "USX"),
            ("auto_approve", "yes"),
            ("conversion_key", "goal"),
            ("rejected_is_final", "1"),
            ("week_start", "7"),
            ("overpayment", "maybe"),
            ("referral_shows", "all"),
            ("rate_max_age_days", "-1"),
            ("first_invoice_id", "0"),
            ("first_invoice_number", "1e3"),
            ("locked_through", "31.01.2026"),
        ] {
            let error = settings().apply(name, value).unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Invalid);
            let error = error.to_string();
            assert!(error.contains(value) && error.contains(name), "{error}");
        }
        assert!(settings().apply("invoice_prefix", &"x".repeat(21)).is_err());
        assert_eq!(settings().apply("currency", "EUR").unwrap_err().kind(), crate::ErrorKind::Conflict);
    }
}
