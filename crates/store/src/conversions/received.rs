//! How a row keeps what the tracker said last of the fields that Quittance has changed since: `status|payout|revenue|comment`,
//! each empty where it was not changed; amounts in billing units; before a comment a `+`, a `-` alone where there was none.

use quittance_domain::conversion::{Conversion, ConversionStatus, KnownConversion, Received};
use quittance_domain::money::Money;

use crate::error::{Error, Result};

/// Reads the text beside the conversion, which says the currencies.
pub(super) fn read(text: &str, present: &Conversion) -> Result<Received> {
    let corrupt = || Error::Corrupt(format!("what was received of {}: {text}", present.conversion_id));
    let mut parts = text.splitn(4, '|').map(|part| Some(part).filter(|part| !part.is_empty()));
    let mut part = || parts.next().flatten();
    let (status, payout, revenue, comment) = (part(), part(), part(), part());
    let units = |text: Option<&str>| text.map(|text| text.parse::<i64>().map_err(|_| corrupt())).transpose();
    let comment = match comment {
        None => None,
        Some("-") => Some(None),
        Some(text) => Some(Some(text.strip_prefix('+').ok_or_else(corrupt)?.into())),
    };
    Ok(Received {
        status: status.map(|word| ConversionStatus::parse(word).ok_or_else(corrupt)).transpose()?,
        payout: units(payout)?.map(|units| Money::new(units, present.payout.currency())),
        revenue: units(revenue)?.map(|units| Money::new(units, present.revenue.currency())),
        comment,
    })
}

/// The text of what was received; `None` where nothing was changed here.
pub(super) fn written(known: &KnownConversion) -> Option<String> {
    let received = known.received.as_ref()?;
    let units = |money: Option<Money>| money.map_or_else(String::new, |money| money.units().to_string());
    let comment = match &received.comment {
        None => String::new(),
        Some(None) => "-".to_owned(),
        Some(Some(text)) => format!("+{text}"),
    };
    let status = received.status.map_or("", ConversionStatus::as_str);
    Some(format!("{status}|{}|{}|{comment}", units(received.payout), units(received.revenue)))
}
