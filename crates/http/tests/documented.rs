//! The operator's page names every limit with its default and every metric, and the examples beside it name no other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use quittance_http::Limits;
use quittance_http::limits::LIMITS;
use quittance_http::measure::{COUNTERS, GAUGES, HISTOGRAMS};

const PAGE: &str = include_str!("../../../docs/operations.md");
const ALERTS: &str = include_str!("../../../docs/monitoring/alerts.yml");
const DASHBOARD: &str = include_str!("../../../docs/monitoring/dashboard.json");

/// The rows of the tables, without their outer bars.
fn rows() -> BTreeSet<String> {
    PAGE.lines().filter_map(|line| Some(line.strip_prefix("| `")?.strip_suffix(" |")?.to_owned())).collect()
}

/// Everything that is named like a metric.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = words.filter(|word| word.starts_with("quittance_"));
    ours.map(|word| word.trim_end_matches("_bucket").to_owned()).collect()
}

#[test]
fn the_page_lists_every_limit_with_its_default() {
    for limit in LIMITS {
        let row = format!("{}` | {} | {}", limit.name, limit.of(&Limits::default()), limit.meaning.trim());
        assert!(rows().contains(&row), "docs/operations.md lacks: | `{row} |");
    }
}

#[test]
fn the_page_lists_every_metric() {
    for (name, meaning) in COUNTERS.iter().chain(GAUGES).chain(HISTOGRAMS) {
        let row = format!("{name}` | {meaning}");
        assert!(rows().contains(&row), "docs/operations.md lacks: | `{row} |");
    }
}

#[test]
fn the_examples_use_metrics_that_there_are() {
    let known: BTreeSet<String> =
        COUNTERS.iter().chain(GAUGES).chain(HISTOGRAMS).map(|(name, _)| (*name).to_owned()).collect();
    for text in [PAGE, ALERTS, DASHBOARD] {
        let used = named(text);
        let unknown: Vec<&String> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
    let unused: Vec<&String> = known.iter().filter(|name| !DASHBOARD.contains(*name)).collect();
    assert!(unused.is_empty(), "not on the dashboard: {unused:?}");
    serde_json::from_str::<serde_json::Value>(DASHBOARD).unwrap();
}
