//! The numbers that an operator watches: their names, what they mean, and how they are recorded.

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// The names that this crate and the interfaces above it record under; the store and the engine have their own.
pub mod names {
    /// Connections that are open.
    pub const CONNECTIONS: &str = "quittance_connections_open";
    /// Connections for which there was no place.
    pub const CONNECTIONS_REFUSED: &str = "quittance_connections_refused_total";
    /// Answered requests.
    pub const REQUESTS: &str = "quittance_http_requests_total";
    /// How long answers took.
    pub const REQUEST_SECONDS: &str = "quittance_http_request_seconds";
    /// Requests that are being answered.
    pub const REQUESTS_OPEN: &str = "quittance_http_requests_open";
    /// Requests that use the database.
    pub const DATABASE_REQUESTS: &str = "quittance_database_requests_open";
    /// Requests that wait for the database.
    pub const DATABASE_WAITING: &str = "quittance_database_requests_waiting";
    /// Conversions that wait for their shared commit.
    pub const GATHERED: &str = "quittance_conversions_waiting";
    /// Events that have not reached the webhooks that want them.
    pub const WEBHOOK_EVENTS: &str = "quittance_webhook_events_waiting";
}

/// One number and what it means, in a sentence.
pub type Meaning = (&'static str, &'static str);

/// Counts that only grow.
pub const COUNTERS: &[Meaning] = &[
    (names::REQUESTS, "Answered requests, by method, route and status."),
    (names::CONNECTIONS_REFUSED, "Connections answered 503 because there were too many."),
    ("quittance_conversions_ingested_total", "Conversion records by what became of them."),
    ("quittance_invoices_issued_total", "Invoices that billing runs of this process have issued, by kind."),
    ("quittance_billing_runs_total", "Billing runs of this process, by kind and outcome."),
    ("quittance_commits_total", "Transactions that this process has made durable."),
    ("quittance_commit_callers_total", "Changes in these transactions: several callers share one commit."),
    ("quittance_commit_retries_total", "Transactions that PostgreSQL asked to be run again."),
    ("quittance_webhook_attempts_total", "Attempts to send an event to a webhook, by outcome."),
];

/// Values that go up and down.
pub const GAUGES: &[Meaning] = &[
    (names::CONNECTIONS, "Connections that are open."),
    (names::REQUESTS_OPEN, "Requests that are being answered."),
    (names::DATABASE_REQUESTS, "Requests that use the database now."),
    (names::DATABASE_WAITING, "Requests that wait for a place at the database."),
    (names::GATHERED, "Conversions that wait for their shared commit."),
    ("quittance_ingest_last_timestamp_seconds", "When this process last ingested conversions."),
    (
        "quittance_ingest_newest_timestamp_seconds",
        "When the newest conversion that this process ingested had happened.",
    ),
    ("quittance_database_connections_open", "Connections to PostgreSQL."),
    ("quittance_database_connections_busy", "Connections to PostgreSQL that are in use."),
    (names::WEBHOOK_EVENTS, "Events that have not reached the webhooks that want them; counted every minute."),
    ("quittance_build_info", "Always 1; the version is a label."),
];

/// Durations, in seconds.
pub const HISTOGRAMS: &[Meaning] = &[
    (names::REQUEST_SECONDS, "How long answers took, by route."),
    ("quittance_commit_seconds", "How long commits took."),
    ("quittance_billing_run_seconds", "How long billing runs took, by kind."),
];

/// The bounds of the buckets of durations, in seconds: from a cached answer to a run over years.
const BUCKETS: [f64; 15] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 120.0, 600.0];

/// Records for this process from now on.
///
/// # Errors
/// Something else records already.
pub fn record() -> Result<PrometheusHandle, BuildError> {
    let durations = Matcher::Suffix("_seconds".to_owned());
    let handle = PrometheusBuilder::new().set_buckets_for_metric(durations, &BUCKETS)?.install_recorder()?;
    for (name, meaning) in COUNTERS {
        metrics::describe_counter!(*name, *meaning);
    }
    for (name, meaning) in GAUGES {
        metrics::describe_gauge!(*name, *meaning);
    }
    for (name, meaning) in HISTOGRAMS {
        metrics::describe_histogram!(*name, *meaning);
    }
    metrics::gauge!("quittance_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}
