//! Which writer of an import takes a record.
//!
//! The records of one affiliate go to the same writer: two writers then seldom wait for each other's accrual rows, and
//! a batch of one affiliate's records makes fewer differences. But a conversion with a record still on its way goes
//! where that one went, whatever affiliate it names, so that its records are ingested in the order of the input.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

use quittance_domain::conversion::ConversionRecord;
use quittance_domain::conversion_key::base_of;

/// How many batches each writer has made durable.
#[derive(Debug)]
pub(super) struct Written(Vec<AtomicU64>);

impl Written {
    pub(super) fn new(writers: usize) -> Written {
        Written((0..writers).map(|_| AtomicU64::new(0)).collect())
    }

    /// A writer has made its next batch durable.
    pub(super) fn advance(&self, writer: usize) {
        self.0[writer].fetch_add(1, Ordering::Release);
    }

    fn includes(&self, way: Way) -> bool {
        self.0[way.writer].load(Ordering::Acquire) >= way.batch
    }
}

/// Where a conversion's last record went: into which batch of which writer, counted from 1.
#[derive(Debug, Clone, Copy)]
struct Way {
    writer: usize,
    batch: u64,
}

/// Deals records to writers.
pub(super) struct Lanes<'a> {
    written: &'a Written,
    /// The batch of each writer that is being filled.
    filling: Vec<u64>,
    /// By the hash of the conversion's id: two ids of one hash only share a writer.
    on_their_way: HashMap<u64, Way>,
    /// How many ids are remembered before those that are durable are forgotten.
    remembered_max: usize,
}

impl Lanes<'_> {
    /// Lanes for as many writers as `written` counts, whose batches have so many records.
    pub(super) fn new(written: &Written, batch_records: usize) -> Lanes<'_> {
        let writers = written.0.len();
        // A writer has one batch being filled, one waiting and one being written.
        let remembered_max = 2 * 3 * writers * batch_records;
        Lanes { written, filling: vec![1; writers], on_their_way: HashMap::new(), remembered_max }
    }

    /// The writer of a record.
    pub(super) fn writer_of(&mut self, record: &ConversionRecord) -> usize {
        let writers = self.filling.len();
        if writers == 1 {
            return 0;
        }
        // What the tracker calls by one name may be one conversion: a record that says less may mean another one's.
        let id = hash(&base_of(&record.conversion_id));
        let before = self.on_their_way.get(&id).filter(|way| !self.written.includes(**way));
        let by_affiliate = || {
            let key = record.affiliate_id.map_or(id, |affiliate| hash(&affiliate));
            usize::try_from(key % writers as u64).unwrap_or(0)
        };
        let writer = before.map_or_else(by_affiliate, |way| way.writer);
        self.on_their_way.insert(id, Way { writer, batch: self.filling[writer] });
        if self.on_their_way.len() > self.remembered_max {
            self.on_their_way.retain(|_, way| !self.written.includes(*way));
        }
        writer
    }

    /// The batch of a writer is full and on its way.
    pub(super) fn sent(&mut self, writer: usize) {
        self.filling[writer] += 1;
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use quittance_domain::ids::AffiliateId;

    use super::*;

    fn record(id: &str, affiliate: Option<i64>) -> ConversionRecord {
        ConversionRecord {
            conversion_id: id.into(),
            affiliate_id: affiliate.map(AffiliateId::new),
            ..ConversionRecord::default()
        }
    }

    /// Two affiliates whose records go to different writers.
    fn two_affiliates(lanes: &mut Lanes<'_>) -> (i64, i64) {
        let first = lanes.writer_of(&record("of 1", Some(1)));
        let other = (2..99).find(|id| lanes.writer_of(&record(&format!("of {id}"), Some(*id))) != first);
        (1, other.unwrap())
    }

    #[test]
    fn a_conversion_on_its_way_keeps_its_writer_until_it_is_durable() {
        let written = Written::new(2);
        let mut lanes = Lanes::new(&written, 10);
        let (here, there) = two_affiliates(&mut lanes);
        let writer = lanes.writer_of(&record("a", Some(here)));
        assert_eq!(lanes.writer_of(&record("a", Some(there))), writer);
        assert_eq!(lanes.writer_of(&record("a", None)), writer);
        lanes.sent(writer);
        assert_eq!(lanes.writer_of(&record("a", Some(there))), writer, "its first batch is sent, not durable");
        written.advance(writer);
        assert_eq!(lanes.writer_of(&record("a", Some(there))), writer, "its last record is in the second batch");
        lanes.sent(writer);
        written.advance(writer);
        assert_ne!(lanes.writer_of(&record("a", Some(there))), writer, "nothing of it is on its way");
    }

    #[test]
    fn what_is_durable_is_forgotten() {
        let written = Written::new(2);
        let mut lanes = Lanes::new(&written, 1);
        for i in 0..1_000 {
            let writer = lanes.writer_of(&record(&format!("c{i}"), Some(i)));
            lanes.sent(writer);
            written.advance(writer);
            assert!(lanes.on_their_way.len() <= lanes.remembered_max + 1);
        }
    }
}
