//! What was read is written: parties and offers as by a network file, conversions as by an import.

use std::collections::{BTreeMap, BTreeSet};

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::ids::PartyKind;
use quittance_domain::time::Zone;
use quittance_engine::ingest::{BATCH_RECORDS_MAX, IngestCounts, Positioned};
use quittance_engine::network_file::Problem;
use quittance_engine::parties::PartyFilter;
use quittance_engine::{Call, Engine};
use serde_json::{Value, json};

use super::{Entry, Error, Fields, Resource, Result};

/// What became of the rows of a page.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// How many became what; none of them is rejected.
    pub(super) counts: IngestCounts,
    /// The refused rows by their place in the page, and why.
    pub(super) rejected: BTreeMap<usize, String>,
}

/// The entries of a page.
pub(super) struct Entries<'a> {
    pub(super) resource: Resource,
    pub(super) entries: Vec<Entry>,
    /// Ids of advertisers that are no numbers.
    pub(super) unnumbered: &'a mut BTreeSet<String>,
}

impl Entries<'_> {
    /// Writes them. Those that are wrong are left out and named. Answers how many advertisers were made besides, since
    /// offers name them.
    pub(super) fn write(mut self, engine: &Engine, call: &Call) -> Result<(Written, u64)> {
        let advertisers = self.named_advertisers(engine, call)?;
        let network = engine.network(call.network)?.name;
        let mut written = Written::default();
        // Each round writes all or finds entries to leave out.
        loop {
            let kept: Vec<usize> = (0..self.entries.len()).filter(|row| !written.rejected.contains_key(row)).collect();
            if kept.is_empty() {
                return Ok((written, 0));
            }
            let list: Vec<&Entry> = kept.iter().map(|row| &self.entries[*row]).collect();
            let mut file = json!({ self.resource.as_str(): list });
            if !advertisers.is_empty() {
                file[Resource::Advertisers.as_str()] = advertisers.clone().into();
            }
            match engine.import_network(call.now, Some(&network), &file)? {
                Err(problems) => self.leave_out(&kept, problems, &mut written)?,
                Ok(report) => {
                    let counts = |resource: Resource| {
                        let of_it = report.counts.iter().find(|(list, _)| *list == resource.as_str());
                        of_it.map(|(_, counts)| *counts).unwrap_or_default()
                    };
                    let own = counts(self.resource);
                    written.counts.created = own.created;
                    written.counts.updated = own.updated;
                    written.counts.unchanged = own.unchanged;
                    let made = if advertisers.is_empty() { 0 } else { counts(Resource::Advertisers).created };
                    return Ok((written, made));
                }
            }
        }
    }

    fn leave_out(&self, kept: &[usize], problems: Vec<Problem>, written: &mut Written) -> Result<()> {
        let prefix = format!("{}[", self.resource.as_str());
        let before = written.rejected.len();
        for problem in problems {
            let place = problem.place.strip_prefix(&prefix).and_then(|rest| rest.split_once(']'));
            let found = place.and_then(|(row, field)| Some((*kept.get(row.parse::<usize>().ok()?)?, field)));
            let Some((row, field)) = found else { continue };
            let field = field.trim_start_matches('.');
            let reason = if field.is_empty() { problem.detail } else { format!("{field}: {}", problem.detail) };
            written.rejected.entry(row).or_insert(reason);
        }
        if written.rejected.len() == before {
            let detail = "what was read makes no entries, and none of them is at fault";
            return Err(Error::Engine(quittance_engine::Error::invalid("", detail)));
        }
        Ok(())
    }

    /// Takes ids of advertisers that are no numbers out of offers, and makes entries for those that are not there yet:
    /// an account may name advertisers that it does not list.
    fn named_advertisers(&mut self, engine: &Engine, call: &Call) -> Result<Vec<Value>> {
        if self.resource != Resource::Offers {
            return Ok(Vec::new());
        }
        let mut named = BTreeSet::new();
        for entry in &mut self.entries {
            match entry.remove("advertiser") {
                Some(Value::Number(id)) => {
                    named.extend(id.as_i64());
                    entry.insert("advertiser".to_owned(), id.into());
                }
                Some(Value::String(id)) => {
                    self.unnumbered.insert(id);
                }
                _ => {}
            }
        }
        let ids: Vec<i64> = named.iter().copied().collect();
        let filter = PartyFilter { ids: Some(ids), after: i64::MIN, ..PartyFilter::default() };
        for row in engine.parties(call, PartyKind::Advertiser, &filter, (0, i64::MAX))?.parties {
            named.remove(&row.party.party_id);
        }
        Ok(named.iter().map(|id| json!({ "id": id, "name": format!("Advertiser {id}") })).collect())
    }
}

/// Ingests conversions.
pub(super) fn conversions(
    engine: &Engine,
    call: &Call,
    said: &[Fields],
    zone: &Zone,
    create_missing: Option<bool>,
) -> Result<Written> {
    let mut written = Written::default();
    let mut records = Vec::with_capacity(said.len());
    for (row, fields) in said.iter().enumerate() {
        match record(fields, zone) {
            Ok(record) => records.push(Positioned { position: row as u64, record }),
            Err(reason) => {
                written.rejected.insert(row, reason);
            }
        }
    }
    for batch in records.chunks(BATCH_RECORDS_MAX) {
        let report = engine.ingest(call, batch, create_missing)?;
        written.counts.add(IngestCounts { rejected: 0, ..report.counts });
        let refused = report.rejections.into_iter().filter_map(|r| Some((usize::try_from(r.position).ok()?, r.detail)));
        written.rejected.extend(refused);
    }
    Ok(written)
}

fn record(fields: &Fields, zone: &Zone) -> std::result::Result<ConversionRecord, String> {
    let mut record = ConversionRecord::default();
    for (field, text) in fields {
        field.read(&mut record, text, zone).map_err(|error| error.detail)?;
    }
    if record.conversion_id.is_empty() {
        return Err("conversion_id is missing or empty".to_owned());
    }
    Ok(record)
}
