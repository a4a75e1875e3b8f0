//! Where records come from, as far as sources disagree: which status a word or number of theirs means, what stands before
//! the decimals of their amounts, what their columns are called.
//!
//! Words that mean the same everywhere are understood without a source. `2` is pending at one, rejected at another and
//! approved at a third: such a word is read only where the source is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use quittance_domain::conversion::ConversionStatus;

use super::fields::{Field, nearest, shown};

/// What a word of a source means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Where the conversion stands.
    pub status: ConversionStatus,
    /// The source has paid it itself: it is recorded, and counts in nobody's books.
    pub settled: bool,
}

impl Meaning {
    /// The meaning for one of our words, or `paid` for what the source itself has paid.
    #[must_use]
    pub fn named(word: &str) -> Option<Meaning> {
        match word {
            PAID => Some(Meaning { status: ConversionStatus::Approved, settled: true }),
            "approved" | "pending" | "hold" | "rejected" => Some(Meaning::of(ConversionStatus::parse(word)?)),
            _ => None,
        }
    }

    fn of(status: ConversionStatus) -> Meaning {
        Meaning { status, settled: false }
    }
}

/// The word for what a source has paid itself.
const PAID: &str = "paid";

/// Sources that are known by name, and their words beside those that are understood everywhere. The numbers and letters are
/// those of the vendors' own documentation.
const KNOWN: [(&str, &[(&str, &str)]); 15] = [
    ("adcombo", &[("lead", "approved"), ("hold", "pending"), ("reject", "rejected"), ("cancelled", "rejected")]),
    ("affiliatewp", &[("unpaid", "approved"), ("paid", PAID)]),
    ("affise", &[("1", "approved"), ("2", "pending"), ("3", "rejected"), ("4", "rejected"), ("5", "hold")]),
    ("awin", &[("0", "pending"), ("1", "approved"), ("2", "rejected"), ("deleted", "rejected")]),
    ("cj", &[("new", "pending"), ("extended", "pending"), ("locked", "approved"), ("closed", "approved")]),
    (
        "dub",
        &[
            ("processed", PAID),
            ("paid", PAID),
            ("refunded", "rejected"),
            ("duplicate", "rejected"),
            ("fraud", "rejected"),
            ("canceled", "rejected"),
        ],
    ),
    (
        "easyaffiliate",
        &[
            ("0", "pending"),
            ("1", "approved"),
            ("2", "rejected"),
            ("3", PAID),
            ("open", "pending"),
            ("valid", "approved"),
            ("cancelled", "rejected"),
        ],
    ),
    ("ingenious", &[("0", "pending"), ("1", "approved"), ("2", "rejected")]),
    ("keitaro", &[("lead", "pending")]),
    ("partnerstack", &[("new", "pending"), ("scheduled", "pending"), ("processed", PAID), ("paid", PAID)]),
    ("postaffiliatepro", &[("a", "approved"), ("p", "pending"), ("d", "rejected")]),
    ("rewardful", &[("due", "approved"), ("paid", PAID), ("voided", "rejected")]),
    ("tolt", &[("paid", PAID), ("refunded", "rejected")]),
    ("tradedoubler", &[("a", "approved"), ("p", "pending"), ("d", "rejected")]),
    ("uppromote", &[("denied", "rejected"), ("paid", PAID)]),
];
/// Further words that sources disagree about, or that are settled elsewhere.
const DISPUTED: [&str; 8] = ["0", "1", "2", "3", "5", "lead", "paid", "unpaid"];

/// What stands before the decimals of an amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Decimal {
    /// A point.
    #[default]
    Point,
    /// A comma.
    Comma,
}

impl Decimal {
    /// That of a sign.
    ///
    /// # Errors
    /// It is neither a point nor a comma.
    pub fn parse(sign: &str) -> Result<Decimal, String> {
        match sign {
            "." => Ok(Decimal::Point),
            "," => Ok(Decimal::Comma),
            _ => Err(format!("decimal: {} is neither a comma nor a point", shown(sign))),
        }
    }

    /// An amount with a point before its decimals.
    ///
    /// # Errors
    /// It has a sign that could be read in two ways.
    pub fn plain(self, text: &str) -> Result<std::borrow::Cow<'_, str>, String> {
        match self {
            Decimal::Point if !text.contains(',') => Ok(text.into()),
            Decimal::Point => Err(format!(
                "{} has a comma, which may stand before decimals or between thousands: where it is the decimal mark, say so \
                 (--decimal , or over HTTP decimal=,); nothing may stand between thousands",
                shown(text)
            )),
            Decimal::Comma if text.contains('.') || text.matches(',').count() > 1 => Err(format!(
                "{} is not a number whose decimal mark is a comma, as was stated: nothing may stand between thousands",
                shown(text)
            )),
            Decimal::Comma => Ok(text.replacen(',', ".", 1).into()),
        }
    }
}

/// A source of records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    words: BTreeMap<String, Meaning>,
    /// Its columns that are fields under another name.
    pub columns: Vec<(String, Field)>,
    /// What stands before the decimals of its amounts.
    pub decimal: Decimal,
    /// Its ids are whole also where long numbers end in zeros.
    pub whole_ids: bool,
}

impl Source {
    /// Adds a word with its meaning.
    pub fn add_word(&mut self, word: &str, meaning: Meaning) {
        self.words.insert(word.trim().to_lowercase(), meaning);
    }

    fn meaning(&self, word: &str) -> Option<Meaning> {
        self.words.get(word).or_else(|| self.words.get(&word.to_lowercase())).copied()
    }
}

/// What a word means, of this source or everywhere.
///
/// # Errors
/// It means nothing that is known, or different things to different sources.
pub(super) fn meaning(word: &str, source: Option<&Source>) -> Result<Meaning, String> {
    let of_source = source.and_then(|source| source.meaning(word));
    if let Some(meaning) = of_source.or_else(|| ConversionStatus::parse(word).map(Meaning::of)) {
        return Ok(meaning);
    }
    let lower = word.to_lowercase();
    let known_to = KNOWN.iter().filter(|(_, words)| words.iter().any(|(known, _)| *known == lower));
    let known_to: Vec<&str> = known_to.map(|(name, _)| *name).collect();
    let word = shown(word);
    if !known_to.is_empty() || DISPUTED.contains(&lower.as_str()) {
        return Err(format!(
            "status: {word} does not mean the same to every source: name yours (--source NAME; over HTTP source=NAME), one that \
             knows it ({}) or one of your own, [import.NAME] in the configuration",
            known_to.join(", ")
        ));
    }
    Err(format!(
        "status: {word} is none of approved, pending, hold, rejected (or confirmed, sale, declined, invalid, reversed, trash, \
         not_found, or a word of a named source)"
    ))
}

/// The sources that can be named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources(BTreeMap<String, Arc<Source>>);

impl Default for Sources {
    /// Those that are known without anybody saying more.
    fn default() -> Sources {
        let source = |words: &[(&str, &str)]| {
            let mut source = Source::default();
            for (word, meaning) in words {
                if let Some(meaning) = Meaning::named(meaning) {
                    source.add_word(word, meaning);
                }
            }
            Arc::new(source)
        };
        Sources(KNOWN.iter().map(|(name, words)| ((*name).to_owned(), source(words))).collect())
    }
}

impl Sources {
    /// The source of a name, in any case.
    ///
    /// # Errors
    /// There is none.
    pub fn named(&self, name: &str) -> Result<Arc<Source>, String> {
        let known = self.0.get(name).or_else(|| self.0.get(&name.to_lowercase()));
        known.cloned().ok_or_else(|| {
            let near = nearest(name, self.0.keys().map(String::as_str));
            let hint = near.map_or(String::new(), |near| format!("; is {near} meant?"));
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            format!("source: there is no source {}; there are {}{hint}", shown(name), known.join(", "))
        })
    }

    /// Adds a source, or replaces one.
    pub fn add(&mut self, name: &str, source: Source) {
        self.0.insert(name.to_lowercase(), Arc::new(source));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_known_word_has_a_meaning() {
        for (name, words) in KNOWN {
            let source = Sources::default().named(&name.to_uppercase()).unwrap();
            assert_eq!(source.words.len(), words.len(), "{name}");
        }
    }

    #[test]
    fn a_word_that_sources_disagree_about_needs_one() {
        let sources = Sources::default();
        let read = |word: &str, name: &str| meaning(word, Some(&*sources.named(name).unwrap()));
        let approved = Meaning::of(ConversionStatus::Approved);
        let paid = Meaning { settled: true, ..approved };
        assert_eq!(read("2", "affise").unwrap().status, ConversionStatus::Pending);
        assert_eq!(read("2", "awin").unwrap().status, ConversionStatus::Rejected);
        assert_eq!((read("Paid", "affiliatewp"), read("UNPAID", "affiliatewp")), (Ok(paid), Ok(approved)));
        assert_eq!(read("A", "postaffiliatepro"), Ok(approved));
        assert_eq!(read("hold", "adcombo").unwrap().status, ConversionStatus::Pending);
        assert_eq!(meaning("hold", None).unwrap().status, ConversionStatus::Hold);
        assert_eq!(meaning("APPROVED", None), Ok(approved));
        for word in ["0", "1", "2", "3", "5", "lead", "paid", "processed", "unpaid", "PAID"] {
            assert!(meaning(word, None).unwrap_err().contains("name yours"), "{word}");
        }
        let refused = read("lead", "affise").unwrap_err();
        assert!(refused.contains("adcombo, keitaro"), "{refused}");
        assert!(meaning("banned", None).unwrap_err().contains("is none of approved"));
        assert!(sources.named("afise").unwrap_err().contains("is affise meant?"));
    }

    #[test]
    fn a_decimal_comma_is_read_only_where_it_is_stated() {
        assert_eq!(Decimal::Comma.plain("-1234,5").unwrap(), "-1234.5");
        assert_eq!(
            (Decimal::Comma.plain("12").unwrap(), Decimal::Point.plain("12.5").unwrap()),
            ("12".into(), "12.5".into())
        );
        for (decimal, text) in [
            (Decimal::Point, "12,50"),
            (Decimal::Point, "1,234.50"),
            (Decimal::Comma, "12.50"),
            (Decimal::Comma, "1.234,50"),
            (Decimal::Comma, "1,234,5"),
        ] {
            assert!(decimal.plain(text).unwrap_err().contains("thousands"), "{text}");
        }
    }
}
