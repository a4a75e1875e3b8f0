//! What the store counts for whoever watches the process. Where nobody does, it costs nothing.

use std::time::Instant;

/// Commits a transaction in which so many callers' changes are, and counts it where that succeeds.
pub(crate) fn commit<T, E>(callers: usize, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let done = work()?;
    metrics::counter!("quittance_commits_total").increment(1);
    metrics::counter!("quittance_commit_callers_total").increment(callers as u64);
    metrics::histogram!("quittance_commit_seconds").record(start.elapsed());
    Ok(done)
}

/// A transaction has to be run again.
pub(crate) fn retried() {
    metrics::counter!("quittance_commit_retries_total").increment(1);
}

/// A connection to a server was opened, or is gone.
pub(crate) fn connections_open(more: i8) {
    metrics::gauge!("quittance_database_connections_open").increment(more);
}

/// A connection to a server is in use, or no longer.
pub(crate) fn connections_busy(more: i8) {
    metrics::gauge!("quittance_database_connections_busy").increment(more);
}
