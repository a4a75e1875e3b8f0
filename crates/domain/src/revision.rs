//! What a record that changes a known conversion is: news of it, another conversion under its id, or what was said before.

use crate::conversion::{Conversion, ConversionRecord, GOAL, KnownConversion, Outcome, next_state};

/// The field in which a record is of another conversion than the known one of its id, with both values: both say it, and
/// differently.
#[must_use]
pub fn told_apart(known: &Conversion, record: &ConversionRecord) -> Option<(&'static str, String, String)> {
    let differ =
        |field, known: String, new: Option<String>| Some((field, known.clone(), new.filter(|new| *new != known)?));
    let goal = || goals(known, record).map(|(known, new)| ("goal", known.to_owned(), new.to_owned()));
    differ("offer_id", known.offer_id.to_string(), record.offer_id.map(|id| id.to_string()))
        .or_else(|| {
            differ("affiliate_id", known.affiliate_id.to_string(), record.affiliate_id.map(|id| id.to_string()))
        })
        .or_else(goal)
        .or_else(|| differ("occurred_at", known.occurred_at.to_string(), record.occurred_at.map(|at| at.to_string())))
}

/// The goals of a known conversion and of a record, where both have one and they differ.
#[must_use]
pub fn goals<'a>(known: &'a Conversion, record: &'a ConversionRecord) -> Option<(&'a str, &'a str)> {
    let (known, new) = (known.texts[GOAL].as_deref()?, record.texts[GOAL].as_deref()?);
    (known != new).then_some((known, new))
}

/// Whether a record is newer than what is known, by what both say.
#[must_use]
pub fn is_newer(known: &Conversion, record: &ConversionRecord) -> bool {
    matches!((record.updated_at, known.updated_at), (Some(new), Some(old)) if new > old)
}

/// Whether a record says nothing but what was received in an earlier state.
#[must_use]
pub fn says_again(earlier: &KnownConversion, record: &ConversionRecord) -> bool {
    matches!(next_state(earlier, record), Ok(Outcome::Unchanged { .. }))
}

/// Whether a record says anything of what a conversion is, not only how it stands.
#[must_use]
pub fn describes(record: &ConversionRecord) -> bool {
    record.affiliate_id.is_some()
        || record.offer_id.is_some()
        || record.occurred_at.is_some()
        || record.payout.is_some()
        || record.texts[GOAL].is_some()
}

/// Whether a payout takes back what the other one gives, by its sign.
#[must_use]
pub fn is_counter_entry(known: &Conversion, next: &Conversion) -> bool {
    known.payout.units().signum() * next.payout.units().signum() < 0
}

/// Whether a revision moves a conversion to another affiliate or offer.
#[must_use]
pub fn moves(known: &Conversion, next: &Conversion) -> bool {
    known.affiliate_id != next.affiliate_id || known.offer_id != next.offer_id
}
