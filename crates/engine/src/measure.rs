//! What the engine counts for whoever watches the process. Where nobody does, it costs nothing.

use std::time::Instant;

use quittance_domain::ids::InvoiceKind;
use quittance_domain::time::Timestamp;

use crate::Result;
use crate::billing::RunReport;
use crate::ingest::IngestCounts;

/// Conversions were ingested, the newest of which had happened at an instant.
pub(crate) fn ingested(counts: &IngestCounts, now: Timestamp, newest: Option<Timestamp>) {
    let outcomes = [
        ("created", counts.created),
        ("updated", counts.updated),
        ("unchanged", counts.unchanged),
        ("stale", counts.stale),
        ("rejected", counts.rejected),
    ];
    for (outcome, count) in outcomes {
        metrics::counter!("quittance_conversions_ingested_total", "outcome" => outcome).increment(count);
    }
    metrics::gauge!("quittance_ingest_last_timestamp_seconds").set(seconds(now));
    if let Some(newest) = newest {
        metrics::gauge!("quittance_ingest_newest_timestamp_seconds").set(seconds(newest));
    }
}

/// Makes a billing run, and counts it.
pub(crate) fn run(kind: InvoiceKind, work: impl FnOnce() -> Result<RunReport>) -> Result<RunReport> {
    let start = Instant::now();
    let done = work();
    let kind = kind.as_str();
    let outcome = if done.is_ok() { "done" } else { "failed" };
    metrics::counter!("quittance_billing_runs_total", "kind" => kind, "outcome" => outcome).increment(1);
    metrics::histogram!("quittance_billing_run_seconds", "kind" => kind).record(start.elapsed());
    if let Ok(report) = &done {
        let invoices = u64::try_from(report.invoices()).unwrap_or(0);
        metrics::counter!("quittance_invoices_issued_total", "kind" => kind).increment(invoices);
    }
    done
}

/// An instant in whole seconds since 1970, as Prometheus counts it.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.micros() / 1_000_000).unwrap_or(0)
}
