//! What is made of a record that changes a known conversion: whether it is a revision, another conversion under its id, or
//! what was said before.

use quittance_domain::conversion::{Conversion, ConversionRecord, ConversionStatus, KnownConversion};
use quittance_domain::conversion_key::ConversionKey;
use quittance_domain::revision;

use super::seen::{EarlierRow, Rows};
use crate::error::{Error, Result};

/// What the records of an input are taken by.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rules {
    /// What the network's ids are made of.
    pub(super) key: ConversionKey,
    /// The network's setting: what is rejected stays so, unless a record says when it was changed.
    pub(super) rejected_is_final: bool,
    /// The input was imported whole before.
    pub(super) said_before: bool,
    /// Rows of one id are states of one conversion, whatever differs.
    pub(super) revisions: bool,
    /// Ids are made of several columns of the input.
    pub(super) made_ids: bool,
}

/// A record that differs from what was received last.
pub(super) struct Case<'a, 'r> {
    pub(super) rules: Rules,
    pub(super) rows: &'a Rows<'r>,
    pub(super) position: u64,
    pub(super) record: &'a ConversionRecord,
    /// The conversion as it was received last.
    pub(super) known: &'a Conversion,
    /// What the record makes of it.
    pub(super) next: &'a Conversion,
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It says what an earlier input said.
    Stale,
    /// It is refused: the field at fault, and why.
    Refused(&'static str, String),
    /// It is a revision.
    Revised {
        /// To another affiliate or offer.
        moved: bool,
        /// To what was received before.
        returned: bool,
    },
}

impl Case<'_, '_> {
    /// Judges it. `earlier` are the states before the known one.
    pub(super) fn judge<'k>(&self, earlier: impl Iterator<Item = &'k KnownConversion>) -> Result<Verdict> {
        let dated = self.record.updated_at.is_some();
        let newer = revision::is_newer(self.known, self.record);
        let returns = (!dated || self.rules.said_before && !newer) && {
            let mut earlier = earlier;
            earlier.any(|state| revision::says_again(state, self.record))
        };
        // What was said before changes nothing: there is nothing in it to refuse.
        if returns && self.rules.said_before {
            return Ok(Verdict::Stale);
        }
        if let Some(detail) = self.other_goal() {
            return Ok(Verdict::Refused("goal", detail));
        }
        if let Some((field, detail)) = self.second_of_its_id()? {
            return Ok(Verdict::Refused(field, detail));
        }
        if let Some(detail) = self.unrejects().filter(|_| !dated) {
            return Ok(Verdict::Refused("status", detail));
        }
        Ok(Verdict::Revised { moved: revision::moves(self.known, self.next), returned: returns && !dated })
    }

    /// Why another goal than the known one is no revision.
    fn other_goal(&self) -> Option<String> {
        let (known, new) = revision::goals(self.known, self.record)?;
        if self.rules.revisions || revision::is_newer(self.known, self.record) {
            return None;
        }
        let id = &self.known.conversion_id;
        Some(format!(
            "goal: the conversion {id:?} has the goal {known:?}, and this says {new:?}: two goals of one id are two \
             conversions where the network's setting conversion_key is \"id+goal\", which is set before the first conversion; \
             else each needs an id of its own (an import makes them with --id), or, where the goal was corrected, a newer \
             updated_at"
        ))
    }

    /// Why a row of an id that another row of the input has named is no revision.
    fn second_of_its_id(&self) -> Result<Option<(&'static str, String)>> {
        if self.rules.revisions {
            return Ok(None);
        }
        let told_apart = revision::told_apart(self.known, self.record).or_else(|| {
            let payouts = || ("payout", self.known.payout.to_decimal(), self.next.payout.to_decimal());
            revision::is_counter_entry(self.known, self.next).then(payouts)
        });
        let Some((field, known, new)) = told_apart else { return Ok(None) };
        let unreadable = |error| Error::invalid("", format!("the temporary file of an import cannot be read: {error}"));
        let Some(EarlierRow { position, dated }) = self.rows.before(self.record, self.position).map_err(unreadable)?
        else {
            return Ok(None);
        };
        if dated && self.record.updated_at.is_some() {
            return Ok(None);
        }
        let (id, place) = (&self.known.conversion_id, self.rows.place(position));
        let remedy = match self.rows {
            Rows::File(_) => {
                "import the refused rows with --id, which makes ids of several columns (--id conversion_id+offer_id), or with \
                 --revisions where the last row is what holds"
            }
            Rows::Batch { .. } => "give each its own id, or both an updated_at where the last one is what holds",
        };
        Ok(Some((
            field,
            format!(
                "{field}: {place} is of {id:?}, too, and its {field} is {known}, not {new}: two conversions under one id? {remedy}"
            ),
        )))
    }

    /// Why what is rejected stays so.
    fn unrejects(&self) -> Option<String> {
        let rejected = |conversion: &Conversion| conversion.status == ConversionStatus::Rejected;
        let leaves = self.rules.rejected_is_final && rejected(self.known) && !rejected(self.next);
        leaves.then(|| {
            let (id, status) = (&self.known.conversion_id, self.next.status.as_str());
            format!(
                "status: the conversion {id:?} is rejected, which is final here (the network's setting rejected_is_final): \
                 {status} is taken only from a record with an updated_at, or set by hand"
            )
        })
    }
}
