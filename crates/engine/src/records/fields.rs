//! The fields of a conversion record and how each is read from text.

use quittance_domain::conversion::{
    CONVERSION_ID_CHARS_MAX, ConversionRecord, SALE_AMOUNT, TEXT_CHARS_MAX, TEXT_NAMES,
};
use quittance_domain::currency::Currency;
use quittance_domain::ids::{AdvertiserId, AffiliateId, OfferId};
use quittance_domain::time::{Zone, parse_instant};

use super::ids::refused_id;
use super::source::{Decimal, Meaning, Source, meaning};

/// A field of a conversion record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `conversion_id`
    ConversionId,
    /// `affiliate_id`
    AffiliateId,
    /// `offer_id`
    OfferId,
    /// `advertiser_id`
    AdvertiserId,
    /// `status`
    Status,
    /// `occurred_at`
    OccurredAt,
    /// `payout`
    Payout,
    /// `payout_currency`
    PayoutCurrency,
    /// `revenue`
    Revenue,
    /// `revenue_currency`
    RevenueCurrency,
    /// `updated_at`
    UpdatedAt,
    /// One of the descriptive texts, by its place in `TEXT_NAMES`.
    Text(usize),
}

const NAMED: [(&str, Field); 11] = [
    ("conversion_id", Field::ConversionId),
    ("affiliate_id", Field::AffiliateId),
    ("offer_id", Field::OfferId),
    ("advertiser_id", Field::AdvertiserId),
    ("status", Field::Status),
    ("occurred_at", Field::OccurredAt),
    ("payout", Field::Payout),
    ("payout_currency", Field::PayoutCurrency),
    ("revenue", Field::Revenue),
    ("revenue_currency", Field::RevenueCurrency),
    ("updated_at", Field::UpdatedAt),
];

/// How texts are read, as far as that is not the same everywhere.
#[derive(Debug, Clone, Copy)]
pub struct Manner<'a> {
    /// The zone of local times.
    pub zone: &'a Zone,
    /// Where the record comes from, where that was said.
    pub source: Option<&'a Source>,
    /// What stands before the decimals of amounts.
    pub decimal: Decimal,
    /// No spreadsheet has had the ids in its hands, so that one may end in zeros.
    pub whole_ids: bool,
}

impl<'a> Manner<'a> {
    /// That of a text of nobody in particular.
    #[must_use]
    pub fn plain(zone: &'a Zone) -> Manner<'a> {
        Manner { zone, source: None, decimal: Decimal::Point, whole_ids: true }
    }
}

/// What is wrong with one field of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name; empty where the row as a whole is at fault.
    pub field: &'static str,
    /// What is wrong, with the value.
    pub detail: String,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

impl Field {
    /// The field of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Field> {
        let named = NAMED.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        named.or_else(|| TEXT_NAMES.iter().position(|known| *known == name).map(Field::Text))
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Field::Text(index) => TEXT_NAMES[index],
            field => NAMED.iter().find(|(_, known)| *known == field).map_or("", |(name, _)| name),
        }
    }

    /// All names, in the order of the documentation.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMED.iter().map(|(name, _)| *name).chain(TEXT_NAMES)
    }

    /// Reads a text into the record. White space around it does not count; nothing but white space is "not given".
    ///
    /// # Errors
    /// The text is none of this field's.
    pub fn read(self, record: &mut ConversionRecord, text: &str, zone: &Zone) -> Result<(), FieldError> {
        self.read_as(record, text, Manner::plain(zone))
    }

    /// The same in the manner of its source.
    ///
    /// # Errors
    /// The text is none of this field's.
    pub fn read_as(self, record: &mut ConversionRecord, text: &str, manner: Manner<'_>) -> Result<(), FieldError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let wrong = |detail: String| FieldError { field: self.name(), detail };
        let id = || {
            text.parse::<i64>().ok().filter(|id| *id > 0).ok_or_else(|| {
                wrong(format!("{}: {} is no id: a positive whole number is expected", self.name(), shown(text)))
            })
        };
        let instant = || parse_instant(text, manner.zone).map_err(|error| wrong(format!("{}: {error}", self.name())));
        let currency = || Currency::parse(text).map_err(|error| wrong(format!("{}: {error}", self.name())));
        let amount = || manner.decimal.plain(text).map_err(|detail| wrong(format!("{}: {detail}", self.name())));
        match self {
            Field::ConversionId => {
                let exact = manner.whole_ids || manner.source.is_some_and(|source| source.whole_ids);
                if let Some(detail) = refused_id(text, exact) {
                    return Err(wrong(format!("{}: {detail}", self.name())));
                }
                record.conversion_id = self.text(text, CONVERSION_ID_CHARS_MAX)?;
            }
            Field::AffiliateId => record.affiliate_id = Some(AffiliateId::new(id()?)),
            Field::OfferId => record.offer_id = Some(OfferId::new(id()?)),
            Field::AdvertiserId => record.advertiser_id = Some(AdvertiserId::new(id()?)),
            Field::Status => {
                let Meaning { status, settled } = meaning(text, manner.source).map_err(wrong)?;
                (record.status, record.settled) = (Some(status), settled);
            }
            Field::OccurredAt => record.occurred_at = Some(instant()?),
            Field::UpdatedAt => record.updated_at = Some(instant()?),
            Field::Payout => record.payout = Some(amount()?.as_ref().into()),
            Field::Revenue => record.revenue = Some(amount()?.as_ref().into()),
            Field::PayoutCurrency => record.payout_currency = Some(currency()?),
            Field::RevenueCurrency => record.revenue_currency = Some(currency()?),
            // Of a sale amount that no percentage needs nobody has to say what its commas mean.
            Field::Text(index) if index == SALE_AMOUNT && manner.decimal == Decimal::Comma => {
                record.texts[index] = Some(self.text(&amount()?, TEXT_CHARS_MAX)?);
            }
            Field::Text(index) => record.texts[index] = Some(self.text(text, TEXT_CHARS_MAX)?),
        }
        Ok(())
    }

    /// A text of limited length without control characters.
    fn text(self, text: &str, chars_max: usize) -> Result<Box<str>, FieldError> {
        let wrong = |detail: String| FieldError { field: self.name(), detail };
        // Bytes bound characters from above, so the common short ASCII text is not counted character by character.
        if text.len() > chars_max && text.chars().count() > chars_max {
            let count = text.chars().count();
            return Err(wrong(format!(
                "{}: {} has {count} characters, {chars_max} are allowed",
                self.name(),
                shown(text)
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong(format!("{}: {} holds a control character", self.name(), shown(text))));
        }
        Ok(text.into())
    }
}

/// A value fit for an error message: quoted, without control characters, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// Of some known names, the one that a misspelt one most likely means: at most two letters off.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    // A name that is much longer is not near, and one that fills a file would take long to compare.
    let alike = known.into_iter().filter(|k| lower.len() <= 2 * (k.len() + 2));
    let distances = alike.map(|k| (distance(&lower, k), k));
    distances.filter(|(d, k)| *d <= 2 && *d < k.len()).min().map(|(_, k)| k)
}

/// How many letters must be put in, left out or replaced to turn one word into another.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
