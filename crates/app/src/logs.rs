//! The log of a server: to standard error, as text or JSON; `RUST_LOG` sets how much.

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt};

#[cfg(feature = "otlp")]
use crate::traces::Traces;

/// How logs may be written; the first is the default.
pub(crate) const FORMATS: [&str; 2] = ["text", "json"];

/// Builds without the feature `otlp` send no traces.
#[cfg(not(feature = "otlp"))]
pub(crate) struct Traces;

/// Logs from now on, and traces until the answer is dropped.
///
/// # Errors
/// The collector of traces is not named well.
pub(crate) fn start(format: &str) -> anyhow::Result<Traces> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let lines = if format == "json" { lines.json().boxed() } else { lines.boxed() };
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    #[cfg(feature = "otlp")]
    let (traces, subscriber) = {
        let traces = Traces::open()?;
        let layer = traces.layer();
        (traces, subscriber.with(layer))
    };
    #[cfg(not(feature = "otlp"))]
    let traces = Traces;
    // Only the first subscriber of a process counts, and there is only one.
    let _ = subscriber.try_init();
    Ok(traces)
}
