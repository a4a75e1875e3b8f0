//! `quittance pull`: an account of another system is read into a network.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use quittance_api::pull::{self, Event, Options, Outcome};
use quittance_api::pull_source;
use quittance_domain::time::Zone;
use quittance_engine::records::guarded;
use serde_json::{Map, Value, json};

use super::day;
use crate::context::Context;
use crate::failure::{Exit, Usage, complain, note, warn};
use crate::outbound::Outbound;
use crate::output::{Side, Table, grouped, spinner};
use crate::rejected::{REJECTED_SHOWN, Rejected};

/// An account to read.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Whose account it is.
    #[arg(value_parser = ["affise", "everflow", "cake"])]
    vendor: String,
    /// Its address: https://HOST, as its interface is called.
    #[arg(long, value_name = "URL")]
    from: String,
    /// Its key. In the environment it is in no list of processes.
    #[arg(long, value_name = "KEY", env = "QUITTANCE_PULL_KEY", hide_env_values = true)]
    key: String,
    /// Reads conversions from this day on, whatever was read before [default: what is new; at first a year].
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// How many days before the last pull conversions are looked at again [default: affise 364, by when they were changed;
    /// everflow and cake 60].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(i32).range(1..=3650))]
    window: Option<i32>,
    /// The zone of the account's times [default: the network's].
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// How many rows a request asks for at most.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=10_000))]
    rows: Option<u64>,
    /// Creates affiliates and offers that conversions name and the account does not list.
    #[arg(long)]
    create_missing: bool,
    /// The file of what is refused [default: pull-VENDOR.rejected.csv].
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
}

impl Pull {
    /// Does it. A command that was cut short goes on where it stopped.
    ///
    /// # Errors
    /// An argument is not valid, or what the engine says. What the account does wrong is said, and an exit status.
    pub(crate) fn run(&self, context: &Context) -> anyhow::Result<Exit> {
        if self.key.trim().is_empty() {
            return Err(Usage("--key: the account's key is expected, or QUITTANCE_PULL_KEY".to_owned()).into());
        }
        let source = pull_source(&self.vendor).context("there is no such vendor")?;
        let since = self.since.as_deref().map(|text| day("since", text)).transpose()?;
        let base = pull::base(source, &self.from).context("--from")?;
        let zone = self.time_zone.as_deref().map(|name| Zone::parse(name).context("--time-zone")).transpose()?;
        let engine = context.engine()?;
        let call = context.call(&engine)?;
        let zone = match zone {
            Some(zone) => zone,
            None => engine.zone_of(&call)?,
        };
        let options = Options {
            base,
            key: self.key.clone(),
            since,
            window_days: self.window,
            zone,
            rows: self.rows,
            create_missing: self.create_missing.then_some(true),
        };
        let default = || PathBuf::from(format!("pull-{}.rejected.csv", self.vendor));
        let mut rejected = Rejected::at(self.rejected.clone().unwrap_or_else(default));
        let bar = spinner();
        let mut tell = |event: Event| match event {
            Event::Read { resource, rows } => {
                bar.set_message(format!("{}: {}", resource.as_str(), grouped(rows)));
                bar.tick();
            }
            Event::Waiting { seconds, reason } => {
                bar.suspend(|| note(&format!("{reason}; it is asked again in {seconds} s")));
            }
            Event::Note(text) => bar.suspend(|| warn(&text)),
            Event::Rejected { resource, record, reason } => {
                let cells = [resource.as_str(), &record, &reason].map(guarded);
                let cells: Vec<&str> = cells.iter().map(|cell| &**cell).collect();
                rejected.add(|| vec!["resource", "record", "reason"].into(), &cells.into());
                if rejected.count <= REJECTED_SHOWN {
                    bar.suspend(|| complain(&format!("{}: {reason}: {}", resource.as_str(), shown(&record))));
                }
            }
        };
        let outcome = pull::pull(&engine, &call, source, &options, &mut Outbound::open(), &mut tell);
        bar.finish_and_clear();
        rejected.close()?;
        context.answer(&to_json(&self.vendor, &options.base, &outcome), || text(&outcome))?;
        let failed = outcome.failure.as_ref().map(|failure| complain(&failure.to_string())).is_some();
        Ok(if failed || outcome.rejected() > 0 { Exit::Failed } else { Exit::Done })
    }
}

/// The start of a record: its id is there; the file has the whole.
fn shown(record: &str) -> String {
    let mut short: String = record.chars().take(100).collect();
    if short.len() < record.len() {
        short.push('…');
    }
    short
}

fn to_json(vendor: &str, base: &str, outcome: &Outcome) -> Value {
    let mut lists = Map::new();
    for pulled in &outcome.pulled {
        let counts = super::import_conversions::json_counts(&pulled.counts);
        lists.insert(pulled.resource.as_str().to_owned(), counts);
    }
    json!({ "vendor": vendor, "from": base, "complete": outcome.failure.is_none(), "lists": lists })
}

fn text(outcome: &Outcome) -> String {
    let numbers = ["read", "created", "updated", "unchanged", "stale", "rejected", "moved", "returned"];
    let columns: Vec<_> =
        std::iter::once(("list", Side::Left)).chain(numbers.map(|number| (number, Side::Right))).collect();
    let mut table = Table::new(&columns);
    for pulled in &outcome.pulled {
        let counts = &pulled.counts;
        let cells = [
            counts.total(),
            counts.created,
            counts.updated,
            counts.unchanged,
            counts.stale,
            counts.rejected,
            counts.moved,
            counts.returned,
        ];
        table.row(std::iter::once(pulled.resource.as_str().to_owned()).chain(cells.map(grouped)));
    }
    table.to_string()
}
