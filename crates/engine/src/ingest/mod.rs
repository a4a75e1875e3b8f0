//! Ingest: conversion records in, states, log and accruals out, each record exactly once.

mod batch;
mod directory;
mod earlier;
mod edit;
mod generated;
mod holds;
mod import;
mod judge;
mod kept;
mod lanes;
mod meant;
mod one_currency;
mod release;
mod seen;
mod session;
mod settled;
mod sums;
mod taken;

use quittance_domain::conversion::ConversionRecord;

pub use edit::{ConversionEdit, ConversionFilter, ConversionList, ConversionPlace, EditReport, State};
pub use holds::{HeldAnew, HoldDaysReport};
pub use import::{ImportEvent, ImportOptions, ImportOutcome, Text};
pub(crate) use kept::Directories;
pub(crate) use release::Releasing;
pub use sums::{ConversionSums, sale_amount};

/// How many records a caller may hand over in one batch.
pub const BATCH_RECORDS_MAX: usize = 10_000;
/// How many records of an import go into one transaction. Many of them touch the same pages of the accruals, so a large
/// batch writes much less than several small ones; a few of them bound the memory.
const IMPORT_BATCH_RECORDS: usize = 25_000;

/// How many records of several callers go into one transaction.
pub const TOGETHER_RECORDS_MAX: usize = IMPORT_BATCH_RECORDS;

/// A record with its place in the input.
#[derive(Debug, Clone)]
pub struct Positioned {
    /// Where the caller finds it again: a line, or a place in a list.
    pub position: u64,
    /// What it says.
    pub record: ConversionRecord,
}

/// What became of some records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IngestCounts {
    /// The first of their id.
    pub created: u64,
    /// Changed a known conversion.
    pub updated: u64,
    /// Said what is known.
    pub unchanged: u64,
    /// Older than what is known.
    pub stale: u64,
    /// Refused.
    pub rejected: u64,
    /// How many of those that changed a known conversion moved it to another affiliate or offer.
    pub moved: u64,
    /// How many of those that changed a known conversion brought it back to what was received before, without saying when it
    /// was changed.
    pub returned: u64,
}

impl IngestCounts {
    /// Adds other counts.
    pub fn add(&mut self, other: IngestCounts) {
        self.created += other.created;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
        self.rejected += other.rejected;
        self.moved += other.moved;
        self.returned += other.returned;
    }

    /// All records.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.created + self.updated + self.unchanged + self.stale + self.rejected
    }
}

/// A record that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Its place in the input.
    pub position: u64,
    /// The field at fault; empty where it is the record as a whole.
    pub field: &'static str,
    /// What is wrong, with the value.
    pub detail: String,
}

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IngestReport {
    /// How many records became what.
    pub counts: IngestCounts,
    /// The refused ones, in the order of their positions.
    pub rejections: Vec<Rejection>,
}
