//! Which conversion a record means that names it by the tracker's id alone, where the network's ids have a second part.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::conversion_key::{ConversionKey, base_of};

use super::Positioned;
use super::batch::Refusal;
use super::judge::Rules;

/// How many conversions of one id are named where a record could mean any of them.
const NAMED_MAX: usize = 10;

impl Rules {
    /// The ids of the records that do not say the second part of theirs.
    pub(super) fn bases<'r>(&self, batches: &[&'r [Positioned]]) -> Vec<&'r str> {
        if !self.key.joins() {
            return Vec::new();
        }
        let bare = batches.iter().copied().flatten().filter(|row| self.key.is_bare(&row.record));
        let bases: BTreeSet<&str> = bare.map(|row| &*row.record.conversion_id).collect();
        bases.into_iter().collect()
    }
}

/// Whether a record says nothing but how a conversion stands.
pub(super) fn says_status_only(record: &ConversionRecord) -> bool {
    record.affiliate_id.is_none() && record.offer_id.is_none() && record.occurred_at.is_none()
}

/// The ids that are known, by their first part. Where ids have no second one it is empty.
pub(super) struct Names {
    key: ConversionKey,
    by_base: HashMap<Box<str>, BTreeSet<Box<str>>>,
}

impl Names {
    pub(super) fn new(key: ConversionKey) -> Names {
        Names { key, by_base: HashMap::new() }
    }

    pub(super) fn add(&mut self, id: &str) {
        if self.key.joins() {
            self.by_base.entry(base_of(id).into()).or_default().insert(id.into());
        }
    }

    /// The id of the conversion that a record means: its own, or that of the only one that the tracker calls so.
    pub(super) fn meant<'n>(&'n self, record: &'n ConversionRecord) -> Result<Cow<'n, str>, Refusal> {
        let own = &*record.conversion_id;
        if !self.key.is_bare(record) {
            return Ok(own.into());
        }
        let Some(named) = self.by_base.get(own) else { return Ok(own.into()) };
        let several = || {
            let list: Vec<&str> = named.iter().take(NAMED_MAX).map(|id| &**id).collect();
            let more = if named.len() > list.len() { ", …" } else { "" };
            format!("{}{more}", list.join(", "))
        };
        // Whole records without a goal are of the conversion that has none.
        if self.key == ConversionKey::IdGoal && !says_status_only(record) {
            if named.contains(own) {
                return Ok(own.into());
            }
            let detail = format!("goal is missing: of {own:?} there is {}: name the goal that is meant", several());
            return Err(("goal", detail));
        }
        match named.first() {
            Some(only) if named.len() == 1 => Ok((&**only).into()),
            _ => {
                let detail = format!(
                    "conversion_id: {own:?} could be any of {} conversions, {}: name the one that is meant",
                    named.len(),
                    several()
                );
                Err(("conversion_id", detail))
            }
        }
    }
}
