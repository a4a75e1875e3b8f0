//! What the id of a conversion is made of: the tracker's id alone, or that and its goal or its offer, so that two
//! commissions of one order are two conversions.
//!
//! The parts are joined by a [`JOINT`], which no part may hold: what is joined can be taken apart in one way only. An id that
//! holds it is taken as one that was joined already, where its parts are what the record says; so lists that Quittance has
//! made can be read in again.

use std::borrow::Cow;

use crate::conversion::{CONVERSION_ID_CHARS_MAX, ConversionRecord, GOAL};
use crate::ids::OfferId;

/// What stands between the parts of an id. It needs no escape in an address.
pub const JOINT: char = '~';

/// What a network's ids are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ConversionKey {
    /// The tracker's id alone.
    #[default]
    Id,
    /// The tracker's id and the goal, where there is one.
    IdGoal,
    /// The tracker's id and the offer.
    IdOffer,
}

/// Why a record has no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct KeyError {
    /// The field at fault.
    pub field: &'static str,
    /// What is wrong, with the value.
    pub detail: String,
}

fn wrong(detail: String) -> KeyError {
    KeyError { field: "conversion_id", detail }
}

impl ConversionKey {
    /// The words that are stored and shown.
    pub const WORDS: [&str; 3] = ["id", "id+goal", "id+offer"];

    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ConversionKey::Id => "id",
            ConversionKey::IdGoal => "id+goal",
            ConversionKey::IdOffer => "id+offer",
        }
    }

    /// The key of a word; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<ConversionKey> {
        [ConversionKey::Id, ConversionKey::IdGoal, ConversionKey::IdOffer].into_iter().find(|key| key.as_str() == text)
    }

    /// Whether ids have more than one part.
    #[must_use]
    pub fn joins(self) -> bool {
        self != ConversionKey::Id
    }

    /// The field that is the second part.
    fn part_name(self) -> &'static str {
        if self == ConversionKey::IdGoal { "goal" } else { "offer_id" }
    }

    /// What a record says of the second part.
    fn part(self, record: &ConversionRecord) -> Option<Cow<'_, str>> {
        match self {
            ConversionKey::Id => None,
            ConversionKey::IdGoal => record.texts[GOAL].as_deref().map(Cow::Borrowed),
            ConversionKey::IdOffer => record.offer_id.map(OfferId::get).map(|id| id.to_string().into()),
        }
    }

    /// Gives a record the id under which its conversion is kept. A record that does not say the second part keeps its own:
    /// see [`ConversionKey::is_bare`].
    ///
    /// # Errors
    /// The tracker's id or the goal holds a [`JOINT`], or both together are too long.
    pub fn join(self, record: &mut ConversionRecord) -> Result<(), KeyError> {
        if !self.joins() {
            return Ok(());
        }
        let id = &*record.conversion_id;
        if let Some((base, last)) = id.rsplit_once(JOINT) {
            let same = self.part(record).is_none_or(|part| part == last);
            if same && !base.is_empty() && !base.contains(JOINT) {
                return Ok(());
            }
            return Err(wrong(format!(
                "conversion_id: {id:?} holds {JOINT}, which joins the id and the {} here (conversion_key = {:?}), and this \
                 record's is not {last:?}",
                self.part_name(),
                self.as_str()
            )));
        }
        if let Some(part) = self.part(record) {
            let joined = joined(("the id", id), &[(self.part_name(), &part)])?;
            record.conversion_id = joined;
        }
        Ok(())
    }

    /// Whether a record names a conversion by the tracker's id alone where ids have two parts.
    #[must_use]
    pub fn is_bare(self, record: &ConversionRecord) -> bool {
        self.joins() && !record.conversion_id.contains(JOINT)
    }
}

/// The first part of an id: the tracker's own.
#[must_use]
pub fn base_of(id: &str) -> &str {
    id.split(JOINT).next().unwrap_or(id)
}

/// An id made of several parts, each with the name that it has for whoever sent it. An id that is made of these parts
/// already is left as it is.
///
/// # Errors
/// A part is empty or holds a [`JOINT`], or all together are too long.
pub fn joined(base: (&str, &str), parts: &[(&str, &str)]) -> Result<Box<str>, KeyError> {
    let mut id = base.1.to_owned();
    for (_, part) in parts {
        id.push(JOINT);
        id.push_str(part);
    }
    let suffix = &id[base.1.len()..];
    if let Some(first) = base.1.strip_suffix(suffix)
        && !suffix.is_empty()
        && !first.is_empty()
        && !first.contains(JOINT)
        && parts.iter().all(|(_, part)| !part.is_empty() && !part.contains(JOINT))
    {
        return Ok(base.1.into());
    }
    for (name, part) in std::iter::once(&base).chain(parts) {
        if part.is_empty() {
            return Err(wrong(format!("conversion_id: {name} is empty, and is a part of the id")));
        }
        if part.contains(JOINT) {
            let detail = format!(
                "conversion_id: {name} is {part:?}: it holds {JOINT}, which stands between the parts of an id, so that it \
                 could not be told from another one"
            );
            return Err(wrong(detail));
        }
    }
    let chars = id.chars().count();
    if chars > CONVERSION_ID_CHARS_MAX {
        let detail = format!(
            "conversion_id: {id:?} has {chars} characters, {CONVERSION_ID_CHARS_MAX} are allowed for all parts"
        );
        return Err(wrong(detail));
    }
    Ok(id.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn id(key: ConversionKey, id: &str, goal: Option<&str>, offer: Option<i64>) -> Result<String, String> {
        let mut record = ConversionRecord { conversion_id: id.into(), ..ConversionRecord::default() };
        record.texts[GOAL] = goal.map(Into::into);
        record.offer_id = offer.map(OfferId::new);
        key.join(&mut record).map(|()| record.conversion_id.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn words_are_read_back() {
        for word in ConversionKey::WORDS {
            assert_eq!(ConversionKey::parse(word).unwrap().as_str(), word);
        }
        assert_eq!(ConversionKey::parse("goal"), None);
    }

    #[test]
    fn ids_are_joined_once() {
        use ConversionKey::{Id, IdGoal, IdOffer};
        for (key, sent, goal, offer, kept) in [
            (Id, "5001", Some("sale"), Some(2), "5001"),
            (Id, "a~b", Some("sale"), Some(2), "a~b"),
            (IdGoal, "T9", Some("sale"), Some(2), "T9~sale"),
            (IdGoal, "T9", None, Some(2), "T9"),
            (IdGoal, "T9~sale", Some("sale"), Some(2), "T9~sale"),
            (IdGoal, "T9~sale", None, None, "T9~sale"),
            (IdGoal, "a+b", Some("first sale"), None, "a+b~first sale"),
            (IdOffer, "5001", None, Some(2), "5001~2"),
            (IdOffer, "5001~2", Some("sale"), Some(2), "5001~2"),
            (IdOffer, "5001", None, None, "5001"),
        ] {
            assert_eq!(id(key, sent, goal, offer).unwrap(), kept);
        }
    }

    #[test]
    fn what_could_be_taken_apart_in_two_ways_is_refused() {
        use ConversionKey::{IdGoal, IdOffer};
        let refused = |found: Result<String, String>, why: &str| {
            let error = found.unwrap_err();
            assert!(error.contains(why), "{error}");
        };
        refused(id(IdOffer, "5001~2", None, Some(3)), "this record's is not \"2\"");
        refused(id(IdOffer, "a~5001~2", None, Some(2)), "holds ~");
        refused(id(IdOffer, "~2", None, Some(2)), "holds ~");
        refused(id(IdGoal, "T9", Some("a~b"), None), "goal is \"a~b\": it holds ~");
        refused(id(IdGoal, "T9", Some(&"x".repeat(62)), None), "has 65 characters, 64 are allowed");
        assert_eq!(id(IdGoal, "T9", Some(&"x".repeat(61)), None).unwrap().len(), 64);
    }

    #[test]
    fn ids_of_many_parts_are_made_once() {
        let parts = [("offer_id", "2"), ("row", "b")];
        assert_eq!(&*joined(("id", "5001"), &parts).unwrap(), "5001~2~b");
        assert_eq!(&*joined(("id", "5001~2~b"), &parts).unwrap(), "5001~2~b");
        assert!(joined(("id", "5001~2"), &parts).is_err());
        assert!(joined(("id", "5001"), &[("row", "")]).unwrap_err().to_string().contains("row is empty"));
        assert_eq!(base_of("5001~2~b"), "5001");
        assert_eq!(base_of("5001"), "5001");
    }
}
