//! Conversions changed by somebody, and lists of them.

use std::collections::{BTreeMap, HashMap};

pub use quittance_domain::conversion::ConversionEdit;
use quittance_domain::conversion::{COMMENT, Conversion, SALE_AMOUNT, TEXT_CHARS_MAX, TEXT_NAMES, edited_state};
use quittance_store::changes::{self, NewChange};
pub use quittance_store::conversions::{ConversionFilter, ConversionPlace, State};
use quittance_store::{conversions, networks};
use serde_json::{Map, Value, json};

use super::BATCH_RECORDS_MAX;
use super::batch::{self, Override};
use crate::error::{Error, Result};
use crate::history::Found;
use crate::{Call, Engine};

/// The most conversions of one page.
const PAGE_MAX: i64 = 10_000;
/// The longest range of days of a list of conversions: a leap year.
const DAYS_MAX: i32 = 367;

/// What became of edits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditReport {
    /// The conversions that are different now, by id, as they are.
    pub changed: Vec<State>,
    /// The ids of those that were like that already.
    pub unchanged: Vec<String>,
    /// The ids that there are not.
    pub unknown: Vec<String>,
}

/// A page of conversions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionList {
    /// The conversions, by day in the books, offer, affiliate and id.
    pub conversions: Vec<State>,
    /// How many the filter finds in all.
    pub total: i64,
}

impl Engine {
    /// Conversions by day in the books, and how many there are in all: at most `limit`, or 10,000, after the first
    /// `offset`.
    ///
    /// # Errors
    /// The range is longer than a year.
    pub fn conversions(
        &self,
        call: &Call,
        filter: &ConversionFilter,
        (offset, limit): (i64, i64),
    ) -> Result<ConversionList> {
        let conversions = self.conversions_page(call, filter, (offset, limit))?;
        let total = self.store.read(|tx| conversions::count_listed(tx, call.network, filter))?;
        Ok(ConversionList { conversions, total })
    }

    /// The same without counting them: for the pages after the first.
    ///
    /// # Errors
    /// The range is longer than a year.
    pub fn conversions_page(
        &self,
        call: &Call,
        filter: &ConversionFilter,
        (offset, limit): (i64, i64),
    ) -> Result<Vec<State>> {
        check_days(filter)?;
        let page = (offset.max(0), limit.clamp(0, PAGE_MAX));
        self.store.read(|tx| Ok(conversions::listed(tx, call.network, filter, page.0, page.1)?))
    }

    /// A page of conversions by day in the books, offer, affiliate and id, after a place: at most `limit`, or 10,000. What is
    /// asked for may be rare: the page ends after a bounded search, and says how far that has come.
    ///
    /// # Errors
    /// What the store says.
    pub fn conversions_after(
        &self,
        call: &Call,
        filter: &ConversionFilter,
        after: Option<&ConversionPlace>,
        limit: i64,
    ) -> Result<Found<State, ConversionPlace>> {
        let limit = limit.clamp(0, PAGE_MAX);
        let (rows, next) = self.store.read(|tx| conversions::listed_after(tx, call.network, filter, after, limit))?;
        Ok(Found { rows, next })
    }

    /// Changes one conversion where it still has the revision that the caller has read; see
    /// [`edit_conversions`](Engine::edit_conversions).
    ///
    /// # Errors
    /// There is none, it has another revision, or a value is wrong.
    pub fn edit_conversion(&self, call: &Call, id: &str, expected: Option<i64>, edit: &ConversionEdit) -> Result<()> {
        let report = self.edit_known(call, &[(id.to_owned(), edit.clone())], expected)?;
        match report.unknown.first() {
            Some(id) => Err(Error::NotFound(format!("there is no conversion {id:?}"))),
            None => Ok(()),
        }
    }

    /// The conversions of these ids that there are, by id.
    ///
    /// # Errors
    /// There are more than 10,000 ids.
    pub fn conversions_by_ids(&self, call: &Call, ids: &[&str]) -> Result<Vec<State>> {
        bounded(ids.len())?;
        let mut found = self.store.read(|tx| conversions::known(tx, call.network, ids))?;
        by_id(&mut found);
        Ok(found)
    }

    /// Conversions whose ids begin with a text, by id: at most 10,000.
    ///
    /// # Errors
    /// What the store says.
    pub fn conversions_starting(&self, call: &Call, text: &str) -> Result<Vec<State>> {
        self.store.read(|tx| Ok(conversions::starting(tx, call.network, text, PAGE_MAX)?))
    }

    /// Changes conversions, each once, in one transaction. The changes stay until the tracker says something new of a
    /// conversion; what invoices billed of it before is not changed, the next ones carry the difference.
    ///
    /// # Errors
    /// There are more than 10,000 edits, one id comes twice, or a value is wrong; nothing is changed then.
    pub fn edit_conversions(&self, call: &Call, edits: &[(String, ConversionEdit)]) -> Result<EditReport> {
        self.edit_known(call, edits, None)
    }

    /// The same; where a revision is expected, every conversion must have it.
    fn edit_known(&self, call: &Call, edits: &[(String, ConversionEdit)], expected: Option<i64>) -> Result<EditReport> {
        bounded(edits.len())?;
        let by_conversion: BTreeMap<&str, &ConversionEdit> =
            edits.iter().map(|(id, edit)| (id.as_str(), edit)).collect();
        if by_conversion.len() != edits.len() {
            return Err(Error::invalid("", "a conversion is named twice; change each once"));
        }
        edits.iter().try_for_each(check)?;
        let ids: Vec<&str> = by_conversion.keys().copied().collect();
        let session = self.session(call, None)?;
        self.store.write(|tx| {
            let present = networks::present(tx, call.network)?;
            let mut states = conversions::known(tx, call.network, &ids)?;
            by_id(&mut states);
            let known: Vec<Box<str>> =
                states.iter().map(|state| state.known.conversion.conversion_id.clone()).collect();
            let mut report = EditReport::default();
            let absent = ids.iter().filter(|id| known.binary_search_by(|known| (**known).cmp(**id)).is_err());
            report.unknown = absent.map(|id| (*id).to_owned()).collect();
            let (mut overrides, mut rows) = (Vec::new(), Vec::new());
            for state in states {
                let before = &state.known.conversion;
                let revision = state.known.revision;
                if expected.is_some_and(|expected| expected != revision) {
                    let id = &before.conversion_id;
                    return Err(Error::Changed(format!("conversion {id:?} has revision {revision}: read it again")));
                }
                let Some(edit) = by_conversion.get(&*before.conversion_id) else { continue };
                let (next, received) = edited_state(&state.known, edit)
                    .map_err(|error| Error::invalid(error.field(), format!("{}: {error}", before.conversion_id)))?;
                if next == *before {
                    report.unchanged.push(before.conversion_id.to_string());
                    continue;
                }
                rows.push(history(before, &next));
                overrides.push(Override { state, next, received });
            }
            let changed: Vec<Box<str>> = overrides.iter().map(|change| change.next.conversion_id.clone()).collect();
            let context = session.context();
            batch::override_states(tx, &context, present, overrides)?;
            changes::add(tx, call.network, &call.actor, call.now, &rows)?;
            let changed: Vec<&str> = changed.iter().map(|id| &**id).collect();
            report.changed = conversions::known(tx, call.network, &changed)?;
            by_id(&mut report.changed);
            crate::idempotency::mark_done(tx, call)?;
            Ok(report)
        })
    }
}

/// Refuses a range of days that is longer than a year.
pub(super) fn check_days(filter: &ConversionFilter) -> Result<()> {
    let ConversionFilter { from, through, .. } = filter;
    if through.number() - from.number() >= DAYS_MAX {
        let detail = format!("from: {from} is more than a year before {through}; ask for less at a time");
        return Err(Error::invalid("from", detail));
    }
    Ok(())
}

fn bounded(count: usize) -> Result<()> {
    if count > BATCH_RECORDS_MAX {
        let detail = format!("at most {BATCH_RECORDS_MAX} conversions are named at a time, these are {count}");
        return Err(Error::invalid("", detail));
    }
    Ok(())
}

fn by_id(states: &mut [State]) {
    states.sort_by(|a, b| a.known.conversion.conversion_id.cmp(&b.known.conversion.conversion_id));
}

fn check((id, edit): &(String, ConversionEdit)) -> Result<()> {
    let comment = edit.comment.as_deref().unwrap_or("");
    let chars = comment.chars().count();
    if chars > TEXT_CHARS_MAX || comment.chars().any(char::is_control) {
        let detail =
            format!("comment: of {id}: {chars} characters; at most {TEXT_CHARS_MAX} printable ones are allowed");
        return Err(Error::invalid("comment", detail));
    }
    Ok(())
}

fn history(before: &Conversion, after: &Conversion) -> NewChange {
    let facts = |c: &Conversion| -> HashMap<&'static str, Value> {
        HashMap::from([
            ("status", json!(c.status.as_str())),
            ("payout", json!(c.payout.to_decimal())),
            ("payout_currency", json!(c.payout.currency().code())),
            ("revenue", json!(c.revenue.to_decimal())),
            ("revenue_currency", json!(c.revenue.currency().code())),
            (TEXT_NAMES[SALE_AMOUNT], json!(c.texts[SALE_AMOUNT])),
            (TEXT_NAMES[COMMENT], json!(c.texts[COMMENT])),
        ])
    };
    let (old, new) = (facts(before), facts(after));
    let differing = new.iter().filter(|(name, value)| old.get(*name) != Some(*value));
    let details: Map<String, Value> =
        differing.map(|(name, value)| ((*name).to_owned(), json!({ "from": old.get(name), "to": value }))).collect();
    NewChange {
        subject: "conversion",
        subject_id: after.conversion_id.to_string(),
        action: "edited",
        details: Value::Object(details).to_string(),
    }
}
